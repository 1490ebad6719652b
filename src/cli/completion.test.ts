import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli } from "./testing.ts";

const cases: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ["tribune ca", ["catalog"]],
  ["tribune catalog ", ["datacenters", "nodes", "services"]],
  ["tribune kv g", ["get"]],
  ["tribune kv get -de", ["-detailed"]],
  ["tribune kv get --de", ["--detailed"]],
  ["tribune members -w", ["-wan"]],
  ["tribune operator raft ", ["list-peers", "remove-peer", "transfer-leader"]],
  ["tribune nope ", []],
  ["tribune members ", []],
  ["tribune -v", ["-version"]],
];
for (const [line, candidates] of cases)
  test(`completion: ${JSON.stringify(line)}`, async () => {
    const r = await cli([], { env: { COMP_LINE: line } });
    assert.deepEqual([r.code, r.stdout.split("\n").filter((l) => l !== "")], [0, candidates]);
  });

test("completion: up to the cursor only", async () =>
  assert.equal(
    (await cli([], { env: { COMP_LINE: "tribune kv g -detailed", COMP_POINT: "12" } })).stdout,
    "get\n",
  ));

test("completion: installed once and removed without a trace", async () => {
  const home = mkdtempSync(join(tmpdir(), "tribune-home-"));
  try {
    writeFileSync(join(home, ".bashrc"), "alias x=y");
    mkdirSync(join(home, ".config", "fish"), { recursive: true });
    const env = { HOME: home };
    assert.equal((await cli(["-autocomplete-install"], { env })).code, 0);
    await cli(["-autocomplete-install"], { env });
    assert.equal(
      readFileSync(join(home, ".bashrc"), "utf8"),
      `alias x=y\ncomplete -C ${process.execPath} tribune\n`,
    );
    assert.ok(existsSync(join(home, ".config", "fish", "completions", "tribune.fish")));
    assert.equal((await cli(["-autocomplete-uninstall"], { env })).code, 0);
    assert.equal(readFileSync(join(home, ".bashrc"), "utf8"), "alias x=y\n");
    assert.ok(!existsSync(join(home, ".config", "fish", "completions", "tribune.fish")));
    assert.equal((await cli(["-autocomplete-install"], { env: { HOME: join(home, "none") } })).code, 1);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
