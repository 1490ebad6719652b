/**
 * Ten thousand blocking queries on one service at one agent, against both programs in turn: memory of a waiter, time from a
 * change to the last reply, and who wakes. Run by itself:
 *
 *   node_modules/.bin/node bench/blocking.ts [--waiters=10000] [--others=1000] [--rounds=3] [--program=tribune|consul] [--heap] [--brief]
 *
 * Each waiter has a connection of its own, as ten thousand processes would. First every connection asks once and stays open
 * (that is what sockets cost), then every one waits (the difference is what waiting costs). Memory is what the kernel says of
 * the process after it has been at rest. `--heap` measures Tribune's heap after a collection instead, over the inspector, and
 * plays no changes: a process that has been inspected is several times slower.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { getJson, send } from "./http-driver.ts";
import { atRest, cpuUs, memoryMb } from "./process-facts.ts";
import { address, BenchAgent, discard, missing, PROGRAMS, type Program } from "./programs.ts";
import { percentile } from "./statistics.ts";

const IP = { tribune: address("20.1"), consul: address("20.2") } as const;
/** Connections opened at once: below any backlog. */
const OPENED_AT_ONCE = 200;
const REPLY_WITHIN_MS = 60_000;

interface Options {
  readonly waiters: number;
  readonly others: number;
  readonly rounds: number;
  readonly heap: boolean;
  /** Ends with the last change: nothing about what is left when all went away. */
  readonly brief: boolean;
}

/** One connection that asks and counts its replies. */
class Waiter {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #host: string;
  #index = "";
  #buffered = "";
  #onReply: (() => void) | undefined;
  replies = 0;

  constructor(host: string, path: string) {
    this.#host = host;
    this.#path = path;
    this.#socket = connect({ host, port: 8500 });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => this.#onData(text));
    this.#socket.on("error", (error) => console.error(`waiter: ${error.message}`));
  }

  /** Asks; `blocking` from the index of the last reply. Resolves with the reply's time. */
  ask(blocking: boolean): Promise<number> {
    const query = blocking ? `${this.#path}?wait=590s&index=${this.#index}` : this.#path;
    this.#socket.write(`GET ${query} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`);
    return new Promise((resolve) => {
      this.#onReply = () => resolve(performance.now());
    });
  }

