/** wrk and dnsperf: how they are started and what their output says. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface LoadResult {
  readonly perSecond: number;
  readonly count: number;
  /** wrk: 99th percentile of latency. dnsperf tells no percentile: the mean. */
  readonly latencyMs: number;
}

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

export function parseWrk(text: string): LoadResult {
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(text) ?? /Socket errors: (.*)/.exec(text);
  if (failed !== null) throw new Error(`wrk saw failures: ${failed[0]}`);
  return {
    perSecond: Number(figure(text, /Requests\/sec:\s+([\d.]+)/, "wrk's rate")),
    count: Number(figure(text, /(\d+) requests in/, "wrk's count")),
    latencyMs: wrkMs(figure(text, /99%\s+(\S+)/, "wrk's 99th percentile")),
  };
}

export function parseDnsperf(text: string): LoadResult {
  const lost = Number(figure(text, /Queries lost:\s+(\d+)/, "dnsperf's loss"));
  const completed = Number(figure(text, /Queries completed:\s+(\d+)/, "dnsperf's count"));
  if (lost > completed / 100) throw new Error(`dnsperf lost ${lost} of ${completed + lost} queries`);
  return {
    perSecond: Number(figure(text, /Queries per second:\s+([\d.]+)/, "dnsperf's rate")),
    count: completed,
    latencyMs: 1000 * Number(figure(text, /Average Latency \(s\):\s+([\d.]+)/, "dnsperf's latency")),
  };
}

/** `script`: a Lua file for wrk (method, body, changing paths). */
export async function wrk(
  url: string,
  options: { readonly connections: number; readonly seconds: number; readonly script?: string },
): Promise<LoadResult> {
  const { connections, seconds, script } = options;
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "10s"];
  if (script !== undefined) args.push("-s", script);
  return parseWrk((await run("wrk", [...args, url])).stdout);
}

/** `file`: a query a line, `name type`. */
export async function dnsperf(
  ip: string,
  file: string,
  options: { readonly seconds: number },
): Promise<LoadResult> {
  const args = ["-s", ip, "-p", "8600", "-d", file, "-l", String(options.seconds), "-c", "8", "-q", "64"];
  return parseDnsperf((await run("dnsperf", args)).stdout);
}
