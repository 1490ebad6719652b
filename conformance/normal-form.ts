/**
 * What of an answer must agree. Identifiers that each side draws are numbered by their first appearance; times and hashes
 * are blanked out (addresses of the worlds already are: `World.neutral`); an index is told only by how it relates to the CreateIndex beside it.
 */
import type { View } from "./case.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Node IDs are configured, and some unknown IDs are asked for: the same on both sides. */
const SAME_UUID = /^(11111111-2222-3333|79fd6d74-055e|00000000-0000)/;

/** Numbers and texts that differ from run to run even in one program. */
const BLANK: ReadonlySet<string> = new Set([
  "LastIndex",
  "LastTerm",
  "LastContact",
  "StableSince",
  "CreatedAt",
  "UpdatedAt",
  "Hash",
  "ContentHash",
  "LTime",
  "Timestamp",
  "Vec",
  "Error",
  "Adjustment",
  "Height",
  "Index",
]);
const INDEX: ReadonlySet<string> = new Set(["ModifyIndex", "PrimaryModifyIndex"]);

/** Identifiers by their first appearance in one answer. */
class Names {
  readonly #seen = new Map<string, string>();

  of(id: string): string {
    if (SAME_UUID.test(id)) return id;
    const known = this.#seen.get(id);
    if (known !== undefined) return known;
    const name = `<id ${this.#seen.size + 1}>`;
    this.#seen.set(id, name);
    return name;
  }
}

/** Free text: an error message, a command's output. */
export function normalText(text: string, names: Names = new Names()): string {
  return (
    text
      .replace(UUID, (id) => names.of(id))
      .replace(/conformance-(consul|tribune)-\w+/g, "<folder>")
      .replace(/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "<time>")
      .replace(/20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC/g, "<time>")
      .replace(/\b\w+day, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d \S+/g, "<time>")
      // Go names the name server that it asked; what a resolver says that knows nothing depends on the machine.
      .replace(/lookup (\S*) on [\d.]+:53/g, "lookup $1")
      .replace(
        /(lookup \S*): (?:no such host|server misbehaving|Temporary failure[^\n]*|[^\n]*(?:timeout|refused|unreachable))/g,
        "$1: <not found>",
      )
      .replace(/current modify index \d+/g, "current modify index <index>")
      .replace(/^((?:Create|Modify)Index +)\d+$/gm, "$1<index>")
      .replace(/read udp \S+->\S+: /g, "")
      // Go's listing of flags: names and defaults must agree, what a value is called and descriptions are each program's own.
      .replace(/^( {2}-[\w-]+)[^\n]*(?=\n {4}\t)/gm, "$1")
      .replace(
        /(?:^ {4}\t.*\n)+/gm,
        (lines) => `    \t<description>${/ \(default .*\)\n$/.exec(lines)?.[0] ?? "\n"}`,
      )
  );
}

/** `JSON.parse` with integers beyond 2^53 kept as they are written. */
function parse(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? `<integer ${context?.source}>`
      : value,
  );
}

const byText = (a: unknown, b: unknown): number => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
};

/** Lists whose order is that of drawn IDs. */
const drawnOrder = (list: readonly unknown[]): boolean =>
  list.length > 1 &&
  list.every((x) => {
    const id = (x as { ID?: unknown } | null)?.ID;
    return typeof id === "string" && id.length === 36 && !SAME_UUID.test(id);
  });

/** A node's metadata, once a field is taken out of it everywhere: none left and never any are the same then. */
const nodeMeta = (key: string, object: Readonly<Record<string, unknown>>): boolean =>
  key === "NodeMeta" ||
  (key === "Meta" && ("Address" in object || "DebugConfig" in object || "Checks" in object));

/** Nodes of the worlds: how often an agent has written its own depends on time. */
const agentsOwn = (object: Readonly<Record<string, unknown>>): boolean =>
  typeof object["Node"] === "string" && /^([sctd]1)$/.test(object["Node"]);

