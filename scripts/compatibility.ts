/**
 * docs/COMPATIBILITY.md, made from the tables of the sources (routes, RPC methods, commands, configuration keys) and from what
 * the conformance suite found. A test checks that making it anew changes nothing; `node_modules/.bin/node scripts/compatibility.ts` writes it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { COMMANDS_OF_THE_ORIGINAL } from "../conformance/cases/cli-flags.ts";
import { families } from "../conformance/cases/families.ts";
import { parseDivergences } from "../conformance/divergence.ts";
import { readResults } from "../conformance/results.ts";
import { type Standing, standings, standingText } from "../conformance/standing.ts";
import { dnsForms, endpointName } from "../conformance/subject.ts";
import type { Key, Keys } from "../src/agent/config/key.ts";
import { CONFIG_KEYS } from "../src/agent/config/schema.ts";
import { COMPATIBLE_VERSION } from "../src/agent/version.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { apiRoutes } from "../src/http/api.ts";
import type { Call } from "../src/http/call.ts";
import type { Route } from "../src/http/routes.ts";
import { type MethodName, rpcMethods } from "../src/model/methods.ts";
import { aclEndpoints } from "../src/server/acl.ts";
import { connectEndpoints } from "../src/server/connect-ca.ts";
import type { ServerCore } from "../src/server/core.ts";
import type { Type } from "../src/wire/schema.ts";

export const COMPATIBILITY_FILE = fileURLToPath(new URL("../docs/COMPATIBILITY.md", import.meta.url));

const standing: ReadonlyMap<string, Standing> = standings(
  families,
  readResults(),
  parseDivergences(readFileSync(fileURLToPath(new URL("../docs/DIVERGENCE.md", import.meta.url)), "utf8")),
);
const cases = (subject: string): string => standingText(standing.get(subject));

/** What the open edition of 1.8.7 has and Tribune has not. A test checks that nothing of it has come meanwhile. */
export const ABSENT_ROUTES: readonly (readonly [string, string])[] = [
  ["GET", "/v1/agent/connect/ca/roots"],
  ["GET", "/v1/agent/connect/ca/leaf/{service}"],
  ["POST", "/v1/agent/connect/authorize"],
];
const ABSENT_COMMANDS: readonly string[] = [...COMMANDS_OF_THE_ORIGINAL].filter(
  (name) => !Object.hasOwn(COMMANDS, name),
);

/** Text of a refusal that a handler gives to everybody; undefined when it would work. */
async function refusal(run: () => unknown): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** RPC methods that refuse whatever is asked, with their text. */
async function refusedMethods(): Promise<ReadonlyMap<string, string>> {
  const core = {} as ServerCore;
  const found = new Map<string, string>();
  for (const [name, handler] of Object.entries({ ...aclEndpoints(core), ...connectEndpoints(core) })) {
    const text = await refusal(() => (handler as () => unknown)());
    if (text !== undefined) found.set(name, text);
  }
  return found;
}

class Asked extends Error {}

/** The first RPC method that a route's handler calls; undefined when it answers by itself or wants more than an empty request. */
async function firstMethod(route: Route): Promise<string | undefined> {
  let method: string | undefined;
  const ask = (name: string): never => {
    method ??= name;
    throw new Asked();
  };
  const call: Partial<Record<keyof Call, unknown>> = {
    rest: "x",
    exchange: { method: route.method, header: () => undefined },
    streams: () => ({ req: undefined, res: undefined }),
    query: { size: 0, has: () => false, get: () => "", all: () => [] },
    datacenter: "dc1",
    token: "",
    rpc: ask,
    read: ask,
    readOptions: () => ({}),
    noMetaOnError: () => {},
    decode: async (type: Type<unknown>) => type.zero(),
  };
  try {
    await route.handler(call as unknown as Call);
  } catch {
    // Whatever it wanted more: the first call is what counts.
  }
  return method;
}