  #onData(text: string): void {
    this.#buffered += text;
    const head = this.#buffered.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /^content-length: (\d+)/im.exec(this.#buffered)?.[1];
    const whole =
      length === undefined
        ? this.#buffered.endsWith("\r\n0\r\n\r\n")
        : this.#buffered.length >= head + 4 + Number(length);
    if (!whole) return;
    this.#index = /^x-consul-index: (\d+)/im.exec(this.#buffered)![1]!;
    this.#buffered = "";
    this.replies++;
    this.#onReply?.();
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function openAll(count: number, host: string, path: string): Promise<Waiter[]> {
  const all: Waiter[] = [];
  while (all.length < count) {
    const some = Array.from(
      { length: Math.min(OPENED_AT_ONCE, count - all.length) },
      () => new Waiter(host, path),
    );
    await Promise.all(some.map((w) => w.ask(false)));
    all.push(...some);
  }
  return all;
}

/** Memory once the process is at rest; the collector of either program gives back what it will within this time. */
async function restingMb(pid: number): Promise<number> {
  await atRest([pid]);
  await sleep(3_000);
  return memoryMb(pid, "VmRSS");
}

/** Bytes of the JavaScript heap after a collection, over the inspector; undefined when it cannot be reached. */
async function heapBytes(pid: number): Promise<number | undefined> {
  process.kill(pid, "SIGUSR1");
  let url: string | undefined;
  for (let i = 0; i < 50 && url === undefined; i++) {
    await sleep(100);
    const list = await fetch("http://127.0.0.1:9229/json/list")
      .then((r) => r.json() as Promise<{ webSocketDebuggerUrl: string }[]>)
      .catch(() => []);
    url = list[0]?.webSocketDebuggerUrl;
  }
  if (url === undefined) return undefined;
  const socket = new WebSocket(url);
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  let id = 0;
  const call = (method: string): Promise<Record<string, number>> =>
    new Promise((resolve) => {
      const mine = ++id;
      const heard = ({ data }: { readonly data: string }): void => {
        const reply = JSON.parse(data) as { id?: number; result: Record<string, number> };
        if (reply.id !== mine) return;
        socket.removeEventListener("message", heard);
        resolve(reply.result);
      };
      socket.addEventListener("message", heard);
      socket.send(JSON.stringify({ id: mine, method }));
    });
  await call("HeapProfiler.collectGarbage");
  const { usedSize } = await call("Runtime.getHeapUsage");
  socket.close();
  return usedSize;
}

const register = (host: string, service: string, n: number): Promise<string> =>
  send(
    "PUT",
    `http://${host}:8500/v1/catalog/register`,
    JSON.stringify({
      Node: `node-${n}`,
      Address: `10.0.0.${n}`,
      Service: { ID: `${service}-${n}`, Service: service, Port: 80, Tags: ["v1"] },
      Check: {
        CheckID: `service:${service}-${n}`,
        Name: "alive",
        Status: "passing",
        ServiceID: `${service}-${n}`,
      },
    }),
  );

const fixed = (n: number, digits = 1): string => n.toFixed(digits);

async function measure(program: Program, { waiters, others, rounds, heap, brief }: Options): Promise<void> {
  const ip = IP[program.name];
  const folder = mkdtempSync(join(tmpdir(), "bench-blocking-"));
  const agent = new BenchAgent({ program, ip, name: "s1", folder, servers: 1 });
  const say = (text: string): void => console.log(`${program.name.padEnd(8)} ${text}`);
  try {
    await agent.ready();
    for (const n of [1, 2, 3]) {
      await register(ip, "watched", n);
      await register(ip, "other", n);
    }
    const { pid } = agent;
    const bare = await restingMb(pid);
    const watching = await openAll(waiters, ip, "/v1/health/service/watched");
    const aside = await openAll(others, ip, "/v1/health/service/other");
    const all = [...watching, ...aside];
    const open = await restingMb(pid);
    const openHeap = heap ? await heapBytes(pid) : undefined;
    const cpuBefore = cpuUs(pid);
    const asked = performance.now();
    let replies = all.map((w) => w.ask(true));
    await atRest([pid]);
    const cpuAsk = (cpuUs(pid) - cpuBefore) / all.length;
    const waiting = await restingMb(pid);
    const waitingHeap = heap ? await heapBytes(pid) : undefined;
    const kb = (from: number, to: number): string => fixed(((to - from) * 1024) / all.length);
    say(`${all.length} connections, ${waiters} wait for one service, ${others} for another`);
    say(
      `resident MB: ${fixed(bare)} bare, ${fixed(open)} with the connections open, ${fixed(waiting)} with all waiting`,
    );
    say(`KB a connection: ${kb(bare, open)}; KB a waiter beside it: ${kb(open, waiting)}`);
    if (openHeap !== undefined && waitingHeap !== undefined)
      say(`heap bytes a waiter after a collection: ${fixed((waitingHeap - openHeap) / all.length, 0)}`);
    say(
      `CPU to take up a blocking query: ${fixed(cpuAsk)} us (asked over ${fixed(performance.now() - asked, 0)} ms with rests)`,
    );
    for (let round = 1; round <= rounds; round++) {
      const before = aside.reduce((n, w) => n + w.replies, 0);
      const cpu = cpuUs(pid);
      const changed = performance.now();
      await register(ip, "watched", 10 + round);
      const taken = performance.now() - changed;
      const late = sleep(REPLY_WITHIN_MS, "late" as const, { ref: false });
      const times = await Promise.race([Promise.all(replies.slice(0, waiters)), late]);
      if (times === "late")
        throw new Error(`not every waiter heard of the change within ${REPLY_WITHIN_MS} ms`);
      const took = times.map((t) => t - changed);
      const at = (share: number): string => fixed(percentile(took, share), 0);
      const woken = aside.reduce((n, w) => n + w.replies, 0) - before;
      say(
        `change ${round}: registered in ${fixed(taken)} ms; replies ms: first ${at(0)}, median ${at(0.5)}, last ${at(1)}; CPU ${fixed((cpuUs(pid) - cpu) / waiters)} us a reply; of the ${others} others ${woken} woke`,
      );
      replies = [...watching.map((w) => w.ask(true)), ...replies.slice(waiters)];
      await atRest([pid]);
    }
    const queries = (await getJson(`http://${ip}:8500/v1/health/service/watched`)) as unknown[];
    say(`the service has ${queries.length} instances at the end`);
    for (const w of all) w.close();
    if (brief) return;
    await atRest([pid]);
    say(`resident MB after all went away: ${fixed(await restingMb(pid))}`);
  } finally {
    await discard(agent);
  }
}

async function main(): Promise<void> {
  const number = (name: string, fallback: number): number =>
    Number(process.argv.find((a) => a.startsWith(`--${name}=`))?.split("=")[1] ?? fallback);
  const only = process.argv.find((a) => a.startsWith("--program="))?.split("=")[1];
  const lacking = missing();
  if (lacking !== undefined) throw new Error(lacking);
  const options = {
    waiters: number("waiters", 10_000),
    others: number("others", 1_000),
    rounds: number("rounds", 3),
    heap: false,
    brief: process.argv.includes("--brief"),
  };
  const files = Number(execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }));
  if (files < options.waiters + options.others + 100)
    throw new Error(
      `${files} open files allowed: ulimit -n ${options.waiters + options.others + 1_000} first`,
    );
  if (process.argv.includes("--heap"))
    return measure(PROGRAMS.tribune, { ...options, rounds: 0, heap: true });
  for (const program of [PROGRAMS.consul, PROGRAMS.tribune])
    if (only === undefined || only === program.name) await measure(program, options);
}

await main();
