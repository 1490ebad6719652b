import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { buffer } from "node:stream/consumers";
import test from "node:test";
import { eventually } from "./agent/fixture.ts";
import { TribuneClient } from "./client/client.ts";
import { type EmbeddedAgent, startAgent, startCluster } from "./embed.ts";

test("an agent is ready within a second, on ports of the system's choice", async (t) => {
  await (await startAgent()).close(); // What Node compiles once is not the agent's time.
  // A machine that is busy with other things may stop us at any moment: the best of some starts counts.
  let took = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10 && took >= 1_000; i++) {
    const started = performance.now();
    const one = await startAgent();
    took = Math.min(took, performance.now() - started);
    await one.close();
  }
  t.diagnostic(`ready after ${took.toFixed(0)} ms`);
  assert.ok(took < 1_000, `ready after ${took.toFixed(0)} ms`);
  await using agent = await startAgent({ config: { service: { name: "web", port: 80 } } });
  assert.equal(await agent.client.kv.put("a", "b"), true);
  const other = new TribuneClient({ address: agent.httpUrl, env: {} });
  assert.deepEqual((await other.kv.get("a")).value?.Value, Buffer.from("b"));
  other.close();
  await eventually(
    "web is in the catalog",
    async () => (await agent.client.health.service("web")).value.length === 1,
  );
  const resolver = new Resolver();
  resolver.setServers([`${agent.dns.host}:${agent.dns.port}`]);
  assert.deepEqual(await resolver.resolve4("web.service.consul"), ["127.0.0.1"]);
  const [self] = (await agent.client.catalog.service("consul")).value;
  assert.equal(`127.0.0.1:${self?.ServicePort}`, await agent.client.status.leader());
});

test("a client agent joins, agents of one process do not mix", async () => {
  await using server = await startAgent({ nodeName: "s" });
  await using client = await startAgent({ nodeName: "c", server: false, join: [server] });
  await using apart = await startAgent({ nodeName: "apart" });
  await client.client.kv.put("from-client", "x");
  assert.ok((await server.client.kv.get("from-client")).value);
  assert.equal((await apart.client.kv.get("from-client")).value, null);
  assert.deepEqual((await server.client.catalog.nodes()).value.map((n) => n.Node).sort(), ["c", "s"]);
});

test("what is wrong is said", async () => {
  await assert.rejects(startAgent({ config: "datacentre = 1" }), /datacentre/);
  await assert.rejects(startAgent({ join: ["127.0.0.1:1"] }), /needs `bootstrapExpect`/);
  await assert.rejects(
    startAgent({ server: false, readyWithinMs: 50 }),
    /not ready after 50 ms: .*needs `join`/,
  );
});

test("50 agents started and stopped leave nothing behind", async (t) => {
  await (await startAgent()).close();
  const resources = (): string => process.getActiveResourcesInfo().sort().join(" ");
  const listeners = (): number =>
    process.eventNames().reduce((n, name) => n + process.listenerCount(name), 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = { resources: resources(), listeners: listeners() };
  const started = performance.now();
  for (let batch = 0; batch < 10; batch++) {
    const agents = await Promise.all(Array.from({ length: 5 }, () => startAgent()));
    assert.equal(new Set(agents.map((a) => a.httpUrl)).size, 5);
    await Promise.all(agents.map((a) => a.close()));
  }
  const took = performance.now() - started;
  t.diagnostic(
    `50 agents in ${(took / 1000).toFixed(2)} s, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`,
  );
  await eventually("no handle is left", () => resources() === before.resources).catch(() =>
    assert.equal(resources(), before.resources),
  );
  assert.equal(listeners(), before.listeners);
});

test("a watch goes on through the loss of a leader and a restored snapshot", async (t) => {
  await using cluster = await startCluster(3, { nodeName: "n" });
  const leaderAt = async (agents: readonly EmbeddedAgent[]): Promise<number> => {
    for (const [i, agent] of agents.entries()) {
      const { Stats } = await agent.client.agent.self();
      if ((Stats as { readonly raft: { readonly state: string } }).raft.state === "Leader") return i;
    }
    return -1;
  };
  const led = await eventually("a leader", async () => (await leaderAt(cluster.servers)) + 1);
  const leader = cluster.servers[led - 1]!;
  const rest = cluster.servers.filter((s) => s !== leader);
  await leader.client.kv.put("watched", "1");

  const seen: string[] = [];
  const indexes: bigint[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  const watching = (async () => {
    const options = {
      wait: "60s",
      signal: stop.signal,
      onError: (e: unknown) => errors.push(e),
      retryMaxMs: 500,
    };
    for await (const { value, index } of rest[0]!.client.kv.watch("watched", options)) {
      seen.push(value === null ? "" : Buffer.from(value.Value ?? []).toString());
      indexes.push(index);
    }
  })();
  await eventually("the watch starts", () => seen.length === 1);
  const archive = await buffer((await leader.client.snapshot.save()).value);

  await leader.close();
  await eventually("another leads", async () => (await leaderAt(rest)) >= 0);
  await eventually("it takes writes", () => rest[1]!.client.kv.put("watched", "2"));
  await eventually("the watch hears of it", () => seen.at(-1) === "2");

  // Unlike reads and writes, a restore does not wait for an election.
  await eventually("a restore", async () => {
    await rest[1]!.client.snapshot.restore(archive);
    return true;
  });
  await eventually("the watch sees the restored state", () => seen.at(-1) === "1");
  assert.ok(
    indexes.some((index, i) => i > 0 && index < indexes[i - 1]!),
    `the index went down: ${indexes}`,
  );
  await eventually("a write after it", () => rest[1]!.client.kv.put("watched", "3"));
  await eventually("and what comes after", () => seen.at(-1) === "3");
  stop.abort();
  await watching;
});
