/**
 * A snapshot of a large state taken while writes go on: `node_modules/.bin/node bench/raft-snapshot.ts [keys]`. One real server
 * (log and snapshots on disk, real state store) is written to all the time; prints the longest stall of the event loop and the
 * writes' latency, with and without a snapshot under way. Prints; asserts nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { DirEntry, KVSRequest } from "../src/model/kv.ts";
import { systemClock } from "../src/ports/clock.ts";
import { silentLogger } from "../src/ports/log.ts";
import { noMetrics } from "../src/ports/metrics.ts";
import { systemRandom } from "../src/ports/random.ts";
import { createRaft } from "../src/raft/raft.ts";
import { encodeCommand } from "../src/state/commands.ts";
import { StateFsm } from "../src/state/fsm.ts";
import { StateStore } from "../src/state/state-store.ts";

const KEYS = Number(process.argv[2] ?? 1_000_000);
const ID = "bench";
const ADDRESS = "127.3.0.1:8300";
const WRITERS = 16;

const kvSet = (i: number, value: string): Buffer =>
  encodeCommand(
    "kvs",
    KVSRequest.make({
      Op: "set",
      DirEnt: DirEntry.make({ Key: `app/${i % 997}/config/${i}`, Value: Buffer.from(value) }),
    }),
  );
const print = (name: string, value: string): void => console.log(`${name.padEnd(44)} ${value}`);

interface Gap {
  readonly wallMs: number;
  /** What this thread itself computed meanwhile: on a busy machine the rest is waiting for a processor. */
  readonly cpuMs: number;
}

/** Gaps between turns of the event loop. */
function watchLoop(): { readonly stop: () => readonly Gap[] } {
  const gaps: Gap[] = [];
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
    gaps.push({ wallMs: now - last, cpuMs: nowCpu - lastCpu });
    last = now;
    lastCpu = nowCpu;
    if (on) setImmediate(look);
  };
  setImmediate(look);
  return {
    stop: () => {
      on = false;
      return gaps;
    },
  };
}

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
    metrics: noMetrics,
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
  let latencies: number[] = [];
  const writers = Array.from({ length: WRITERS }, async (_, n) => {
    for (let i = n; writing; i += WRITERS) {
      const start = performance.now();
      await raft.apply(kvSet((i * 7919) % KEYS, "w"));
      latencies.push(performance.now() - start);
    }
  });
  const phase = async (name: string, run: () => Promise<string>): Promise<void> => {
    latencies = [];
    const start = performance.now();
    const loop = watchLoop();
    const said = await run();
    const gaps = loop.stop();
    const seconds = (performance.now() - start) / 1000;
    const sorted = latencies.sort((a, b) => a - b);
    const at = (q: number): string => (sorted[Math.floor(sorted.length * q)] ?? 0).toFixed(1);
    print(`${name}`, `${seconds.toFixed(1)} s${said}`);
    for (const key of ["wallMs", "cpuMs"] as const) {
      const worst = gaps.map((g) => g[key]).sort((x, y) => y - x);
      print(
        `  longest stalls of the event loop, ${key === "wallMs" ? "wall" : "own CPU"}`,
        `${worst
          .slice(0, 4)
          .map((g) => g.toFixed(1))
          .join(", ")} ms; ${worst.filter((g) => g > 50).length} above 50 ms`,
      );
    }
    print(
      "  writes",
      `${Math.round(sorted.length / seconds)}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms`,
    );
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
