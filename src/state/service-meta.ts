/** Rules for a service's metadata; texts as observed in Consul 1.8.7. */
import { META_KEY_CHARS_MAX, META_PAIRS_MAX, META_VALUE_CHARS_MAX } from "./limits.ts";

const KEY = /^[a-zA-Z0-9_-]+$/;
const RESERVED_PREFIX = "consul-";

function pairProblem(key: string, value: string): string | undefined {
  if (key === "") return "Key cannot be blank";
  if (!KEY.test(key)) return "Key contains invalid characters";
  if (Buffer.byteLength(key) > META_KEY_CHARS_MAX)
    return `Key is too long (limit: ${META_KEY_CHARS_MAX} characters)`;
  if (key.startsWith(RESERVED_PREFIX)) return `Key prefix '${RESERVED_PREFIX}' is reserved for internal use`;
  if (Buffer.byteLength(value) > META_VALUE_CHARS_MAX)
    return `Value is too long (limit: ${META_VALUE_CHARS_MAX} characters)`;
  return undefined;
}

/** What is wrong with the metadata; undefined when nothing is. */
export function metaProblem(meta: ReadonlyMap<string, string> | null): string | undefined {
  if (meta === null) return undefined;
  if (meta.size > META_PAIRS_MAX)
    return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  for (const [key, value] of meta) {
    const problem = pairProblem(key, value);
    if (problem !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${problem}`;
  }
  return undefined;
}
