/**
 * Tags as a node's meta: `ff | msgpack map text to text`; anything else is one tag "role" with the bytes as its value (serf
 * before protocol 3). Members compare these bytes, so they are encoded once and kept.
 */
import { MsgpackReader } from "../../wire/msgpack.ts";
import { GossipError } from "../errors.ts";
import { META_BYTES_MAX } from "../limits.ts";
import { encodeValue, text, textMap } from "../record.ts";

const TAGS_MAGIC = 0xff;
const tagMap = textMap(text);

/** Throws {@link GossipError} when the tags do not fit into a node's meta. */
export function encodeTags(tags: ReadonlyMap<string, string>): Buffer {
  const out = encodeValue([TAGS_MAGIC], tagMap, tags);
  if (out.length > META_BYTES_MAX)
    throw new GossipError(`Encoded length of tags exceeds limit of ${META_BYTES_MAX} bytes`);
  return Buffer.from(out);
}

/** Never fails: of a damaged map, what was read before the damage. */
export function decodeTags(meta: Buffer): {
  readonly tags: ReadonlyMap<string, string>;
  readonly damaged: boolean;
} {
  if (meta[0] !== TAGS_MAGIC) return { tags: new Map([["role", meta.toString("utf8")]]), damaged: false };
  const tags = new Map<string, string>();
  try {
    const r = new MsgpackReader(meta, 1);
    const n = r.map() ?? 0;
    for (let i = 0; i < n; i++) {
      const key = text.decode(r);
      tags.set(key, text.decode(r));
    }
    return { tags, damaged: false };
  } catch {
    return { tags, damaged: true };
  }
}
