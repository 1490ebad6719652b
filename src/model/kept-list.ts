/** Lists in replies whose encoding is kept: servers answer the same question with the same list until it changes. */
import { KeptEncodings } from "../wire/kept-encodings.ts";
import { encode, type Type } from "../wire/schema.ts";

/** Bytes of encoded lists kept for all kinds of replies together. */
const KEPT_REPLY_BYTES_MAX = 32 << 20;
/** Lists below this length are encoded as quickly as looked up. */
const KEPT_LIST_MIN = 2;

const kept = new KeptEncodings(KEPT_REPLY_BYTES_MAX);

/** `type` with kept encodings: a list that was encoded must not be changed. */
export function keptList<T>(type: Type<readonly T[] | null>): Type<readonly T[] | null> {
  const encodeList = (list: readonly T[]): Uint8Array => encode(type, list);
  return {
    ...type,
    encode: (w, v) => {
      if (v === null || v.length < KEPT_LIST_MIN) type.encode(w, v);
      else w.raw(kept.get(v, encodeList));
    },
  };
}
