/** Two kinds of plots as SVG text: bars on a logarithmic scale, and lines. Pure. */

export const escapeXml = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

const COLORS = [
  "#1f4e9c",
  "#b5403a",
  "#2a7f62",
  "#c9a227",
  "#6b4c9a",
  "#d9772b",
  "#3b8ea5",
  "#7a7a7a",
] as const;
const WIDTH = 980;

const n = (v: number): string => String(Math.round(v * 100) / 100);

function open(height: number, title: string, caption: string): string[] {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${n(height)}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="10" y="18" font-size="14">${escapeXml(title)}</text>`,
    `<text x="10" y="34" fill="#666">${escapeXml(caption)}</text>`,
  ];
}

export interface Bar {
  readonly name: string;
  /** Times better: 1 is equal. */
  readonly value: number;
  readonly from: number;
  readonly to: number;
  readonly target: number;
  readonly color: string;
}

/** A bar a row from 1 to its value, between 1/16 and 16, with its spread and a tick at the target. */
export function bars(title: string, caption: string, all: readonly Bar[]): string {
  const rowHeight = 20;
  const left = 400;
  const top = 50;
  const height = top + all.length * rowHeight + 30;
  const [low, high] = [1 / 16, 16];
  const x = (v: number): number =>
    left + (Math.log(Math.min(high, Math.max(low, v)) / low) / Math.log(high / low)) * (WIDTH - left - 60);
  const out = open(height, title, caption);
  for (const v of [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16])
    out.push(
      `<line x1="${n(x(v))}" x2="${n(x(v))}" y1="${top - 6}" y2="${height - 24}" stroke="${v === 1 ? "#333" : "#ddd"}"/>`,
      `<text x="${n(x(v))}" y="${height - 10}" text-anchor="middle">${v < 1 ? `1/${1 / v}` : v}</text>`,
    );
  all.forEach((bar, i) => {
    const y = top + i * rowHeight;
    out.push(`<text x="${left - 8}" y="${y + 12}" text-anchor="end">${escapeXml(bar.name)}</text>`);
    if (!Number.isFinite(bar.value)) return;
    const [from, to] = [x(1), x(bar.value)];
    out.push(
      `<rect x="${n(Math.min(from, to))}" y="${y + 3}" width="${n(Math.abs(to - from))}" height="12" fill="${bar.color}"/>`,
      `<line x1="${n(x(bar.from))}" x2="${n(x(bar.to))}" y1="${y + 9}" y2="${y + 9}" stroke="#222"/>`,
      `<line x1="${n(x(bar.target))}" x2="${n(x(bar.target))}" y1="${y}" y2="${y + 18}" stroke="#1f4e9c" stroke-width="2"/>`,
      `<text x="${WIDTH - 54}" y="${y + 12}">${bar.value.toFixed(2)}</text>`,
    );
  });
  out.push("</svg>");
  return `${out.join("\n")}\n`;
}

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly dashed?: boolean;
  /** Series of one color belong together; by default each has its own. */
  readonly color?: number;
}

export interface Chart {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly series: readonly Series[];
  /** Both axes logarithmic. */
  readonly logarithmic?: boolean;
}

/** Round steps (1, 2, 5 times a power of ten) that cut `from`..`to` into about `count`; powers of ten when logarithmic. */
export function ticks(from: number, to: number, count: number, logarithmic = false): readonly number[] {
  const out: number[] = [];
  if (logarithmic) {
    for (let e = Math.ceil(Math.log10(from) - 1e-9); e <= Math.floor(Math.log10(to) + 1e-9); e++)
      out.push(10 ** e);
    return out;
  }
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((s) => s * power >= raw * 0.999) ?? 10) * power;
  for (let i = Math.ceil(from / step - 1e-9) + 0; i * step <= to + step * 1e-6; i++) out.push(i * step);
  return out;
}

const short = (v: number): string =>
  v !== 0 && (Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3)
    ? v.toExponential(0)
    : String(Number(v.toPrecision(4)));

