// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts under test are such templates
/**
 * Prepared-query templates: the strings of a query's service definition may hold `${name.full}`, `${name.prefix}`, `${name.suffix}`,
 * `${match(N)}` (groups of the template's regular expression on the name) and `${agent.segment}`; `$${` stands for `${`.
 */
import type { PreparedQuery, ServiceQuery } from "../model/prepared-query.ts";
import type { QuerySource } from "../model/query.ts";
import { GoRegExp, GoRegExpError } from "../wire/go-regexp.ts";
import { InvalidRequestError } from "./errors.ts";

const PREFIX_MATCH = "name_prefix_match";

type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "match"; readonly group: number };

const VARIABLES = new Set(["name.full", "name.prefix", "name.suffix", "agent.segment"]);

/** The pieces of a template text; undefined when it cannot be read. */
function parseText(text: string): readonly Piece[] | undefined {
  const pieces: Piece[] = [];
  let plain = "";
  for (let i = 0; i < text.length; ) {
    if (text.startsWith("$${", i)) {
      plain += "${";
      i += 3;
      continue;
    }
    if (!text.startsWith("${", i)) {
      plain += text[i++];
      continue;
    }
    const end = text.indexOf("}", i);
    if (end < 0) return undefined;
    const inner = text.slice(i + 2, end).trim();
    const call = /^match\(\s*(-?\d{1,9})\s*\)$/.exec(inner);
    if (plain !== "") pieces.push({ kind: "text", text: plain });
    plain = "";
    if (call !== null) pieces.push({ kind: "match", group: Number(call[1]) });
    else if (VARIABLES.has(inner)) pieces.push({ kind: "variable", name: inner });
    else return undefined;
    i = end + 1;
  }
  if (plain !== "") pieces.push({ kind: "text", text: plain });
  return pieces;
}

/** The first name in a template text that means nothing: line and column, and what it is. */
function unknownName(text: string): string | undefined {
  for (const m of text.matchAll(
    /(?<!\$)\$\{\s*([A-Za-z_][\w.]*)\s*(?:\(\s*([A-Za-z_][\w.]*)?[^)}]*\)\s*)?\}/g,
  )) {
    const [whole, name, argument] = m as unknown as readonly [string, string, string | undefined];
    const at = (part: string, from: number): string => `1:${m.index + whole.indexOf(part, from) + 1}`;
    if (whole.includes("(")) {
      if (argument !== undefined && !VARIABLES.has(argument))
        return `${at(argument, whole.indexOf("("))}: unknown variable accessed: ${argument}`;
      if (name !== "match") return `${at(name, 2)}: unknown function called: ${name}`;
    } else if (!VARIABLES.has(name)) return `${at(name, 2)}: unknown variable accessed: ${name}`;
  }
  return undefined;
}

/** Every text of a service definition through `change`; `path` names it in errors. */
function mapTexts(s: ServiceQuery, change: (text: string, path: string) => string): ServiceQuery {
  const list = (items: readonly string[] | null, path: string): readonly string[] | null =>
    items?.map((t, i) => change(t, `${path}[${i}]`)) ?? null;
  const map = (
    items: ReadonlyMap<string, string> | null,
    path: string,
  ): ReadonlyMap<string, string> | null =>
    items === null ? null : new Map([...items].map(([k, v]) => [k, change(v, `${path}[${k}]`)]));
  return {
    ...s,
    Service: change(s.Service, "Service.Service"),
    Failover: { ...s.Failover, Datacenters: list(s.Failover.Datacenters, "Service.Failover.Datacenters") },
    IgnoreCheckIDs: list(s.IgnoreCheckIDs, "Service.IgnoreCheckIDs"),
    Near: change(s.Near, "Service.Near"),
    Tags: list(s.Tags, "Service.Tags"),
    NodeMeta: map(s.NodeMeta, "Service.NodeMeta"),
    ServiceMeta: map(s.ServiceMeta, "Service.ServiceMeta"),
  };
}

/** Refuses a template that could not be filled in later. */
export function checkTemplate(query: PreparedQuery): void {
  const { Type, Regexp } = query.Template;
  if (Type === "") return;
  const refuse = (text: string): never => {
    throw new InvalidRequestError(`failed compiling template: ${text}`);
  };
  if (Type !== PREFIX_MATCH) refuse(`Bad Template.Type '${Type}'`);
  try {
    if (Regexp !== "") new GoRegExp(Regexp);
  } catch (error) {
    if (!(error instanceof GoRegExpError)) throw error;
    refuse(`Bad Regexp: ${error.message}`);
  }
  mapTexts(query.Service, (text, path) => {
    if (parseText(text) !== undefined) return text;
    const unknown = unknownName(text);
    refuse(
      unknown === undefined
        ? `Bad format '${text}' in ${path}: parse error: syntax error`
        : `Bad evaluation for '${text}' in ${path}: ${unknown}`,
    );
    return text;
  });
}

/** The query that a template gives for a name. */
export function renderQuery(query: PreparedQuery, name: string, agent: QuerySource): PreparedQuery {
  const { Regexp, RemoveEmptyTags } = query.Template;
  let groups: readonly (string | undefined)[] = [];
  try {
    if (Regexp !== "") groups = new GoRegExp(Regexp).exec(name) ?? [];
  } catch (error) {
    // The log may hold what an older server let in.
    if (!(error instanceof GoRegExpError)) throw error;
  }
  const variables: Readonly<Record<string, string>> = {
    "name.full": name,
    "name.prefix": query.Name,
    "name.suffix": name.slice(query.Name.length),
    "agent.segment": agent.Segment,
  };
  const Service = mapTexts(query.Service, (text) =>
    (parseText(text) ?? [{ kind: "text", text }])
      .map((p) =>
        p.kind === "text" ? p.text : p.kind === "match" ? (groups[p.group] ?? "") : variables[p.name]!,
      )
      .join(""),
  );
  const Tags = RemoveEmptyTags ? (Service.Tags?.filter((t) => t.trim() !== "") ?? null) : Service.Tags;
  return { ...query, Service: { ...Service, Tags } };
}
