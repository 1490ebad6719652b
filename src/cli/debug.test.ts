import assert from "node:assert/strict";
import { test } from "node:test";
import { cli } from "./testing.ts";

const refusals: readonly (readonly [flags: readonly string[], text: string])[] = [
  [["-duration=1s"], "==> Capture validation failed: duration must be longer than 10s"],
  [["-interval=1s"], "==> Capture validation failed: interval must be longer than 5s"],
  [
    ["-duration=20s", "-interval=30s"],
    "==> Capture validation failed: duration (20s) must be longer than interval (30s)",
  ],
  [["-capture=x"], "==> Capture validation failed: target not found: x"],
];
for (const [flags, text] of refusals)
  test(`debug: ${flags.join(" ")}`, async () =>
    assert.deepEqual(await cli(["debug", ...flags]), { code: 1, stdout: "", stderr: `${text}\n` }));
