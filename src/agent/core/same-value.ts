/**
 * Equality of catalog values as a registry sees it: a nil list, map or text of bytes is the same as an empty one (peers answer
 * either), and an integer is the same whether it came as number or bigint.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (typeof a === "bigint" || typeof b === "bigint")
    return isInteger(a) && isInteger(b) && BigInt(a) === BigInt(b);
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => sameValue(x, b[i]))
    );
  if (a instanceof Map || b instanceof Map)
    return (
      a instanceof Map &&
      b instanceof Map &&
      a.size === b.size &&
      [...a].every(([k, x]) => b.has(k) && sameValue(x, b.get(k)))
    );
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const k of keys)
    if (!sameValue((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k])) return false;
  return true;
}

const isNothing = (v: unknown): boolean =>
  v === null ||
  v === undefined ||
  (Array.isArray(v) && v.length === 0) ||
  (v instanceof Map && v.size === 0) ||
  (v instanceof Uint8Array && v.length === 0);

const isInteger = (v: unknown): v is number | bigint => typeof v === "bigint" || Number.isInteger(v);
