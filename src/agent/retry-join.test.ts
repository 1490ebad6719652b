import assert from "node:assert/strict";
import test from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { formatLogLine, LogHub } from "../ports/log.ts";
import { retryJoin } from "./retry-join.ts";

function setUp() {
  const clock = new SimClock();
  const hub = new LogHub(clock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(formatLogLine(line).slice(20)), "info");
  return { clock, lines, log: hub.logger("agent") };
}

test("a provider that is not there is named, its secrets are not, and the other addresses are tried", async () => {
  const { clock, lines, log } = setUp();
  const tried: string[][] = [];
  await retryJoin(
    {
      pool: "LAN",
      addresses: ["provider=aws tag_key=x secret_access_key=hidden", "10.0.0.1"],
      intervalMs: 30_000,
      attemptsMax: 0,
      join: async (to) => tried.push([...to]),
    },
    { clock, log, signal: new AbortController().signal },
  );
  assert.deepEqual(tried, [["10.0.0.1"]]);
  const error = lines.find((line) => line.startsWith("[ERR]"))!;
  assert.match(
    error,
    /^\[ERR\] agent: Cannot discover address cluster=LAN address=.*provider=aws.* error="discover: unknown provider aws: no cloud is asked here/,
  );
  assert.ok(!lines.join().includes("hidden"));
  assert.match(lines.at(-1)!, /Join cluster completed/);
});

test("with providers alone the tries are counted too", async () => {
  const { clock, lines, log } = setUp();
  const options = { pool: "LAN", addresses: ['provider="k8s"'], intervalMs: 1_000, attemptsMax: 1 } as const;
  const join = async (): Promise<number> => assert.fail("nothing to join");
  await assert.rejects(
    retryJoin({ ...options, join }, { clock, log, signal: new AbortController().signal }),
    {
      message: "max join retry exhausted, exiting",
    },
  );
  assert.match(lines.join("\n"), /unknown provider k8s/);
});
