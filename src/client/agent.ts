/** /v1/agent: the agent that is asked, its own services and checks, its pool. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type RequestOptions } from "./query.ts";
import { jsonOf, type Requester } from "./requester.ts";
import type {
  AgentMetrics,
  AgentSelf,
  AgentService,
  AggregatedHealth,
  CheckRegistration,
  HealthCheck,
  Member,
  ServiceRegistration,
} from "./types.ts";

export interface MonitorOptions extends RequestOptions {
  /** "trace", "debug", "info", "warn", "err". Default "info". */
  readonly logLevel?: string | undefined;
  readonly logJson?: boolean | undefined;
}

export class Agent {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  self(options: RequestOptions = {}): Promise<AgentSelf> {
    return this.#r.get("/v1/agent/self", options);
  }
  /** Host facts; the fields depend on the platform. */
  host(options: RequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#r.get("/v1/agent/host", options);
  }
  /** Pool members as this agent sees them; the WAN list of a client agent is empty. */
  async members(
    options: RequestOptions & {
      readonly wan?: boolean | undefined;
      readonly segment?: string | undefined;
    } = {},
  ): Promise<readonly Member[]> {
    const params = {
      wan: options.wan ? "1" : undefined,
      segment: options.segment || undefined,
      ...options.params,
    };
    return (await this.#r.get<readonly Member[] | null>("/v1/agent/members", { ...options, params })) ?? [];
  }
  metrics(options: RequestOptions = {}): Promise<AgentMetrics> {
    return this.#r.get("/v1/agent/metrics", options);
  }

  async join(
    address: string,
    options: RequestOptions & { readonly wan?: boolean | undefined } = {},
  ): Promise<void> {
    await this.#r.send("PUT", `/v1/agent/join/${pathEscape(address)}`, {
      ...options,
      params: { wan: options.wan ? "1" : undefined, ...options.params },
    });
  }
  /** Graceful leave; the agent's process ends after it. */
  async leave(options: RequestOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/agent/leave", options);
  }
  async forceLeave(
    node: string,
    options: RequestOptions & {
      readonly prune?: boolean | undefined;
      readonly wan?: boolean | undefined;
    } = {},
  ): Promise<void> {
    const params = {
      prune: options.prune ? "1" : undefined,
      wan: options.wan ? "1" : undefined,
      ...options.params,
    };
    await this.#r.send("PUT", `/v1/agent/force-leave/${pathEscape(node)}`, { ...options, params });
  }
  async reload(options: RequestOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/agent/reload", options);
  }
  async nodeMaintenance(enable: boolean, reason: string = "", options: RequestOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/agent/maintenance", {
      ...options,
      params: maintenance(enable, reason, options),
    });
  }
  async serviceMaintenance(
    serviceId: string,
    enable: boolean,
    reason: string = "",
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#r.send("PUT", `/v1/agent/service/maintenance/${pathEscape(serviceId)}`, {
      ...options,
      params: maintenance(enable, reason, options),
    });
  }
  /** Sets a token of the agent: "default", "agent", "agent_master", "replication". */
  async setToken(slot: string, secret: string, options: RequestOptions = {}): Promise<void> {
    await this.#r.send(
      "PUT",
      `/v1/agent/token/${pathEscape(slot)}`,
      options,
      stringifyJson({ Token: secret }),
    );
  }

  /** Services of this agent by ID. */
  services(
    options: RequestOptions & { readonly filter?: string | undefined } = {},
  ): Promise<Readonly<Record<string, AgentService>>> {
    return this.#r.get("/v1/agent/services", withFilter(options));
  }
  /** One service; `hash` of an earlier answer waits for another one. */
  service(
    id: string,
    options: RequestOptions & { readonly hash?: string | undefined; readonly wait?: string | undefined } = {},
  ): Promise<AgentService> {
    return this.#r.get(`/v1/agent/service/${pathEscape(id)}`, {
      ...options,
      params: { hash: options.hash || undefined, wait: options.wait || undefined, ...options.params },
    });
  }
  /** Checks of this agent by ID. */
  checks(
    options: RequestOptions & { readonly filter?: string | undefined } = {},
  ): Promise<Readonly<Record<string, HealthCheck>>> {
    return this.#r.get("/v1/agent/checks", withFilter(options));
  }
  /** Health of one service of this agent; undefined when it has none of that ID. */
  async serviceHealth(id: string, options: RequestOptions = {}): Promise<AggregatedHealth | undefined> {
    const path = `/v1/agent/health/service/id/${pathEscape(id)}`;
    const reply = await this.#r.transport.send("GET", path, {
      params: options.params,
      token: options.token,
      signal: options.signal,
    });
    return reply.statusCode === 404 ? undefined : (jsonOf(reply, path) as AggregatedHealth);
  }

  /** Health of all services of this agent with a name; none is an empty list. */
  async serviceHealthByName(
    name: string,
    options: RequestOptions = {},
  ): Promise<readonly AggregatedHealth[]> {
    const path = `/v1/agent/health/service/name/${pathEscape(name)}`;
    const reply = await this.#r.transport.send("GET", path, {
      params: options.params,
      token: options.token,
      signal: options.signal,
    });
    return reply.statusCode === 404
      ? []
      : ((jsonOf(reply, path) as readonly AggregatedHealth[] | null) ?? []);
  }

  async registerService(
    service: ServiceRegistration,
    options: RequestOptions & { readonly replaceExistingChecks?: boolean | undefined } = {},
  ): Promise<void> {
    const params = {
      "replace-existing-checks": options.replaceExistingChecks ? "true" : undefined,
      ...options.params,
    };
    await this.#r.send("PUT", "/v1/agent/service/register", { ...options, params }, stringifyJson(service));
  }
  async deregisterService(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#r.send("PUT", `/v1/agent/service/deregister/${pathEscape(id)}`, options);
  }
  async registerCheck(
    check: CheckRegistration & { readonly Name: string },
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#r.send("PUT", "/v1/agent/check/register", options, stringifyJson(check));
  }
  async deregisterCheck(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#r.send("PUT", `/v1/agent/check/deregister/${pathEscape(id)}`, options);
  }
  /** TTL update. */
  async updateTtl(
    id: string,
    status: "passing" | "warning" | "critical",
    output: string = "",
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#r.send(
      "PUT",
      `/v1/agent/check/update/${pathEscape(id)}`,
      options,
      stringifyJson({ Status: status, Output: output }),
    );
  }

  /** A profile of the agent's process, where it allows that (`enable_debug`): pprof's format, JSON for a trace. */
  async profile(
    kind: "heap" | "profile" | "goroutine" | "trace" | "cmdline",
    options: RequestOptions & { readonly seconds?: number | undefined } = {},
  ): Promise<Buffer> {
    const params = { seconds: options.seconds, ...options.params };
    return (await this.#r.send("GET", `/debug/pprof/${kind}`, { ...options, params })).body;
  }
  /** The API's own description, OpenAPI 3.1. */
  apiDescription(options: RequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#r.get("/v1/openapi.json", options);
  }

  /** Log lines of the agent, without the line feed, until `signal` or the agent ends it. */
  async *monitor(options: MonitorOptions = {}): AsyncGenerator<string, void, undefined> {
    const { stream } = await this.#r.stream("GET", "/v1/agent/monitor", {
      params: { loglevel: options.logLevel || undefined, logjson: options.logJson, ...options.params },
      token: options.token,
      signal: options.signal,
    });
    // Loaded when wanted: it takes as long as a tenth of a whole `members`.
    const { createInterface } = process.getBuiltinModule("node:readline");
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
    // A broken connection is the end of the log; readline itself does not hear of it.
    stream.on("error", () => lines.close());
    try {
      for await (const line of lines) yield line;
    } finally {
      stream.destroy();
    }
  }
}

const withFilter = <T extends RequestOptions & { readonly filter?: string | undefined }>(o: T): T =>
  o.filter ? { ...o, params: { filter: o.filter, ...o.params } } : o;

const maintenance = (
  enable: boolean,
  reason: string,
  o: RequestOptions,
): NonNullable<RequestOptions["params"]> => ({
  enable: enable ? "true" : "false",
  reason: enable ? reason : undefined,
  ...o.params,
});
