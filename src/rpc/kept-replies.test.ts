import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptReplies } from "./kept-replies.ts";

const decode = (bytes: Buffer): { readonly text: string } => ({ text: bytes.toString() });

test("the same bytes to the same request give the same object, other bytes another", () => {
  const kept = new KeptReplies();
  const ask = (bytes: string, request = "q"): { readonly text: string } =>
    kept.value(request, Buffer.from(bytes), decode);
  ask("a");
  const second = ask("a");
  assert.equal(ask("a"), second);
  const changed = ask("b");
  assert.deepEqual(changed, { text: "b" });
  assert.equal(ask("b"), changed);
  assert.notEqual(ask("b", "another"), changed);
  assert.deepEqual(ask("a"), { text: "a" });
  assert.equal(kept.bytes, 1);
});

test("no more bytes than allowed", () => {
  const kept = new KeptReplies(100);
  for (let i = 0; i < 50; i++) for (let n = 0; n < 2; n++) kept.value(`q${i}`, Buffer.alloc(20, i), decode);
  assert.equal(kept.bytes, 100);
  assert.equal(kept.get("q0"), undefined);
  assert.notEqual(kept.get("q49"), undefined);
  for (let n = 0; n < 3; n++) kept.value("large", Buffer.alloc(26), decode);
  assert.equal(kept.get("large"), undefined);
});

test("bytes that cannot be decoded leave nothing behind", () => {
  const kept = new KeptReplies();
  for (let n = 0; n < 2; n++) kept.value("q", Buffer.from("a"), decode);
  const fail = (): never => {
    throw new Error("broken");
  };
  assert.throws(() => kept.value("q", Buffer.from("b"), fail), /broken/);
  assert.equal(kept.bytes, 0);
  assert.deepEqual(kept.value("q", Buffer.from("a"), decode), { text: "a" });
});
