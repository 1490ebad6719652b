import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_CHANNEL_BYTES } from "./limits.ts";
import { LogChannel } from "./log-channel.ts";

test("an append is taken up once, with what was put into its columns, and its end is heard", async () => {
  const loop = new LogChannel();
  const thread = new LogChannel(loop.memory);
  assert.equal(thread.take(), undefined);
  for (let round = 0; round < 3; round++) {
    const room = loop.room(2, 5)!;
    room.index.set([7, 8]);
    room.term.set([1, 2]);
    room.type.set([0, 5]);
    room.length.set([2, 3]);
    room.bytes.set([1, 2, 3, 4, 5]);
    const { asked } = thread;
    const done = new Promise<void>((resolve) => loop.append(resolve));
    assert.notEqual(thread.asked, asked, "a thread that looked before does not fall asleep");
    thread.sleep(asked);
    const taken = thread.take()!;
    assert.deepEqual(
      [taken.index, taken.term, taken.type, taken.length, taken.bytes].map((c) => [...c]),
      [
        [7, 8],
        [1, 2],
        [0, 5],
        [2, 3],
        [1, 2, 3, 4, 5],
      ],
    );
    assert.equal(thread.take(), undefined);
    thread.appended();
    await done;
  }
});

test("what is larger than the memory has no room", () => {
  const loop = new LogChannel();
  assert.notEqual(loop.room(1, LOG_CHANNEL_BYTES - 64 - 21), undefined);
  assert.equal(loop.room(1, LOG_CHANNEL_BYTES - 64 - 20), undefined);
});
