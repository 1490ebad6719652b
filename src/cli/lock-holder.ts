/**
 * A lock or a semaphore in the KV store, held under a session: acquire, watch, release, clean up. Keys, flags and the holder
 * document are those of Consul's own clients (observed in 1.8.7), so that both exclude each other.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TribuneClient } from "../client/client.ts";
import { UnexpectedResponseError } from "../client/errors.ts";
import type { KvEntry } from "../client/types.ts";

/** Marks a key as a lock; the value is Consul's. */
const LOCK_FLAGS = 0x2ddccbc058a50c18n;
const SEMAPHORE_FLAGS = 0xe0f69a2baa414de0n;
const SESSION_TTL = "15s";
const RENEW_EVERY_MS = 7_500;
const WAIT_MS = 15_000;
/** Pause while the lock-delay of a lost session runs. */
const LOCK_DELAY_RETRY_MS = 5_000;
const MONITOR_RETRY_PAUSE_MS = 1_000;

export interface LockOptions {
  /** Key prefix without a leading slash. */
  readonly prefix: string;
  readonly limit: number;
  readonly sessionName: string;
  /** Milliseconds to wait for the lock; 0: for ever. */
  readonly timeoutMs: number;
  /** Failed reads that are tolerated while the lock is held. */
  readonly monitorRetry: number;
  readonly signal: AbortSignal;
}

export class LockError extends Error {
  override readonly name = "LockError";
}

interface Holders {
  readonly Limit: number;
  readonly Holders: Readonly<Record<string, boolean>>;
}

export class LockHolder {
  readonly #client: TribuneClient;
  readonly #options: LockOptions;
  #session = "";
  readonly #stopped = new AbortController();

  constructor(client: TribuneClient, options: LockOptions) {
    this.#client = client;
    this.#options = options;
  }

