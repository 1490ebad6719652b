/** wrk and dnsperf: how they are started and what their output says. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cpuUsOf } from "./process-facts.ts";
import type { Sample } from "./row.ts";

const run = promisify(execFile);

export interface LoadResult {
  /** Successful answers a second. */
  readonly perSecond: number;
  /** All answers, for CPU per operation. */
  readonly count: number;
  /** wrk: 99th percentile of latency. dnsperf tells no percentile: the mean. */
  readonly latencyMs: number;
  /** Answers that were no success, broken connections, requests without an answer. */
  readonly errors: number;
  /** User and system time of the tool itself, microseconds. */
  readonly toolUs: number;
}

type Parsed = Omit<LoadResult, "toolUs">;

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Milliseconds of wrk's `1.23ms`. */
function wrkMs(text: string): number {
  const found = /^([\d.]+)(us|ms|s|m)$/.exec(text);
  return found === null ? Number.NaN : Number(found[1]) * UNIT_MS[found[2]!]!;
}

const figure = (text: string, pattern: RegExp, what: string): string => {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`${what} is missing in:\n${text}`);
  return found[1]!;
};

export function parseWrk(text: string): Parsed {
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  const count = Number(figure(text, /(\d+) requests in/, "wrk's count"));
  const rate = Number(figure(text, /Requests\/sec:\s+([\d.]+)/, "wrk's rate"));
  return {
    // wrk's rate takes every answer for one.
    perSecond: count === 0 ? 0 : rate * (1 - bad / count),
    count,
    latencyMs: wrkMs(figure(text, /99%\s+(\S+)/, "wrk's 99th percentile")),
    errors: bad + socket.slice(1).reduce((sum, v) => sum + Number(v), 0),
  };
}

export function parseDnsperf(text: string): Parsed {
  const lost = Number(figure(text, /Queries lost:\s+(\d+)/, "dnsperf's loss"));
  const completed = Number(figure(text, /Queries completed:\s+(\d+)/, "dnsperf's count"));
  const rate = Number(figure(text, /Queries per second:\s+([\d.]+)/, "dnsperf's rate"));
  const good = Number(/Response codes:.*?NOERROR (\d+)/.exec(text)?.[1] ?? 0);
  return {
    perSecond: completed === 0 ? 0 : (rate * good) / completed,
    count: completed,
    latencyMs: 1000 * Number(figure(text, /Average Latency \(s\):\s+([\d.]+)/, "dnsperf's latency")),
    errors: lost + completed - good,
  };
}

/** Microseconds in the last line of the shell's `times`, `0m1.25s 0m0.50s`: its children's user and system time. */
export function parseTimes(text: string): number {
  const line = text.trim().split("\n").at(-1) ?? "";
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) throw new Error(`no times in: ${text}`);
  return parts.reduce((sum, [, m, s]) => sum + (Number(m) * 60 + Number(s)) * 1e6, 0);
}

/** Runs a tool under a shell that tells what it cost: nobody else can after it has ended. */
async function timed(tool: string, args: readonly string[]): Promise<readonly [string, number]> {
  const { stdout, stderr } = await run("sh", [
    "-c",
    '"$@"; code=$?; times >&2; exit $code',
    "sh",
    tool,
    ...args,
  ]);
  return [stdout, parseTimes(stderr)];
}

/** `script`: a Lua file for wrk (method, body, changing paths). */
export async function wrk(
  url: string,
  options: { readonly connections: number; readonly seconds: number; readonly script?: string },
): Promise<LoadResult> {
  const { connections, seconds, script } = options;
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "10s"];
  if (script !== undefined) args.push("-s", script);
  const [text, toolUs] = await timed("wrk", [...args, url]);
  return { ...parseWrk(text), toolUs };
}

/** `file`: a query a line, `name type`; `underWay`: queries that wait for their answers at once. */
export async function dnsperf(
  ip: string,
  file: string,
  options: { readonly seconds: number; readonly underWay?: number },
): Promise<LoadResult> {
  const { seconds, underWay = 64 } = options;
  const args = ["-s", ip, "-p", "8600", "-d", file, "-l", `${seconds}`, "-c", "8", "-q", `${underWay}`];
  const [text, toolUs] = await timed("dnsperf", args);
  return { ...parseDnsperf(text), toolUs };
}

/** A load and what the processes under it used: a row's sample. */
export async function loaded(pids: readonly number[], load: () => Promise<LoadResult>): Promise<Sample> {
  const before = cpuUsOf(pids);
  const result = await load();
  const used = cpuUsOf(pids) - before;
  return {
    value: result.perSecond,
    cpuUs: used / result.count,
    latencyMs: result.latencyMs,
    errors: result.errors,
    toolShare: result.toolUs / (result.toolUs + used),
  };
}
