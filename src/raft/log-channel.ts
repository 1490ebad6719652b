/**
 * Memory that the event loop and the log's thread share, for the one request that comes all the time: entries appended, and
 * nothing else. A message between threads is cloned, queued and announced to an event loop, which costs three times what waking
 * a thread that waits for a word of memory does (33 and 10 us of CPU for a request with its answer). Everything else goes by
 * message still; the word only says that there is one.
 *
 * An append starts only when nothing else is under way, and messages may be sent behind it; the thread carries out what it was
 * asked in that order. Answers come on two ways, and one on its way here may overtake the other: a message that answers a later
 * request says that the append before it is done.
 */

import { LOG_CHANNEL_BYTES } from "./limits.ts";
import type { PackedEntries } from "./log-database.ts";

// Words at the memory's start.
/** Counts what was asked; the thread sleeps on it. */
const ASKED = 0;
/** Counts appends that were carried out; the event loop is woken by it. */
const DONE = 1;
/** 1 while an append waits to be taken up. */
const APPEND = 2;
const ENTRIES = 3;
const BYTES = 4;
/** Columns begin here. */
const HEAD_BYTES = 64;

/** Bytes of an entry in the columns, besides its own. */
export const COLUMN_BYTES = 21;

/** Views of `n` entries of `bytes` bytes together, widest column first. */
export function columns(memory: ArrayBufferLike, from: number, n: number, bytes: number): PackedEntries {
  return {
    index: new Float64Array(memory, from, n),
    term: new Float64Array(memory, from + 8 * n, n),
    length: new Uint32Array(memory, from + 16 * n, n),
    type: new Uint8Array(memory, from + 20 * n, n),
    bytes: new Uint8Array(memory, from + COLUMN_BYTES * n, bytes),
  };
}

export class LogChannel {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Without `memory`: new memory, at the event loop's end. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(LOG_CHANNEL_BYTES)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / 4);
  }

  // At the event loop.

  /** Columns to be filled for {@link append}; undefined when they do not fit. */
  room(n: number, bytes: number): PackedEntries | undefined {
    if (HEAD_BYTES + COLUMN_BYTES * n + bytes > this.memory.byteLength) return undefined;
    this.#words[ENTRIES] = n;
    this.#words[BYTES] = bytes;
    return columns(this.memory, HEAD_BYTES, n, bytes);
  }

  /** Has the thread append what the columns hold. `done`, not called at once, hears of success alone. */
  append(done: () => void): void {
    const before = Atomics.load(this.#words, DONE);
    Atomics.store(this.#words, APPEND, 1);
    this.wake();
    const answer = Atomics.waitAsync(this.#words, DONE, before);
    if (answer.async) void answer.value.then(done);
    else queueMicrotask(done);
  }

  /** A message was sent. */
  wake(): void {
    Atomics.add(this.#words, ASKED, 1);
    Atomics.notify(this.#words, ASKED);
  }

  // In the thread.

  get asked(): number {
    return Atomics.load(this.#words, ASKED);
  }

  /** Sleeps until something is asked after `asked`. */
  sleep(asked: number): void {
    Atomics.wait(this.#words, ASKED, asked);
  }

  /** The entries of an append that waits, which is now taken up; they are gone after {@link appended}. */
  take(): PackedEntries | undefined {
    if (Atomics.exchange(this.#words, APPEND, 0) === 0) return undefined;
    return columns(this.memory, HEAD_BYTES, this.#words[ENTRIES]!, this.#words[BYTES]!);
  }

  appended(): void {
    Atomics.add(this.#words, DONE, 1);
    Atomics.notify(this.#words, DONE);
  }
}
