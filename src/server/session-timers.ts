/**
 * Time-to-live of sessions, kept by the leader alone and in its memory only: a session's timer runs for twice its TTL and starts
 * anew at creation, renewal and each change of leader.
 */
import { type Clock, sleep, type Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import { formatDuration, parseDuration } from "../wire/duration.ts";
import { errorText, InvalidRequestError } from "./errors.ts";
import { SESSION_DESTROY_ATTEMPTS_MAX, SESSION_TTL_MAX_NS, SESSION_TTL_MULTIPLIER } from "./limits.ts";

const NS_PER_MS = 1_000_000;

/** Refuses a TTL text as the original does; "" and any zero mean none. */
export function checkSessionTtl(text: string, minMs: number): void {
  if (text === "") return;
  let ttl: bigint;
  try {
    ttl = parseDuration(text);
  } catch (error) {
    throw new InvalidRequestError(`Session TTL '${text}' invalid: ${errorText(error)}`);
  }
  const min = BigInt(Math.round(minMs * NS_PER_MS));
  if (ttl !== 0n && (ttl < min || ttl > SESSION_TTL_MAX_NS))
    throw new InvalidRequestError(
      `Invalid Session TTL '${ttl}', must be between [${formatDuration(min)}=${formatDuration(SESSION_TTL_MAX_NS)}]`,
    );
}

/** Milliseconds of a stored TTL; 0 for none or a text that is none (the log may hold anything). */
export function sessionTtlMs(text: string): number {
  if (text === "") return 0;
  try {
    const ns = parseDuration(text);
    return ns > 0n ? Number(ns) / NS_PER_MS : 0;
  } catch {
    return 0;
  }
}

export class SessionTimers {
  readonly #destroy: (id: string) => Promise<void>;
  readonly #retryBaseMs: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #timers = new Map<string, Timer>();
  #stopped = new AbortController();

  constructor(
    options: {
      /** Logs the session's destruction. */
      readonly destroy: (id: string) => Promise<void>;
      readonly retryBaseMs: number;
    },
    ports: { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics },
  ) {
    this.#destroy = options.destroy;
    this.#retryBaseMs = options.retryBaseMs;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#metrics = ports.metrics;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** Starts or restarts a session's timer. Without TTL nothing runs. */
  reset(id: string, ttl: string): void {
    const ms = sessionTtlMs(ttl);
    if (ms === 0) return;
    this.#timers.get(id)?.cancel();
    const { signal } = this.#stopped;
    this.#timers.set(
      id,
      this.#clock.timer(ms * SESSION_TTL_MULTIPLIER, () => {
        this.#timers.delete(id);
        this.#tellActive();
        void this.#expire(id, signal);
      }),
    );
    this.#tellActive();
  }

  #tellActive(): void {
    this.#metrics.gauge("session_ttl.active", this.#timers.size);
  }

  clear(id: string): void {
    this.#timers.get(id)?.cancel();
    if (this.#timers.delete(id)) this.#tellActive();
  }

  /** Not leader any more. */
  clearAll(): void {
    for (const t of this.#timers.values()) t.cancel();
    this.#timers.clear();
    this.#tellActive();
    this.#stopped.abort();
    this.#stopped = new AbortController();
  }

  async #expire(id: string, signal: AbortSignal): Promise<void> {
    const started = this.#clock.now();
    for (let attempt = 0; attempt < SESSION_DESTROY_ATTEMPTS_MAX && !signal.aborted; attempt++) {
      try {
        await this.#destroy(id);
        this.#log.debug("Session TTL expired", { session: id });
        this.#metrics.sample("session_ttl.invalidate", this.#clock.now() - started);
        return;
      } catch (error) {
        this.#log.error("Invalidation failed", { session: id, error: errorText(error) });
      }
      try {
        await sleep(this.#clock, this.#retryBaseMs * 2 ** attempt, { signal });
      } catch {
        return;
      }
    }
    if (!signal.aborted) this.#log.error("maximum revoke attempts reached for session", { session: id });
  }
}
