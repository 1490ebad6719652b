/**
 * The agent: what every node runs, wired together. The doors (HTTP, DNS, 8400) are made by the caller and opened through a hook,
 * so that nothing here knows them.
 *
 * Start: data folder, pools with server or client, own services and checks, doors, joins, syncer. Stop: the same in reverse.
 */

import type { Member, NetworkCoordinate, SerfEvent, SerfPool } from "../gossip/contract.ts";
import type { MethodName, MethodReply, MethodRequest } from "../model/methods.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { type Disk, memoryDisk } from "../ports/disk.ts";
import type { Logger, LogHub } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { NowOrLater } from "../ports/now-or-later.ts";
import type { Random } from "../ports/random.ts";
import type { SnapshotReply, SnapshotSaveOrRestore } from "../server/contract.ts";
import { agentStats } from "./agent-stats.ts";
import { AnswerCache } from "./answer-cache.ts";
import { ClientDelegate } from "./client-delegate.ts";
import type { RuntimeConfig } from "./config/runtime-config.ts";
import { ConfiguredRegistrations } from "./configured-registrations.ts";
import { type AgentApi, AgentError } from "./contract.ts";
import { CoordinateSender } from "./coordinate-sender.ts";
import type { NodeIdentity } from "./core/anti-entropy.ts";
import { multiErrorText } from "./core/go-text.ts";
import { LocalRecords } from "./core/local-records.ts";
import { lockDataDir, nodeIdentity } from "./data-dir.ts";
import type { Delegate } from "./delegate.ts";
import { AgentLocalState } from "./local-state.ts";
import { removePidFile, writePidFile } from "./pid-file.ts";
import { createLanPool, createWanPool } from "./pools.ts";
import type { LocalStateSettings } from "./prepare-registration.ts";
import { execRefusal, localStateSettings, reloadedConfig } from "./reloadable.ts";
import { RemoteExec } from "./remote-exec.ts";
import { retryJoin } from "./retry-join.ts";
import { ServerDelegate } from "./server-delegate.ts";
import { StateStore } from "./state-store.ts";
import { Syncer } from "./syncer.ts";
import { AgentUserEvents } from "./user-events.ts";

export interface AgentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logHub: LogHub;
  readonly metrics: Metrics;
  /** Used where the configuration names a data directory; without one the agent keeps all in memory. */
  readonly disk: Disk;
}

export interface AgentHooks {
  /** Opens the doors, before the agent joins others. Returns how to close them. A rejection ends the start. */
  readonly openDoors?: (agent: AgentApi) => Promise<() => Promise<void>>;
  /** Says that the cluster is being joined (`==> Joining cluster...`), only with `-join`. */
  readonly onJoining?: () => void;
  /** Reads flags and files anew. Rejects with the configuration's error. */
  readonly loadConfig?: () => Promise<RuntimeConfig>;
  /** A reload was applied: what the caller keeps (the log's level) is to follow. */
  readonly onReloaded?: (config: RuntimeConfig) => void;
}

export interface RunningAgent extends AgentApi {
  /** Resolves to the exit code when all is closed. */
  readonly ended: Promise<number>;
}

/** Between looks at services that have been critical for too long, and the shortest time that counts. As Consul. */
const REAP_INTERVAL_MS = 30_000;
const REAP_AFTER_MS_MIN = 60_000;
/** After a leave the agent ends by itself, unless its caller ends it first. */
const END_AFTER_LEAVE_MS = 1_000;
/** Turns a read that any server may answer into one for the leader. */
const FRESH = { AllowStale: false, MaxStaleDuration: 0n } as const;

/** Starts an agent. Rejects with the cause; then all is closed again. */
export async function startAgent(
  config: RuntimeConfig,
  ports: AgentPorts,
  hooks: AgentHooks = {},
): Promise<RunningAgent> {
  const unlock = config.dataDir === undefined ? () => {} : await lockDataDir(config.dataDir);
  let agent: Agent | undefined;
  try {
    const disk = config.dataDir === undefined ? memoryDisk() : ports.disk;
    const nodeId = await nodeIdentity(
      { dataDir: config.dataDir, configured: config.nodeId },
      { ...ports, disk },
    );
    const log = ports.logHub.logger("agent");
    const settings = await localStateSettings(config);
    const poolPorts = { ...ports, disk, log };
    const lan = await createLanPool(config, nodeId, poolPorts);
    const wan = await createWanPool(config, nodeId, poolPorts);
    agent = new Agent(config, nodeId, { ...ports, disk, log, lan, wan, settings, unlock }, hooks);
    await agent.start();
    return agent;
  } catch (error) {
    if (agent === undefined) unlock();
    else await agent.shutdown(1);
    throw error;
  }
}

