import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TRIBUNE_VERSION } from "../agent/version.ts";
import { cli } from "./testing.ts";

test("version: our name, and Consul's form when called consul", async () => {
  const tribune = await cli(["version"]);
  assert.equal(tribune.code, 0);
  assert.equal(
    tribune.stdout,
    `Tribune v${TRIBUNE_VERSION} (Consul-compatible, v1.8.7)\nConsul Protocol: 3 (Understands back to: 1)\n`,
  );
  const consul = await cli(["version"], { program: "consul" });
  assert.equal(
    consul.stdout,
    `Consul v1.8.7 (Consul-compatible: Tribune v${TRIBUNE_VERSION})\nConsul Protocol: 3 (Understands back to: 1)\n`,
  );
});

for (const word of ["-v", "--version", "-version"])
  test(`version: ${word}`, async () => assert.deepEqual(await cli([word]), await cli(["version"])));

test("version: as JSON, and in no other form", async () => {
  const r = await cli(["version", "-format=json"]);
  assert.equal(JSON.parse(r.stdout).Version, "1.8.7");
  assert.match(r.stdout, /^\{\n {3}"Version"/);
  assert.deepEqual(await cli(["version", "-format=x"]), {
    code: 1,
    stdout: "",
    stderr: "Unknown format: x\n",
  });
});

test("version: that of package.json", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.equal(TRIBUNE_VERSION, version);
});
