import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { caseId, family, get } from "./case.ts";
import { families } from "./cases/families.ts";
import { parseDivergences } from "./divergence.ts";
import { readRecording } from "./recording.ts";
import { idleRows, idsDigest, mergeResults, type Result, readResults } from "./results.ts";

const ids = families.flatMap((f) => f.cases.map((c) => caseId(f, c)));
const rows = parseDivergences(readFileSync(new URL("../docs/DIVERGENCE.md", import.meta.url), "utf8"));

test("a case's ID is its own", () => assert.equal(new Set(ids).size, ids.length));

test("results.json tells of exactly the present cases, and each difference has a reason", () => {
  const results = readResults();
  assert.deepEqual(
    Object.fromEntries(Object.entries(results.families).map(([name, r]) => [name, r.ids])),
    Object.fromEntries(families.map((f) => [f.name, idsDigest(f)])),
    "cases have changed: npm run conformance -- --record --write-results FAMILY...",
  );
  for (const [name, { cases, same }] of Object.entries(results.families))
    assert.equal(results.differences.filter((id) => id.startsWith(`${name}/`)).length, cases - same, name);
  const known = new Set(ids);
  for (const id of results.differences) {
    assert.ok(known.has(id), id);
    assert.ok(
      rows.some((d) => d.matches(id)),
      `${id} differs without a reason in docs/DIVERGENCE.md`,
    );
  }
});

test("every reason in docs/DIVERGENCE.md is about a case that differs", () => {
  const different = new Set(readResults().differences);
  for (const row of rows) {
    if (row.pattern.startsWith("field ")) continue;
    assert.ok(
      [...different].some((id) => row.matches(id)),
      `${row.pattern}: nothing differs`,
    );
  }
});

for (const f of families)
  test(`what the original answers to ${f.name} is recorded, and nothing else`, () =>
    assert.deepEqual(
      [...readRecording(f.name).keys()].sort(),
      f.cases.map((c) => caseId(f, c)).sort(),
      `npm run conformance -- --record --write-results ${f.name}`,
    ));

const one = family("one", [get("/a"), get("/b")]);
const two = family("two", [get("/c")]);
const result = (id: string, ours: string): Result => ({ id, family: id.split("/")[0]!, theirs: "x", ours });

test("results of a family that was played whole replace the earlier ones, others stay, gone families go", () => {
  const all = mergeResults(
    { original: "x", families: {}, differences: [] },
    [one, two],
    [result("one/GET /a", "x"), result("one/GET /b", "y"), result("two/GET /c", "y")],
  );
  assert.deepEqual(all.differences, ["one/GET /b", "two/GET /c"]);
  assert.deepEqual(all.families["one"], { cases: 2, same: 1, ids: idsDigest(one) });
  const again = mergeResults(all, [one, two], [result("one/GET /a", "y"), result("two/GET /c", "x")]);
  assert.deepEqual(again.differences, ["one/GET /b"], "half of a family says nothing");
  assert.deepEqual(mergeResults(all, [two], []).differences, ["two/GET /c"]);
});

test("a row is idle when all its cases were played and none differs, or when it has none", () => {
  const [differing, same, unknown] = parseDivergences(
    "<!-- conformance-differences -->\n| `one/*` | r |\n| `two/*` | r |\n| `three/*` | r |\n<!-- /conformance-differences -->",
  );
  const list = ["one/GET /a", "one/GET /b", "two/GET /c"];
  const idle = (...played: readonly Result[]) =>
    idleRows([differing!, same!, unknown!], list, played).map((r) => r.pattern);
  assert.deepEqual(idle(), ["three/*"]);
  assert.deepEqual(idle(result("one/GET /a", "x"), result("one/GET /b", "y"), result("two/GET /c", "x")), [
    "two/*",
    "three/*",
  ]);
});