const anyAddress = (ip: string): boolean => ip === "" || ip === "0.0.0.0" || ip === "::";

class Agent implements RunningAgent {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly logHub: LogHub;
  readonly metrics: Metrics;
  readonly local: AgentLocalState;
  readonly cache: AnswerCache;
  readonly events: AgentUserEvents;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  readonly ended: Promise<number>;
  #config: RuntimeConfig;
  readonly #hooks: AgentHooks;
  readonly #delegate: Delegate;
  readonly #records = new LocalRecords();
  readonly #registrations: ConfiguredRegistrations;
  readonly #syncer: Syncer;
  readonly #coordinates: CoordinateSender;
  readonly #exec: RemoteExec;
  readonly #unlock: () => void;
  readonly #stopping = new AbortController();
  readonly #joining = new AbortController();
  readonly #supervised = new Set<Promise<void>>();
  #closeDoors: (() => Promise<void>) | undefined;
  #reapTimer: Timer | undefined;
  #pidFile: string | undefined;
  #stopEvents: (() => void)[] = [];
  #reloading: Promise<void> = Promise.resolve();
  #left: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #resolveEnded!: (code: number) => void;

  constructor(
    config: RuntimeConfig,
    nodeId: string,
    ports: AgentPorts & {
      readonly log: Logger;
      readonly lan: SerfPool;
      readonly wan: SerfPool | undefined;
      readonly settings: LocalStateSettings;
      readonly unlock: () => void;
    },
    hooks: AgentHooks,
  ) {
    const { clock, random, log, metrics, disk, lan, wan } = ports;
    this.#config = config;
    this.#hooks = hooks;
    this.#unlock = ports.unlock;
    this.nodeId = nodeId;
    this.clock = clock;
    this.random = random;
    this.log = log;
    this.logHub = ports.logHub;
    this.metrics = metrics;
    this.lan = lan;
    this.wan = wan;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const { nodeName: node, datacenter } = config;
    const records = this.#records;
    this.#delegate = config.server
      ? new ServerDelegate(config, nodeId, { clock, random, log, metrics, disk, lan, wan })
      : new ClientDelegate(
          {
            datacenter,
            rpcHoldTimeoutMs: config.performance.rpcHoldTimeoutMs,
            rpcRate: config.limits.rpcRate,
            rpcMaxBurst: config.limits.rpcMaxBurst,
            acl: config.acl.enabled ? "enabled" : "disabled",
            ...(anyAddress(config.bindAddr) ? {} : { sourceAddress: config.bindAddr }),
          },
          { clock, random, log, metrics, lan },
        );
    const userToken = (): string => this.#config.acl.tokens.default;
    const agentToken = (): string => this.#config.acl.tokens.agent || userToken();
    this.#syncer = new Syncer(
      records,
      {
        identity: () => this.#identity(),
        members: () => lan.members().length,
        server: config.server,
        agentToken,
        userToken,
      },
      { clock, random, log, metrics, rpc: this },
    );
    this.local = new AgentLocalState(
      { node, datacenter, settings: ports.settings, userToken },
      {
        clock,
        random,
        log,
        rpc: this,
        records,
        store: new StateStore({ dataDir: config.dataDir }, { disk, log }),
        triggerPush: () => this.#syncer.triggerPush(),
        pausePush: () => this.#syncer.pause(),
      },
    );
    this.cache = new AnswerCache({ clock, metrics, rpc: this });
    this.#registrations = new ConfiguredRegistrations(this.local);
    this.#coordinates = new CoordinateSender(
      { node, datacenter, token: agentToken },
      { clock, random, log, lan, rpc: this },
    );
    this.#exec = new RemoteExec(
      { node, datacenter, token: agentToken, refusal: () => execRefusal(this.#config) },
      { clock, log, rpc: this },
    );
    this.events = new AgentUserEvents(
      { node, datacenter, onRemoteExec: (event) => this.#exec.onEvent(event) },
      { random, log, rpc: this, records },
    );
  }

  get config(): RuntimeConfig {
    return this.#config;
  }

  async start(): Promise<void> {
    const config = this.#config;
    this.#stopEvents = [
      this.lan.onEvent((event) => this.#onSerfEvent(event)),
      this.#delegate.onServerUp(() => this.#syncer.serverUp()),
    ];
    await this.#delegate.start();
    await this.#registrations.load(config);
    this.#armReaper();
    this.#closeDoors = await this.#hooks.openDoors?.(this);
    if (config.pidFile !== "") {
      await writePidFile(config.pidFile);
      this.#pidFile = config.pidFile;
    }
    if (config.startJoin.length > 0) {
      this.#hooks.onJoining?.();
      const joined = await this.join(config.startJoin, { wan: false });
      this.log.info(`Join completed. Synced with ${joined} initial agents`);
    }
    if (config.startJoinWan.length > 0) await this.join(config.startJoinWan, { wan: true });
    this.#keepJoining();
    this.#syncer.start();
    if (!config.disableCoordinates) this.#coordinates.start();
  }

  answer<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): NowOrLater<MethodReply<M>> {
    const most = (request as { readonly MaxStaleDuration?: bigint } | null)?.MaxStaleDuration ?? 0n;
    const atHand = most > 0n ? undefined : this.#delegate.answer?.(method, request, options);
    return atHand ?? this.rpc(method, request, options);
  }

  async rpc<M extends MethodName>(
    method: M,
    request: MethodRequest<M>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<MethodReply<M>> {
    const reply = await this.#delegate.rpc(method, request, options);
    // A follower may answer stale reads, but not staler ones than the caller allows.
    const asked = request as { readonly AllowStale?: boolean; readonly MaxStaleDuration?: bigint } | null;
    const answered = reply as { readonly LastContact?: bigint } | null;
    const most = asked?.MaxStaleDuration ?? 0n;
    if (asked?.AllowStale === true && most > 0n && (answered?.LastContact ?? 0n) > most)
      return this.#delegate.rpc(method, { ...(request as object), ...FRESH } as MethodRequest<M>, options);
    return reply;
  }

  lanMembers(): readonly Member[] {
    return this.lan.members();
  }

  wanMembers(): readonly Member[] {
    return this.wan?.members() ?? [];
  }

  async join(addresses: readonly string[], options: { readonly wan: boolean }): Promise<number> {
    const pool = options.wan ? this.wan : this.lan;
    if (pool === undefined) throw new AgentError(500, "Must be a server to join WAN cluster");
    const name = options.wan ? "WAN" : "LAN";
    this.log.info(`(${name}) joining: [${addresses.join(" ")}]`);
    // Events from before the join are not for this agent: a command of yesterday must not run now.
    const { joined, errors } = await pool.join(addresses, { ignoreOld: true });
    const failure = errors.length === 0 ? undefined : multiErrorText(errors.map((e) => e.message));
    if (joined > 0 || failure === undefined) {
      this.log.info(`(${name}) joined: ${joined} Err: ${failure?.trim() ?? "<nil>"}`);
      return joined;
    }
    this.log.warn(`(${name}) couldn't join: ${joined} Err: ${failure.trim()}`);
    throw new AgentError(500, failure);
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave().finally(() => {
      // Whoever asked for the leave may still want to answer somebody before the doors close.
      this.clock.timer(END_AFTER_LEAVE_MS, () => void this.shutdown(0));
    });
    return this.#left;
  }

  async forceLeave(node: string, options: { readonly prune: boolean }): Promise<void> {
    const suffix = `.${this.#config.datacenter}`;
    const short = node.endsWith(suffix) ? node.slice(0, -suffix.length) : node;
    const known = [...this.lan.members(), ...this.wanMembers()].some(
      (m) => m.name === node || m.name === short,
    );
    if (!known) throw new AgentError(500, `agent: No node found with name '${node}'`);
    this.log.info(`Force leaving node: ${node}`);
    await this.#delegate.forceLeave(node, options);
  }

  reload(): Promise<void> {
    const run = this.#reloading.then(
      () => this.#reload(),
      () => this.#reload(),
    );
    this.#reloading = run.catch(() => {});
    return run;
  }

  shutdown(exitCode: number): Promise<void> {
    this.#ending ??= this.#shutdown().finally(() => this.#resolveEnded(exitCode));
    return this.#ending;
  }

  stats(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    const { monitors, ttls } = this.local.counts();
    return agentStats(
      { monitors, ttls, checks: this.local.checks().size, services: this.local.services().size },
      this.#delegate.stats(),
    );
  }

  coordinate(): NetworkCoordinate | undefined {
    return this.#config.disableCoordinates ? undefined : this.lan.coordinate();
  }

  snapshot(request: SnapshotSaveOrRestore, body: AsyncIterable<Uint8Array>): Promise<SnapshotReply> {
    return this.#delegate.snapshot(request, body);
  }

  triggerFullSync(): void {
    this.#syncer.triggerFull();
  }

  async #leave(): Promise<void> {
    this.#joining.abort();
    // The leader takes a node that leaves out of the catalog: nothing of ours may put it back.
    this.#coordinates.stop();
    this.cache.close();
    await this.#syncer.stop();
    await this.#delegate.leave();
  }

  #identity(): NodeIdentity {
    const { datacenter, nodeName, advertiseAddr, taggedAddresses, nodeMeta } = this.#config;
    return {
      datacenter,
      node: nodeName,
      id: this.nodeId,
      address: advertiseAddr,
      taggedAddresses,
      meta: nodeMeta,
    };
  }

  #onSerfEvent(event: SerfEvent): void {
    if (event.kind === "user") this.events.onSerfEvent(event);
  }

  #armReaper(): void {
    this.#reapTimer = this.clock.timer(REAP_INTERVAL_MS, () => {
      this.#supervise(this.local.reapCriticalServices(REAP_AFTER_MS_MIN));
      if (!this.#stopping.signal.aborted) this.#armReaper();
    });
  }

  #keepJoining(): void {
    const {
      retryJoin: lan,
      retryJoinWan: wan,
      retryIntervalMs,
      retryMax,
      retryIntervalWanMs,
      retryMaxWan,
    } = this.#config;
    const { signal } = this.#joining;
    const start = (
      pool: "LAN" | "WAN",
      addresses: readonly string[],
      intervalMs: number,
      attemptsMax: number,
    ): void => {
      if (addresses.length === 0) return;
      const join = (to: readonly string[]): Promise<number> => this.join(to, { wan: pool === "WAN" });
      const run = retryJoin(
        { pool, addresses, intervalMs, attemptsMax, join },
        { clock: this.clock, log: this.log, signal },
      );
      this.#supervise(
        run.catch((error: unknown) => {
          this.log.error((error as Error).message);
          void this.shutdown(1);
        }),
      );
    };
    start("LAN", lan, retryIntervalMs, retryMax);
    start("WAN", wan, retryIntervalWanMs, retryMaxWan);
  }

  #supervise(work: Promise<void>): void {
    this.#supervised.add(work);
    void work
      .catch((error: unknown) => this.log.error(`background work failed: ${(error as Error).message}`))
      .finally(() => this.#supervised.delete(work));
  }

  async #reload(): Promise<void> {
    const load = this.#hooks.loadConfig;
    if (load === undefined) return;
    const old = this.#config;
    const before = this.local.settings;
    try {
      const next = await load();
      this.local.applySettings(await localStateSettings(next));
      const resume = this.#syncer.pause();
      try {
        await this.#registrations.reload(next);
        this.#config = reloadedConfig(old, next);
      } finally {
        resume();
      }
    } catch (error) {
      this.local.applySettings(before);
      this.log.error(`Reload config failed: ${(error as Error).message}`);
      throw error;
    }
    const { rpcRate, rpcMaxBurst } = this.#config.limits;
    this.#delegate.setRpcLimit(rpcRate, rpcMaxBurst);
    // The node's metadata may have changed, and tokens.
    this.#syncer.triggerFull();
    this.#hooks.onReloaded?.(this.#config);
  }

  async #shutdown(): Promise<void> {
    this.log.info("Requesting shutdown");
    this.#stopping.abort();
    this.#joining.abort();
    this.#reapTimer?.cancel();
    for (const stop of this.#stopEvents) stop();
    this.#coordinates.stop();
    this.cache.close();
    const close = async (what: string, act: () => Promise<unknown>): Promise<void> => {
      try {
        await act();
      } catch (error) {
        this.log.error(`failed to stop ${what}: ${(error as Error).message}`);
      }
    };
    await close("the syncer", () => this.#syncer.stop());
    await close("remote commands", () => this.#exec.stop());
    await close("the checks", () => this.local.stop());
    await close("the doors", async () => this.#closeDoors?.());
    await close(this.#config.server ? "the server" : "the client", () => this.#delegate.shutdown());
    await close("background work", () => Promise.all(this.#supervised));
    if (this.#pidFile !== undefined) await close("the pid file", () => removePidFile(this.#pidFile!));
    this.#unlock();
    this.log.info("shutdown complete");
  }
}
