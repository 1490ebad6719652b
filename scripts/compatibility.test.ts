import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { apiRoutes } from "../src/http/api.ts";
import { ABSENT_ROUTES, COMPATIBILITY_FILE, compatibilityPage, table } from "./compatibility.ts";

test("docs/COMPATIBILITY.md is what the sources say", async () => {
  assert.equal(
    readFileSync(COMPATIBILITY_FILE, "utf8"),
    await compatibilityPage(),
    "run node_modules/.bin/node scripts/compatibility.ts",
  );
});

test("what is called absent is absent", () => {
  for (const [method, pattern] of ABSENT_ROUTES) {
    const start = pattern.split("{")[0]!;
    assert.ok(!apiRoutes.some((r) => r.method === method && r.pattern.startsWith(start)), pattern);
  }
});

test("access control, the mesh's authority and its routing are known to refuse, keys to work", async () => {
  const page = await compatibilityPage();
  for (const line of [
    /^\| PUT {4}\| `\/v1\/acl\/bootstrap` +\| refuses: ACL support disabled/m,
    /^\| GET {4}\| `\/v1\/connect\/ca\/roots` +\| refuses: Connect must be enabled/m,
    /^\| POST {3}\| `\/v1\/discovery-chain\/\{service\}` +\| refuses: /m,
    /^\| `ACL\.TokenSet` +\| refuses: ACL support disabled/m,
    /^\| GET {4}\| `\/v1\/kv\/\{key\}` +\| works +\| blocks/m,
    /^\| `acl\.enabled` +\| no effect yet/m,
  ])
    assert.match(page, line);
});

test("table() pads columns and escapes bars", () => {
  assert.equal(table(["a", "b"], [["x|y", "1"]]), "| a    | b   |\n| ---- | --- |\n| x\\|y | 1   |");
});