/** Charts in two columns under one caption. */
export function charts(title: string, caption: string, all: readonly Chart[]): string {
  const [cellWidth, cellHeight] = [WIDTH / 2, 250];
  const out = open(50 + Math.ceil(all.length / 2) * cellHeight, title, caption);
  all.forEach((chart, i) => {
    const left = (i % 2) * cellWidth;
    const top = 50 + Math.floor(i / 2) * cellHeight;
    out.push(...oneChart(chart, left, top, cellWidth, cellHeight));
  });
  out.push("</svg>");
  return `${out.join("\n")}\n`;
}

function oneChart(chart: Chart, left: number, top: number, width: number, height: number): readonly string[] {
  const { title, xName, yName, series, logarithmic = false } = chart;
  const out = [`<text x="${left + 60}" y="${top + 12}" font-weight="bold">${escapeXml(title)}</text>`];
  const points = series.flatMap((s) => s.points).filter((p) => !logarithmic || (p.x > 0 && p.y > 0));
  if (points.length === 0) return [...out, `<text x="${left + 60}" y="${top + 60}">no samples</text>`];
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  let [xLow, xHigh] = [Math.min(...xs), Math.max(...xs)];
  let [yLow, yHigh] = logarithmic
    ? [Math.min(...ys) / 1.5, Math.max(...ys) * 1.5]
    : [0, Math.max(...ys) * 1.1];
  if (xHigh === xLow) [xLow, xHigh] = logarithmic ? [xLow / 2, xHigh * 2] : [xLow - 1, xHigh + 1];
  if (yHigh <= yLow) yHigh = yLow + 1;
  const [plotLeft, plotTop, plotWidth, plotHeight] = [left + 60, top + 20, width - 190, height - 70];
  const scale = (v: number, low: number, high: number): number =>
    logarithmic ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  const x = (v: number): number => plotLeft + scale(v, xLow, xHigh) * plotWidth;
  const y = (v: number): number => plotTop + (1 - scale(v, yLow, yHigh)) * plotHeight;
  for (const v of ticks(yLow, yHigh, 5, logarithmic))
    out.push(
      `<line x1="${n(plotLeft)}" x2="${n(plotLeft + plotWidth)}" y1="${n(y(v))}" y2="${n(y(v))}" stroke="#ddd"/>`,
      `<text x="${n(plotLeft - 4)}" y="${n(y(v) + 4)}" text-anchor="end" font-size="10">${short(v)}</text>`,
    );
  for (const v of ticks(xLow, xHigh, 5, logarithmic))
    out.push(
      `<line x1="${n(x(v))}" x2="${n(x(v))}" y1="${n(plotTop)}" y2="${n(plotTop + plotHeight)}" stroke="#eee"/>`,
      `<text x="${n(x(v))}" y="${n(plotTop + plotHeight + 12)}" text-anchor="middle" font-size="10">${short(v)}</text>`,
    );
  out.push(
    `<text x="${n(plotLeft + plotWidth / 2)}" y="${n(plotTop + plotHeight + 26)}" text-anchor="middle" font-size="10" fill="#666">${escapeXml(xName)}; y: ${escapeXml(yName)}</text>`,
  );
  series.forEach((s, i) => {
    const color = COLORS[(s.color ?? i) % COLORS.length]!;
    const dash = s.dashed === true ? ' stroke-dasharray="4 3"' : "";
    const path = s.points
      .filter((p) => !logarithmic || (p.x > 0 && p.y > 0))
      .map((p) => `${n(x(p.x))},${n(y(p.y))}`)
      .join(" ");
    const legend = plotTop + 8 + i * 14;
    out.push(
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="1.5"${dash}/>`,
      `<line x1="${n(plotLeft + plotWidth + 8)}" x2="${n(plotLeft + plotWidth + 24)}" y1="${n(legend)}" y2="${n(legend)}" stroke="${color}" stroke-width="1.5"${dash}/>`,
      `<text x="${n(plotLeft + plotWidth + 28)}" y="${n(legend + 4)}" font-size="10">${escapeXml(s.name)}</text>`,
    );
  });
  return out;
}
