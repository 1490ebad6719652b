/** How often a program asks the disk to keep what it was given, a write at a time: both must, or no row on writes is a comparison. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./http-driver.ts";
import { address, BenchAgent, discard, type Program } from "./programs.ts";

const WRITES = 20;
const ATTACH_MS = 1_500;
const CALLS = /\b(?:fsync|fdatasync)\(/g;

export interface Syncs {
  readonly writes: number;
  readonly calls: number;
}

/** Calls in the output of `strace -f`: a call that another thread interrupts has a second line without a parenthesis. */
export const countSyncs = (text: string): number => [...text.matchAll(CALLS)].length;

/** Writes keys one after the other under strace; undefined where strace is not there or not allowed. */
export async function syncsOf(program: Program, folder: string): Promise<Syncs | undefined> {
  const agent = new BenchAgent({
    program,
    ip: address("7.1"),
    name: "synced",
    folder: join(folder, "synced"),
    servers: 1,
  });
  let tracer: ChildProcess | undefined;
  try {
    await agent.ready();
    const out = join(folder, "strace.txt");
    tracer = spawn("strace", ["-f", "-e", "trace=fsync,fdatasync", "-o", out, "-p", String(agent.pid)], {
      stdio: "ignore",
    });
    const failed = await Promise.race([
      once(tracer, "error").then(() => true),
      once(tracer, "exit").then(() => true),
      sleep(ATTACH_MS).then(() => false),
    ]);
    if (failed) return undefined;
    const before = existsSync(out) ? countSyncs(readFileSync(out, "latin1")) : 0;
    for (let i = 0; i < WRITES; i++) await send("PUT", `${agent.http}/v1/kv/bench/sync/${i}`, "1");
    tracer.kill("SIGINT");
    await once(tracer, "exit");
    tracer = undefined;
    return { writes: WRITES, calls: countSyncs(readFileSync(out, "latin1")) - before };
  } finally {
    tracer?.kill("SIGKILL");
    await discard(agent);
  }
}

export const syncsText = (name: string, s: Syncs | undefined): string =>
  s === undefined
    ? `${name}: not looked at (strace is missing or not allowed)`
    : `${name}: ${s.calls} fsync/fdatasync calls for ${s.writes} writes in turn${s.calls >= s.writes ? "" : " **fewer than writes**"}`;
