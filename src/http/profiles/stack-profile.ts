/** A profile: figures by call stack. */

export interface Frame {
  readonly name: string;
  readonly file: string;
  /** From 1; 0 when unknown. */
  readonly line: number;
}

export interface StackSample {
  /** Innermost frame first. */
  readonly stack: readonly Frame[];
  /** One for each of the profile's `types`. */
  readonly values: readonly number[];
}

export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

export interface StackProfile {
  readonly types: readonly ValueType[];
  readonly samples: readonly StackSample[];
  /** What one sample stands for. */
  readonly period?: ValueType & { readonly value: number };
  /** Unix milliseconds. */
  readonly takenMs: number;
  readonly durationMs: number;
}

/** For people (`?debug=1`): the largest first, by the last of its values. */
export function profileText(name: string, p: StackProfile): string {
  const weight = (s: StackSample): number => s.values.at(-1) ?? 0;
  const total = p.samples.reduce((sum, s) => sum + weight(s), 0);
  let out = `${name} profile: total ${total} ${p.types.at(-1)?.unit ?? ""}\n`;
  for (const s of [...p.samples].sort((a, b) => weight(b) - weight(a))) {
    out += `${s.values.join(" ")} @\n`;
    for (const f of s.stack) out += `#\t${f.name || "(anonymous)"}\t${f.file}:${f.line}\n`;
  }
  return out;
}
