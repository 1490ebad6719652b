/** Tokens, policies, roles, auth methods and binding rules as the commands print them, and as JSON in the order of Go's client. */
import type {
  AclAuthMethod,
  AclBindingRule,
  AclGrants,
  AclLink,
  AclPolicy,
  AclRole,
  AclToken,
} from "../client/acl.ts";
import { stringifyJson } from "../wire/json.ts";
import { CommandError } from "./attempt.ts";
import { EXIT, type Invocation } from "./command.ts";
import type { Flag } from "./flags.ts";
import { indentJson } from "./watch.ts";

export const FORMAT_FLAG: Flag = {
  name: "format",
  kind: "string",
  fallback: "pretty",
  usage: "pretty or json.",
};
export const META_FLAG: Flag = { name: "meta", kind: "bool", usage: "Show hash and indexes too." };

/** How one kind of record is shown. */
export interface AclView<T> {
  readonly one: (record: T, meta: boolean) => string;
  /** A record among others. */
  readonly listed: (record: T, meta: boolean) => string;
  /** Between records of a list. */
  readonly between?: string;
  /** Fields in the order of Go's client; "?" behind a name: left out when it is empty; "=": what stands for an absent one. */
  readonly fields: readonly string[];
  readonly listedFields?: readonly string[];
}

/** Prints a record as -format and -meta ask for it. */
export function showRecord<T extends object>(call: Invocation, view: AclView<T>, record: T): number {
  call.print(
    format(call) === "json" ? json(inOrder(record, view.fields)) : view.one(record, call.flags.bool("meta")),
  );
  return EXIT.ok;
}

export function showRecords<T extends object>(
  call: Invocation,
  view: AclView<T>,
  records: readonly T[],
): number {
  if (format(call) === "json")
    call.print(json(records.map((r) => inOrder(r, view.listedFields ?? view.fields))));
  else if (records.length > 0)
    call.print(records.map((r) => view.listed(r, call.flags.bool("meta"))).join(view.between ?? ""));
  return EXIT.ok;
}

/** Throws CommandError for a format that does not exist: before anything is changed. */
export function format({ flags }: Invocation): "pretty" | "json" {
  const name = flags.string("format");
  if (name !== "pretty" && name !== "json") throw new CommandError(`Unknown format: ${name}`);
  return name;
}

const json = (value: unknown): string => indentJson(stringifyJson(value));

const isEmpty = (v: unknown): boolean =>
  v === undefined || v === null || v === "" || v === 0 || v === false || (Array.isArray(v) && v.length === 0);

function inOrder(record: object, fields: readonly string[]): unknown {
  const of = record as Readonly<Record<string, unknown>>;
  const out: Record<string, unknown> = {};
  for (const field of fields) {
    const [name = "", absent] = field.replace("?", "").split("=");
    const value = of[name] ?? (absent === undefined ? of[name] : (JSON.parse(absent) as unknown));
    if (field.endsWith("?") ? !isEmpty(value) : value !== undefined) out[name] = value;
  }
  return out;
}

/** `  label:   value` with the value at the column. */
const line = (indent: string, label: string, width: number, value: unknown): string =>
  `${indent}${`${label}:`.padEnd(width)}${value}\n`;

const hex = (base64: string | undefined): string => Buffer.from(base64 ?? "", "base64").toString("hex");

/** A time of the API as Go prints it. */
export function goTime(text: string | undefined): string {
  const t = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/.exec(text ?? "");
  if (t === null) return text ?? "0001-01-01 00:00:00 +0000 UTC";
  const zone = t[3]!.replace(":", "");
  return `${t[1]} ${t[2]} ${zone === "Z" ? "+0000 UTC" : `${zone} ${zone}`}`;
}

function section(indent: string, title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `${indent}${title}:\n${lines.map((l) => `${indent}   ${l}\n`).join("")}`;
}

const links = (list: readonly AclLink[] | undefined): readonly string[] =>
  (list ?? []).map((l) => `${l.ID} - ${l.Name}`);

const identities = (indent: string, of: AclGrants): string =>
  section(
    indent,
    "Service Identities",
    (of.ServiceIdentities ?? []).map((s) =>
      s.Datacenters === undefined || s.Datacenters === null || s.Datacenters.length === 0
        ? `${s.ServiceName} (Datacenters: all)`
        : `${s.ServiceName} (Datacenters: ${s.Datacenters.join(", ")})`,
    ),
  ) +
  section(
    indent,
    "Node Identities",
    (of.NodeIdentities ?? []).map((n) => `${n.NodeName} (Datacenter: ${n.Datacenter})`),
  );

const indexes = (
  indent: string,
  width: number,
  of: { readonly Hash?: string; readonly CreateIndex?: number; readonly ModifyIndex?: number },
): string =>
  (of.Hash === undefined ? "" : line(indent, "Hash", width, hex(of.Hash))) +
  line(indent, "Create Index", width, of.CreateIndex ?? 0) +
  line(indent, "Modify Index", width, of.ModifyIndex ?? 0);

