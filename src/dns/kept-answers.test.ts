import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../ports/random.ts";
import { AnswerWheel, KeptAnswers } from "./kept-answers.ts";
import { KEPT_ANSWER_BYTES_MAX, KEPT_VARIANTS_MIN } from "./limits.ts";

/** Asks a wheel once; the answer's bytes are its order. */
function ask(wheel: AnswerWheel<string>, random = seededRandom(1)): string {
  const ready = wheel.next();
  if (ready !== undefined) return ready.toString();
  const answer = wheel.order(random).join("");
  wheel.add(Buffer.from(answer));
  return answer;
}

for (const items of [
  ["a"],
  ["a", "b"],
  ["a", "b", "c"],
  [..."abcdefghij"],
  [..."abcdefghijklmnopqrstuvwxyz0123456789"],
])
  test(`of ${items.length} each is first equally often, and none is ever missing`, () => {
    const wheel = new AnswerWheel(items);
    const first = new Map<string, number>();
    const rounds = items.length * KEPT_VARIANTS_MIN * 2;
    for (let i = 0; i < rounds; i++) {
      const answer = ask(wheel);
      assert.equal([...answer].sort().join(""), [...items].sort().join(""));
      first.set(answer[0]!, (first.get(answer[0]!) ?? 0) + 1);
    }
    assert.deepEqual(new Set(first.values()), new Set([rounds / items.length]));
  });

test("three instances come in every order", () => {
  const wheel = new AnswerWheel(["a", "b", "c"]);
  const random = seededRandom(7);
  const seen = new Set<string>();
  for (let i = 0; i < KEPT_VARIANTS_MIN; i++) seen.add(ask(wheel, random));
  assert.equal(seen.size, 6);
});

test("another list, another configuration, another question: another wheel", () => {
  const kept = new KeptAnswers<string>();
  const [list, config] = [[], {}];
  const items = (): readonly string[] => ["a"];
  const wheel = kept.wheel(list, config, "q", items);
  assert.equal(kept.wheel(list, config, "q", items), wheel);
  assert.notEqual(kept.wheel(list, config, "r", items), wheel);
  assert.notEqual(kept.wheel([], config, "q", items), wheel);
  assert.notEqual(kept.wheel(list, {}, "q", items), wheel);
  assert.equal(kept.wheel(list, config, "x".repeat(1000), items), undefined);
});

test("all is forgotten at the limit", () => {
  const kept = new KeptAnswers<string>();
  const [list, config] = [[], {}];
  const items = (): readonly string[] => ["a"];
  const wheel = kept.wheel(list, config, "q", items)!;
  kept.keep(wheel, Buffer.alloc(1000));
  kept.keep(wheel, Buffer.alloc(KEPT_ANSWER_BYTES_MAX));
  assert.notEqual(kept.wheel(list, config, "q", items), wheel);
});
