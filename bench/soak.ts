/**
 * `npm run bench -- --soak`: three servers and ten clients with checks running, at half of the load that they can take, for an hour.
 * Memory, open files, the event loop's delay and the answers' latency over time; a measure that goes up fails the run.
 */
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { closeConnections, getJson } from "./http-driver.ts";
import { atRest, cpuUs, memoryMb, openFiles } from "./process-facts.ts";
import { address, BenchAgent, type Program } from "./programs.ts";
import { SoakLoad } from "./soak-load.ts";
import { median, type Point, type Tolerance, trendOf } from "./statistics.ts";
import type { Chart, Series } from "./svg.ts";
import { until } from "./until.ts";

const SERVERS = 3;
const CLIENTS = 10;
const FORM_WITHIN_MS = 120_000;
/** Compilers and heaps get as far as they get: at full load, before the peak is measured. */
const WARM_UP_SECONDS = 20;
const PEAK_SECONDS = 10;
/** Samples of a run, and the least time between two. */
const SAMPLES = 240;
const SAMPLE_SECONDS_MIN = 2;
/** Of the run's time: what comes before counts as start. */
const SETTLE_SHARE = 0.15;
/** Operations that may fail: an agent that restarts nothing and loses nothing has none. */
const ERROR_SHARE_MAX = 0.001;
const REST_SECONDS = 10;

interface Measure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly tolerance: Tolerance;
}

/** A raft log that is cut often: with the default of 16,384 entries memory rises for a quarter of an hour before it first falls. */
const RAFT_LOG = { raft_snapshot_threshold: 4_096, raft_snapshot_interval: "10s", raft_trailing_logs: 2_048 };

const MEMORY: Tolerance = { share: 0.1, floor: 10 };
const MEASURES: readonly Measure[] = [
  { id: "rss", title: "resident memory", unit: "MB", tolerance: MEMORY },
  { id: "anon", title: "private memory", unit: "MB", tolerance: MEMORY },
  { id: "files", title: "open files", unit: "files", tolerance: { share: 0.1, floor: 10 } },
  {
    id: "loop",
    title: "delay of the event loop, mean of 10 s",
    unit: "ms",
    tolerance: { share: 0.5, floor: 5 },
  },
  { id: "cpu", title: "CPU", unit: "ms a second", tolerance: { share: 0.25, floor: 20 } },
];
const LATENCY: Measure = {
  id: "latency",
  title: "latency of the load, 99th percentile",
  unit: "ms",
  tolerance: { share: 0.5, floor: 20 },
};

export interface SoakOutcome {
  readonly lines: readonly string[];
  readonly charts: readonly Chart[];
  readonly ok: boolean;
}

/** A client's services: checks of each kind that needs no driver. */
const services = (target: string): readonly unknown[] => [
  {
    id: "web",
    name: "web",
    port: 80,
    tags: ["v1"],
    checks: [
      { id: "web-http", http: target, interval: "2s", timeout: "1s" },
      { id: "web-tcp", tcp: new URL(target).host, interval: "2s", timeout: "1s" },
    ],
  },
  {
    id: "job",
    name: "job",
    port: 81,
    checks: [{ id: "job-script", args: ["true"], interval: "10s", timeout: "5s" }],
  },
];

/** What the HTTP and TCP checks look at. */
async function target(): Promise<Server> {
  const server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((done) => server.listen(8080, address("9.100"), done));
  return server;
}

interface Metrics {
  readonly Samples: readonly { readonly Name: string; readonly Mean: number }[];
}

/** Tribune tells how late its loop is; Consul has none. */
async function loopDelay(agent: BenchAgent): Promise<number> {
  const metrics = (await getJson(`${agent.http}/v1/agent/metrics`)) as Metrics;
  return metrics.Samples.find((s) => s.Name.endsWith("runtime.loop_delay_ms"))?.Mean ?? Number.NaN;
}

/** Points over time by `measure agent`; clients only as their mean and their most. */
class Course {
  readonly #points = new Map<string, Point[]>();

