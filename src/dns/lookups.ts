/** The catalog as the DNS door asks it: stale where allowed, asked again from the leader when too old, errors as codes. */
import type { AgentApi } from "../agent/contract.ts";
import {
  type CheckServiceNode,
  DCSpecificRequest,
  type Node,
  NodeSpecificRequest,
  type ServiceNode,
  ServiceSpecificRequest,
} from "../model/catalog.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import { PreparedQueryExecuteRequest, type PreparedQueryExecuteResponse } from "../model/prepared-query.ts";
import { QuerySource } from "../model/query.ts";
import type { Logger } from "../ports/log.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import { STALE_COUNTED_MS } from "./limits.ts";

/** `unknown`: no such datacenter or query (NXDOMAIN). `failed`: the question could not be answered (SERVFAIL). */
export type Found<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "unknown" }
  | { readonly kind: "failed" };

const NS_PER_MS = 1_000_000n;

type StaleRequest = { readonly AllowStale: boolean; readonly UseCache: boolean; readonly MaxAge: bigint };

export class Lookups {
  readonly #agent: AgentApi;
  readonly #log: Logger;

  constructor(agent: AgentApi) {
    this.#agent = agent;
    this.#log = agent.log.named("agent.dns");
  }

  async node(datacenter: string, name: string): Promise<Found<Node | undefined>> {
    const found = await this.#ask(
      "Catalog.NodeServices",
      NodeSpecificRequest.make({ Datacenter: datacenter, Node: name, ...this.#how() }),
    );
    return found.kind === "found"
      ? { kind: "found", value: found.value.NodeServices?.Node ?? undefined }
      : found;
  }

  service(of: {
    readonly datacenter: string;
    readonly service: string;
    readonly tag: string;
    readonly variant: "plain" | "connect" | "ingress";
  }): NowOrLater<Found<readonly CheckServiceNode[]>> {
    const request = ServiceSpecificRequest.make({
      Datacenter: of.datacenter,
      ServiceName: of.service,
      ServiceTags: of.tag === "" ? null : [of.tag],
      TagFilter: of.tag !== "",
      Connect: of.variant === "connect",
      Ingress: of.variant === "ingress",
      ...this.#how(),
    });
    const instances = (
      found: Found<MethodReply<"Health.ServiceNodes">>,
    ): Found<readonly CheckServiceNode[]> =>
      found.kind === "found" ? { kind: "found", value: found.value.Nodes ?? [] } : found;
    // A server knows at once, unless it must ask others or its answer is old: then the whole way.
    try {
      const reply = this.#agent.answer?.("Health.ServiceNodes", request);
      if (reply !== undefined && !(reply instanceof Promise) && reply.LastContact === 0n)
        return instances({ kind: "found", value: reply });
      return this.#ask("Health.ServiceNodes", request, reply).then(instances);
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Runs a prepared query; `clientIp` "" when the client has none. */
  async preparedQuery(
    datacenter: string,
    name: string,
    clientIp: string,
  ): Promise<Found<PreparedQueryExecuteResponse>> {
    const { config } = this.#agent;
    const self = QuerySource.make({ Datacenter: config.datacenter, Node: config.nodeName });
    return this.#ask(
      "PreparedQuery.Execute",
      PreparedQueryExecuteRequest.make({
        Datacenter: datacenter,
        QueryIDOrName: name,
        Source: { ...self, Ip: clientIp },
        Agent: self,
        ...this.#how(),
      }),
    );
  }

  async nodes(): Promise<Found<readonly Node[]>> {
    const found = await this.#ask(
      "Catalog.ListNodes",
      DCSpecificRequest.make({ Datacenter: this.#agent.config.datacenter, ...this.#how() }),
    );
    return found.kind === "found"
      ? { kind: "found", value: (found.value.Nodes ?? []).filter((n) => n !== null) }
      : found;
  }

  async servicesAt(address: string): Promise<Found<readonly ServiceNode[]>> {
    const request = ServiceSpecificRequest.make({
      Datacenter: this.#agent.config.datacenter,
      ServiceAddress: address,
      ...this.#how(),
    });
    const found = await this.#ask("Catalog.ServiceNodes", request);
    return found.kind === "found"
      ? { kind: "found", value: (found.value.ServiceNodes ?? []).filter((n) => n !== null) }
      : found;
  }

  #how(): StaleRequest {
    const { dns } = this.#agent.config;
    return {
      AllowStale: dns.allowStale,
      UseCache: dns.useCache,
      MaxAge: BigInt(Math.round(dns.cacheMaxAgeMs)) * NS_PER_MS,
    };
  }

  async #ask<M extends MethodName>(
    method: M,
    request: MethodRequest<M> & StaleRequest,
    first?: NowOrLater<MethodReply<M>>,
  ): Promise<Found<MethodReply<M>>> {
    const { dns } = this.#agent.config;
    try {
      let reply = await (first ?? this.#agent.rpc(method, request));
      const lastContact = (reply as { readonly LastContact?: bigint }).LastContact ?? 0n;
      if (request.AllowStale && lastContact > BigInt(Math.round(dns.maxStaleMs)) * NS_PER_MS) {
        this.#log.warn("Query results too stale, re-requesting");
        reply = await this.#agent.rpc(method, { ...request, AllowStale: false });
      } else if (lastContact > BigInt(STALE_COUNTED_MS) * NS_PER_MS)
        this.#agent.metrics.count("dns.stale_queries");
      return { kind: "found", value: reply };
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): { readonly kind: "unknown" | "failed" } {
    const text = (error as Error).message;
    if (/unknown query|query not found/i.test(text)) return { kind: "unknown" };
    this.#log.error("rpc error", { error: text });
    return { kind: text.includes("No path to datacenter") ? "unknown" : "failed" };
  }
}