function token(t: AclToken, meta: boolean, listed: boolean): string {
  const row = (label: string, value: unknown): string => line("", label, 18, value);
  return [
    row("AccessorID", t.AccessorID ?? ""),
    listed ? "" : row("SecretID", t.SecretID ?? ""),
    row("Description", t.Description ?? ""),
    row("Local", t.Local ?? false),
    t.AuthMethod ? row("Auth Method", t.AuthMethod) : "",
    row("Create Time", goTime(t.CreateTime)),
    t.ExpirationTime ? row("Expiration Time", goTime(t.ExpirationTime)) : "",
    listed ? row("Legacy", t.Legacy ?? false) : "",
    meta ? indexes("", 18, t) : "",
    section("", "Policies", links(t.Policies)),
    section("", "Roles", links(t.Roles)),
    identities("", t),
    t.Rules ? `Rules:\n${t.Rules}\n` : "",
  ].join("");
}

export const tokenView: AclView<AclToken> = {
  one: (t, meta) => token(t, meta, false),
  listed: (t, meta) => token(t, meta, true),
  between: "\n",
  fields:
    "CreateIndex ModifyIndex AccessorID SecretID Description Policies? Roles? ServiceIdentities? NodeIdentities? Local AuthMethod? ExpirationTTL? ExpirationTime? CreateTime? Hash? Namespace? Rules?".split(
      " ",
    ),
  listedFields:
    "CreateIndex ModifyIndex AccessorID Description Policies? Roles? ServiceIdentities? NodeIdentities? Local AuthMethod? ExpirationTime? CreateTime Hash Legacy=false Namespace?".split(
      " ",
    ),
};

const policyRows = (indent: string, p: AclPolicy, meta: boolean): string =>
  line(indent, "Description", 14, p.Description ?? "") +
  line(indent, "Datacenters", 14, (p.Datacenters ?? []).join(", ")) +
  (meta ? indexes(indent, 14, p) : "");

export const policyView: AclView<AclPolicy> = {
  one: (p, meta) =>
    `${line("", "ID", 14, p.ID)}${line("", "Name", 14, p.Name)}${policyRows("", p, meta)}Rules:\n${p.Rules ?? ""}`,
  listed: (p, meta) => `${p.Name}:\n${line("   ", "ID", 14, p.ID)}${policyRows("   ", p, meta)}`,
  fields: "ID Name Description Rules Datacenters=null Hash CreateIndex ModifyIndex Namespace?".split(" "),
  listedFields: "ID Name Description Datacenters=null Hash CreateIndex ModifyIndex Namespace?".split(" "),
};

const roleRows = (indent: string, r: AclRole, meta: boolean): string =>
  line(indent, "Description", 14, r.Description ?? "") +
  (meta ? indexes(indent, 14, r) : "") +
  section(indent, "Policies", links(r.Policies)) +
  identities(indent, r);

export const roleView: AclView<AclRole> = {
  one: (r, meta) => line("", "ID", 14, r.ID) + line("", "Name", 14, r.Name) + roleRows("", r, meta),
  listed: (r, meta) => `${r.Name}:\n${line("   ", "ID", 14, r.ID)}${roleRows("   ", r, meta)}`,
  fields:
    "ID Name Description Policies? ServiceIdentities? NodeIdentities? Hash CreateIndex ModifyIndex Namespace?".split(
      " ",
    ),
};

function methodRows(indent: string, width: number, m: AclAuthMethod, meta: boolean): string {
  const row = (label: string, value: unknown): string => line(indent, label, width, value);
  return [
    row("Type", m.Type ?? ""),
    m.DisplayName ? row("DisplayName", m.DisplayName) : "",
    row("Description", m.Description ?? ""),
    indent === "" && m.MaxTokenTTL ? row("MaxTokenTTL", m.MaxTokenTTL) : "",
    indent === "" && m.TokenLocality ? row("TokenLocality", m.TokenLocality) : "",
    meta ? indexes(indent, width, m) : "",
  ].join("");
}

/** Keys sorted, as Go writes maps. */
const sorted = (v: unknown): unknown =>
  Array.isArray(v)
    ? v.map(sorted)
    : v !== null && typeof v === "object"
      ? Object.fromEntries(
          Object.entries(v)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, x]) => [k, sorted(x)]),
        )
      : v;

export const authMethodView: AclView<AclAuthMethod> = {
  one: (m, meta) =>
    `${line("", "Name", 15, m.Name)}${methodRows("", 15, m, meta)}Config:\n${indentJson(stringifyJson(sorted(m.Config ?? null)), "  ")}`,
  listed: (m, meta) => `${m.Name}:\n${methodRows("   ", 14, m, meta)}`,
  fields:
    "Name Type DisplayName? Description? MaxTokenTTL? TokenLocality? Config CreateIndex ModifyIndex Namespace?".split(
      " ",
    ),
  listedFields:
    "Name Type DisplayName? Description? MaxTokenTTL? TokenLocality? CreateIndex ModifyIndex Namespace?".split(
      " ",
    ),
};

const ruleRows = (indent: string, r: AclBindingRule, meta: boolean): string =>
  line(indent, "AuthMethod", 14, r.AuthMethod ?? "") +
  line(indent, "Description", 14, r.Description ?? "") +
  line(indent, "BindType", 14, r.BindType ?? "") +
  line(indent, "BindName", 14, r.BindName ?? "") +
  line(indent, "Selector", 14, r.Selector ?? "") +
  (meta ? indexes(indent, 14, r) : "");

export const bindingRuleView: AclView<AclBindingRule> = {
  one: (r, meta) => line("", "ID", 14, r.ID) + ruleRows("", r, meta),
  listed: (r, meta) => `${r.ID}:\n${ruleRows("   ", r, meta)}`,
  fields: "ID Description AuthMethod Selector BindType BindName CreateIndex ModifyIndex Namespace?".split(
    " ",
  ),
};
