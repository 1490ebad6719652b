/**
 * Autopilot at work on the leader: polls the servers' raft statistics, promotes healthy non-voters, removes dead servers when the
 * quorum allows it. What to do is decided in autopilot-plan.ts.
 */
import type { SerfPool } from "../gossip/contract.ts";
import type {
  AutopilotConfig,
  AutopilotOperatorHealthReply,
  AutopilotServerHealth,
  AutopilotServerStats,
} from "../model/operator.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { RaftNode } from "../raft/contract.ts";
import { healthReport, judgeHealth, planCleanup, planPromotions } from "./autopilot-plan.ts";
import { minRaftVersion } from "./bootstrap.ts";
import type { ServerTimings } from "./contract.ts";
import { errorText } from "./errors.ts";
import type { ServerInfo } from "./server-metadata.ts";

const NS_PER_MS = 1_000_000n;

export interface AutopilotParts {
  readonly nodeId: string;
  readonly datacenter: string;
  readonly timings: ServerTimings;
  readonly raft: RaftNode;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  /** Server members of this datacenter in any status. */
  readonly servers: () => readonly ServerInfo[];
  readonly config: () => AutopilotConfig | null;
  /** Status.RaftStats of one server, this one included. */
  readonly stats: (server: ServerInfo, timeoutMs: number) => Promise<AutopilotServerStats>;
}

export class Autopilot {
  readonly #parts: AutopilotParts;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  #health: readonly AutopilotServerHealth[] = [];
  #timers: Timer[] = [];
  #running = false;
  /** Counts starts: a round of an earlier leadership must not go on in a later one. */
  #generation = 0;
  #cleaning: Promise<void> | undefined;
  #cleanAgain = false;

  constructor(
    parts: AutopilotParts,
    ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
  ) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#metrics = ports.metrics;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#generation++;
    const { autopilotHealthMs, autopilotCleanupMs } = this.#parts.timings;
    // A server that has proved stable gets its vote at once: until then the quorum lacks it, and this leadership may not last.
    this.#every(autopilotHealthMs, async () => {
      await this.checkHealth();
      if (this.#running) await this.promote();
    });
    this.#every(autopilotCleanupMs, () => this.removeDeadServers());
  }

  stop(): void {
    this.#running = false;
    for (const t of this.#timers) t.cancel();
    this.#timers = [];
    this.#health = [];
  }

  /** Report of the last round. */
  report(): AutopilotOperatorHealthReply {
    return healthReport(this.#health, this.#parts.raft.configuration.servers);
  }

  /** Polls every server once. */
  async checkHealth(): Promise<void> {
    const { timings, raft, nodeId } = this.#parts;
    const config = this.#parts.config();
    if (config === null) return;
    const servers = this.#parts.servers().filter((s) => s.status !== "left");
    const stats = new Map<string, AutopilotServerStats>();
    // The leader's own position is taken before the others': else a follower that is a moment ahead looks wrong.
    const lastTerm = raft.lastLogTerm;
    const lastIndex = raft.lastIndex;
    await Promise.all(
      servers.map(async (s) => {
        try {
          stats.set(s.name, await this.#parts.stats(s, timings.autopilotHealthBudgetMs));
        } catch (error) {
          this.#log.debug("could not get server health", { server: s.name, error: errorText(error) });
        }
      }),
    );
    if (!this.#running) return;
    this.#health = judgeHealth({
      config,
      servers,
      raft: raft.configuration.servers,
      leaderId: nodeId,
      lastTerm,
      lastIndex,
      stats,
      before: new Map(this.#health.map((h) => [h.ID, h])),
      nowNs: BigInt(this.#clock.wall()) * NS_PER_MS,
    });
    const report = this.report();
    this.#metrics.gauge("autopilot.failure_tolerance", report.FailureTolerance);
    this.#metrics.gauge("autopilot.healthy", report.Healthy ? 1 : 0);
  }

  /** Makes voters of non-voters that have been stable long enough. */
  async promote(): Promise<void> {
    const config = this.#parts.config();
    const servers = this.#parts.servers();
    if (config === null || minRaftVersion(servers) < 3) return;
    const { raft } = this.#parts;
    const neverVote = new Set(servers.filter((s) => s.nonVoter).map((s) => s.id));
    const promotions = planPromotions(this.#health, raft.configuration.servers, {
      stabilizationNs: config.ServerStabilizationTime,
      nowNs: BigInt(this.#clock.wall()) * NS_PER_MS,
      neverVote,
    });
    for (const peer of promotions) {
      this.#log.info("Promoting server to voter", { id: peer.id, address: peer.address });
      try {
        await raft.addVoter(peer.id, peer.address);
      } catch (error) {
        this.#log.error("failed to promote server", { id: peer.id, error: errorText(error) });
        return;
      }
    }
  }

  /** Removes what is dead and may go; a call during a run asks for one more. */
  async removeDeadServers(): Promise<void> {
    this.#cleanAgain = true;
    this.#cleaning ??= (async () => {
      try {
        while (this.#cleanAgain && this.#running) {
          this.#cleanAgain = false;
          await this.#clean();
        }
      } finally {
        this.#cleaning = undefined;
      }
    })();
    return this.#cleaning;
  }

  async #clean(): Promise<void> {
    const config = this.#parts.config();
    if (config === null || !config.CleanupDeadServers) return;
    const { raft, lan, wan, datacenter } = this.#parts;
    const plan = planCleanup(this.#parts.servers(), raft.configuration.servers, config.MinQuorum);
    if (plan.log !== undefined) this.#log.debug(plan.log);
    for (const name of plan.forceLeave) {
      this.#log.info("Attempting removal of failed server node", { name });
      try {
        await lan.forceLeave(name);
      } catch (error) {
        this.#log.warn("failed to remove server node", { name, error: errorText(error) });
      }
      await wan?.forceLeave(`${name}.${datacenter}`).catch(() => {});
    }
    for (const peer of plan.removePeers) {
      this.#log.info("Attempting removal of stale server", { id: peer.id, address: peer.address });
      try {
        await raft.removeServer(peer.id);
      } catch (error) {
        this.#log.warn("failed to remove stale server", { id: peer.id, error: errorText(error) });
      }
    }
  }

  #every(delayMs: number, work: () => Promise<void>): void {
    const slot = this.#timers.length;
    const generation = this.#generation;
    const next = (): void => {
      this.#timers[slot] = this.#clock.timer(delayMs, () => {
        work()
          .catch((error) => this.#log.error("autopilot round failed", { error: errorText(error) }))
          .finally(() => {
            if (this.#running && this.#generation === generation) next();
          });
      });
    };
    next();
  }
}
