/**
 * The cost of an operation over the amount of data: keys, nodes, services and instances at 1, 10 and 100 times, in both programs.
 * Both stand filled side by side, one is loaded while the other rests, in turn (A B A B ..). The exponent of cost ~ data^e is 0 for
 * what touches one thing and 1 for an answer that grows as its data; above that something grows faster than its data.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { answerOf, difference, dnsAnswer } from "./answers.ts";
import { registration } from "./fixture.ts";
import { closeConnections, inParallel, send } from "./http-driver.ts";
import { dnsperf, loaded, wrk } from "./load-tools.ts";
import { atRest, cpuUs, memoryMb } from "./process-facts.ts";
import { address, BenchAgent, discard, type Program, type Programs } from "./programs.ts";
import type { Sample } from "./row.ts";
import { putScript, registered } from "./rows/writes.ts";
import { growthOf, median, type Point } from "./statistics.ts";
import type { Chart } from "./svg.ts";

export const SCALES = [1, 10, 100] as const;
const KEYS = 100;
const NODES = 100;
const INSTANCES = 300;
const CONNECTIONS = 8;
/** Answers that take longer are not put under a load for a time, in which few or none would end, but counted: */
const SLOW_SECONDS = 0.1;
const SLOW_ANSWERS = 4;
const SLOW_WIDTH = 2;
const REGISTRATIONS = 100;
/** What an exponent may be above its own: the scatter of three points. */
const SLACK = 0.15;

const pad = (n: number): string => String(n).padStart(5, "0");

interface GrowthRow {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** 1: the answer itself grows with the data; 0: it does not. */
  readonly exponent: 0 | 1;
  readonly path?: string;
  readonly query?: string;
  /** Why it may grow faster all the same. */
  readonly reason?: string;
}

const perOp = "ms an operation";
const ROWS: readonly GrowthRow[] = [
  { id: "memory", title: "private memory after the fill", unit: "MB", exponent: 1 },
  { id: "kv-get", title: "KV get", unit: perOp, exponent: 0, path: "/v1/kv/grow/00042" },
  { id: "kv-prefix", title: "KV get of all keys", unit: perOp, exponent: 1, path: "/v1/kv/grow/?recurse" },
  { id: "nodes", title: "catalog nodes", unit: perOp, exponent: 1, path: "/v1/catalog/nodes" },
  { id: "services", title: "catalog services", unit: perOp, exponent: 1, path: "/v1/catalog/services" },
  {
    id: "health-few",
    title: "health, 3 instances",
    unit: perOp,
    exponent: 0,
    path: "/v1/health/service/few",
  },
  {
    id: "health-many",
    title: "health, all instances",
    unit: perOp,
    exponent: 1,
    path: "/v1/health/service/many?passing",
    reason:
      "at 100 times the answer has 21 MB and is encoded anew for each request: the encoded answers that are kept have 16 MiB together (KEPT_BODY_BYTES_MAX)",
  },
  { id: "dns-few", title: "DNS A, 3 instances", unit: perOp, exponent: 0, query: "few.service.consul A" },
  { id: "dns-many", title: "DNS A, all instances", unit: perOp, exponent: 1, query: "many.service.consul A" },
  { id: "put", title: "KV put", unit: perOp, exponent: 0 },
  { id: "register", title: "registration until in health", unit: perOp, exponent: 0 },
  { id: "restart", title: "restart to serving", unit: "ms", exponent: 1 },
];
export const GROWTH_LOADS = 10;
export const GROWTH_IDS: readonly string[] = ROWS.map((row) => row.id);

export interface GrowthResult {
  readonly row: GrowthRow;
  /** Median of the pairs at each scale; NaN where it could not be measured. */
  readonly wall: { readonly consul: readonly number[]; readonly tribune: readonly number[] };
  readonly cpu: { readonly consul: readonly number[]; readonly tribune: readonly number[] };
  readonly notes: readonly string[];
}

/** An instance of `service` as three operations of a transaction. */
function instance(node: string, ip: string, service: string, id: string): readonly unknown[] {
  const { Service, Check } = JSON.parse(registration(node, ip, service, id, ip)) as Record<string, object>;
  return [
    { Node: { Verb: "set", Node: { Node: node, Address: ip } } },
    { Service: { Verb: "set", Node: node, Service } },
    { Check: { Verb: "set", Check: { ...Check, Node: node } } },
  ];
}

const INSTANCES_A_TXN = 20;
const KEYS_A_TXN = 64;

