import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDnsperf, parseTimes, parseWrk } from "./load-tools.ts";
import { parseNetwork } from "./process-facts.ts";
import { countSyncs } from "./syncs.ts";

const WRK = `Running 1s test @ http://127.0.0.1:8500/
  1 threads and 32 connections
  Latency Distribution
     50%  712.00us
     99%    2.31ms
  1000 requests in 1.00s, 9.01MB read
Requests/sec:   1000.50
Transfer/sec:      9.00MB
`;

test("wrk's output", () => {
  assert.deepEqual(parseWrk(WRK), { perSecond: 1000.5, count: 1000, latencyMs: 2.31, errors: 0 });
  assert.throws(() => parseWrk("nothing"), /count is missing/);
});

test("wrk's failures count as errors and not as requests", () => {
  const text = WRK.replace(
    "Requests/sec",
    "  Socket errors: connect 1, read 2, write 0, timeout 4\n  Non-2xx or 3xx responses: 100\nRequests/sec",
  );
  const { perSecond, errors } = parseWrk(text);
  assert.equal(errors, 107);
  assert.ok(Math.abs(perSecond - 900.45) < 1e-9);
});

test("dnsperf's output; lost queries and refusals are errors", () => {
  const text = (lost: number, codes: string): string => `
  Queries sent:         ${1000 + lost}
  Queries completed:    1000 (100.00%)
  Queries lost:         ${lost} (0.00%)
  Response codes:       ${codes}
  Queries per second:   500.5
  Average Latency (s):  0.002731 (min 0.0001, max 0.03)
`;
  assert.deepEqual(parseDnsperf(text(0, "NOERROR 1000 (100.00%)")), {
    perSecond: 500.5,
    count: 1000,
    latencyMs: 2.731,
    errors: 0,
  });
  const some = parseDnsperf(text(9, "NOERROR 800 (80.00%), SERVFAIL 200 (20.00%)"));
  assert.equal(some.errors, 209);
  assert.ok(Math.abs(some.perSecond - 400.4) < 1e-9);
  assert.equal(parseDnsperf(text(0, "SERVFAIL 1000 (100.00%)")).perSecond, 0);
});

test("the shell's times: the children's line", () => {
  assert.equal(parseTimes("0m0.01s 0m0.02s\n0m1.25s 1m0.50s\n"), 61_750_000);
  assert.throws(() => parseTimes("sh: wrk: not found"), /no times/);
});

test("the kernel's counters of a namespace", () => {
  const dev =
    "Inter-| Receive\n face |bytes packets\n    lo:  12345     67    0 0 0 0 0 0 12345 67 0\n  eth0: 1 2 3\n";
  const snmp =
    "Udp: InDatagrams NoPorts InErrors OutDatagrams\nUdp: 1 2 3 44\nUdpLite: OutDatagrams\nUdpLite: 9\n";
  assert.deepEqual(parseNetwork(dev, snmp), { bytes: 12345, packets: 67, datagrams: 44 });
  assert.throws(() => parseNetwork("", snmp), /tells nothing/);
});

test("syncs in strace's output, interrupted ones once", () => {
  const text = `11 fsync(9)    = 0
12 fdatasync(4 <unfinished ...>
11 fsync(9) = 0
12 <... fdatasync resumed>) = 0
`;
  assert.equal(countSyncs(text), 3);
});
