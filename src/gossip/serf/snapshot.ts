/**
 * What a node remembers of its pool over a restart: who was alive and how late the clocks were. Pure; snapshot-writer.ts does
 * the IO.
 *
 *   line = "alive: " name " " ip:port | "not-alive: " name | "clock: " n | "event-clock: " n | "query-clock: " n
 *        | "leave" | "coordinate: ..." (old, ignored) | "# ..."
 *
 * Source: observed in serf 0.9.4 (its -snapshot file) and Consul 1.8.7 (serf/local.snapshot).
 */
import { hostPort } from "../address.ts";

export interface SnapshotState {
  /** Name to `ip:port`. */
  readonly alive: ReadonlyMap<string, string>;
  readonly clock: number;
  readonly eventClock: number;
  readonly queryClock: number;
  /** Lines that made no sense; a torn last line is one. */
  readonly badLines: readonly string[];
}

const CLOCK = /^(clock|event-clock|query-clock): (\d{1,16})$/;

/** Replays a snapshot file. After a graceful leave nothing counts, unless `rejoinAfterLeave`. */
export function replaySnapshot(text: string, options: { readonly rejoinAfterLeave: boolean }): SnapshotState {
  const alive = new Map<string, string>();
  const clocks = { clock: 0, "event-clock": 0, "query-clock": 0 };
  const badLines: string[] = [];
  const lines = text.split("\n");
  // A whole file ends with a line feed: what follows the last one was cut while it was written.
  const torn = lines.pop();
  if (torn !== undefined && torn !== "") badLines.push(torn);
  for (const line of lines) {
    if (line === "" || line.startsWith("#") || line.startsWith("coordinate: ")) continue;
    if (line.startsWith("alive: ")) {
      // Names may hold blanks: the address is behind the last one.
      const at = line.lastIndexOf(" ");
      const name = line.slice("alive: ".length, at);
      if (at > "alive: ".length && line.length > at + 1) alive.set(name, line.slice(at + 1));
      else badLines.push(line);
    } else if (line.startsWith("not-alive: ")) alive.delete(line.slice("not-alive: ".length));
    else if (line === "leave") {
      if (options.rejoinAfterLeave) continue;
      alive.clear();
      clocks.clock = 0;
      clocks["event-clock"] = 0;
      clocks["query-clock"] = 0;
    } else {
      const m = CLOCK.exec(line);
      const value = Number(m?.[2]);
      if (m === null || !Number.isSafeInteger(value)) badLines.push(line);
      else clocks[m[1] as keyof typeof clocks] = value;
    }
  }
  return {
    alive,
    clock: clocks.clock,
    eventClock: clocks["event-clock"],
    queryClock: clocks["query-clock"],
    badLines,
  };
}

/** Size that a file may reach whatever it holds, and per node beyond, bytes: serf's own. */
const COMPACT_BYTES_MIN = 128 * 1024;
const COMPACT_BYTES_PER_NODE = 128;
const COMPACT_FACTOR = 2;

/** Keeps the state and turns changes into lines. */
export class Snapshot {
  readonly #alive: Map<string, string>;
  readonly #rejoinAfterLeave: boolean;
  #clock: number;
  #eventClock: number;
  #queryClock: number;
  #left = false;

  constructor(start: SnapshotState, options: { readonly rejoinAfterLeave: boolean }) {
    this.#alive = new Map(start.alive);
    this.#clock = start.clock;
    this.#eventClock = start.eventClock;
    this.#queryClock = start.queryClock;
    this.#rejoinAfterLeave = options.rejoinAfterLeave;
  }

  /** After "leave" nothing is recorded any more. */
  get closed(): boolean {
    return this.#left;
  }

  memberAlive(name: string, host: string, port: number): string {
    if (this.#left || name.includes("\n")) return "";
    const at = hostPort(host, port);
    this.#alive.set(name, at);
    return `alive: ${name} ${at}\n`;
  }

  memberGone(name: string): string {
    if (this.#left || !this.#alive.delete(name)) return "";
    return `not-alive: ${name}\n`;
  }

  /** `time` is the member clock as it stands; the last time seen, one less, is kept. */
  memberClock(time: number): string {
    const seen = time - 1;
    if (this.#left || seen <= this.#clock) return "";
    this.#clock = seen;
    return `clock: ${seen}\n`;
  }

  userEvent(ltime: number): string {
    if (this.#left || ltime <= this.#eventClock) return "";
    this.#eventClock = ltime;
    return `event-clock: ${ltime}\n`;
  }

  query(ltime: number): string {
    if (this.#left || ltime <= this.#queryClock) return "";
    this.#queryClock = ltime;
    return `query-clock: ${ltime}\n`;
  }

  leave(): string {
    if (this.#left) return "";
    this.#left = true;
    if (!this.#rejoinAfterLeave) this.#alive.clear();
    return "leave\n";
  }

  /** Size from which the file should be written anew. */
  get compactFromBytes(): number {
    return Math.max(COMPACT_BYTES_MIN, COMPACT_FACTOR * COMPACT_BYTES_PER_NODE * this.#alive.size);
  }

  /** The whole state as a new file. */
  compacted(): string {
    let out = "";
    for (const [name, at] of this.#alive) out += `alive: ${name} ${at}\n`;
    out += `clock: ${this.#clock}\nevent-clock: ${this.#eventClock}\nquery-clock: ${this.#queryClock}\n`;
    if (this.#left) out += "leave\n";
    return out;
  }
}