  get #key(): string {
    return `${this.#options.prefix}/.lock`;
  }
  get #contender(): string {
    return `${this.#options.prefix}/${this.#session}`;
  }
  get #semaphore(): boolean {
    return this.#options.limit > 1;
  }

  /**
   * Resolves once the lock is held; `lost` resolves when it is no longer. Undefined when the signal or the timeout came
   * first. Throws LockError and the client's errors.
   */
  async acquire(): Promise<{ readonly lost: Promise<void> } | undefined> {
    const { signal, timeoutMs, sessionName } = this.#options;
    const limits = [signal, this.#stopped.signal];
    if (timeoutMs > 0) limits.push(AbortSignal.timeout(Math.ceil(timeoutMs)));
    const until = AbortSignal.any(limits);
    this.#session = await this.#client.session.create({
      Name: sessionName,
      TTL: SESSION_TTL,
      // With its session the contender's key goes, too; the key of a lock stays and says that it is free.
      Behavior: this.#semaphore ? "delete" : "release",
    });
    const sessionLost = this.#keepSession();
    sessionLost.catch(() => {});
    try {
      const index = this.#semaphore ? await this.#acquireSlot(until) : await this.#acquireKey(until);
      if (index === undefined) return undefined;
      return { lost: Promise.race([this.#watchLoss(index), sessionLost]) };
    } catch (error) {
      if (until.aborted) return undefined;
      throw error;
    }
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    if (this.#semaphore) {
      await this.#changeHolders((h) => ({ ...h, Holders: without(h.Holders, this.#session) }));
      await this.#client.kv.delete(this.#contender);
    } else await this.#client.kv.put(this.#key, "", { release: this.#session, flags: LOCK_FLAGS });
  }

  /** Removes the key if nobody else uses it; whether it did. */
  async cleanUp(): Promise<boolean> {
    const { value: entry } = await this.#client.kv.get(this.#key);
    if (entry === null) return true;
    if (entry.Session) return false;
    if (this.#semaphore) {
      const { value: all } = await this.#client.kv.list(`${this.#options.prefix}/`);
      const holders = decodeHolders(entry);
      if (Object.keys(holders.Holders).length > 0 || all.some((e) => e.Session)) return false;
    }
    return this.#client.kv.delete(this.#key, { cas: BigInt(entry.ModifyIndex) });
  }

  /** Ends the session and everything that runs. */
  async close(): Promise<void> {
    this.#stopped.abort();
    if (this.#session === "") return;
    try {
      await this.#client.session.destroy(this.#session);
    } catch {
      // Its TTL ends it.
    }
  }

  async #keepSession(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await delay(RENEW_EVERY_MS, undefined, { signal });
      try {
        if ((await this.#client.session.renew(this.#session, { signal })) === null) return;
      } catch (error) {
        // Without a leader nothing expires either: the next renewal decides.
        if (signal.aborted) throw error;
      }
    }
  }

  async #acquireKey(until: AbortSignal): Promise<bigint | undefined> {
    let index = 0n;
    while (!until.aborted) {
      const { value: entry, index: seen } = await this.#client.kv.get(this.#key, {
        consistent: true,
        index,
        wait: WAIT_MS,
        signal: until,
      });
      if (entry !== null && entry.Flags !== LOCK_FLAGS)
        throw new LockError("Existing key does not match lock use");
      index = seen;
      if (entry?.Session && entry.Session !== this.#session) continue;
      const held = await this.#client.kv.put(this.#key, "", {
        acquire: this.#session,
        flags: LOCK_FLAGS,
        signal: until,
      });
      if (held) return index;
      // Free, and still refused: the lock-delay of the last holder runs.
      const { value: now } = await this.#client.kv.get(this.#key, { consistent: true, signal: until });
      if (!now?.Session) await delay(LOCK_DELAY_RETRY_MS, undefined, { signal: until });
      index = 0n;
    }
    return undefined;
  }

  async #acquireSlot(until: AbortSignal): Promise<bigint | undefined> {
    const { limit, prefix } = this.#options;
    const contending = await this.#client.kv.put(this.#contender, "", {
      acquire: this.#session,
      flags: SEMAPHORE_FLAGS,
      signal: until,
    });
    if (!contending) throw new LockError("failed to make contender entry");
    let index = 0n;
    while (!until.aborted) {
      const { value: entries, index: seen } = await this.#client.kv.list(`${prefix}/`, {
        consistent: true,
        index,
        wait: WAIT_MS,
        signal: until,
      });
      index = seen;
      const lock = entries.find((e) => e.Key === this.#key);
      if (lock !== undefined && lock.Flags !== SEMAPHORE_FLAGS)
        throw new LockError("Existing key does not match semaphore use");
      const document = lock === undefined ? { Limit: limit, Holders: {} } : decodeHolders(lock);
      if (document.Limit !== limit)
        throw new LockError(`semaphore limit conflict (lock: ${document.Limit}, local: ${limit})`);
      const alive = new Set(entries.filter((e) => e.Session).map((e) => e.Session));
      const holders = Object.fromEntries(Object.entries(document.Holders).filter(([s]) => alive.has(s)));
      if (Object.keys(holders).length >= limit) continue;
      const done = await this.#client.kv.put(
        this.#key,
        JSON.stringify({ Limit: limit, Holders: { ...holders, [this.#session]: true } }),
        { cas: BigInt(lock?.ModifyIndex ?? 0), flags: SEMAPHORE_FLAGS, signal: until },
      );
      if (done) return index;
      index = 0n;
    }
    return undefined;
  }

  /** Resolves when the lock is somebody else's or nobody's. */
  async #watchLoss(from: bigint): Promise<void> {
    const { signal } = this.#stopped;
    let index = from;
    let failures = 0;
    for (;;) {
      try {
        const options = { consistent: true, index, wait: WAIT_MS, signal };
        if (this.#semaphore) {
          const reply = await this.#client.kv.list(`${this.#options.prefix}/`, options);
          index = reply.index;
          const lock = reply.value.find((e) => e.Key === this.#key);
          const contender = reply.value.find((e) => e.Key === this.#contender);
          if (lock === undefined || contender?.Session !== this.#session) return;
          if (!decodeHolders(lock).Holders[this.#session]) return;
        } else {
          const reply = await this.#client.kv.get(this.#key, options);
          index = reply.index;
          if (reply.value?.Session !== this.#session) return;
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) throw error;
        const serverSide = error instanceof UnexpectedResponseError && error.statusCode >= 500;
        if (!serverSide || ++failures > this.#options.monitorRetry) return;
        index = 0n;
        await delay(MONITOR_RETRY_PAUSE_MS, undefined, { signal });
      }
    }
  }

  async #changeHolders(change: (h: Holders) => Holders): Promise<void> {
    for (;;) {
      const { value: lock } = await this.#client.kv.get(this.#key, { consistent: true });
      if (lock === null) return;
      const done = await this.#client.kv.put(this.#key, JSON.stringify(change(decodeHolders(lock))), {
        cas: BigInt(lock.ModifyIndex),
        flags: SEMAPHORE_FLAGS,
      });
      if (done) return;
    }
  }
}

function decodeHolders(entry: KvEntry): Holders {
  try {
    const d = JSON.parse(
      Buffer.from(entry.Value ?? new Uint8Array()).toString("utf8"),
    ) as Partial<Holders> | null;
    return { Limit: Number(d?.Limit ?? 0), Holders: d?.Holders ?? {} };
  } catch {
    throw new LockError("Existing key does not match semaphore use");
  }
}

function without(
  holders: Readonly<Record<string, boolean>>,
  session: string,
): Readonly<Record<string, boolean>> {
  return Object.fromEntries(Object.entries(holders).filter(([s]) => s !== session));
}
