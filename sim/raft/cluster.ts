/** One simulated run: a cluster, its clients and its faults, all drawn from one seed; then peace, in which it must converge. */
import { type Logger, silentLogger } from "../../src/ports/log.ts";
import { seededRandom } from "../../src/ports/random.ts";
import { type RaftServer, SUFFRAGE } from "../../src/raft/contract.ts";
import { isVoter } from "../../src/raft/core/configuration.ts";
import { SimClock, settle } from "../clock.ts";
import { type Breakage, soundLeaseRead } from "./breakages.ts";
import { Checker } from "./checker.ts";
import { Clients } from "./clients.ts";
import { Nemesis } from "./nemesis.ts";
import { SimNetwork } from "./network.ts";
import { SimServer, type World } from "./server.ts";
import { restoreEarlierState, type Until } from "./user-restore.ts";
import { Violation } from "./violation.ts";

export interface RunOptions {
  readonly seed: number;
  readonly servers: number;
  /** Simulated time with faults. */
  readonly faultMs: number;
  /** Share of fresh leaders that are struck down at once (default {@link DANGER}). */
  readonly danger?: number | undefined;
  /** Which servers speak as 1.8.7 does, without pre-vote (default: drawn from the seed). */
  readonly old?: "none" | "some" | "all" | undefined;
  /** `raft_multiplier` of all servers (default: drawn from the seed). */
  readonly multiplier?: number | undefined;
  /** Share of seeds whose messages go through the real codec (default {@link WIRE}). */
  readonly wire?: number | undefined;
  /** Whether clocks run beyond any bound, and nobody reads by the lease (default: drawn from the seed). */
  readonly wildClocks?: boolean | undefined;
  readonly breakage?: Breakage | undefined;
  readonly log?: ((atMs: number, server: string, level: string, message: string) => void) | undefined;
}

export interface RunResult {
  readonly violation: Violation | undefined;
  readonly simulatedMs: number;
  readonly multiplier: number;
  readonly events: number;
  readonly elections: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly faults: number;
  /** Equal for equal seeds: a run is reproducible. */
  readonly fingerprint: string;
}

const DANGER = 0.25;
const CLIENTS = 5;
const WIRE = 1;
/** Servers beyond those that bootstrap: they join and leave. */
const SPARES_MAX = 2;
const MULTIPLIERS = [1, 1, 1, 2, 5] as const;
/** One in so many worlds has clocks beyond any bound. */
const WILD_CLOCKS_IN = 5;
/** In one of so many worlds an operator restores an archive at the end. */
const USER_RESTORE_IN = 3;
/** Peace in which the cluster must come together, at `raft_multiplier` 1. */
const CONVERGENCE_MS = 60_000;