function walk(value: unknown, view: View, without: ReadonlySet<string>, names: Names): unknown {
  if (typeof value === "string") return normalText(value, names);
  if (Array.isArray(value)) {
    let list = value.map((x) => walk(x, view, without, names));
    if (drawnOrder(value)) {
      // Numbered anew after sorting: the numbers went by the drawn order.
      list = value.map((x) => walk(x, view, without, new Names())).sort(byText);
    }
    return view === "sorted" ? list.sort(byText) : list;
  }
  if (value === null || typeof value !== "object") return value;
  const object = value as Readonly<Record<string, unknown>>;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(object).sort()) {
    if (without.has(key)) continue;
    const v = object[key];
    if (key === "CreateIndex" || (INDEX.has(key) && agentsOwn(object))) out[key] = v === 0 ? 0 : "<index>";
    else if (INDEX.has(key))
      out[key] =
        v === 0
          ? 0
          : v === object["CreateIndex"]
            ? "<created>"
            : object["CreateIndex"] === undefined
              ? "<index>"
              : "<later>";
    else if (BLANK.has(key) && v !== null)
      out[key] = typeof v === "number" && v === 0 ? "<number>" : `<${Array.isArray(v) ? "list" : typeof v}>`;
    else {
      const inner = walk(v, view, without, names);
      const empty = inner !== null && typeof inner === "object" && Object.keys(inner).length === 0;
      out[normalText(key, names)] =
        empty && without.has("consul-network-segment") && nodeMeta(key, object) ? null : inner;
    }
  }
  return out;
}

/** Kinds of values: objects by their keys, lists by their distinct elements. */
function shape(value: unknown): unknown {
  if (Array.isArray(value))
    return [...new Map(value.map((v) => [JSON.stringify(shape(v)), shape(v)])).values()].sort(byText);
  if (value === null) return "null";
  if (typeof value !== "object") return `<${typeof value}>`;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((k) => [k, shape((value as Readonly<Record<string, unknown>>)[k])]),
  );
}

function drop(value: unknown, without: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((v) => drop(v, without));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([k]) => !without.has(k))
      .map(([k, v]) => [k, drop(v, without)]),
  );
}

/** A JSON body as indented text with sorted keys; what is no JSON as text. */
export function normalBody(body: string, view: View, without: readonly string[] = []): string {
  let value: unknown;
  try {
    value = parse(body);
  } catch {
    if (view === "shape") return "<text>";
    const text = normalText(body);
    return view === "sorted" ? text.split("\n").sort().join("\n") : text;
  }
  if (value === null || typeof value !== "object") return normalText(body);
  if (view === "shape") return JSON.stringify(shape(drop(value, new Set(without))), null, 1);
  const layout = body.endsWith("\n") ? "\n<line feed>" : "";
  return JSON.stringify(walk(value, view, new Set(without), new Names()), null, 1) + layout;
}

/** Headers of the transport, which say nothing about the API. */
const TRANSPORT: ReadonlySet<string> = new Set([
  "date",
  "connection",
  "keep-alive",
  "content-length",
  "transfer-encoding",
]);

/** Headers in canonical spelling, sorted; numbers of the index and of ages only by their kind. */
export function normalHeaders(headers: ReadonlyMap<string, string>): readonly string[] {
  const out: string[] = [];
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (TRANSPORT.has(key)) continue;
    if (key === "x-consul-index") out.push(`${name}: ${value === "0" || value === "1" ? value : "<index>"}`);
    else if (key === "last-modified") out.push(`${name}: <time>`);
    else if (key === "x-consul-contenthash") out.push(`${name}: <hash>`);
    else if (key === "x-consul-lastcontact" || key === "age") out.push(`${name}: <number>`);
    else out.push(`${name}: ${normalText(value)}`);
  }
  return out.sort();
}
