import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../src/ports/random.ts";
import { decodeRequest } from "../src/raft/codec.ts";
import { MsgpackError } from "../src/wire/msgpack.ts";
import { hostileRaftRequest } from "./raft-messages.ts";

test("hostileRaftRequest() makes requests of every kind, most of which a server decodes and must judge", () => {
  const random = seededRandom(3);
  const kinds = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    const bytes = hostileRaftRequest(random, ["127.0.0.1:8300", "127.0.0.2:8300"]);
    try {
      const { kind } = decodeRequest(bytes[0]!, bytes.subarray(1));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } catch (error) {
      assert.ok(error instanceof MsgpackError, String(error));
    }
  }
  assert.deepEqual([...kinds.keys()].sort(), ["append", "install", "pre-vote", "timeout-now", "vote"]);
  for (const [kind, n] of kinds) assert.ok(n > 100, `${kind}: ${n}`);
});