export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, faultMs, breakage } = options;
  const clock = new SimClock();
  const random = seededRandom(seed);
  const checker = new Checker();
  const servers: SimServer[] = [];
  const logger = (server: string): Logger => {
    if (options.log === undefined) return silentLogger;
    const at =
      (level: string) =>
      (message: string): void =>
        options.log!(clock.now(), server, level, message);
    const l: Logger = {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("err"),
      named: () => l,
    };
    return l;
  };
  let nemesis: Nemesis | undefined;
  const old = options.old ?? (["none", "some", "all"] as const)[random.int(3)]!;
  const multiplier = options.multiplier ?? MULTIPLIERS[random.int(MULTIPLIERS.length)]!;
  const members: RaftServer[] = Array.from(
    { length: options.servers + random.int(SPARES_MAX + 1) },
    (_, i) => ({ id: `n${i + 1}`, address: `10.0.0.${i + 1}:8300`, suffrage: SUFFRAGE.voter }),
  );
  const oldPeers = new Set(
    members.map((m) => m.id).filter(() => old === "all" || (old === "some" && random.int(2) === 0)),
  );
  const world: World = {
    clock,
    random,
    network: new SimNetwork(clock, seededRandom(random.int(2 ** 31))),
    checker,
    servers,
    logger,
    makeCore: breakage?.makeCore,
    appendEntriesMax: [1, 2, 8][random.int(3)]!,
    oldPeers,
    wire: random.float() < (options.wire ?? WIRE),
    multiplier,
    wildClocks: options.wildClocks ?? random.int(WILD_CLOCKS_IN) === 0,
    onLeader: (server) => nemesis?.onLeader(server),
  };
  for (const m of members) servers.push(new SimServer(m, world));

  let events = 0;
  const until: Until = async (end, done = () => false) => {
    for (let at = clock.next(); at !== undefined && at <= end && !done(); at = clock.next()) {
      clock.step();
      events++;
      if (checker.violation !== undefined) throw checker.violation;
      // Snapshots and starts run on promises; everything else does not need the wait.
      for (const s of servers)
        if (s.driver !== undefined && s.driver.busy > 0) {
          await settle();
          break;
        }
    }
  };

  let clients: Clients | undefined;
  let violation: Violation | undefined;
  try {
    for (const s of servers) s.start();
    await settle();
    await until(100);
    servers[0]!.driver!.bootstrap({ servers: members.slice(0, options.servers) }, () => {});
    clients = new Clients(world, CLIENTS, breakage?.mayReadByLease ?? soundLeaseRead);
    nemesis = new Nemesis(world, options.danger ?? DANGER);
    await until(faultMs);
    nemesis.stop();
    await settle();
    await converge(world, clients, until);
    clients.check();
  } catch (error) {
    // What throws where nothing should is a finding too, with its seed.
    violation =
      checker.violation ??
      (error instanceof Violation ? error : new Violation(`unexpected: ${(error as Error).stack}`));
  }
  const digests = servers
    .map((s) => `${s.fsm.digest.toString(16)}@${s.driver?.appliedIndex ?? "-"}`)
    .join(" ");
  return {
    violation,
    simulatedMs: clock.now(),
    multiplier,
    events,
    elections: checker.elections,
    acknowledged: clients?.acknowledged ?? 0,
    reads: clients?.reads ?? 0,
    faults: nemesis?.faults ?? 0,
    fingerprint: `${events} ${checker.elections} ${digests}`,
  };
}

/** After the faults: one leader, new writes accepted, and every member's state equal. */
async function converge(world: World, clients: Clients, until: Until): Promise<void> {
  const { clock, servers, checker } = world;
  const start = clock.now();
  const peaceMs = CONVERGENCE_MS * world.multiplier;
  await until(start + peaceMs, () => clients.lastAcknowledgedAt > start + 2000);
  if (clients.lastAcknowledgedAt <= start + 2000)
    throw new Violation(`liveness: no write accepted within ${peaceMs} ms of peace: ${describe(servers)}`);
  clients.stop();
  await until(clock.now() + 5000);
  let members: readonly SimServer[] = [];
  const equal = (): boolean => {
    const leader = servers.find((s) => s.driver?.core?.state.role === "leader");
    const s = leader?.driver?.core?.state;
    if (s === undefined || leader === undefined) return false;
    members = servers.filter((x) => s.configurations.latest.servers.some((m) => m.id === x.self.id));
    return members.every((m) => m.driver?.appliedIndex === s.log.last && m.fsm.digest === leader.fsm.digest);
  };
  const mustBeEqual = async (): Promise<void> => {
    await until(clock.now() + peaceMs, equal);
    if (!equal())
      throw new Violation(
        `convergence: members do not hold the same state after ${peaceMs} ms of peace: ${describe(servers)}`,
      );
  };
  await mustBeEqual();
  if (world.random.int(USER_RESTORE_IN) === 0) {
    const leader = servers.find((s) => s.driver?.core?.state.role === "leader")!;
    await restoreEarlierState(world, leader, members, until);
    await mustBeEqual();
  }
  if (new Set(members.map((m) => m.fsm.stateSum())).size > 1)
    checker.fail(`convergence: the members' states have different bytes: ${describe(servers)}`);
}

const describe = (servers: readonly SimServer[]): string =>
  servers
    .map((x) => {
      const s = x.driver?.core?.state;
      if (s === undefined) return `${x.self.id} down (${x.driver?.fault?.message ?? "no fault"})`;
      const voters = s.configurations.latest.servers.filter(isVoter).map((v) => v.id);
      return `${x.self.id} ${s.role} term=${s.term} last=${s.log.last} commit=${s.commit} applied=${x.driver?.appliedIndex} snapshot=${s.log.snapshotIndex} voters=${voters.join(",")}`;
    })
    .join("; ");
