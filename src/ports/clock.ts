/** Time as the program sees it. Cores get `now` as an argument; drivers get a Clock. */

/** A pending timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds with fractions; the origin is arbitrary. For measuring and for timers. */
  now(): number;
  /** Unix time in milliseconds; may jump. Only for what people or peers read as a date. */
  wall(): number;
  /** Calls `fire` once, `delayMs` from now (never synchronously). */
  timer(delayMs: number, fire: () => void): Timer;
}

/** setTimeout's largest delay; a longer one would fire at once. */
const TIMEOUT_MS_MAX = 0x7fff_ffff;

/** An object without functions of its own: blocking queries have ten thousands of them. */
class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;
  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle;
  }
  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer: (delayMs, fire) => new SystemTimer(setTimeout(fire, Math.min(Math.max(delayMs, 0), TIMEOUT_MS_MAX))),
};

/** Waits on `clock`; rejects with the signal's reason when aborted. */
export function sleep(
  clock: Clock,
  delayMs: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.timer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
