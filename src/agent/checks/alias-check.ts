/**
 * A check that mirrors others: those of a service and of its node. Without a node it looks at this agent's own checks at every
 * change, and once a minute in any case; with one it keeps a blocking query open. Rules and texts as observed in Consul 1.8.7.
 */
import { type HealthCheck, NodeSpecificRequest } from "../../model/catalog.ts";
import type { RpcCaller } from "../../model/methods.ts";
import { type Clock, sleep, type Timer } from "../../ports/clock.ts";
import type { CheckStatus } from "../core/check-definition.ts";

const RECHECK_MS = 60_000;
const QUERY_WAIT_NS = 60_000_000_000n;
const QUERY_STALE_NS = 15_000_000_000n;
const BACKOFF_AFTER_FAILURES = 3;
const BACKOFF_MS_MAX = 60_000;

export interface AliasCheckOptions {
  readonly checkId: string;
  /** "" is this agent. */
  readonly node: string;
  /** Service id; "" takes the node's checks only. */
  readonly service: string;
  readonly ownNode: string;
  readonly datacenter: string;
  readonly token: () => string;
  /** Records of this agent, the alias' own among them. */
  readonly localChecks: () => Iterable<HealthCheck>;
  readonly hasLocalService: (id: string) => boolean;
  readonly onLocalChange: (wake: () => void) => () => void;
  readonly publish: (status: CheckStatus, output: string) => void;
}

/** What a set of checks says together. Pure. */
export function aliasVerdict(checks: readonly HealthCheck[]): {
  readonly status: CheckStatus;
  readonly output: string;
} {
  if (checks.length === 0) return { status: "passing", output: "No checks found." };
  const failing = (c: HealthCheck): string => `Aliased check ${JSON.stringify(c.Name)} failing: ${c.Output}`;
  const bad = checks.find((c) => c.Status === "critical");
  if (bad !== undefined) return { status: "critical", output: failing(bad) };
  const doubtful = checks.findLast((c) => c.Status === "warning");
  if (doubtful !== undefined) return { status: "warning", output: failing(doubtful) };
  return { status: "passing", output: "All checks passing." };
}

export class AliasCheck {
  readonly #options: AliasCheckOptions;
  readonly #clock: Clock;
  readonly #rpc: RpcCaller;
  readonly #stopped = new AbortController();
  #stopWatching: (() => void) | undefined;
  #timer: Timer | undefined;
  #due = false;

  constructor(options: AliasCheckOptions, ports: { readonly clock: Clock; readonly rpc: RpcCaller }) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#rpc = ports.rpc;
  }

  start(): void {
    if (this.#options.node !== "" && this.#options.node !== this.#options.ownNode) {
      void this.#followRemote();
      return;
    }
    this.#stopWatching = this.#options.onLocalChange(() => this.#soon());
    this.#soon();
  }

  stop(): void {
    this.#stopped.abort();
    this.#stopWatching?.();
    this.#timer?.cancel();
  }

  /** Not within the change itself: publishing is a change too. */
  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(0, () => {
      this.#due = false;
      this.#lookLocally();
      this.#timer = this.#clock.timer(RECHECK_MS, () => this.#soon());
    });
  }

  #lookLocally(): void {
    const { service, hasLocalService, ownNode, localChecks, publish } = this.#options;
    if (service !== "" && !hasLocalService(service)) {
      publish("critical", `Service ${service} could not be found on node ${ownNode}`);
      return;
    }
    const { status, output } = aliasVerdict(this.#considered(localChecks()));
    publish(status, output);
  }

  #considered(checks: Iterable<HealthCheck>): HealthCheck[] {
    const { service, checkId, ownNode } = this.#options;
    return [...checks].filter(
      (c) =>
        (c.ServiceID === "" || c.ServiceID === service) &&
        // To see oneself would hold a failure for ever.
        !(c.CheckID === checkId && c.Node === ownNode),
    );
  }

  async #followRemote(): Promise<void> {
    const { node, service, datacenter, token, publish } = this.#options;
    const { signal } = this.#stopped;
    let index = 0;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const request = NodeSpecificRequest.make({
          Datacenter: datacenter,
          Node: node,
          Token: token(),
          AllowStale: true,
          MaxStaleDuration: QUERY_STALE_NS,
          MinQueryIndex: index,
          MaxQueryTime: QUERY_WAIT_NS,
        });
        const reply = await this.#rpc.rpc("Health.NodeChecks", request, { signal });
        const checks = (reply.HealthChecks ?? []).filter((c) => c !== null);
        const known =
          service === "" ||
          checks.some((c) => c.ServiceID === service) ||
          (await this.#remoteHas(service, request));
        failures = 0;
        // An index that went back means another history: ask anew.
        index = reply.Index < index ? 0 : Math.max(reply.Index, 1);
        if (signal.aborted) return;
        if (!known) publish("critical", `Service ${service} could not be found on node ${node}`);
        else {
          const { status, output } = aliasVerdict(this.#considered(checks));
          publish(status, output);
        }
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        index = 0;
        if (failures > 1)
          publish(
            "critical",
            `Failure checking aliased node or service: ${error instanceof Error ? error.message : String(error)}`,
          );
        const backoff =
          failures < BACKOFF_AFTER_FAILURES ? 1000 : Math.min(2 ** (failures - 2) * 1000, BACKOFF_MS_MAX);
        await sleep(this.#clock, backoff, { signal }).catch(() => {});
      }
    }
  }

  async #remoteHas(service: string, request: NodeSpecificRequest): Promise<boolean> {
    const { signal } = this.#stopped;
    const reply = await this.#rpc.rpc("Catalog.NodeServices", { ...request, MinQueryIndex: 0 }, { signal });
    return reply.NodeServices?.Services?.has(service) ?? false;
  }
}
