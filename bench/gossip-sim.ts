/**
 * The real gossip pools of src/gossip on a simulated clock and network, beside what the rules say (gossip-model.ts):
 *
 *   node_modules/.bin/node bench/gossip-sim.ts [--nodes=1000] [--seconds=N] [--events=5] [--crashes=5] [--seed=1]
 *
 * Simulated time does not depend on the machine: one run is enough, on a busy machine as well. Prints a table; exit code 1 when a
 * figure is outside of what the rules allow.
 */
import { parseArgs } from "node:util";
import { SimPool } from "../sim/gossip/pool.ts";
import { BroadcastQueue } from "../src/gossip/memberlist/broadcast-queue.ts";
import { type Expected, expectedOf } from "./gossip-model.ts";
import { median } from "./statistics.ts";

export interface SimFigures {
  readonly nodes: number;
  readonly seed: number;
  readonly datagrams: number;
  readonly datagramBytes: number;
  readonly streamBytes: number;
  /** Seconds, one figure an event or crash: median node and last node; first and last survivor. */
  readonly eventMedian: readonly number[];
  readonly eventLast: readonly number[];
  readonly detectFirst: readonly number[];
  readonly detectLast: readonly number[];
}

interface SimOptions {
  readonly nodes: number;
  readonly seconds: number;
  readonly events: number;
  readonly crashes: number;
  readonly seed: number;
}

/** One way between two nodes, ms: a LAN with some queues. */
const DELAY = { delayMsMin: 0.2, delayMsMax: 1.5, loss: 0 };
const FORM_WITHIN_MS = 600_000;
/** Broadcasts of the joins run out. */
const SETTLE_MS = 30_000;
const HEARD_WITHIN_MS = 120_000;

/** Bytes of a node's meta data, at least: it has no tags. */
const META_BYTES = 1;

const nameOf = (i: number): string => `n${String(i).padStart(4, "0")}`;

/**
 * Every node learns of every other by exchanges of state with the first node, twice round. Nothing is gossiped meanwhile: a thousand
 * nodes that join at once would tell each other a million things some sixteen times each, which is no part of what is measured.
 */
async function form(pool: SimPool, count: number): Promise<void> {
  const { queue } = BroadcastQueue.prototype;
  BroadcastQueue.prototype.queue = function (message, options) {
    queue.call(this, message, options);
    this.clear();
  };
  try {
    for (let i = 0; i < count; i++) await pool.add(nameOf(i));
    const [first, ...others] = pool.nodes;
    for (const _round of [1, 2]) for (const n of others) await pool.settled(n.pool.join([first!.host]));
    if ((await pool.until(() => pool.converged(), FORM_WITHIN_MS, 1_000)) === undefined)
      throw new Error(`${count} nodes did not form a pool`);
  } finally {
    BroadcastQueue.prototype.queue = queue;
  }
}

async function simulate(options: SimOptions, say: (text: string) => void): Promise<SimFigures> {
  const { nodes: count, seconds, events, crashes, seed } = options;
  const pool = new SimPool({ seed, keepLog: false, network: DELAY });
  await form(pool, count);
  say(`${count} nodes know each other after ${(pool.clock.now() / 1000).toFixed(1)} s`);
  const { nodes } = pool;
  await pool.run(SETTLE_MS);

  const { packets, bytes, streamBytes } = pool.network;
  await pool.run(seconds * 1000);
  const rate = (before: number, after: number): number => (after - before) / count / seconds;
  const figures = {
    datagrams: rate(packets, pool.network.packets),
    datagramBytes: rate(bytes, pool.network.bytes),
    streamBytes: rate(streamBytes, pool.network.streamBytes),
  };
  say(`at rest: ${figures.datagrams.toFixed(2)} datagrams a node and second`);

  const eventMedian: number[] = [];
  const eventLast: number[] = [];
  for (let i = 0; i < events; i++) {
    for (const n of nodes) n.events.length = 0;
    const at = pool.clock.now();
    nodes[pool.random.int(count)]!.pool.userEvent(`deploy-${i}`, Buffer.from("bench"));
    const heard = (): number[] =>
      nodes.flatMap((n) => n.events.filter((e) => e.event.kind === "user").map((e) => (e.at - at) / 1000));
    if ((await pool.until(() => heard().length >= count, HEARD_WITHIN_MS)) === undefined)
      throw new Error(`event ${i} did not reach every node; seed ${seed}`);
    eventMedian.push(median(heard()));
    eventLast.push(Math.max(...heard()));
    await pool.run(5_000 + 1_000 * pool.random.float());
  }
  say(`events: last node after ${median(eventLast).toFixed(2)} s`);

  const detectFirst: number[] = [];
  const detectLast: number[] = [];
  for (let i = 0; i < crashes; i++) {
    const up = nodes.filter((n) => n.up);
    for (const n of up) n.events.length = 0;
    const victim = up[pool.random.int(up.length)]!;
    const at = pool.clock.now();
    await pool.crash(victim);
    const noticed = (): number[] =>
      up.flatMap((n) =>
        n.events
          .filter((e) => e.event.kind === "member-failed" && e.event.members[0]!.name === victim.name)
          .map((e) => (e.at - at) / 1000),
      );
    if ((await pool.until(() => noticed().length >= up.length - 1, HEARD_WITHIN_MS)) === undefined)
      throw new Error(`the crash of ${victim.name} was not noticed by all; seed ${seed}`);
    detectFirst.push(Math.min(...noticed()));
    detectLast.push(Math.max(...noticed()));
    await pool.run(5_000 + 1_000 * pool.random.float());
  }
  say(`crashes: last node after ${median(detectLast).toFixed(2)} s`);
  await pool.close();
  return { nodes: count, seed, ...figures, eventMedian, eventLast, detectFirst, detectLast };
}

