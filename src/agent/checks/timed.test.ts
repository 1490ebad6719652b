/** Runner, TTL and alias on a simulated clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, settle } from "../../../sim/clock.ts";
import { HealthCheck, IndexedHealthChecks } from "../../model/catalog.ts";
import type { RpcCaller } from "../../model/methods.ts";
import { silentLogger } from "../../ports/log.ts";
import { seededRandom } from "../../ports/random.ts";
import { CheckCycle, type ProbeResult } from "../core/check-cycle.ts";
import { AliasCheck, aliasVerdict } from "./alias-check.ts";
import { CheckRunner } from "./check-runner.ts";
import { TtlCheck } from "./ttl-check.ts";

const log = silentLogger;
const noThresholds = { successBeforePassing: 0, failuresBeforeCritical: 0, failuresBeforeWarning: 0 };

test("runner: first within the interval, then an interval after the end of each probe, never two at once", async () => {
  const clock = new SimClock();
  const starts: number[] = [];
  let running = 0;
  const probe = {
    run: (): Promise<ProbeResult> => {
      starts.push(clock.now());
      assert.equal(++running, 1);
      return new Promise((resolve) =>
        clock.timer(3000, () => {
          running--;
          resolve({ status: "passing", output: "" });
        }),
      );
    },
  };
  const published: string[] = [];
  const runner = new CheckRunner(
    {
      checkId: "c",
      cycle: new CheckCycle({ intervalMs: 10_000, ...noThresholds }),
      probe,
      publish: (s) => published.push(s),
    },
    { clock, random: seededRandom(1), log },
  );
  runner.start();
  await clock.run(60_000);
  assert.ok(starts[0]! < 10_000);
  for (let i = 1; i < starts.length; i++) assert.equal(starts[i]! - starts[i - 1]!, 13_000);
  assert.ok(starts.length >= 4);
  const count = published.length;
  runner.stop();
  await clock.run(60_000);
  assert.equal(published.length, count);
  assert.equal(clock.next(), undefined);
});

test("runner: the result of a probe in flight is dropped when the check is stopped", async () => {
  const clock = new SimClock();
  let finish: ((r: ProbeResult) => void) | undefined;
  const probe = { run: () => new Promise<ProbeResult>((resolve) => (finish = resolve)) };
  const published: string[] = [];
  const runner = new CheckRunner(
    {
      checkId: "c",
      cycle: new CheckCycle({ intervalMs: 1000, ...noThresholds }),
      probe,
      publish: (s) => published.push(s),
    },
    { clock, random: seededRandom(1), log },
  );
  runner.start();
  await clock.run(1000);
  runner.stop();
  finish!({ status: "critical", output: "" });
  await settle();
  assert.deepEqual(published, []);
});

test("ttl: expires once, tells the last output, and starts again with a report", async () => {
  const clock = new SimClock();
  const seen: [string, string][] = [];
  const ttl = new TtlCheck(
    { checkId: "c", ttlMs: 1000, outputBytesMax: 10, publish: (s, o) => seen.push([s, o]) },
    { clock, log },
  );
  ttl.start();
  clock.advance(5000);
  assert.deepEqual(seen, [["critical", "TTL expired"]]);
  assert.equal(ttl.update("passing", "0123456789abc"), "0123456789 ... (captured 10 of 13 bytes)");
  clock.advance(999);
  assert.equal(seen.length, 2);
  ttl.update("warning", "w");
  clock.advance(1000);
  assert.deepEqual(seen.slice(2), [
    ["warning", "w"],
    ["critical", "TTL expired (last output before timeout follows): w"],
  ]);
  ttl.stop();
});

const check = (fields: Partial<HealthCheck>): HealthCheck =>
  HealthCheck.make({ Node: "s1", Status: "passing", ...fields });

const verdicts = [
  { name: "none", checks: [], status: "passing", output: "No checks found." },
  { name: "all well", checks: [check({})], status: "passing", output: "All checks passing." },
  {
    name: "first critical",
    checks: [
      check({ Status: "warning", Name: "w" }),
      check({ Status: "critical", Name: "a", Output: "x" }),
      check({ Status: "critical", Name: "b" }),
    ],
    status: "critical",
    output: 'Aliased check "a" failing: x',
  },
  {
    name: "last warning",
    checks: [check({ Status: "warning", Name: "a" }), check({ Status: "warning", Name: "b", Output: "y" })],
    status: "warning",
    output: 'Aliased check "b" failing: y',
  },
];
for (const { name, checks, status, output } of verdicts)
  test(`alias: ${name}`, () => assert.deepEqual(aliasVerdict(checks), { status, output }));

test("alias of a local service follows its checks and the node's", async () => {
  const clock = new SimClock();
  const checks = new Map<string, HealthCheck>();
  let wake = (): void => {};
  const seen: [string, string][] = [];
  let there = false;
  const alias = new AliasCheck(
    {
      checkId: "alias",
      node: "",
      service: "db",
      ownNode: "s1",
      datacenter: "dc1",
      token: () => "",
      localChecks: () => checks.values(),
      hasLocalService: () => there,
      onLocalChange: (w) => {
        wake = w;
        return () => {};
      },
      publish: (s, o) => seen.push([s, o]),
    },
    { clock, rpc: { rpc: () => Promise.reject(new Error("not asked")) } },
  );
  alias.start();
  clock.advance(1);
  assert.deepEqual(seen.at(-1), ["critical", "Service db could not be found on node s1"]);
  there = true;
  wake();
  clock.advance(1);
  assert.deepEqual(seen.at(-1), ["passing", "No checks found."]);
  checks.set("mem", check({ CheckID: "mem", Name: "mem", Status: "warning", Output: "low" }));
  checks.set("alias", check({ CheckID: "alias", ServiceID: "web", Status: "critical" }));
  checks.set("other", check({ CheckID: "other", ServiceID: "other", Status: "critical" }));
  wake();
  clock.advance(1);
  assert.deepEqual(seen.at(-1), ["warning", 'Aliased check "mem" failing: low']);
  const before = seen.length;
  clock.advance(61_000);
  assert.equal(seen.length, before + 1);
  alias.stop();
  assert.equal(clock.next(), undefined);
});

test("alias of another node keeps a query open and survives failures", async () => {
  const clock = new SimClock();
  const seen: [string, string][] = [];
  const asked: number[] = [];
  let fail = true;
  let release: (() => void) | undefined;
  const rpc = {
    rpc: async (_method: string, request: { MinQueryIndex: number }, options: { signal: AbortSignal }) => {
      asked.push(request.MinQueryIndex);
      if (fail) throw new Error("No cluster leader");
      if (request.MinQueryIndex > 0)
        await new Promise<void>((resolve, reject) => {
          release = resolve;
          options.signal.addEventListener("abort", () => reject(new Error("stopped")));
        });
      return IndexedHealthChecks.make({
        Index: 7,
        HealthChecks: [
          check({ Node: "n2", CheckID: "serfHealth", Name: "Serf", Status: "critical", Output: "down" }),
        ],
      });
    },
  } as unknown as RpcCaller;
  const alias = new AliasCheck(
    {
      checkId: "alias",
      node: "n2",
      service: "",
      ownNode: "s1",
      datacenter: "dc1",
      token: () => "",
      localChecks: () => [],
      hasLocalService: () => true,
      onLocalChange: () => () => {},
      publish: (s, o) => seen.push([s, o]),
    },
    { clock, rpc },
  );
  alias.start();
  await clock.run(0);
  assert.deepEqual(seen, []);
  await clock.run(1000);
  assert.deepEqual(seen, [["critical", "Failure checking aliased node or service: No cluster leader"]]);
  fail = false;
  await clock.run(5000);
  assert.deepEqual(seen.at(-1), ["critical", 'Aliased check "Serf" failing: down']);
  assert.equal(asked.at(-1), 7);
  release!();
  await settle();
  alias.stop();
  await settle();
  assert.equal(asked.filter((i) => i === 7).length >= 1, true);
});
