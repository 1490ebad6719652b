/** /v1/operator and /v1/snapshot: raft, autopilot, gossip keys, whole-state archives. */
import type { IncomingMessage } from "node:http";
import { stringifyJson } from "../wire/json.ts";
import { UnexpectedResponseError } from "./errors.ts";
import {
  type QueryOptions,
  type QueryReply,
  queryReply,
  type RequestOptions,
  type WriteOptions,
  writeParams,
} from "./query.ts";
import { jsonOf, type Requester } from "./requester.ts";
import type { Body, Method } from "./transport.ts";
import type {
  AutopilotConfiguration,
  AutopilotHealth,
  AutopilotState,
  KeyringReply,
  RaftConfiguration,
  ServiceUsage,
} from "./types.ts";

export interface KeyringOptions extends RequestOptions {
  /** 0 to 5 members that repeat each answer. */
  readonly relayFactor?: number | undefined;
}

export class Operator {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  raftConfiguration(
    options: RequestOptions & { readonly stale?: boolean | undefined } = {},
  ): Promise<RaftConfiguration> {
    return this.#r.get("/v1/operator/raft/configuration", {
      ...options,
      params: { stale: options.stale, ...options.params },
    });
  }
  async removeRaftPeer(
    peer: { readonly id: string } | { readonly address: string },
    options: WriteOptions = {},
  ): Promise<void> {
    await this.#r.send("DELETE", "/v1/operator/raft/peer", {
      ...options,
      params: { ...peer, ...options.params },
    });
  }
  /** Hands raft's leadership to the server with this ID, or to the voter that is furthest. Rejects when it does not come about. */
  async transferRaftLeader(options: WriteOptions & { readonly id?: string | undefined } = {}): Promise<void> {
    const { id, ...rest } = options;
    await this.#r.send("POST", "/v1/operator/raft/transfer-leader", {
      ...rest,
      params: { id: id === "" ? undefined : id, ...rest.params },
    });
  }
  autopilotConfiguration(
    options: RequestOptions & { readonly stale?: boolean | undefined } = {},
  ): Promise<AutopilotConfiguration> {
    return this.#r.get("/v1/operator/autopilot/configuration", {
      ...options,
      params: { stale: options.stale, ...options.params },
    });
  }
  /** Replaces the whole configuration; false when `cas` did not hold. */
  setAutopilotConfiguration(
    config: AutopilotConfiguration,
    options: WriteOptions & { readonly cas?: bigint | undefined } = {},
  ): Promise<boolean> {
    return this.#r.write(
      "PUT",
      "/v1/operator/autopilot/configuration",
      { ...options, params: { cas: options.cas, ...options.params } },
      stringifyJson(config),
    );
  }
  async autopilotHealth(options: RequestOptions = {}): Promise<AutopilotHealth> {
    const path = "/v1/operator/autopilot/health";
    const reply = await this.#r.transport.send("GET", path, {
      params: writeParams(this.#r.withDatacenter(options)),
      token: options.token,
      signal: options.signal,
    });
    // 429: the answer, of an unhealthy cluster.
    if (reply.statusCode !== 200 && reply.statusCode !== 429)
      throw new UnexpectedResponseError(reply.statusCode, reply.body.toString("utf8"));
    return jsonOf(reply, path) as AutopilotHealth;
  }

  /** As in Consul 1.9 and later. */
  autopilotState(options: RequestOptions = {}): Promise<AutopilotState> {
    return this.#r.get("/v1/operator/autopilot/state", options);
  }
  /** Nodes, services and instances by datacenter. As in Consul 1.14 and later. */
  async usage(
    options: QueryOptions & { readonly global?: boolean | undefined } = {},
  ): Promise<QueryReply<Readonly<Record<string, ServiceUsage>>>> {
    return this.#r.read(
      "/v1/operator/usage",
      { ...options, params: { global: options.global, ...options.params } },
      { map: (v) => (v as { readonly Usage: Readonly<Record<string, ServiceUsage>> }).Usage },
    );
  }

  keyringList(
    options: KeyringOptions & { readonly localOnly?: boolean | undefined } = {},
  ): Promise<readonly KeyringReply[]> {
    return this.#r.get("/v1/operator/keyring", {
      ...options,
      params: {
        "relay-factor": options.relayFactor || undefined,
        "local-only": options.localOnly ? "true" : undefined,
        ...options.params,
      },
    });
  }
  keyringInstall(key: string, options: KeyringOptions = {}): Promise<void> {
    return this.#keyring("POST", key, options);
  }
  keyringUse(key: string, options: KeyringOptions = {}): Promise<void> {
    return this.#keyring("PUT", key, options);
  }
  keyringRemove(key: string, options: KeyringOptions = {}): Promise<void> {
    return this.#keyring("DELETE", key, options);
  }
  async #keyring(method: Method, key: string, options: KeyringOptions): Promise<void> {
    const params = { "relay-factor": options.relayFactor || undefined, ...options.params };
    await this.#r.send(method, "/v1/operator/keyring", { ...options, params }, stringifyJson({ Key: key }));
  }
}

export class Snapshots {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  /** The archive (gzip tar) as it comes. */
  async save(
    options: RequestOptions & { readonly stale?: boolean | undefined } = {},
  ): Promise<QueryReply<IncomingMessage>> {
    const { headers, stream } = await this.#r.stream("GET", "/v1/snapshot", {
      params: { stale: options.stale, ...writeParams(this.#r.withDatacenter(options)) },
      token: options.token,
      signal: options.signal,
    });
    return queryReply(headers, stream);
  }
  /** Replaces the datacenter's whole state. */
  async restore(archive: Body, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/snapshot", options, archive);
  }
}
