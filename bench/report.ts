/** The table (Markdown) and the plot (SVG) of a run. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import type { Described, Sample } from "./row.ts";
import { median, type Ratio, ratioOf } from "./statistics.ts";
import { bars } from "./svg.ts";

export interface Result {
  readonly row: Described;
  readonly consul: readonly Sample[];
  readonly tribune: readonly Sample[];
}

const figure = (v: number): string =>
  Number.isNaN(v) ? "?" : v >= 1000 ? Math.round(v).toLocaleString("en") : v.toPrecision(3);
const spread = (r: Ratio): string =>
  r.pairs === 0
    ? "no pair"
    : `${r.median.toFixed(2)} (${r.lowest.toFixed(2)} to ${r.highest.toFixed(2)}; ${r.pairs})`;
const pick = (samples: readonly Sample[], field: keyof Sample): number[] =>
  samples.map((s) => s[field]).filter((v) => v !== undefined);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export const wallRatio = (r: Result): Ratio => ratioOf(pick(r.tribune, "value"), pick(r.consul, "value"));
const latencyRatio = (r: Result): Ratio => ratioOf(pick(r.tribune, "latencyMs"), pick(r.consul, "latencyMs"));

/** Whether the target is met; a latency that must be no worse is told beside it. */
export const reached = ({ row }: Result, ratio: Ratio): boolean =>
  row.better === "more" ? ratio.median >= row.target : ratio.median <= row.target;

export function machine(): string {
  const load = execFileSync("cat", ["/proc/loadavg"], { encoding: "utf8" }).split(" ")[0]!;
  return `${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, load average at the end ${load}`;
}

const pair = (r: Result, field: keyof Sample, show: (v: number) => string = figure): string => {
  const [consul, tribune] = [pick(r.consul, field), pick(r.tribune, field)];
  if (consul.length === 0 || tribune.length === 0) return "";
  return `${show(median(consul))}, ${show(median(tribune))}`;
};

export function table(results: readonly Result[], head: readonly string[]): string {
  const lines = [
    ...head,
    "",
    "| row | unit | Consul 1.8.7 | Tribune | ratio (spread; pairs) | target | CPU per operation, us: Consul, Tribune, ratio | p99 ms (DNS: mean): Consul, Tribune, ratio | tool's share of the CPU | errors |",
    "| --- | --- | ---: | ---: | --- | --- | --- | --- | --- | --- |",
  ];
  for (const r of results) {
    const { row, consul, tribune } = r;
    const ratio = wallRatio(r);
    const latency = latencyRatio(r);
    const cpu = ratioOf(pick(tribune, "cpuUs"), pick(consul, "cpuUs"));
    const errors = [sum(pick(consul, "errors")), sum(pick(tribune, "errors"))] as const;
    const late = row.latency === true && latency.pairs > 0 && latency.median > 1 ? ", p99 **no**" : "";
    lines.push(
      `| ${[
        row.title,
        row.unit,
        figure(median(pick(consul, "value"))),
        figure(median(pick(tribune, "value"))),
        spread(ratio),
        `${row.better === "more" ? "≥" : "≤"} ${row.target.toFixed(2)} ${reached(r, ratio) ? "yes" : "**no**"}${late}`,
        cpu.pairs === 0 ? "" : `${pair(r, "cpuUs")}, ${cpu.median.toFixed(2)}`,
        latency.pairs === 0 ? "" : `${pair(r, "latencyMs")}, ${latency.median.toFixed(2)}`,
        pair(r, "toolShare", (v) => `${Math.round(100 * v)} %`),
        pick(consul, "errors").length === 0
          ? ""
          : errors[0] + errors[1] === 0
            ? "0"
            : `**${errors[0]}, ${errors[1]}**`,
      ].join(" | ")} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

const COLOR = { reached: "#2a7f62", ahead: "#c9a227", behind: "#b5403a" } as const;

/** One bar a row on a logarithmic scale: how many times better than the original; the tick is the target. */
export function plot(results: readonly Result[], caption: string): string {
  return bars(
    "Tribune against Consul 1.8.7: times better (bar: median, whisker: spread, tick: target)",
    caption,
    results.map((r) => {
      const ratio = wallRatio(r);
      const turn = (v: number): number => (r.row.better === "more" ? v : 1 / v);
      return {
        name: r.row.title,
        value: turn(ratio.median),
        from: turn(ratio.lowest),
        to: turn(ratio.highest),
        target: turn(r.row.target),
        color: reached(r, ratio) ? COLOR.reached : turn(ratio.median) >= 1 ? COLOR.ahead : COLOR.behind,
      };
    }),
  );
}
