/**
 * Go's duration texts ("1h30m", "300ms"): read and written as Go 1.15's time package does. Values are nanoseconds.
 */

/** A duration text that Go would refuse, with Go's message. */
export class DurationError extends Error {
  override readonly name = "DurationError";
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n,
  "\u03bcs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

/** Nanoseconds of a duration text. Throws {@link DurationError}. */
export function parseDuration(text: string): bigint {
  const invalid = (): DurationError => new DurationError(`time: invalid duration ${goQuote(text)}`);
  let rest = text;
  const negative = rest.startsWith("-");
  if (negative || rest.startsWith("+")) rest = rest.slice(1);
  if (rest === "0") return 0n;
  if (rest === "") throw invalid();
  let total = 0n;
  while (rest !== "") {
    const m = /^(\d*)(?:\.(\d*))?/.exec(rest)!;
    const whole = m[1]!;
    const fraction = m[2] ?? "";
    if (whole === "" && fraction === "") throw invalid();
    rest = rest.slice(m[0].length);
    const unit = /^[^.\d]*/.exec(rest)![0];
    if (unit === "") throw new DurationError(`time: missing unit in duration ${goQuote(text)}`);
    const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit]! : undefined;
    if (scale === undefined)
      throw new DurationError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    rest = rest.slice(unit.length);
    total += BigInt(whole === "" ? "0" : whole) * scale;
    // More digits than a nanosecond can hold change nothing.
    if (fraction !== "") {
      const digits = fraction.slice(0, 18);
      total += (BigInt(digits) * scale) / 10n ** BigInt(digits.length);
    }
    if (total > INT64_MAX) throw invalid();
  }
  return negative ? -total : total;
}

const goQuote = (s: string): string => JSON.stringify(s);

/** As Go's Duration.String prints it: "1h30m0s", "1.5s", "300ms", "0s". */
export function formatDuration(ns: bigint): string {
  if (ns === 0n) return "0s";
  const negative = ns < 0n;
  const u = negative ? -ns : ns;
  const sign = negative ? "-" : "";
  const fractional = (value: bigint, scale: bigint, digits: number): string => {
    const frac = (value % scale).toString().padStart(digits, "0").replace(/0+$/, "");
    return `${value / scale}${frac === "" ? "" : `.${frac}`}`;
  };
  if (u < 1_000n) return `${sign}${u}ns`;
  if (u < 1_000_000n) return `${sign}${fractional(u, 1_000n, 3)}\u00b5s`;
  if (u < 1_000_000_000n) return `${sign}${fractional(u, 1_000_000n, 6)}ms`;
  const minutes = u / 60_000_000_000n;
  const seconds = `${fractional(u % 60_000_000_000n, 1_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}
