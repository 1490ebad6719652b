/** A client's way to servers: real listeners, a pool of which only members and events are made up. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Member, SerfEvent, SerfPool } from "../gossip/contract.ts";
import { KeyRequest, KVSRequest } from "../model/kv.ts";
import type { MethodName } from "../model/methods.ts";
import { systemClock } from "../ports/clock.ts";
import { formatLogLine, LogHub, silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { seededRandom } from "../ports/random.ts";
import { createRpcListener, type RpcListener } from "../rpc/listener.ts";
import { RpcServer } from "../rpc/rpc-server.ts";
import { ClientDelegate } from "./client-delegate.ts";
import { TokenBucket } from "./delegate.ts";

const HOST = "127.6.2.1";

/** A server that answers by `answer`; counts its calls. */
async function server(t: TestContext, answer: (method: MethodName) => unknown) {
  const calls: MethodName[] = [];
  const rpc = new RpcServer(
    (async (method: MethodName) => {
      calls.push(method);
      return answer(method);
    }) as never,
    {},
    { log: silentLogger, metrics: noMetrics },
  );
  const listener: RpcListener = createRpcListener(
    { host: HOST, port: 0 },
    { rpc },
    { clock: systemClock, log: silentLogger, metrics: noMetrics },
  );
  await listener.start();
  t.after(() => listener.close());
  return { calls, listener, port: listener.address.port };
}

function setUp(t: TestContext, options: { readonly holdMs?: number; readonly rate?: number } = {}) {
  const hub = new LogHub(systemClock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(formatLogLine(line).slice(20)), "info");
  let emit: (event: SerfEvent) => void = () => {};
  const members: Member[] = [];
  const lan = {
    start: async () => {},
    shutdown: async () => {},
    members: () => members,
    stats: () => new Map(),
    onEvent: (handler: (event: SerfEvent) => void) => {
      emit = handler;
      return () => {};
    },
  } as unknown as SerfPool;
  const delegate = new ClientDelegate(
    {
      datacenter: "dc1",
      rpcHoldTimeoutMs: options.holdMs ?? 30_000,
      rpcRate: options.rate ?? Number.POSITIVE_INFINITY,
      rpcMaxBurst: 2,
      acl: "disabled",
    },
    { clock: systemClock, random: seededRandom(3), log: hub.logger("agent"), metrics: noMetrics, lan },
  );
  t.after(() => delegate.shutdown());
  const member = (name: string, port: number, dc = "dc1"): Member => ({
    name,
    addr: HOST,
    port: 8301,
    tags: new Map([
      ["role", "consul"],
      ["dc", dc],
      ["port", String(port)],
      ["vsn", "2"],
      ["build", "1.8.7:"],
    ]),
    status: "alive",
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  });
  const event = (kind: "member-join" | "member-failed" | "member-leave", ...of: Member[]): void => {
    for (const m of of) members.push(m);
    emit({ kind, members: of });
  };
  return { delegate, lines, member, event, emit: (e: SerfEvent) => emit(e) };
}

const read = KeyRequest.make({ Datacenter: "dc1", Key: "k" });
const write = KVSRequest.make({ Datacenter: "dc1", Op: "set" });
const found = { Entries: null, Index: 1, LastContact: 0n, KnownLeader: true, ConsistencyLevel: "" };

test("without servers the answer is at once", async (t) => {
  const { delegate } = setUp(t);
  await delegate.start();
  await assert.rejects(delegate.rpc("KVS.Get", read), { message: "No known Consul servers" });
});

test("servers come and go by gossip; those of other datacenters are not used", async (t) => {
  const { delegate, lines, member, event, emit } = setUp(t);
  const one = await server(t, () => found);
  let up = 0;
  delegate.onServerUp(() => up++);
  await delegate.start();
  event("member-join", member("s1", one.port), member("far", 1, "dc2"));
  assert.equal((await delegate.rpc("KVS.Get", read)).Index, 1);
  assert.equal(lines[0], `[INFO] consul: adding server s1 (Addr: ${HOST}:${one.port}) (DC: dc1)`);
  assert.equal(up, 1);
  emit({ kind: "user", ltime: 1n, name: "consul:new-leader", payload: Buffer.from("s1"), coalesce: false });
  assert.equal(lines.at(-1), "[INFO] consul: New leader elected: s1");
  assert.equal(up, 2);
  assert.equal(delegate.stats().get("consul")?.get("known_servers"), "1");
  event("member-failed", member("s1", one.port));
  await assert.rejects(delegate.rpc("KVS.Get", read), { message: "No known Consul servers" });
});

