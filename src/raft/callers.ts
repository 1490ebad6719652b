/** Who in this process waits for the core's word on a verification, a membership change, the bootstrap or a transfer. */
import type { RaftConfiguration } from "./contract.ts";
import type { ConfigurationChange, CoreEvent, Effect } from "./core/messages.ts";
import { raftError } from "./errors.ts";
import type { Done } from "./proposals.ts";

type Verified = Extract<Effect, { kind: "verified" }>;
type Answer = Extract<Effect, { kind: "changed" | "bootstrapped" | "transferred" }>;

export class Callers {
  #nextId = 1;
  readonly #verifies = new Map<number, Done<void>>();
  readonly #changes = new Map<number, Done<number>>();
  #bootstrap: Done<void> | undefined;
  #transfer: Done<void> | undefined;

  // Each takes the caller in, and gives what to tell the core.

  verify(done: Done<void>): CoreEvent {
    const id = this.#nextId++;
    this.#verifies.set(id, done);
    return { kind: "verify", id };
  }
  change(change: ConfigurationChange, done: Done<number>): CoreEvent {
    const id = this.#nextId++;
    this.#changes.set(id, done);
    return { kind: "change", id, change };
  }
  /** Undefined when somebody waits for one already. */
  bootstrap(configuration: RaftConfiguration, done: Done<void>): CoreEvent | undefined {
    if (this.#bootstrap !== undefined) return undefined;
    this.#bootstrap = done;
    return { kind: "bootstrap", configuration };
  }
  transfer(to: string | undefined, done: Done<void>): CoreEvent {
    this.#transfer = done;
    return { kind: "transfer", to };
  }

  /** Confirmed leadership is worth an answer when the state holds the entry that was committed then. */
  onVerified({ id, index, error }: Verified, whenApplied: (index: number, done: Done<void>) => void): void {
    const done = this.#verifies.get(id);
    this.#verifies.delete(id);
    if (done === undefined) return;
    if (error !== undefined) return done(raftError(error));
    whenApplied(index, done);
  }

  onAnswer(effect: Answer): void {
    const error = effect.error === undefined ? undefined : raftError(effect.error);
    switch (effect.kind) {
      case "changed": {
        const done = this.#changes.get(effect.id);
        this.#changes.delete(effect.id);
        return done?.(error, effect.index);
      }
      case "bootstrapped": {
        const done = this.#bootstrap;
        this.#bootstrap = undefined;
        return done?.(error);
      }
      case "transferred": {
        const done = this.#transfer;
        this.#transfer = undefined;
        return done?.(error);
      }
    }
  }

  /** The core that they asked is gone. */
  fail(error: Error): void {
    const waiting = [...this.#verifies.values(), ...this.#changes.values()] as Done<unknown>[];
    this.#verifies.clear();
    this.#changes.clear();
    for (const done of [...waiting, this.#bootstrap, this.#transfer] as (Done<unknown> | undefined)[])
      done?.(error, undefined);
    this.#bootstrap = undefined;
    this.#transfer = undefined;
  }
}
