/**
 * Answers made ahead. For a list of instances that the catalog hands out again (the same object: nothing has changed), the same
 * question is answered from a set of encoded answers, each beginning with another instance, so that every instance is
 * first as often as any other. A new list has no answers yet: nothing outlives what it was made from.
 */
import type { Random } from "../ports/random.ts";
import { shuffled } from "../ports/random.ts";
import {
  KEPT_ANSWER_BYTES_MAX,
  KEPT_QUERY_BYTES_MAX,
  KEPT_VARIANTS_MAX,
  KEPT_VARIANTS_MIN,
} from "./limits.ts";

/** The answers to one question over one list. */
export class AnswerWheel<T> {
  readonly #count: number;
  readonly #answers: Buffer[] = [];
  #order: readonly T[];
  #next = 0;
  #made = 0;

  constructor(items: readonly T[]) {
    this.#order = items;
    const n = items.length;
    // Whole turns only: then every item is first equally often.
    const turns = Math.max(1, Math.ceil(KEPT_VARIANTS_MIN / Math.max(1, n)));
    this.#count = n <= 1 ? 1 : Math.min(KEPT_VARIANTS_MAX, turns * n);
  }

  /** The next answer made before, or undefined: then {@link order} is to be answered with and the bytes go to {@link add}. */
  next(): Buffer | undefined {
    if (this.#answers.length < this.#count) return undefined;
    const answer = this.#answers[this.#next];
    this.#next = this.#next + 1 === this.#count ? 0 : this.#next + 1;
    return answer;
  }

  /** The items in the order of the answer that is to be made. */
  order(random: Random): readonly T[] {
    const at = this.#made++ % Math.max(1, this.#order.length);
    if (at === 0) this.#order = shuffled(random, this.#order);
    return at === 0 ? this.#order : [...this.#order.slice(at), ...this.#order.slice(0, at)];
  }

  /** Takes an answer made in an {@link order}. */
  add(answer: Buffer): void {
    if (this.#answers.length < this.#count) this.#answers.push(answer);
  }
}

export class KeptAnswers<T> {
  #lists = new WeakMap<object, { readonly config: object; readonly wheels: Map<string, AnswerWheel<T>> }>();
  #bytes = 0;

  /**
   * The wheel for a question over `list`; undefined when it is not worth keeping. `question` is all that the client's packet and
   * its transport say, `config` all else that answers depend on.
   */
  wheel(
    list: object,
    config: object,
    question: string,
    items: () => readonly T[],
  ): AnswerWheel<T> | undefined {
    if (question.length > KEPT_QUERY_BYTES_MAX) return undefined;
    let known = this.#lists.get(list);
    if (known === undefined || known.config !== config) {
      known = { config, wheels: new Map() };
      this.#lists.set(list, known);
    }
    let wheel = known.wheels.get(question);
    if (wheel === undefined) {
      wheel = new AnswerWheel(items());
      this.#count(question.length);
      known.wheels.set(question, wheel);
    }
    return wheel;
  }

  /** Puts an answer into a wheel. */
  keep(wheel: AnswerWheel<T>, answer: Buffer): void {
    this.#count(answer.length);
    // A copy of its own size: encoders hand out views of larger buffers.
    wheel.add(Buffer.from(answer));
  }

  /** When the sum of all that was ever kept reaches the limit, all is forgotten: simpler than knowing which lists still live. */
  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= KEPT_ANSWER_BYTES_MAX) return;
    this.#lists = new WeakMap();
    this.#bytes = 0;
  }
}
