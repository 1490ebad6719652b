import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDnsperf, parseWrk } from "./load-tools.ts";
import { median, ratioOf } from "./statistics.ts";

test("median of odd, even and no values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("the ratio is taken pair by pair", () => {
  // The machine became twice as slow in the second pair: the ratio does not notice.
  assert.deepEqual(ratioOf([200, 100, 330], [100, 50, 110]), { median: 2, lowest: 2, highest: 3 });
});

test("wrk's output", () => {
  const text = `Running 1s test @ http://127.0.0.1:8500/
  1 threads and 32 connections
  Latency Distribution
     50%  712.00us
     99%    2.31ms
  43211 requests in 1.00s, 9.01MB read
Requests/sec:  43190.44
Transfer/sec:      9.00MB
`;
  assert.deepEqual(parseWrk(text), { perSecond: 43190.44, count: 43211, latencyMs: 2.31 });
  assert.throws(() => parseWrk(`${text}  Non-2xx or 3xx responses: 7\n`), /wrk saw failures/);
  assert.throws(() => parseWrk("nothing"), /rate is missing/);
});

test("dnsperf's output", () => {
  const text = (lost: number): string => `
  Queries sent:         23000
  Queries completed:    23000 (100.00%)
  Queries lost:         ${lost} (0.00%)
  Queries per second:   22961.123
  Average Latency (s):  0.002731 (min 0.0001, max 0.03)
`;
  assert.deepEqual(parseDnsperf(text(0)), { perSecond: 22961.123, count: 23000, latencyMs: 2.731 });
  assert.throws(() => parseDnsperf(text(900)), /lost 900/);
});