/** Markdown as the formatter leaves it: columns padded to the widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const width = head.map((h, i) => Math.max(h.length, 3, ...escaped.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(width[i]!)).join(" | ")} |`;
  return [line(head), line(width.map((n) => "-".repeat(n))), ...escaped.map(line)].join("\n");
}

async function routeRows(refused: ReadonlyMap<string, string>): Promise<readonly (readonly string[])[]> {
  const rows: string[][] = [];
  for (const route of apiRoutes) {
    const method = await firstMethod(route);
    const text =
      method === undefined
        ? route.pattern.includes("/acl/")
          ? await refusal(() => route.handler({} as Call))
          : undefined
        : refused.get(method);
    const extras = [
      ...(route.blocking ? ["blocks"] : []),
      ...(route.filter ? ["filter"] : []),
      ...(route.alsoGet ? ["GET too, as in 0.6"] : []),
    ];
    rows.push([
      route.method,
      `\`${route.pattern}\``,
      text === undefined ? "works" : `refuses: ${text}`,
      extras.join(", "),
      cases(endpointName(route)),
    ]);
  }
  for (const [method, pattern] of ABSENT_ROUTES) rows.push([method, `\`${pattern}\``, "absent", "", ""]);
  return rows.sort((a, b) => (a[1]! < b[1]! ? -1 : a[1]! > b[1]! ? 1 : a[0]! < b[0]! ? -1 : 1));
}

const SCOPE = {
  leader: "leader",
  primary: "leader of the primary datacenter",
  dc: "any server of the datacenter",
  local: "the server asked",
} as const;

const methodRows = (refused: ReadonlyMap<string, string>): readonly (readonly string[])[] =>
  (Object.keys(rpcMethods) as MethodName[]).sort().map((name) => {
    const { scope, blocking } = rpcMethods[name];
    const text = refused.get(name);
    return [
      `\`${name}\``,
      text === undefined ? "works" : `refuses: ${text}`,
      SCOPE[scope],
      blocking ? "blocks" : "",
    ];
  });

const commandRows = (): readonly (readonly string[])[] =>
  [
    ...Object.entries(COMMANDS)
      .filter(([, entry]) => entry.load !== undefined)
      .map(([name, entry]) => [`\`${name}\``, "works", entry.synopsis, cases(name)]),
    ...ABSENT_COMMANDS.map((name) => [`\`${name}\``, "absent", "", ""]),
  ].sort((a, b) => (a[0]! < b[0]! ? -1 : 1));

function statusOf(key: Key<unknown>): string {
  if (key.enterprise) return "Enterprise: warned, no effect";
  if (key.ignored) return key.deprecated === undefined ? "accepted, no effect" : `old: ${key.deprecated}`;
  if (key.fixed) return "accepted, the value is fixed";
  if (key.inert) return "no effect yet: warned";
  return key.deprecated === undefined ? "works" : `old: ${key.deprecated}`;
}

/** Defaults as one writes them; what is empty stays blank. */
function fallbackOf({ fallback }: Key<unknown>): string {
  if (fallback === undefined || fallback === "" || (Array.isArray(fallback) && fallback.length === 0))
    return "";
  return `\`${String(fallback)}\``;
}

/** Lists of definitions have the keys of the single one, which is shown. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(["services", "checks"]);

function keyRows(keys: Keys, path: string): readonly (readonly string[])[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const { type } = key;
    const nested =
      "keys" in type &&
      !key.enterprise &&
      !key.ignored &&
      !(SHOWN_ELSEWHERE.has(name) && path === "") &&
      // A service's checks and its sidecar are checks and services again.
      !(path !== "" && ["check", "checks", "sidecar_service"].includes(name));
    if (nested) return keyRows(type.keys, at);
    return [
      [
        `\`${at}\``,
        statusOf(key),
        fallbackOf(key),
        key.flag === undefined ? "" : `\`-${key.flag}\``,
        key.reload ? "yes" : "",
      ],
    ];
  });
}

export async function compatibilityPage(): Promise<string> {
  const refused = await refusedMethods();
  const sections = [
    `# Compatibility

Made by \`scripts/compatibility.ts\` from the tables in the sources and the results of the conformance suite; a test checks that making it anew changes nothing. Reference: the
open edition of Consul ${COMPATIBLE_VERSION}.

- **works**: as there; exceptions are in \`docs/DIVERGENCE.md\`.
- **refuses**: there, with the answer that Consul gives while the feature is switched off.
- **no effect yet**: read and checked; nothing acts on it, and the agent warns at its start.
- **absent**: Consul has it, Tribune has not (HTTP: 404).
- **cases**: how often it was asked of both programs (\`npm run conformance\`), with good and with bad input, and how many of the answers
  differ; each difference has its reason in \`docs/DIVERGENCE.md\`.`,
    `## HTTP API`,
    table(["method", "path", "status", "also", "cases"], await routeRows(refused)),
    `## DNS`,
    table(
      ["name asked for", "cases"],
      dnsForms.map((form) => [`\`${form}\``.replace(/^`([^<_].*)`$/, "$1"), cases(form)]),
    ),
    `## RPC on port 8300`,
    table(["method", "status", "answered by", "also"], methodRows(refused)),
    `## Commands`,
    table(["command", "status", "what it does", "cases"], commandRows()),
    `## Configuration

Keys of files; most names may also be written in Camel case. \`services\` and \`checks\` are lists of what stands under \`service\` and
\`check\`.`,
    table(["key", "status", "default", "flag", "reload"], keyRows(CONFIG_KEYS, "")),
  ];
  return `${sections.join("\n\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(COMPATIBILITY_FILE, await compatibilityPage());
