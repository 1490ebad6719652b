/** Lists as JSON bodies, kept as long as the servers hand out the same list. */
import { KeptEncodings } from "../wire/kept-encodings.ts";
import type { Type } from "../wire/schema.ts";
import { KEPT_BODY_BYTES_MAX } from "./limits.ts";
import { JSON_TYPE } from "./respond.ts";
import type { Answer } from "./routes.ts";

/** Lists below this length are encoded as quickly as looked up. */
const KEPT_LIST_MIN = 2;

export class KeptJson<T extends object> {
  readonly #type: Type<T | null>;
  readonly #bodies: KeptEncodings;

  constructor(type: Type<T | null>) {
    this.#type = type;
    this.#bodies = new KeptEncodings(KEPT_BODY_BYTES_MAX);
  }

  /** The reply for `value`. An object given again must not have changed in between. */
  answer(value: T | null): Answer {
    const size = Array.isArray(value) ? value.length : value instanceof Map ? value.size : KEPT_LIST_MIN;
    if (value === null || size < KEPT_LIST_MIN) return this.#type.json(value);
    return { status: 200, type: JSON_TYPE, body: this.#bodies.get(value, this.#encode) };
  }

  readonly #encode = (value: T): Uint8Array => Buffer.from(this.#type.json(value));
}
