/** KVS.*: keys and values. */
import { kvGet, kvKeys, kvList } from "../state/kv.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";
import { orNil } from "./nil.ts";
import { readKey } from "./read-key.ts";

/**
 * Checks a KV operation before it is logged, alone or in a transaction; false: the key may not be locked yet. A lock-delay is wall
 * time of the leader alone, so it is checked here and not when the entry is applied.
 */
export function mayApplyKv(core: ServerCore, verb: string, key: string): boolean {
  if (key === "" && verb !== "delete-tree") throw new InvalidRequestError("Must provide key");
  if (verb !== "lock") return true;
  if (core.store.lockDelayMs(key) <= 0) return true;
  core.log.warn("Rejecting lock of key due to lock-delay", { key });
  return false;
}

export function kvEndpoints(core: ServerCore) {
  return {
    "KVS.Apply": async (request) => {
      if (!mayApplyKv(core, request.Op, request.DirEnt.Key)) return false;
      const started = core.clock.now();
      const result = await core.commit("kvs", request);
      core.metrics.sample("kvs.apply", core.clock.now() - started);
      // Only cas, lock, unlock and delete-cas tell how it went.
      return result === true;
    },
    "KVS.Get": (request, call) =>
      core.read(
        request,
        call,
        (view) => kvGet(view, request.Key),
        (entry) => ({ Entries: entry === undefined ? null : [entry] }),
      ),
    "KVS.List": (request, call) =>
      core.read(
        request,
        call,
        (view) => kvList(view, request.Key),
        (entries) => ({ Entries: orNil(entries) }),
        readKey("KVS.List", {}, request.Key),
      ),
    "KVS.ListKeys": (request, call) =>
      core.read(
        request,
        call,
        (view) => kvKeys(view, request.Prefix, request.Seperator),
        (keys) => ({ Keys: orNil(keys) }),
        readKey("KVS.ListKeys", {}, request.Prefix, request.Seperator),
      ),
  } satisfies Partial<Handlers>;
}