async function fill(http: string, scale: number): Promise<void> {
  const Value = Buffer.from("x".repeat(64)).toString("base64");
  const txn = (ops: readonly unknown[]): Promise<string> =>
    send("PUT", `${http}/v1/txn`, JSON.stringify(ops));
  const inTxns = (count: number, each: number, op: (i: number) => readonly unknown[]): Promise<void> =>
    inParallel(Math.ceil(count / each), 8, (t) =>
      txn(Array.from({ length: Math.min(each, count - t * each) }, (_, j) => op(t * each + j)).flat()),
    );
  const node = (i: number): readonly [string, string] => {
    const n = i % (NODES * scale);
    return [`node-${pad(n)}`, `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`];
  };
  await inTxns(KEYS * scale, KEYS_A_TXN, (i) => [{ KV: { Verb: "set", Key: `grow/${pad(i)}`, Value } }]);
  await inTxns(NODES * scale, INSTANCES_A_TXN, (i) => instance(...node(i), `svc-${pad(i)}`, `svc-${pad(i)}`));
  await inTxns(INSTANCES * scale, INSTANCES_A_TXN, (i) => instance(...node(i), "many", `many-${pad(i)}`));
  await inTxns(3, INSTANCES_A_TXN, (i) => instance(...node(i), "few", `few-${i}`));
}

interface Standing {
  readonly program: Program;
  readonly folder: string;
  agent: BenchAgent;
}

async function loadOf(row: GrowthRow, s: Standing, seconds: number, turn: number): Promise<Sample> {
  const { agent } = s;
  if (row.id === "register") {
    const service = `grown-${turn}`;
    const options = { count: REGISTRATIONS, width: CONNECTIONS };
    const { ms, cpuUs } = await registered(agent, service, "/v1/catalog/register", options, (i) =>
      registration(`node-${pad(i % NODES)}`, "10.9.0.1", service, `${service}-${i}`, "10.9.0.2"),
    );
    return { value: ms, cpuUs };
  }
  const [name, type] = (row.query ?? "").split(" ") as [string, "A"];
  const one = (): Promise<unknown> =>
    row.query !== undefined
      ? dnsAnswer(agent.ip, name, type)
      : row.path !== undefined
        ? send("GET", agent.http + row.path)
        : send("PUT", `${agent.http}/v1/kv/bench/put/0`, "1");
  const single = performance.now();
  await one();
  if ((performance.now() - single) / 1000 > SLOW_SECONDS) {
    const before = cpuUs(agent.pid);
    const started = performance.now();
    await inParallel(SLOW_ANSWERS, SLOW_WIDTH, one);
    return {
      value: (performance.now() - started) / SLOW_ANSWERS,
      cpuUs: (cpuUs(agent.pid) - before) / SLOW_ANSWERS,
    };
  }
  const sample = await loaded([agent.pid], () => {
    if (row.query !== undefined) {
      const file = join(s.folder, `${row.id}.txt`);
      writeFileSync(file, `${row.query}\n`);
      return dnsperf(agent.ip, file, { seconds, underWay: CONNECTIONS });
    }
    if (row.path === undefined)
      return wrk(agent.http, { connections: CONNECTIONS, seconds, script: putScript(s.folder) });
    return wrk(agent.http + row.path, { connections: CONNECTIONS, seconds });
  });
  if ((sample.errors ?? 0) > 0) console.error(`${row.title}: ${sample.errors} errors`);
  return { ...sample, value: 1000 / sample.value };
}