test("a server that is not there is passed over, for reads and for writes", async (t) => {
  const { delegate, member, event } = setUp(t);
  const gone = await server(t, () => found);
  await gone.listener.close();
  const alive = await server(t, (method) => (method === "KVS.Apply" ? true : found));
  await delegate.start();
  event("member-join", member("gone", gone.port), member("alive", alive.port));
  for (let i = 0; i < 5; i++) await delegate.rpc("KVS.Get", read);
  assert.equal(await delegate.rpc("KVS.Apply", write), true);
  assert.equal(alive.calls.length, 6);
});

test("without a leader the call is held, then answered by the next try", async (t) => {
  const { delegate, member, event } = setUp(t);
  let refusals = 3;
  const one = await server(t, () => {
    if (refusals-- > 0) throw new Error("No cluster leader");
    return true;
  });
  await delegate.start();
  event("member-join", member("s1", one.port));
  assert.equal(await delegate.rpc("KVS.Apply", write), true);
  assert.equal(one.calls.length, 4);
});

test("after the hold time the error is the server's", async (t) => {
  const { delegate, member, event } = setUp(t, { holdMs: 100 });
  const one = await server(t, () => {
    throw new Error("No cluster leader");
  });
  await delegate.start();
  event("member-join", member("s1", one.port));
  const began = performance.now();
  await assert.rejects(delegate.rpc("KVS.Get", read), {
    message: "rpc error making call: No cluster leader",
  });
  // A timer may be a moment early.
  assert.ok(performance.now() - began >= 95);
});

test("an error of the server's own is not tried again", async (t) => {
  const { delegate, member, event } = setUp(t);
  const one = await server(t, () => {
    throw new Error("Permission denied");
  });
  await delegate.start();
  event("member-join", member("s1", one.port));
  await assert.rejects(delegate.rpc("KVS.Get", read), {
    message: "rpc error making call: Permission denied",
  });
  assert.equal(one.calls.length, 1);
});

test("a call that is cut: a read goes elsewhere, a write is not done twice", async (t) => {
  const { delegate, member, event } = setUp(t);
  const cutting = await server(t, () => {
    void cutting.listener.close();
    return new Promise(() => {});
  });
  await delegate.start();
  event("member-join", member("cutting", cutting.port));
  await assert.rejects(delegate.rpc("KVS.Apply", write));
  assert.equal(cutting.calls.length, 1);

  const cuttingToo = await server(t, () => {
    void cuttingToo.listener.close();
    return new Promise(() => {});
  });
  event("member-leave", member("cutting", cutting.port));
  event("member-join", member("cutting", cuttingToo.port));
  const reading = delegate.rpc("KVS.Get", read);
  const alive = await server(t, () => found);
  event("member-join", member("alive", alive.port));
  assert.equal((await reading).Index, 1);
});

test("a failed server lets go of queries that wait for it", async (t) => {
  const { delegate, member, event } = setUp(t);
  const stuck = await server(t, () => new Promise(() => {}));
  await delegate.start();
  event("member-join", member("stuck", stuck.port));
  const waiting = delegate.rpc("KVS.Get", { ...read, MinQueryIndex: 5 });
  const alive = await server(t, () => found);
  while (stuck.calls.length === 0) await new Promise((r) => setImmediate(r));
  event("member-join", member("alive", alive.port));
  event("member-failed", member("stuck", stuck.port));
  assert.equal((await waiting).Index, 1);
});

test("the caller's signal ends a call", async (t) => {
  const { delegate, member, event } = setUp(t);
  const stuck = await server(t, () => new Promise(() => {}));
  await delegate.start();
  event("member-join", member("stuck", stuck.port));
  const stop = new AbortController();
  const waiting = delegate.rpc("KVS.Get", read, { signal: stop.signal });
  stop.abort(new Error("gone"));
  await assert.rejects(waiting, { message: "gone" });
});

test("more requests than allowed are refused here", async (t) => {
  const { delegate, member, event } = setUp(t, { rate: 0.001 });
  const one = await server(t, () => found);
  await delegate.start();
  event("member-join", member("s1", one.port));
  await delegate.rpc("KVS.Get", read);
  await delegate.rpc("KVS.Get", read);
  await assert.rejects(delegate.rpc("KVS.Get", read), { message: "RPC rate limit exceeded" });
  delegate.setRpcLimit(Number.POSITIVE_INFINITY, 1000);
  await delegate.rpc("KVS.Get", read);
});

test("bucket: fills at its rate up to its burst", () => {
  const bucket = new TokenBucket(10, 2, 0);
  assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, false]);
  assert.deepEqual([bucket.take(50), bucket.take(100), bucket.take(100)], [false, true, false]);
  assert.deepEqual([bucket.take(10_000), bucket.take(10_000), bucket.take(10_000)], [true, true, false]);
});
