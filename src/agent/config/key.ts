/**
 * How a configuration key is declared: one value gives its type, its default, its flag, whether a reload applies it and its
 * line of documentation. Decoding, merging, `did you mean`, the flags and the documentation all read these declarations.
 */

export type KeyType =
  | {
      readonly kind:
        | "string"
        | "bool"
        | "int"
        | "float"
        | "duration"
        | "strings"
        | "stringMap"
        | "durationMap";
    }
  /** Any object as plain data (`config`, `ca_config`). */
  | { readonly kind: "free" }
  /** Any value as plain data. */
  | { readonly kind: "any" }
  | { readonly kind: "object"; readonly keys: Keys; readonly loose: boolean }
  | { readonly kind: "objects"; readonly keys: Keys; readonly loose: boolean }
  /** Map of names to objects. */
  | { readonly kind: "objectMap"; readonly keys: Keys; readonly loose: boolean }
  /** Map of names to lists of strings (`header`). */
  | { readonly kind: "listMap" };

export interface KeyOptions {
  /** Name of the command-line flag without dash. */
  readonly flag?: string;
  /** A reload applies it. */
  readonly reload?: true;
  /** The warning's sentence after `config key "x" `; the value still counts. */
  readonly deprecated?: string;
  /** A Consul Enterprise setting: accepted with a warning, without effect. */
  readonly enterprise?: true;
  /** Accepted for the sake of existing files and without effect here. */
  readonly ignored?: true;
  /** Read and checked, but nothing acts on it yet: whoever sets it is warned. */
  readonly inert?: true;
  /** Parsed, but the value is fixed. */
  readonly fixed?: true;
  /** Other spellings (compared in the same way as the name). */
  readonly aliases?: readonly string[];
  /** Never shown in full. */
  readonly secret?: true;
}

/** `T` is the decoded value, `D` whether there is a default. The two last fields exist for the compiler only. */
export interface Key<T, D extends boolean = boolean> extends KeyOptions {
  readonly type: KeyType;
  /** One line, without a final stop. */
  readonly doc: string;
  /** Durations as Go text. */
  readonly fallback: string | number | boolean | readonly string[] | undefined;
  readonly _value?: T;
  readonly _hasDefault?: D;
}

// biome-ignore lint/suspicious/noExplicitAny: a key of whatever value, as the compiler's inference needs it
export type Keys = Readonly<Record<string, Key<any, boolean>>>;

export interface NestedKey<K extends Keys> extends Key<Input<K>, true> {
  /** The keys once more, for the compiler to tell objects from other values. */
  readonly nested: K;
}

/** What one source says: every key may be absent. */
export type Input<K extends Keys> = {
  readonly [P in keyof K]?: K[P] extends Key<infer T, boolean> ? T : never;
};

/** What all sources with the defaults say. */
export type Merged<K extends Keys> = {
  readonly [P in keyof K]: K[P] extends NestedKey<infer N>
    ? Merged<N>
    : K[P] extends Key<infer T, true>
      ? T
      : K[P] extends Key<infer T, boolean>
        ? T | undefined
        : never;
};

type Make<T, F> = {
  (doc: string, options?: KeyOptions): Key<T, false>;
  (doc: string, fallback: F, options?: KeyOptions): Key<T, true>;
};

function maker<T, F extends string | number | boolean | readonly string[]>(
  kind: KeyType["kind"],
): Make<T, F> {
  const make = (doc: string, a?: F | KeyOptions, b?: KeyOptions): Key<T, boolean> => {
    const isFallback = a !== undefined && (typeof a !== "object" || Array.isArray(a));
    const options = (isFallback ? b : (a as KeyOptions | undefined)) ?? {};
    return { type: { kind } as KeyType, doc, fallback: isFallback ? (a as F) : undefined, ...options };
  };
  return make as Make<T, F>;
}

export const str = maker<string, string>("string");
export const bool = maker<boolean, boolean>("bool");
export const int = maker<number, number>("int");
export const float = maker<number, number>("float");
/** Nanoseconds once decoded. */
export const dur = maker<bigint, string>("duration");
export const strs = maker<readonly string[], readonly string[]>("strings");
export const strMap = maker<ReadonlyMap<string, string>, never>("stringMap");
export const durMap = maker<ReadonlyMap<string, bigint>, never>("durationMap");
export const listMap = maker<ReadonlyMap<string, readonly string[]>, never>("listMap");
export const free = maker<Readonly<Record<string, unknown>>, never>("free");
export const any = maker<unknown, never>("any");

/** `loose`: keys match without case and underscores (service and check definitions accept Camel case). */
export interface NestedOptions extends KeyOptions {
  readonly loose?: boolean;
}

export function obj<K extends Keys>(doc: string, keys: K, options: NestedOptions = {}): NestedKey<K> {
  const { loose = false, ...rest } = options;
  return { type: { kind: "object", keys, loose }, nested: keys, doc, fallback: undefined, ...rest };
}

export function objs<K extends Keys>(
  doc: string,
  keys: K,
  options: NestedOptions = {},
): Key<readonly Input<K>[], false> {
  const { loose = false, ...rest } = options;
  return { type: { kind: "objects", keys, loose }, doc, fallback: undefined, ...rest };
}

export function objMap<K extends Keys>(
  doc: string,
  keys: K,
  options: NestedOptions = {},
): Key<ReadonlyMap<string, Input<K>>, false> {
  const { loose = false, ...rest } = options;
  return { type: { kind: "objectMap", keys, loose }, doc, fallback: undefined, ...rest };
}

/** As `obj`, but absent when not written: definitions tell "no proxy" from "an empty one". */
export function optionalObj<K extends Keys>(
  doc: string,
  keys: K,
  options: NestedOptions = {},
): Key<Input<K>, false> {
  const { loose = false, ...rest } = options;
  return { type: { kind: "object", keys, loose }, doc, fallback: undefined, ...rest };
}
