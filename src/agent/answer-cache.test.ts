import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { DCSpecificRequest, IndexedNodes } from "../model/catalog.ts";
import type { MethodName, RpcCaller } from "../model/methods.ts";
import { AnswerCache } from "./answer-cache.ts";

const request = { ...DCSpecificRequest.zero(), Datacenter: "dc1", UseCache: true };
const NS_PER_S = 1_000_000_000n;

/** A server whose index the test moves; blocking queries wait for it. */
function server() {
  const calls: { readonly method: MethodName; readonly index: number }[] = [];
  const waiting = new Set<() => void>();
  const state = { index: 7, fail: false };
  const caller = {
    rpc: async (method: MethodName, r: { MinQueryIndex: number }, o?: { signal?: AbortSignal }) => {
      calls.push({ method, index: r.MinQueryIndex });
      if (state.fail) throw new Error("No cluster leader");
      while (r.MinQueryIndex >= state.index)
        await new Promise<void>((resolve, reject) => {
          waiting.add(resolve);
          o?.signal?.addEventListener("abort", () => reject(o.signal!.reason), { once: true });
        });
      return { ...IndexedNodes.zero(), Index: state.index };
    },
  } as unknown as RpcCaller;
  const move = (index: number): void => {
    state.index = index;
    for (const wake of waiting) wake();
    waiting.clear();
  };
  return { calls, caller, state, move };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a refreshed answer: one fetch, then hits that follow the server", async () => {
  const { calls, caller, move } = server();
  const cache = new AnswerCache({ clock: new SimClock(), rpc: caller });
  const [a, b] = await Promise.all([
    cache.get("refreshed", "Catalog.ListNodes", request),
    cache.get("refreshed", "Catalog.ListNodes", request),
  ]);
  assert.deepEqual([a.hit, b.hit], [false, false]);
  assert.equal(calls.filter((c) => c.index === 0).length, 1, "callers at once share a fetch");
  assert.deepEqual([(await cache.get("refreshed", "Catalog.ListNodes", request)).hit], [true]);
  const blocked = cache.get("refreshed", "Catalog.ListNodes", { ...request, MinQueryIndex: 7 });
  await settle();
  move(9);
  assert.equal((await blocked).value.Index, 9);
  assert.equal((await cache.get("refreshed", "Catalog.ListNodes", request)).value.Index, 9);
  cache.close();
});

test("tokens and parameters have answers of their own", async () => {
  const { calls, caller } = server();
  const cache = new AnswerCache({ clock: new SimClock(), rpc: caller });
  for (const r of [request, { ...request, Token: "t" }, { ...request, Filter: "Node == a" }])
    assert.equal((await cache.get("refreshed", "Catalog.ListNodes", r)).hit, false);
  assert.equal(calls.filter((c) => c.index === 0).length, 3);
  cache.close();
});

test("a plain answer is fetched again when it is too old, and kept when the caller takes an old one", async () => {
  const { caller, state } = server();
  const clock = new SimClock();
  const cache = new AnswerCache({ clock, rpc: caller });
  const get = (more: object = {}) => cache.get("plain", "Catalog.ListNodes", { ...request, ...more });
  assert.equal((await get()).hit, false);
  await clock.run(5_000);
  assert.deepEqual([(await get()).hit, (await get()).ageS], [true, 5]);
  assert.equal((await get({ MaxAge: 10n * NS_PER_S })).hit, true);
  assert.equal((await get({ MaxAge: 2n * NS_PER_S })).hit, false);
  assert.equal((await get({ MustRevalidate: true })).hit, false);
  state.fail = true;
  await assert.rejects(get({ MustRevalidate: true }), /No cluster leader/);
  assert.equal((await get({ MustRevalidate: true, StaleIfError: 60n * NS_PER_S })).hit, true);
  cache.close();
});

test("a first fetch that fails leaves nothing behind", async () => {
  const { caller, state } = server();
  state.fail = true;
  const cache = new AnswerCache({ clock: new SimClock(), rpc: caller });
  await assert.rejects(cache.get("refreshed", "Catalog.ListNodes", request), /No cluster leader/);
  state.fail = false;
  assert.equal((await cache.get("refreshed", "Catalog.ListNodes", request)).hit, false);
  cache.close();
});
