import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../ports/clock.ts";
import { LogHub, type LogLine } from "../ports/log.ts";
import { systemRandom } from "../ports/random.ts";
import { Membership } from "./membership.ts";
import { testServer, until } from "./test-cluster.ts";

test("a server seen before the WAN pool runs, as after a restart, is joined to it once it does", async () => {
  const [here, there] = ["1", "2"].map((n) =>
    testServer({ name: `s${n}`, ip: `127.11.3.${n}`, wan: true, expect: 0 }),
  );
  const lines: LogLine[] = [];
  const hub = new LogHub(systemClock);
  hub.attach((line) => lines.push(line), "trace");
  const joined: string[] = [];
  const membership = new Membership(
    {
      datacenter: "dc1",
      lan: here!.lan,
      wan: here!.wan,
      floodIntervalMs: 60_000,
      onMember: (member) => joined.push(member.name),
      onServerJoin: () => {},
      onNewLeader: () => {},
    },
    { clock: systemClock, random: systemRandom, log: hub.logger("") },
  );
  try {
    membership.start();
    await there!.lan.start();
    await there!.wan!.start();
    await here!.lan.start();
    await here!.lan.join([there!.ip]);
    await until("the other server on the LAN", () => joined.includes("s2"));
    // Nothing is to happen yet: time in which a join of a pool that does not run would come to its end.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await here!.wan!.start();
    assert.deepEqual(
      here!.wan!.members().map((m) => m.name),
      ["s1.dc1"],
    );
    membership.wanStarted();
    await until("the other server in the WAN pool", () =>
      Promise.resolve(here!.wan!.members().some((m) => m.name === "s2.dc1")),
    );
    assert.deepEqual(
      lines.filter((l) => l.level === "err"),
      [],
    );
  } finally {
    membership.stop();
    for (const s of [here!, there!]) {
      await s.lan.shutdown();
      await s.wan!.shutdown();
    }
  }
});