const rulesFor = (nodes: number): Expected => expectedOf(nodes, nameOf(0).length, META_BYTES);

const fixed = (v: number): string => (v >= 100 ? v.toFixed(0) : v.toFixed(2));

/** A line a measure: figure, what the rules say, whether it is so. */
export function simTable(f: SimFigures): { readonly lines: readonly string[]; readonly ok: boolean } {
  const want = rulesFor(f.nodes);
  const rows = [
    {
      name: "datagrams of a node a second",
      got: fixed(f.datagrams),
      rule: `${fixed(want.datagrams)} (a ping, an ack)`,
      ok: Math.abs(f.datagrams / want.datagrams - 1) < 0.1,
    },
    {
      name: "their bytes",
      got: fixed(f.datagramBytes),
      rule: `${fixed(want.datagramBytes)}`,
      ok: f.datagramBytes <= 1.1 * want.datagramBytes,
    },
    {
      name: "bytes of a node a second by streams",
      got: fixed(f.streamBytes),
      rule: `below ${fixed(want.streamBytesMax)} (an exchange each ${want.pushPullSeconds} s, uncompressed)`,
      ok: f.streamBytes <= 1.1 * want.streamBytesMax,
    },
    {
      name: "crash to the first that declares it, s: median, worst",
      got: `${fixed(median(f.detectFirst))}, ${fixed(Math.max(...f.detectFirst))}`,
      rule: `mean ${fixed(want.detectSeconds)}, likely ${fixed(want.detectSecondsMin)} to ${fixed(want.detectSecondsMax)} (suspicion ${fixed(want.suspicionSeconds)})`,
      ok: median(f.detectFirst) >= want.detectSecondsMin && median(f.detectFirst) <= want.detectSecondsMax,
    },
    {
      name: "crash to the last that knows, s: median, worst",
      got: `${fixed(median(f.detectLast))}, ${fixed(Math.max(...f.detectLast))}`,
      rule: `the former and ${fixed(want.spreadSeconds)} to spread`,
      ok: median(f.detectLast) <= want.detectSecondsMax + 2 * want.spreadSeconds,
    },
    {
      name: "event to the median node, s: median, worst",
      got: `${fixed(median(f.eventMedian))}, ${fixed(Math.max(...f.eventMedian))}`,
      rule: `half of the last node's: ${fixed(want.spreadSeconds / 2)}`,
      ok: median(f.eventMedian) <= want.spreadSeconds,
    },
    {
      name: "event to the last node, s: median, worst",
      got: `${fixed(median(f.eventLast))}, ${fixed(Math.max(...f.eventLast))}`,
      rule: `${fixed(want.spreadSeconds)} (logistic epidemic); up to half as much more for rounds and delays`,
      ok: median(f.eventLast) <= 1.5 * want.spreadSeconds,
    },
  ];
  return {
    ok: rows.every((r) => r.ok),
    lines: [
      `| ${f.nodes} nodes simulated, seed ${f.seed} | Tribune | rule | within |`,
      "| --- | --- | --- | --- |",
      ...rows.map((r) => `| ${r.name} | ${r.got} | ${r.rule} | ${r.ok ? "yes" : "**no**"} |`),
    ],
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      nodes: { type: "string", default: "1000" },
      seconds: { type: "string" },
      events: { type: "string", default: "5" },
      crashes: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const figures = await simulate(
    {
      nodes: Number(values.nodes),
      // A whole interval of exchanges: pools that form at once exchange at once.
      seconds: Number(values.seconds ?? rulesFor(Number(values.nodes)).pushPullSeconds),
      events: Number(values.events),
      crashes: Number(values.crashes),
      seed: Number(values.seed),
    },
    (text) => console.error(`sim: ${text}`),
  );
  const { lines, ok } = simTable(figures);
  console.log(values.json ? JSON.stringify(figures) : lines.join("\n"));
  process.exitCode = ok ? 0 : 1;
}

if (import.meta.main) await main();
