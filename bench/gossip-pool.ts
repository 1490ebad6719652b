/**
 * A pool of real processes, one server and many client agents, in a network namespace of its own, so that the kernel's counters
 * of `lo` hold nothing else. rows/gossip.ts runs it as a child, by itself (as root):
 *
 *   unshare -n node_modules/.bin/node bench/gossip-pool.ts --program=tribune|consul [--agents=40] [--seconds=20] [--kills=2]
 *
 * Prints one line of JSON (`PoolFigures`). Detection and delivery are what the agents themselves say: their log lines of a failed
 * member (both programs word them alike), their answers to a blocking query on the event list.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { getJson, inParallel, send } from "./http-driver.ts";
import { atRest, cpuUsOf, type NetworkFacts, networkFacts, proportionalMb } from "./process-facts.ts";
import { address, BenchAgent, PROGRAMS, type Program } from "./programs.ts";
import { median } from "./statistics.ts";
import { until } from "./until.ts";

export interface PoolFigures {
  readonly agents: number;
  /** Per node and second, at rest. */
  readonly datagrams: number;
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds of CPU a second of a client agent, at rest. */
  readonly cpuMs: number;
  /** MB of a client agent, shared pages divided among their users. */
  readonly memoryMb: number;
  /** Seconds from kill -9 until the first and until the last survivor says so; medians of the kills. */
  readonly detectFirst: number;
  readonly detectLast: number;
  /** Milliseconds from the request that fires an event until the median and until the last agent shows it. */
  readonly eventMedian: number;
  readonly eventLast: number;
}

const FORM_WITHIN_MS = 120_000;
/** After the last agent sees all others: joins' broadcasts run out, first pushes of the catalog end. */
const SETTLE_MS = 5_000;
const DETECT_WITHIN_MS = 90_000;
const LOG_LOOK_MS = 20;
/** Agents that start at once. */
const START_WIDTH = 8;

/** Reads the whole lines that a log file got since the last look. */
class Tail {
  readonly #file: number;
  #at = 0;
  #rest = "";

  constructor(path: string) {
    this.#file = openSync(path, "r");
    this.read();
  }

  read(): string {
    const buffer = Buffer.alloc(64 << 10);
    for (;;) {
      const n = readSync(this.#file, buffer, 0, buffer.length, this.#at);
      if (n === 0) break;
      this.#at += n;
      this.#rest += buffer.toString("latin1", 0, n);
    }
    const end = this.#rest.lastIndexOf("\n") + 1;
    const lines = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end);
    return lines;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Ends one agent; seconds after which the first and the last of the others said so in their logs. */
async function kill(victim: BenchAgent, others: readonly BenchAgent[]): Promise<readonly [number, number]> {
  const open = new Map(others.map((a) => [a, new Tail(a.log)]));
  const line = `EventMemberFailed: ${victim.options.name} `;
  const heard: number[] = [];
  const killed = performance.now();
  await victim.stop("SIGKILL");
  try {
    await until(
      `the loss of ${victim.options.name} in ${others.length} logs`,
      DETECT_WITHIN_MS,
      () => {
        for (const [agent, tail] of open) {
          if (!tail.read().includes(line)) continue;
          heard.push((performance.now() - killed) / 1000);
          tail.close();
          open.delete(agent);
        }
        return open.size === 0;
      },
      LOG_LOOK_MS,
    );
  } finally {
    for (const tail of open.values()) tail.close();
  }
  return [Math.min(...heard), Math.max(...heard)];
}

/** One event; milliseconds until each of the agents shows it. */
async function fire(from: BenchAgent, to: readonly BenchAgent[], name: string): Promise<readonly number[]> {
  const shown = `/v1/event/list?name=${name}`;
  const urls = await Promise.all(
    to.map(async (a) => {
      const response = await fetch(a.http + shown);
      await response.arrayBuffer();
      const index = response.headers.get("x-consul-index");
      return `${a.http}${shown}&index=${index}&wait=60s`;
    }),
  );
  const replies = urls.map(async (url) => {
    for (;;) {
      const list = (await (await fetch(url)).json()) as readonly unknown[];
      if (list.length > 0) return performance.now();
    }
  });
  // The queries are on their way: they must wait at the agents before the event comes.
  await sleep(500);
  const fired = performance.now();
  await send("PUT", `${from.http}/v1/event/fire/${name}`, "payload");
  return (await Promise.all(replies)).map((at) => at - fired);
}

async function pool(
  program: Program,
  agents: number,
  seconds: number,
  kills: number,
  folder: string,
): Promise<PoolFigures> {
  const server = new BenchAgent({
    program,
    ip: address("5.1"),
    name: "s1",
    folder: join(folder, "s1"),
    servers: 1,
    settings: { log_level: "info" },
  });
  const clients: BenchAgent[] = [];
  try {
    await server.ready();
    await inParallel(agents, START_WIDTH, async (i) => {
      const client = new BenchAgent({
        program,
        ip: address(`6.${i + 1}`),
        name: `c${i + 1}`,
        folder: join(folder, `c${i + 1}`),
        servers: 0,
        join: [server.ip],
        settings: { log_level: "info" },
      });
      clients.push(client);
      await client.ready(FORM_WITHIN_MS);
    });
    const all = [server, ...clients];
    await until(
      "a pool in which all see all",
      FORM_WITHIN_MS,
      async () => {
        for (const a of all) {
          const members = (await getJson(`${a.http}/v1/agent/members`)) as readonly {
            readonly Status: number;
          }[];
          if (members.filter((m) => m.Status === 1).length !== all.length) return false;
        }
        return true;
      },
      500,
    );
    await sleep(SETTLE_MS);
    await atRest(all.map((a) => a.pid));

    const before = networkFacts();
    const pids = clients.map((a) => a.pid);
    const cpuBefore = cpuUsOf(pids);
    const began = performance.now();
    await sleep(1000 * seconds);
    const took = (performance.now() - began) / 1000;
    const after = networkFacts();
    const cpuMs = (cpuUsOf(pids) - cpuBefore) / 1000 / took / agents;
    const rate = (field: keyof NetworkFacts): number => (after[field] - before[field]) / took / all.length;
    const memory = pids.map(proportionalMb);

    const delivered = await fire(clients[0]!, all, "bench");
    const detections: (readonly [number, number])[] = [];
    for (let i = 0; i < kills; i++) {
      const victim = clients.pop()!;
      detections.push(await kill(victim, [server, ...clients]));
    }
    return {
      agents,
      datagrams: rate("datagrams"),
      packets: rate("packets"),
      bytes: rate("bytes"),
      cpuMs,
      memoryMb: median(memory),
      detectFirst: median(detections.map(([first]) => first)),
      detectLast: median(detections.map(([, last]) => last)),
      eventMedian: median(delivered),
      eventLast: Math.max(...delivered),
    };
  } finally {
    for (const a of [server, ...clients]) await a.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      program: { type: "string", default: "tribune" },
      path: { type: "string" },
      agents: { type: "string", default: "40" },
      seconds: { type: "string", default: "20" },
      kills: { type: "string", default: "2" },
    },
  });
  if (values.program !== "tribune" && values.program !== "consul")
    throw new Error("--program is tribune or consul");
  const known = PROGRAMS[values.program];
  const program: Program = { ...known, path: values.path ?? known.path };
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const folder = mkdtempSync(join(tmpdir(), "bench-pool-"));
  try {
    const figures = await pool(
      program,
      Number(values.agents),
      Number(values.seconds),
      Number(values.kills),
      folder,
    );
    console.log(JSON.stringify(figures));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
