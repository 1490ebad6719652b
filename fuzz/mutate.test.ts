import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../src/ports/random.ts";
import { MESSAGE_BYTES_MAX, mutate, noise, recordedMessages } from "./mutate.ts";

test("recordedMessages() finds the bytes that the tests of the sources keep", () => {
  const found = recordedMessages(fileURLToPath(new URL("../src", import.meta.url)));
  assert.ok(found.length > 300, `${found.length} messages`);
  assert.ok(found.every((m) => m.length > 0 && m.length <= MESSAGE_BYTES_MAX));
});

test("mutate() changes the message, not its argument, and repeats itself by seed", () => {
  const message = Buffer.from("82a353657101ad536572766963654d6574686f64", "hex");
  const before = message.toString("hex");
  const run = (): string[] => {
    const random = seededRandom(11);
    return Array.from({ length: 200 }, () => mutate(random, message).toString("hex"));
  };
  const first = run();
  assert.deepEqual(first, run());
  assert.equal(message.toString("hex"), before);
  assert.ok(first.filter((m) => m !== before).length > 190);
});

test("noise() is never empty and stays small", () => {
  const random = seededRandom(12);
  for (let i = 0; i < 500; i++) {
    const n = noise(random).length;
    assert.ok(n >= 1 && n <= 4097);
  }
});