  add(measure: string, who: string, x: number, y: number): void {
    if (!Number.isFinite(y)) return;
    const key = `${measure} ${who}`;
    const list = this.#points.get(key) ?? [];
    list.push({ x, y });
    this.#points.set(key, list);
  }

  of(measure: string): readonly (readonly [string, readonly Point[]])[] {
    return [...this.#points]
      .filter(([key]) => key.startsWith(`${measure} `))
      .map(([key, points]) => [key.slice(measure.length + 1), points] as const);
  }
}

export async function soak(program: Program, folder: string, seconds: number): Promise<SoakOutcome> {
  const checked = await target();
  const url = `http://${address("9.100")}:8080/`;
  const ips = Array.from({ length: SERVERS }, (_, i) => address(`9.${i + 1}`));
  const servers = ips.map(
    (ip, i) =>
      new BenchAgent({
        program,
        ip,
        name: `s${i + 1}`,
        folder: join(folder, `soak-s${i + 1}`),
        servers: SERVERS,
        join: ips.filter((other) => other !== ip),
        settings: RAFT_LOG,
      }),
  );
  const clients: BenchAgent[] = [];
  try {
    for (const s of servers) await s.ready(FORM_WITHIN_MS);
    for (let i = 0; i < CLIENTS; i++) {
      const client = new BenchAgent({
        program,
        ip: address(`10.${i + 1}`),
        name: `c${i + 1}`,
        folder: join(folder, `soak-c${i + 1}`),
        servers: 0,
        join: ips,
        settings: { services: services(url), enable_local_script_checks: true },
      });
      clients.push(client);
      await client.ready(FORM_WITHIN_MS);
    }
    await until(
      "all checks pass",
      FORM_WITHIN_MS,
      async () => {
        const web = (await getJson(`${servers[0]!.http}/v1/health/service/web?passing`)) as unknown[];
        const job = (await getJson(`${servers[0]!.http}/v1/health/service/job?passing`)) as unknown[];
        return web.length === CLIENTS && job.length === CLIENTS;
      },
      250,
    );
    const load = new SoakLoad(servers, clients);
    await load.fill();
    await load.peak(WARM_UP_SECONDS);
    const peak = await load.peak(PEAK_SECONDS);
    if (!(peak > 0)) throw new Error(`no operation succeeded: ${[...load.errorTexts.keys()].join("; ")}`);
    console.log(
      `peak ${peak.toFixed(0)} operations a second; ${(seconds / 60).toFixed(1)} min at half of it`,
    );
    const { course, done, errors } = await watched(load, servers, clients, peak / 2, seconds);
    closeConnections();
    await atRest([...servers, ...clients].map((a) => a.pid));
    await sleep(1000 * REST_SECONDS);
    const rest = (agents: readonly BenchAgent[]): string =>
      `${median(agents.map((a) => memoryMb(a.pid, "VmRSS"))).toFixed(1)} MB resident, ${median(agents.map((a) => memoryMb(a.pid, "RssAnon"))).toFixed(1)} MB private`;
    return outcome(
      course,
      seconds,
      [
        `Three servers, ten clients with 30 checks; ${(peak / 2).toFixed(0)} operations a second, half of the peak; ${done} done, ${errors} failed.`,
        ...[...load.errorTexts].map(([text, n]) => `- ${n} times: ${text}`),
        "",
        `At rest after ${(seconds / 60).toFixed(1)} min of load, medians: a server ${rest(servers)}; a client ${rest(clients)}.`,
      ],
      errors <= ERROR_SHARE_MAX * (done + errors),
    );
  } finally {
    for (const a of [...clients, ...servers]) await a.stop();
    closeConnections();
    checked.closeAllConnections();
    checked.close();
  }
}

async function watched(
  load: SoakLoad,
  servers: readonly BenchAgent[],
  clients: readonly BenchAgent[],
  perSecond: number,
  seconds: number,
): Promise<{ readonly course: Course; readonly done: number; readonly errors: number }> {
  const course = new Course();
  const every = Math.max(SAMPLE_SECONDS_MIN, seconds / SAMPLES);
  const began = performance.now();
  const spent = (): number => (performance.now() - began) / 1000;
  const all = [...servers, ...clients];
  let cpu = new Map(all.map((a) => [a, cpuUs(a.pid)]));
  let [done, errors, before] = [0, 0, 0];
  load.window();
  const stop = load.start(perSecond);
  try {
    for (let next = every; next <= seconds + 0.001; next += every) {
      await sleep(Math.max(0, 1000 * (next - spent())));
      const at = spent();
      const facts = await Promise.all(
        all.map(async (a) => ({
          name: a.options.name,
          rss: memoryMb(a.pid, "VmRSS"),
          anon: memoryMb(a.pid, "RssAnon"),
          files: openFiles(a.pid),
          cpu: (cpuUs(a.pid) - cpu.get(a)!) / 1000 / (at - before),
          loop: await loopDelay(a).catch(() => Number.NaN),
        })),
      );
      cpu = new Map(all.map((a) => [a, cpuUs(a.pid)]));
      before = at;
      for (const { id } of MEASURES) {
        const of = (f: (typeof facts)[number]): number => f[id as "rss"];
        for (const f of facts.slice(0, SERVERS)) course.add(id, f.name, at, of(f));
        const some = facts.slice(SERVERS).map(of);
        course.add(id, "clients, mean", at, some.reduce((a, b) => a + b, 0) / some.length);
        course.add(id, "clients, most", at, Math.max(...some));
      }
      const w = load.window();
      done += w.done;
      errors += w.errors;
      course.add(LATENCY.id, "all", at, w.latencyMs);
      if (Math.floor(at / 60) !== Math.floor((at - every) / 60))
        console.log(
          `${(at / 60).toFixed(1)} min: ${(w.done / every).toFixed(0)} a second, ${errors} errors, p99 ${w.latencyMs.toFixed(1)} ms; servers ${facts
            .slice(0, SERVERS)
            .map((f) => `${f.rss.toFixed(0)} MB, ${f.files} files, loop ${f.loop.toFixed(1)} ms`)
            .join("; ")}`,
        );
    }
  } finally {
    stop();
  }
  return { course, done, errors };
}

function outcome(course: Course, seconds: number, head: readonly string[], fewErrors: boolean): SoakOutcome {
  const lines = [
    ...head,
    "",
    `The first ${Math.round(100 * SETTLE_SHARE)} % of the time count as start. Upward: the line through all samples rises and the last third's median is above the first third's by more than the tolerance.`,
    "",
    "| measure | of | first third | last third | per hour | tolerance | upward |",
    "| --- | --- | ---: | ---: | ---: | --- | --- |",
  ];
  let ok = fewErrors;
  const charts: Chart[] = [];
  for (const measure of [...MEASURES, LATENCY]) {
    const series: Series[] = [];
    for (const [who, points] of course.of(measure.id)) {
      series.push({ name: who, points: points.map((p) => ({ x: p.x / 60, y: p.y })) });
      const { tolerance } = measure;
      const t = trendOf(
        points.filter((p) => p.x >= SETTLE_SHARE * seconds),
        tolerance,
      );
      if (t.upward) ok = false;
      lines.push(
        `| ${measure.title}, ${measure.unit} | ${who} | ${t.first.toFixed(1)} | ${t.last.toFixed(1)} | ${t.perHour.toFixed(1)} | ${Math.round(100 * tolerance.share)} % or ${tolerance.floor} | ${t.upward ? "**yes**" : "no"} |`,
      );
    }
    if (series.length > 0)
      charts.push({ title: measure.title, xName: "minutes", yName: measure.unit, series });
  }
  if (!fewErrors) lines.push("", `**More than ${100 * ERROR_SHARE_MAX} % of the operations failed.**`);
  return { lines, charts, ok };
}
