import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDuration } from "./duration.ts";

const good: readonly (readonly [string, bigint])[] = [
  ["0", 0n],
  ["-0", 0n],
  ["10s", 10_000_000_000n],
  ["1h30m", 5_400_000_000_000n],
  ["1.5s", 1_500_000_000n],
  [".5ms", 500_000n],
  ["-3ns", -3n],
  ["2\u00b5s", 2_000n],
];
for (const [text, ns] of good) test(`parseDuration ${text}`, () => assert.equal(parseDuration(text), ns));

const bad: readonly (readonly [string, string])[] = [
  ["", 'time: invalid duration ""'],
  ["abc", 'time: invalid duration "abc"'],
  ["10", 'time: missing unit in duration "10"'],
  ["1x", 'time: unknown unit "x" in duration "1x"'],
  ["9999999999h", 'time: invalid duration "9999999999h"'],
  ["1.s.", 'time: invalid duration "1.s."'],
];
for (const [text, message] of bad)
  test(`parseDuration refuses ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseDuration(text), { message }));

const printed: readonly (readonly [bigint, string])[] = [
  [0n, "0s"],
  [1n, "1ns"],
  [1_500n, "1.5\u00b5s"],
  [12_300_000n, "12.3ms"],
  [86_400_000_000_000n, "24h0m0s"],
  [90_500_000_000n, "1m30.5s"],
  [-1_000_000_000n, "-1s"],
];
for (const [ns, text] of printed)
  test(`formatDuration ${text}`, () => assert.equal(formatDuration(ns), text));
