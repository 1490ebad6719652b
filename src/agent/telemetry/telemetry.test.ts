import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../ports/clock.ts";
import { LogHub } from "../../ports/log.ts";
import type { TelemetryConfig } from "../config/runtime-config.ts";
import { parseCollectorAddress } from "./collector-address.ts";
import { metricFilter } from "./metric-filter.ts";
import { dogstatsdLine, statsdLine } from "./statsd-lines.ts";
import { Telemetry } from "./telemetry.ts";

const OFF: TelemetryConfig = {
  statsiteAddr: "",
  statsdAddr: "",
  dogstatsdAddr: "",
  dogstatsdTags: [],
  disableHostname: false,
  metricsPrefix: "consul",
  filterDefault: true,
  allowedPrefixes: [],
  blockedPrefixes: [],
  prometheusRetentionMs: 0,
};

function telemetry(config: Partial<TelemetryConfig>): { readonly t: Telemetry; readonly lines: string[] } {
  const hub = new LogHub(systemClock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(line.message), "info");
  const ports = { clock: systemClock, log: hub.logger("agent"), hostname: "vm" };
  return { t: new Telemetry({ ...OFF, ...config }, ports), lines };
}

/** Datagrams that come to a port of loopback. */
async function udp(c: TestContext): Promise<{ readonly address: string; readonly got: string[] }> {
  const socket = createSocket("udp4");
  const got: string[] = [];
  socket.on("message", (m) => got.push(m.toString()));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  c.after(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, got };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// Lines as Consul 1.8.7 was seen to send them.
const statsdCases = [
  {
    name: "counter",
    line: statsdLine("consul.raft.apply", 1, "c", {}),
    want: "consul.raft.apply:1.000000|c\n",
  },
  {
    name: "gauge",
    line: statsdLine("consul.vm.autopilot.healthy", 1, "g", {}),
    want: "consul.vm.autopilot.healthy:1.000000|g\n",
  },
  {
    name: "time",
    line: statsdLine("consul.raft.commitTime", 0.35595, "ms", {}),
    want: "consul.raft.commitTime:0.355950|ms\n",
  },
  {
    name: "a label's value is appended",
    line: statsdLine("consul.fsm.kvs", 0.5, "ms", { op: "set" }),
    want: "consul.fsm.kvs.set:0.500000|ms\n",
  },
  {
    name: "an empty one too",
    line: statsdLine("consul.health.service.query-tags", 1, "c", { service: "web", tag: "" }),
    want: "consul.health.service.query-tags.web.:1.000000|c\n",
  },
  {
    name: "colons",
    line: statsdLine("consul.serf.events.consul:event:deploy", 1, "c", {}),
    want: "consul.serf.events.consul_event_deploy:1.000000|c\n",
  },
  {
    name: "a service's name forges no line",
    line: statsdLine("q", 1, "c", { service: "web:9|g\nevil" }),
    want: "q.web_9_g_evil:1.000000|c\n",
  },
];
for (const { name, line, want } of statsdCases) test(`statsd line: ${name}`, () => assert.equal(line, want));

test("DogStatsD lines: whole counters, labels as tags behind the configured ones", () => {
  assert.equal(
    dogstatsdLine("consul.raft.state.follower", 1, "c", {}, ["a:b", "justtag"]),
    "consul.raft.state.follower:1|c|#a:b,justtag",
  );
  assert.equal(
    dogstatsdLine("consul.fsm.ca", 0.016073, "ms", { op: "set-config" }, ["a:b", "justtag"]),
    "consul.fsm.ca:0.016073|ms|#a:b,justtag,op:set-config",
  );
  assert.equal(dogstatsdLine("x", 2, "g", {}, []), "x:2.000000|g");
  assert.equal(dogstatsdLine("x", 1, "c", { service: "a,b:c\n" }, []), "x:1|c|#service:a_b_c_");
});

test("the longest prefix decides", () => {
  const passes = metricFilter({
    allowed: ["consul.raft.apply", "both"],
    blocked: ["consul.raft", "both"],
    byDefault: true,
  });
  assert.equal(passes("consul.raft.commitTime"), false);
  assert.equal(passes("consul.raft.apply"), true);
  assert.equal(passes("consul.kvs"), true);
  assert.equal(passes("both.x"), false);
  assert.equal(metricFilter({ allowed: [], blocked: [], byDefault: false })("x"), false);
});

test("statsd gets several lines in a datagram, none above 1,400 bytes, gauges with the host's name", async (c) => {
  const { address, got } = await udp(c);
  const { t } = telemetry({ statsdAddr: address });
  for (let i = 0; i < 100; i++) t.count("kvs.apply");
  t.gauge("raft.applied_index", 7);
  await t.close();
  await until("101 lines", () => got.join("").split("\n").length > 101);
  const lines = got.join("").trimEnd().split("\n");
  assert.equal(lines.length, 101);
  assert.equal(lines[0], "consul.kvs.apply:1.000000|c");
  assert.equal(lines.at(-1), "consul.vm.raft.applied_index:7.000000|g");
  assert.ok(got.length < 10, `${got.length} datagrams`);
  assert.ok(got.every((d) => d.length <= 1_400 && d.endsWith("\n")));
});

test("statsd gets a lone figure without waiting for more", async (c) => {
  const { address, got } = await udp(c);
  const { t } = telemetry({ statsdAddr: address });
  c.after(() => t.close());
  t.sample("kvs.apply", 2);
  await until("the datagram", () => got.length === 1);
  assert.deepEqual(got, ["consul.kvs.apply:2.000000|ms\n"]);
});

test("DogStatsD gets a datagram for each figure, gauges without the host's name", async (c) => {
  const { address, got } = await udp(c);
  const { t } = telemetry({ dogstatsdAddr: address, dogstatsdTags: ["dc:x"] });
  t.count("raft.apply", 3);
  t.gauge("raft.applied_index", 7);
  t.sample("fsm.kvs", 0.25, { op: "set" });
  await until("three", () => got.length === 3);
  await t.close();
  assert.deepEqual(got, [
    "consul.raft.apply:3|c|#dc:x",
    "consul.raft.applied_index:7.000000|g|#dc:x",
    "consul.fsm.kvs:0.250000|ms|#dc:x,op:set",
  ]);
  const kept = t.kept.summary();
  assert.deepEqual(
    kept.gauges.map((g) => g.name),
    ["consul.vm.raft.applied_index"],
  );
});

test("statsite gets a stream, to its end", async (c) => {
  let text = "";
  const server = createServer((socket) => socket.on("data", (d) => (text += d)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  c.after(() => server.close());
  const { t } = telemetry({ statsiteAddr: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  t.count("raft.apply");
  t.gauge("x", 1);
  await t.close();
  await until("two lines", () => text.split("\n").length === 3);
  assert.equal(text, "consul.raft.apply:1.000000|c\nconsul.vm.x:1.000000|g\n");
});

test("a statsite that is away is told in the log, and holds up nothing", async (c) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { t, lines } = telemetry({ statsiteAddr: `127.0.0.1:${port}` });
  c.after(() => t.close());
  await until("the log line", () => lines.length > 0);
  assert.match(lines[0]!, /^Error connecting to statsite! Err: connect ECONNREFUSED/);
  t.count("x");
});

test("an address that is none is told in the log; the others work", async (c) => {
  const { address, got } = await udp(c);
  const { t, lines } = telemetry({ statsdAddr: "localhost", dogstatsdAddr: address });
  assert.deepEqual(lines, ['telemetry: "localhost" is no address of statsd, want host:port']);
  t.count("x");
  await until("one", () => got.length === 1);
  await t.close();
});

test("without a collector names carry no host; a filter drops, and may be changed", () => {
  const { t } = telemetry({ blockedPrefixes: ["consul.raft"], allowedPrefixes: ["consul.raft.apply"] });
  t.gauge("x", 1);
  t.count("raft.apply");
  t.count("raft.barrier");
  const names = (): string[] => [
    ...t.kept.summary().gauges.map((g) => g.name),
    ...t.kept.summary().counters.map((g) => g.name),
  ];
  assert.deepEqual(names(), ["consul.x", "consul.raft.apply"]);
  t.setFilter({ allowedPrefixes: [], blockedPrefixes: [] });
  t.count("raft.barrier");
  assert.ok(names().includes("consul.raft.barrier"));
});

test("Prometheus counts as a collector; disable_hostname leaves the name out", () => {
  const with_ = telemetry({ prometheusRetentionMs: 60_000 }).t;
  with_.gauge("x", 1);
  assert.equal(with_.kept.summary().gauges[0]!.name, "consul.vm.x");
  const without = telemetry({ prometheusRetentionMs: 60_000, disableHostname: true }).t;
  without.gauge("x", 1);
  assert.equal(without.kept.summary().gauges[0]!.name, "consul.x");
});

for (const [text, want] of [
  ["127.0.0.1:8125", { host: "127.0.0.1", port: 8125 }],
  ["[::1]:8125", { host: "::1", port: 8125 }],
  [":8125", { host: "localhost", port: 8125 }],
  ["statsd.local:1", { host: "statsd.local", port: 1 }],
  ["x", undefined],
  ["x:70000", undefined],
  ["unix:///x", undefined],
] as const)
  test(`collector address ${text}`, () => assert.deepEqual(parseCollectorAddress(text), want));