/** The rows wanted at all scales, `pairs` times each program in turn. */
export async function growth(
  programs: Programs,
  folder: string,
  options: {
    readonly pairs: number;
    readonly seconds: number;
    readonly wanted: (id: string) => boolean;
  },
): Promise<readonly GrowthResult[]> {
  const names = ["consul", "tribune"] as const;
  const results = ROWS.filter((row) => options.wanted(row.id)).map((row) => ({
    row,
    wall: { consul: [] as number[], tribune: [] as number[] },
    cpu: { consul: [] as number[], tribune: [] as number[] },
    notes: [] as string[],
  }));
  for (const scale of SCALES) {
    const standing = names.map((name, i): Standing => {
      const own = join(folder, `grow-${name}-${scale}`);
      const agent = new BenchAgent(optionsOf(programs[name], own, i));
      return { program: programs[name], folder: own, agent };
    });
    try {
      for (const s of standing) {
        await s.agent.ready();
        await fill(s.agent.http, scale);
      }
      await atRest(standing.map((s) => s.agent.pid));
      for (const result of results) {
        const { row, wall, cpu, notes } = result;
        const samples = { consul: [] as Sample[], tribune: [] as Sample[] };
        try {
          if (row.path !== undefined) {
            const [consul, tribune] = await Promise.all(
              standing.map(async (s) => answerOf(await send("GET", s.agent.http + row.path))),
            );
            const differs = difference(consul!, tribune!);
            if (differs !== undefined) notes.push(`at ${scale} times: ${differs}`);
          }
          const turns = row.id === "memory" ? 1 : options.pairs;
          for (let turn = 0; turn < turns; turn++)
            for (const [i, s] of standing.entries()) {
              await atRest([s.agent.pid]);
              samples[s.program.name].push(
                row.id === "memory"
                  ? { value: memoryMb(s.agent.pid, "RssAnon") }
                  : row.id === "restart"
                    ? await restart(s, i)
                    : await loadOf(row, s, options.seconds, turn),
              );
            }
        } catch (error) {
          notes.push(`at ${scale} times: ${(error as Error).message}`);
        }
        for (const name of names) {
          wall[name].push(median(samples[name].map((x) => x.value)));
          cpu[name].push(median(samples[name].map((x) => x.cpuUs ?? Number.NaN)));
        }
        console.log(
          `growth x${scale} ${row.title.padEnd(32)} ${names.map((name) => `${name} ${wall[name].at(-1)!.toPrecision(3)}`).join(", ")} ${row.unit}`,
        );
      }
    } finally {
      closeConnections();
      for (const s of standing) await discard(s.agent);
    }
  }
  return results;
}

const optionsOf = (program: Program, folder: string, i: number) =>
  ({ program, ip: address(`8.${i + 1}`), name: "grown", folder, servers: 1 }) as const;

/** kill -9, and from the start to a write taken. */
async function restart(s: Standing, i: number): Promise<Sample> {
  closeConnections();
  await s.agent.stop();
  const started = performance.now();
  s.agent = new BenchAgent(optionsOf(s.program, s.folder, i));
  await s.agent.ready(300_000);
  await send("PUT", `${s.agent.http}/v1/kv/bench/after`, "1");
  return { value: performance.now() - started, cpuUs: cpuUs(s.agent.pid) };
}

const points = (values: readonly number[]): readonly Point[] =>
  values.map((y, i) => ({ x: SCALES[i]!, y })).filter((p) => Number.isFinite(p.y));

const figure = (v: number): string => (Number.isNaN(v) ? "?" : v >= 1000 ? v.toFixed(0) : v.toPrecision(3));

export function growthTable(results: readonly GrowthResult[]): readonly string[] {
  const lines = [
    `| what | unit | Consul at ${SCALES.join(", ")} times the data | Tribune | exponent of the wall time: Consul, Tribune | of the CPU | as its data or less |`,
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  const notes: string[] = [];
  for (const { row, wall, cpu, notes: told } of results) {
    const e = {
      consul: growthOf(points(wall.consul)),
      tribune: growthOf(points(wall.tribune)),
      cpuConsul: growthOf(points(cpu.consul)),
      cpuTribune: growthOf(points(cpu.tribune)),
    };
    const worst = Number.isNaN(e.cpuTribune) ? e.tribune : Math.min(e.tribune, e.cpuTribune);
    const ok = worst <= row.exponent + SLACK;
    if (!ok)
      notes.push(
        `- **${row.title}** grows with exponent ${worst.toFixed(2)}, and should with ${row.exponent}: ${row.reason ?? "to be explained"}.`,
      );
    for (const note of told) notes.push(`- ${row.title}, ${note}`);
    const list = (values: readonly number[]): string => values.map(figure).join(", ");
    const pair = (a: number, b: number): string =>
      Number.isNaN(a) ? "" : `${a.toFixed(2)}, ${b.toFixed(2)}`;
    lines.push(
      `| ${row.title} | ${row.unit} | ${list(wall.consul)} | ${list(wall.tribune)} | ${pair(e.consul, e.tribune)} | ${pair(e.cpuConsul, e.cpuTribune)} | ${ok ? "yes" : "**no**"} |`,
    );
  }
  return notes.length === 0 ? lines : [...lines, "", ...notes];
}

export const growthCharts = (results: readonly GrowthResult[]): readonly Chart[] =>
  results.map(({ row, wall }) => {
    const slope = (values: readonly number[]): string => growthOf(points(values)).toFixed(2);
    return {
      title: row.title,
      xName: "times the data",
      yName: row.unit,
      logarithmic: true,
      series: [
        {
          name: `Consul ^${slope(wall.consul)}`,
          points: points(wall.consul),
          dashed: true,
          color: 1,
        },
        { name: `Tribune ^${slope(wall.tribune)}`, points: points(wall.tribune), color: 0 },
      ],
    };
  });
