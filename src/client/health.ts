/** /v1/health: checks, and service instances with the checks that decide about them. */
import { type ServiceQueryOptions, withTags } from "./catalog.ts";
import { pathEscape, type QueryOptions, type QueryReply } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { HealthCheck, ServiceEntry } from "./types.ts";
import type { WatchOptions } from "./watch.ts";

export interface HealthServiceOptions extends ServiceQueryOptions {
  /** Only instances whose checks all pass. */
  readonly passing?: boolean | undefined;
}

export class Health {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  node(name: string, options: QueryOptions = {}): Promise<QueryReply<readonly HealthCheck[]>> {
    return this.#r.read(`/v1/health/node/${pathEscape(name)}`, options);
  }
  checks(service: string, options: QueryOptions = {}): Promise<QueryReply<readonly HealthCheck[]>> {
    return this.#r.read(`/v1/health/checks/${pathEscape(service)}`, options);
  }
  state(
    state: "any" | "passing" | "warning" | "critical",
    options: QueryOptions = {},
  ): Promise<QueryReply<readonly HealthCheck[]>> {
    return this.#r.read(`/v1/health/state/${pathEscape(state)}`, options);
  }
  service(name: string, options: HealthServiceOptions = {}): Promise<QueryReply<readonly ServiceEntry[]>> {
    return this.#r.read(`/v1/health/service/${pathEscape(name)}`, withPassing(options));
  }
  connect(name: string, options: HealthServiceOptions = {}): Promise<QueryReply<readonly ServiceEntry[]>> {
    return this.#r.read(`/v1/health/connect/${pathEscape(name)}`, withPassing(options));
  }
  ingress(name: string, options: HealthServiceOptions = {}): Promise<QueryReply<readonly ServiceEntry[]>> {
    return this.#r.read(`/v1/health/ingress/${pathEscape(name)}`, withPassing(options));
  }

  /** The service's instances now and after each change. */
  watch(
    name: string,
    options: WatchOptions & HealthServiceOptions = {},
  ): AsyncGenerator<QueryReply<readonly ServiceEntry[]>, void, undefined> {
    return this.#r.watch(
      (o) => this.service(name, { tags: options.tags, passing: options.passing, ...o }),
      options,
    );
  }
  watchState(
    state: "any" | "passing" | "warning" | "critical",
    options: WatchOptions = {},
  ): AsyncGenerator<QueryReply<readonly HealthCheck[]>, void, undefined> {
    return this.#r.watch((o) => this.state(state, o), options);
  }
  watchChecks(
    service: string,
    options: WatchOptions = {},
  ): AsyncGenerator<QueryReply<readonly HealthCheck[]>, void, undefined> {
    return this.#r.watch((o) => this.checks(service, o), options);
  }
}

function withPassing(options: HealthServiceOptions): HealthServiceOptions {
  const tagged = withTags(options);
  return options.passing ? { ...tagged, params: { passing: "1", ...tagged.params } } : tagged;
}
