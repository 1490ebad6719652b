/**
 * Servers under random faults with clients at work; then calm, and the judgement: linearizable histories, no acknowledged write lost,
 * all servers alike, no server that ended by itself.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../src/ports/random.ts";
import { type AvailabilityFigures, availabilityText, gapsText } from "./availability.ts";
import { Clients } from "./clients.ts";
import { type ChaosNode, Cluster, type ProgramName } from "./cluster.ts";
import { finalProblems } from "./final-state.ts";
import { drawStep, type Fault, faultText } from "./nemesis.ts";
import { Probes } from "./probes.ts";

export interface StormOptions {
  readonly program: ProgramName;
  readonly minutes: number;
  readonly seed: number;
  readonly servers: number;
  readonly clients: number;
  /** Also when nothing was violated. */
  readonly keepLogs: boolean;
}

const SMALL_DISK_MB = 192;
/** After the last fault, until all serve again. */
const CONVERGE_MS = 90_000;
/** In calm, until each node accepts a write. */
const SERVE_MS = 60_000;
const RESTART_AFTER_CRASH_MS = 1000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Storm {
  readonly #cluster: Cluster;
  readonly #options: StormOptions;
  readonly #startedAt = performance.now();
  readonly #disturbed = new Set<string>();
  readonly #log: string[] = [];
  readonly #healing = new Set<Promise<void>>();
  readonly counts = new Map<string, number>();
  readonly crashes: string[] = [];
  #cut = false;
  #leaderChanges = 0;
  #leader: string | undefined;
  #over = false;

  constructor(cluster: Cluster, options: StormOptions) {
    this.#cluster = cluster;
    this.#options = options;
    for (const node of cluster.nodes) node.onCrash = (code) => this.#crashed(node, code);
  }

  get leaderChanges(): number {
    return this.#leaderChanges;
  }

  get faultLog(): string {
    return this.#log.join("\n");
  }

  say(text: string): void {
    const line = `${((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}`;
    this.#log.push(line);
    appendFileSync(join(this.#cluster.folder, "faults.log"), `${line}\n`);
  }

  #crashed(node: ChaosNode, code: number): void {
    const full = this.#diskFull === node.name;
    this.say(`${node.name} ended by itself with ${code}${full ? " (its disk is full)" : ""}`);
    this.counts.set("ended on a full disk", (this.counts.get("ended on a full disk") ?? 0) + (full ? 1 : 0));
    if (!full) this.crashes.push(`${node.name} ended by itself with ${code}: see ${node.name}.log`);
    setTimeout(() => {
      if (!this.#over && !node.running) node.start();
    }, RESTART_AFTER_CRASH_MS);
  }

  #diskFull: string | undefined;

  async run(): Promise<void> {
    const random = seededRandom(this.#options.seed);
    const end = this.#startedAt + this.#options.minutes * 60_000;
    const servers = this.#cluster.servers.map((s) => s.name);
    const clients = this.#cluster.nodes.filter((n) => !n.isServer).map((n) => n.name);
    while (performance.now() < end) {
      const asked = this.#cluster.servers.filter((s) => !this.#disturbed.has(s.name));
      const leader = await this.#cluster.leader(asked);
      if (leader !== undefined && leader !== this.#leader) {
        if (this.#leader !== undefined) this.#leaderChanges++;
        this.#leader = leader;
      }
      const step = drawStep(random, {
        servers,
        clients,
        smallDisk: servers.at(-1)!,
        leader,
        disturbed: this.#disturbed,
        cut: this.#cut,
      });
      if (step.fault !== undefined) this.#inject(step.fault, leader);
      await pause(step.thenMs);
    }
    await Promise.all(this.#healing);
  }

  #inject(fault: Fault, leader: string | undefined): void {
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    this.say(`${faultText(fault)}${leader !== undefined && fault.nodes.includes(leader) ? " (leader)" : ""}`);
    for (const n of fault.nodes) this.#disturbed.add(n);
    const healing = this.#apply(fault).finally(() => {
      for (const n of fault.nodes) this.#disturbed.delete(n);
      this.#healing.delete(healing);
    });
    this.#healing.add(healing);
  }

  async #apply(fault: Fault): Promise<void> {
    const nodes = fault.nodes.map((n) => this.#cluster.node(n));
    switch (fault.kind) {
      case "kill":
        await Promise.all(nodes.map((n) => n.stop("SIGKILL")));
        await pause(fault.forMs);
        for (const n of nodes) n.start();
        return;
      case "pause":
        for (const n of nodes) n.signal("SIGSTOP");
        await pause(fault.forMs);
        for (const n of nodes) n.signal("SIGCONT");
        return;
      case "cut":
        this.#cut = true;
        this.#cluster.cut(fault.nodes);
        await pause(fault.forMs);
        this.#cluster.cut([]);
        this.#cut = false;
        return;
      case "fill-disk":
        this.#diskFull = fault.nodes[0];
        await nodes[0]!.fillDisk(true);
        await pause(fault.forMs);
        await nodes[0]!.fillDisk(false);
        // What the full disk broke may end a moment later.
        await pause(RESTART_AFTER_CRASH_MS);
        this.#diskFull = undefined;
        return;
    }
  }

  /** Nobody is down any more. */
  async calm(): Promise<void> {
    for (const n of this.#cluster.nodes) if (!n.running) n.start();
    this.say("calm");
    await this.#cluster.settled(CONVERGE_MS);
  }

  finish(): void {
    this.#over = true;
  }
}

/** Why a node accepts no write in calm; on a busy machine an election may still come in between. */
async function notServing(node: ChaosNode): Promise<string | undefined> {
  const end = performance.now() + SERVE_MS;
  for (;;) {
    const reply = await node.http("PUT", `/v1/kv/last/${node.name}`, "x");
    if (!(reply instanceof Error) && reply.status === 200) return undefined;
    if (performance.now() > end) return reply instanceof Error ? reply.message : reply.body;
    await pause(500);
  }
}

/** The storm and the calm after it, with the clients at work; in the end they have stopped, also when it throws. */
async function underLoad(
  run: Storm,
  cluster: Cluster,
  clients: Clients,
  problems: string[],
): Promise<{ readonly convergedMs: number; readonly probed: AvailabilityFigures }> {
  clients.start();
  const probes = new Probes(cluster.nodes);
  const progress = setInterval(() => console.log(`  ... ${run.faultLog.split("\n").at(-1)}`), 60_000);
  try {
    await run.run();
    const calmAt = performance.now();
    await run.calm().catch((error: Error) => problems.push(`NOT CONVERGED: ${error.message}`));
    return { convergedMs: performance.now() - calmAt, probed: probes.finish() };
  } finally {
    clearInterval(progress);
    probes.stop();
    await clients.stop();
  }
}

/** Exit code: 0 when nothing was violated. */
export async function storm(options: StormOptions): Promise<number> {
  const cleanup = options.seed % 2 === 1;
  const cluster = await Cluster.create({
    program: options.program,
    servers: options.servers,
    clients: 1,
    smallDiskMb: SMALL_DISK_MB,
    config: [
      "performance { raft_multiplier = 1 }",
      // Small, so that servers which come back need snapshots.
      "raft_snapshot_threshold = 2000",
      'raft_snapshot_interval = "5s"',
      "raft_trailing_logs = 500",
      `autopilot { cleanup_dead_servers = ${cleanup} server_stabilization_time = "2s" }`,
    ].join("\n"),
  });
  console.log(
    `chaos: ${options.servers} servers and a client agent of ${options.program}, ${options.minutes} minutes, seed ${options.seed}, ${options.clients} clients, dead servers are ${cleanup ? "" : "not "}cleaned up; ${cluster.folder}`,
  );
  const problems: string[] = [];
  let run: Storm | undefined;
  try {
    await cluster.start();
    run = new Storm(cluster, options);
    const clients = new Clients(cluster.nodes, seededRandom(options.seed + 1), {
      count: options.clients,
      restMs: 40,
    });
    const { convergedMs, probed } = await underLoad(run, cluster, clients, problems);
    const endedAt = performance.now();
    for (const node of cluster.nodes) {
      const complaint = await notServing(node);
      if (complaint !== undefined) problems.push(`NOT SERVING: ${node.name}: ${complaint}`);
    }
    await clients.readAll(cluster.nodes[0]!);
    run.finish();
    problems.push(...(await finalProblems(cluster.servers, clients.acknowledged, 30_000)), ...run.crashes);
    const verdict = clients.history.judge();
    for (const key of verdict.strict)
      problems.push(`NOT LINEARIZABLE: ${key} (writes, consistent reads)\n${clients.history.text(key)}`);
    const faults = [...run.counts].map(([k, n]) => `${n} ${k}`).join(", ");
    console.log(`faults: ${faults}; ${run.leaderChanges} changes of leader seen`);
    console.log(`writes: ${availabilityText(clients.writes.finish(endedAt))}`);
    console.log(`reads:  ${availabilityText(clients.reads.finish(endedAt))}`);
    console.log(`some agent takes writes: ${gapsText(probed)}`);
    for (const [text, n] of [...clients.failures].sort((a, b) => b[1] - a[1]).slice(0, 12))
      console.log(`  ${String(n).padStart(6)} x ${text.slice(0, 160)}`);
    console.log(`converged ${(convergedMs / 1000).toFixed(1)} s after the last fault`);
    console.log(
      `history: ${verdict.operations} operations on ${verdict.keys} registers, ${verdict.unknown} of unknown outcome; ${clients.acknowledged.size} write-once keys acknowledged`,
    );
    console.log(
      `linearizable: writes and consistent reads ${verdict.keys - verdict.strict.length}/${verdict.keys}, with default reads ${verdict.keys - verdict.byDefault.length}/${verdict.keys}`,
    );
    for (const key of verdict.byDefault.filter((k) => !verdict.strict.includes(k)))
      console.log(`default reads went back on ${key}:\n${clients.history.text(key)}`);
  } catch (error) {
    problems.push(`FAILED: ${(error as Error).stack}`);
  } finally {
    run?.finish();
    await cluster.destroy({ keep: problems.length > 0 || options.keepLogs });
  }
  if (problems.length === 0) {
    console.log("no violation");
    return 0;
  }
  console.log(`${problems.length} VIOLATIONS\n${problems.join("\n")}\n\nfault log:\n${run?.faultLog ?? ""}`);
  console.log(
    `again: npm run chaos -- --minutes ${options.minutes} --seed ${options.seed}; logs: ${cluster.folder}`,
  );
  return 1;
}
