/** The table (Markdown) and the plot (SVG) of a run. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import type { Row, Sample } from "./row.ts";
import { median, type Ratio, ratioOf } from "./statistics.ts";

export type Described = Omit<Row, "measure">;

export interface Result {
  readonly row: Described;
  readonly consul: readonly Sample[];
  readonly tribune: readonly Sample[];
}

const figure = (v: number): string =>
  Number.isNaN(v) ? "" : v >= 1000 ? Math.round(v).toLocaleString("en") : v.toPrecision(3);
const spread = (r: Ratio): string =>
  `${r.median.toFixed(2)} (${r.lowest.toFixed(2)} to ${r.highest.toFixed(2)})`;
const pick = (samples: readonly Sample[], field: keyof Sample): number[] =>
  samples.map((s) => s[field]).filter((v) => v !== undefined);

export const wallRatio = (r: Result): Ratio => ratioOf(pick(r.tribune, "value"), pick(r.consul, "value"));

export const reached = ({ row }: Result, ratio: Ratio): boolean =>
  row.better === "more" ? ratio.median >= row.target : ratio.median <= row.target;

export function machine(): string {
  const load = execFileSync("cat", ["/proc/loadavg"], { encoding: "utf8" }).split(" ")[0]!;
  return `${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, load average at the end ${load}`;
}

export function table(results: readonly Result[], head: readonly string[]): string {
  const lines = [
    ...head,
    "",
    "| row | unit | Consul 1.8.7 | Tribune | ratio (spread) | target | CPU per operation, us: Consul, Tribune, ratio | p99 ms (DNS: mean): Consul, Tribune |",
    "| --- | --- | ---: | ---: | --- | --- | --- | --- |",
  ];
  for (const r of results) {
    const { row, consul, tribune } = r;
    const ratio = wallRatio(r);
    const cpu = [pick(consul, "cpuUs"), pick(tribune, "cpuUs")] as const;
    const latency = [pick(consul, "latencyMs"), pick(tribune, "latencyMs")] as const;
    lines.push(
      `| ${[
        row.title,
        row.unit,
        figure(median(pick(consul, "value"))),
        figure(median(pick(tribune, "value"))),
        spread(ratio),
        `${row.better === "more" ? "≥" : "≤"} ${row.target.toFixed(2)} ${reached(r, ratio) ? "yes" : "**no**"}`,
        cpu[0].length === 0
          ? ""
          : `${figure(median(cpu[0]))}, ${figure(median(cpu[1]))}, ${ratioOf(cpu[1], cpu[0]).median.toFixed(2)}`,
        latency[0].length === 0 ? "" : `${figure(median(latency[0]))}, ${figure(median(latency[1]))}`,
      ].join(" | ")} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

const xmlText = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/** One bar a row on a logarithmic scale: how many times better than the original; the line is the target. */
export function plot(results: readonly Result[], caption: string): string {
  const rowHeight = 20;
  const left = 380;
  const width = 980;
  const top = 50;
  const height = top + results.length * rowHeight + 30;
  const [low, high] = [1 / 16, 16];
  const x = (v: number): number =>
    left +
    ((Math.log(Math.min(high, Math.max(low, v))) - Math.log(low)) / (Math.log(high) - Math.log(low))) *
      (width - left - 60);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    "<title>Tribune against Consul 1.8.7</title>",
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="10" y="18" font-size="14">Tribune against Consul 1.8.7: times better (bar: median, whisker: spread, tick: target)</text>`,
    `<text x="10" y="34" fill="#666">${xmlText(caption)}</text>`,
  ];
  for (const v of [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16])
    out.push(
      `<line x1="${x(v)}" x2="${x(v)}" y1="${top - 6}" y2="${height - 24}" stroke="${v === 1 ? "#333" : "#ddd"}"/>`,
      `<text x="${x(v)}" y="${height - 10}" text-anchor="middle">${v < 1 ? `1/${1 / v}` : v}</text>`,
    );
  results.forEach((r, i) => {
    const ratio = wallRatio(r);
    const turn = (v: number): number => (r.row.better === "more" ? v : 1 / v);
    const y = top + i * rowHeight;
    const [from, to] = [x(1), x(turn(ratio.median))];
    const color = reached(r, ratio) ? "#2a7f62" : turn(ratio.median) >= 1 ? "#c9a227" : "#b5403a";
    out.push(
      `<text x="${left - 8}" y="${y + 12}" text-anchor="end">${xmlText(r.row.title)}</text>`,
      `<rect x="${Math.min(from, to)}" y="${y + 3}" width="${Math.abs(to - from)}" height="12" fill="${color}"/>`,
      `<line x1="${x(turn(ratio.lowest))}" x2="${x(turn(ratio.highest))}" y1="${y + 9}" y2="${y + 9}" stroke="#222"/>`,
      `<line x1="${x(turn(r.row.target))}" x2="${x(turn(r.row.target))}" y1="${y}" y2="${y + 18}" stroke="#1f4e9c" stroke-width="2"/>`,
      `<text x="${width - 54}" y="${y + 12}">${turn(ratio.median).toFixed(2)}</text>`,
    );
  });
  out.push("</svg>");
  return `${out.join("\n")}\n`;
}
