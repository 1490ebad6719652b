/**
 * A snapshot of a large state taken while writes go on: `node_modules/.bin/node bench/raft-snapshot.ts [keys]`. One real server
 * (log and snapshots on disk, real state store) is written to all the time; prints the writes' latency with and without a snapshot
 * under way, and where the longest ones were held up: event loop, garbage collection, the log's disk. Prints; asserts nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { DirEntry, KVSRequest } from "../src/model/kv.ts";
import { systemClock } from "../src/ports/clock.ts";
import { silentLogger } from "../src/ports/log.ts";
import { type Metrics, noMetrics } from "../src/ports/metrics.ts";
import { systemRandom } from "../src/ports/random.ts";
import { createRaft } from "../src/raft/raft.ts";
import { encodeCommand } from "../src/state/commands.ts";
import { StateFsm } from "../src/state/fsm.ts";
import { StateStore } from "../src/state/state-store.ts";
import { percentile } from "./statistics.ts";

const KEYS = Number(process.argv[2] ?? 1_000_000);
const ID = "bench";
const ADDRESS = "127.3.0.1:8300";
const WRITERS = 16;
const LATENCIES_KEPT = 100_000;
/** What a snapshot may hold up. */
const LIMIT_MS = 50;

const kvSet = (i: number, value: string): Buffer =>
  encodeCommand(
    "kvs",
    KVSRequest.make({
      Op: "set",
      DirEnt: DirEntry.make({ Key: `app/${i % 997}/config/${i}`, Value: Buffer.from(value) }),
    }),
  );
const print = (name: string, value: string): void => console.log(`${name.padEnd(44)} ${value}`);

/** The largest numbers of many, without keeping the others: what a phase measures must not make the next one wait. */
class Largest {
  readonly #kept: number[] = [];
  count = 0;
  above = 0;

  add(n: number): void {
    this.count++;
    if (n > LIMIT_MS) this.above++;
    if (this.#kept.length === 4 && n <= this.#kept[3]!) return;
    this.#kept.push(n);
    this.#kept.sort((x, y) => y - x);
    if (this.#kept.length > 4) this.#kept.pop();
  }
  toString(): string {
    return `${this.#kept.map((n) => n.toFixed(1)).join(", ")} ms; ${this.above} of ${this.count} above ${LIMIT_MS} ms`;
  }
}

/** How late a timer of 1 ms comes, and what this thread itself computed meanwhile: on a busy machine the rest is waiting for a processor. */
function watchLoop(): { readonly late: Largest; readonly own: Largest; readonly stop: () => void } {
  const late = new Largest();
  const own = new Largest();
  const cpu = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = performance.now();
  let lastCpu = cpu();
  let on = true;
  const look = (): void => {
    const now = performance.now();
    const nowCpu = cpu();
    late.add(now - last - 1);
    own.add(nowCpu - lastCpu);
    last = now;
    lastCpu = nowCpu;
    if (on) setTimeout(look, 1);
  };
  setTimeout(look, 1);
  return {
    late,
    own,
    stop: () => {
      on = false;
    },
  };
}

let disk = new Largest();
let collections = new Largest();
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collections.add(duration);
}).observe({ entryTypes: ["gc"] });
/** What the log's thread takes for a batch, as the server sees it: its queue, the write, the fsync, the way back. */
const metrics: Metrics = {
  ...noMetrics,
  sample: (name, ms) => {
    if (name === "raft.leader.dispatchLog") disk.add(ms);
  },
};

const folder = mkdtempSync(join(tmpdir(), "tribune-raft-snapshot-"));
const store = new StateStore({ clock: systemClock });
const fsm = new StateFsm(store);
const raft = createRaft(
  {
    id: ID,
    address: ADDRESS,
    dataDir: folder,
    heartbeatTimeoutMs: 1000,
    electionTimeoutMs: 1000,
    leaderLeaseTimeoutMs: 500,
    commitTimeoutMs: 50,
    snapshotIntervalMs: 1e8,
    snapshotThreshold: 1e9,
    trailingLogs: 10_240,
    maxAppendEntries: 64,
  },
  {
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    metrics,
    fsm,
    dial: () => Promise.reject(new Error("alone")),
  },
);
try {
  print("processor", cpus()[0]!.model);
  // Straight into the state: a million entries through the log would only measure the disk.
  for (let i = 0; i < KEYS; i++) fsm.apply({ index: 1, term: 1, data: kvSet(i, "v"), extensions: null });
  await raft.start();
  await raft.bootstrap({ servers: [{ id: ID, address: ADDRESS, suffrage: 0 }] });
  while (raft.role !== "leader") await new Promise((resolve) => setTimeout(resolve, 10));
  print("keys, heap", `${store.tables.kvs.size}, ${Math.round(process.memoryUsage().heapUsed / 1e6)} MB`);

  let writing = true;
  let since = performance.now();
  let latencies: number[] = [];
  let writes = new Largest();
  const writers = Array.from({ length: WRITERS }, async (_, n) => {
    for (let i = n; writing; i += WRITERS) {
      const start = performance.now();
      await raft.apply(kvSet((i * 7919) % KEYS, "w"));
      // What began before the phase has waited for the one before.
      if (start < since) continue;
      const ms = performance.now() - start;
      writes.add(ms);
      if (latencies.length < LATENCIES_KEPT) latencies.push(ms);
    }
  });
  const phase = async (name: string, run: () => Promise<string>): Promise<void> => {
    latencies = [];
    writes = new Largest();
    disk = new Largest();
    collections = new Largest();
    since = performance.now();
    const loop = watchLoop();
    const said = await run();
    loop.stop();
    const seconds = (performance.now() - since) / 1000;
    const at = (share: number): string => percentile(latencies, share).toFixed(1);
    print(name, `${seconds.toFixed(1)} s${said}`);
    print("  longest delays of the event loop", String(loop.late));
    print("  longest turns by this thread's own CPU", String(loop.own));
    print("  longest collections of garbage", String(collections));
    print("  longest writes of the log's thread", String(disk));
    print("  longest writes", String(writes));
    print("  writes", `${Math.round(writes.count / seconds)}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  };
  await phase("without a snapshot", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return "";
  });
  for (let n = 1; n <= 3; n++)
    await phase(`snapshot ${n}`, async () => {
      const meta = await raft.snapshot();
      return `, ${((meta?.size ?? 0) / 1e6).toFixed(0)} MB`;
    });
  writing = false;
  await Promise.all(writers);
} finally {
  await raft.shutdown();
  rmSync(folder, { recursive: true, force: true });
}
