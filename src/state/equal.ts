/** Deep equality of decoded values as Go sees it: nil and empty containers differ, maps compare without order. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!same(a[i], b[i])) return false;
    return true;
  }
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false;
    for (const [k, v] of a) if (!b.has(k) || !same(v, b.get(k))) return false;
    return true;
  }
  const x = a as Record<string, unknown>;
  const y = b as Record<string, unknown>;
  const keys = Object.keys(x);
  if (keys.length !== Object.keys(y).length) return false;
  for (const k of keys) if (!same(x[k], y[k])) return false;
  return true;
}

/** Whether two rows agree in all fields but those named. */
export function sameExcept<T extends object>(a: T, b: T, ...ignored: readonly (keyof T & string)[]): boolean {
  for (const k of Object.keys(a) as (keyof T & string)[])
    if (!ignored.includes(k) && !same(a[k], b[k])) return false;
  return true;
}
