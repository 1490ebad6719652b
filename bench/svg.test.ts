import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, charts, escapeXml, ticks } from "./svg.ts";

/** Every element is closed, and no figure is missing: enough to be drawn. */
function assertDrawable(svg: string): void {
  assert.ok(svg.startsWith("<svg ") && svg.endsWith("</svg>\n"));
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  const open: string[] = [];
  for (const [, end, name, own] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end === "/") assert.equal(open.pop(), name);
    else if (own !== "/") open.push(name!);
  }
  assert.deepEqual(open, []);
}

test("text is escaped", () => {
  assert.equal(escapeXml(`a<b & "c"`), "a&lt;b &amp; &quot;c&quot;");
});

test("ticks are round and within the range", () => {
  assert.deepEqual(ticks(0, 100, 5), [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(ticks(0, 7, 5), [0, 2, 4, 6]);
  assert.deepEqual(ticks(1, 100, 5, true), [1, 10, 100]);
  assert.deepEqual(ticks(0.5, 40, 5, true), [1, 10]);
});

const bar = { name: "KV <get>", from: 1.5, to: 3, target: 2, color: "#000" };

test("a bar goes from 1 to its value, either way", () => {
  const better = bars("t", "c", [{ ...bar, value: 2 }]);
  const worse = bars("t", "c", [{ ...bar, value: 0.5 }]);
  assertDrawable(better);
  const box = (svg: string): readonly number[] =>
    [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].flatMap((m) => [
      Number(m[1]),
      Number(m[2]),
    ]);
  const [x, width] = box(better);
  const [left, widthWorse] = box(worse);
  assert.equal(width, widthWorse);
  assert.ok(Math.abs(left! + widthWorse! - x!) < 0.02, "both begin at 1");
});

test("a row without figures has its name and no bar; values beyond the scale end at its edge", () => {
  const svg = bars("t", "c", [
    { ...bar, value: Number.NaN, from: Number.NaN, to: Number.NaN },
    { ...bar, value: 1e6, to: 1e7 },
  ]);
  assertDrawable(svg);
  assert.equal([...svg.matchAll(/KV &lt;get&gt;/g)].length, 2);
});

test("charts: linear from zero, logarithmic without what has no logarithm, empty ones", () => {
  const points = [
    { x: 1, y: 10 },
    { x: 10, y: 0 },
    { x: 100, y: 1000 },
  ];
  const svg = charts("t", "c", [
    { title: "a", xName: "x", yName: "y", series: [{ name: "s", points }] },
    { title: "b", xName: "x", yName: "y", logarithmic: true, series: [{ name: "s", points, dashed: true }] },
    { title: "c", xName: "x", yName: "y", series: [{ name: "s", points: [] }] },
    { title: "d", xName: "x", yName: "y", series: [{ name: "s", points: [{ x: 5, y: 0 }] }] },
  ]);
  assertDrawable(svg);
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map((m) => m[1]!.split(" ").length);
  assert.deepEqual(lines, [3, 2, 1]);
  assert.match(svg, /no samples/);
});
