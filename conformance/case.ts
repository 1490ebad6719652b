/**
 * What a case is: a name and steps, played in order against one program. Data only; `play.ts` plays them, `normal-form.ts` says
 * what of an answer must agree.
 */
import type { Ask } from "../src/dns/conformance.ts";

/** Agents of each program (`world.ts`): server and plain client of dc1, a client with many settings changed, server of dc2. */
export type AgentName = "s1" | "c1" | "t1" | "d1";

/**
 * How much of an answer must agree: everything; everything with lists sorted; the kinds of values only; status and headers only (of a
 * command its exit code only); the first line of each stream; nothing (a step that only prepares).
 */
export type View = "full" | "sorted" | "shape" | "status" | "first-line" | "none";

interface StepOptions {
  readonly at?: AgentName;
  readonly view?: View;
  /** Fields at any depth that are not compared. */
  readonly without?: readonly string[];
  /** What matches this is not compared: where the original's own answer is not always the same. */
  readonly hide?: RegExp;
}

export interface HttpStep extends StepOptions {
  readonly kind: "http";
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Remembers a string of the answer for `{{name}}` in later steps of the family: a path of keys into the JSON, or ":text". */
  readonly keep?: Readonly<Record<string, string>>;
  /** Writes the body into this file of the world's folder; a later step sends it with `bodyFile`. */
  readonly saveAs?: string;
  readonly bodyFile?: string;
  /** The answer never ends: what counts is its head. */
  readonly endless?: boolean;
  /** Asks again, for a minute at most, until the answer's body contains this text (or, with "!" first, does not). */
  readonly until?: string;
}

export interface DnsStep extends StepOptions {
  readonly kind: "dns";
  readonly ask: Ask;
}

export interface CliStep extends StepOptions {
  readonly kind: "cli";
  readonly words: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files written into the command's folder before it runs. */
  readonly files?: Readonly<Record<string, string>>;
  readonly keep?: Readonly<Record<string, string>>;
  /** Sends SIGINT once the standard output contains this; for commands that end only so. */
  readonly interruptOn?: string;
}

export type Step = HttpStep | DnsStep | CliStep;

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Family {
  readonly name: string;
  readonly cases: readonly Case[];
  /** Leaves nothing that a later family would see. */
  readonly traceless?: true;
  /** Its cases do not build on each other. */
  readonly independent?: true;
}

/** The ID of a case, as docs/DIVERGENCE.md lists it. */
export const caseId = (family: Family, c: Case): string => `${family.name}/${c.name}`;

/** A family of cases; a name that comes twice gets a number. */
export function family(
  name: string,
  cases: readonly Case[],
  options: Pick<Family, "traceless" | "independent"> = {},
): Family {
  const seen = new Map<string, number>();
  return {
    name,
    ...options,
    cases: cases.map((c) => {
      const n = (seen.get(c.name) ?? 0) + 1;
      seen.set(c.name, n);
      return n === 1 ? c : { ...c, name: `${c.name} #${n}` };
    }),
  };
}

/** The same family; what matches is not compared. */
export const hiding = (hide: RegExp, f: Family): Family => ({
  ...f,
  cases: f.cases.map((c) => ({ ...c, steps: c.steps.map((s) => ({ hide, ...s })) })),
});

type HttpOptions = Omit<HttpStep, "kind" | "method" | "path" | "body">;

const brief = (body: string): string =>
  body.length <= 90 ? body : `${body.slice(0, 80)}... (${body.length})`;
const line = (text: string): string => text.replace(/\s+/g, " ").trim();

export function http(method: string, path: string, body?: unknown, options: HttpOptions = {}): Case {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const step: HttpStep = {
    kind: "http",
    method,
    path,
    ...(text === undefined ? {} : { body: text }),
    ...options,
  };
  const at = options.at === undefined || options.at === "s1" ? "" : ` @${options.at}`;
  const headers =
    options.headers === undefined
      ? ""
      : ` [${Object.entries(options.headers)
          .map(([k, v]) => `${k}: ${v}`)
          .join(", ")}]`;
  const shown =
    text === undefined
      ? ""
      : ` ${JSON.stringify(brief(line(text)))
          .slice(1, -1)
          .replaceAll('\\"', '"')}`;
  return { name: `${method} ${path}${headers}${at}${shown}`, steps: [step] };
}

export const get = (path: string, options: HttpOptions = {}): Case => http("GET", path, undefined, options);
export const put = (path: string, body?: unknown, options: HttpOptions = {}): Case =>
  http("PUT", path, body, options);
export const post = (path: string, body?: unknown, options: HttpOptions = {}): Case =>
  http("POST", path, body, options);
export const del = (path: string, options: HttpOptions = {}): Case =>
  http("DELETE", path, undefined, options);

/** Waits for something, as a case of its own: its last answer is compared. */
export const wait = (path: string, until: string, options: HttpOptions = {}): Case =>
  named(`until ${path} has ${until}`, get(path, { until, view: "none", ...options }));

export const named = (name: string, ...cases: readonly Case[]): Case => ({
  name,
  steps: cases.flatMap((c) => c.steps),
});

type CliOptions = Omit<CliStep, "kind" | "words">;

/** A command line, its words separated by blanks; quotes hold a word together. */
export function cli(text: string, options: CliOptions = {}): Case {
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
  const at = options.at === undefined || options.at === "s1" ? "" : ` @${options.at}`;
  const stdin = options.stdin === undefined ? "" : ` < ${JSON.stringify(brief(options.stdin))}`;
  const env =
    options.env === undefined
      ? ""
      : `${Object.entries(options.env)
          .map(([k, v]) => `${k}=${v}`)
          .join(" ")} `;
  return { name: `${env}${text}${at}${stdin}`, steps: [{ kind: "cli", words, ...options }] };
}

export function dns(ask: Ask, options: Omit<DnsStep, "kind" | "ask"> = {}): Case {
  const at = options.at === undefined || options.at === "s1" ? "" : ` @${options.at}`;
  const how = `${ask.network === "tcp" ? " tcp" : ""}${ask.bufsize ? ` ${ask.bufsize}` : ""}${ask.subnet ? " subnet" : ""}`;
  return { name: `${ask.name} ${ask.type}${how}${at}`, steps: [{ kind: "dns", ask, ...options }] };
}
