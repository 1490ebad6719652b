/**
 * go-sockaddr address templates: the part of Go's text/template that addresses need (pipelines, parentheses, variables, if, with,
 * range, else, end, comments, trim markers) over the functions of functions.ts. Text outside `{{ }}` stands as it is.
 */
import { TEMPLATE_CHARS_MAX } from "../limits.ts";
import { FUNCTIONS, shown, TemplateError, type TemplateValue, truthy } from "./functions.ts";
import type { HostNetwork, InterfaceAddress } from "./interface-address.ts";

/** The text with its templates filled in. Throws TemplateError with go-sockaddr's sentence. */
export function expandTemplate(text: string, host: HostNetwork): string {
  if (!text.includes("{{")) return text;
  const fail = (what: string, why: string): TemplateError =>
    new TemplateError(
      `error parsing ${JSON.stringify(text)}: unable to ${what} template ${JSON.stringify(text)}: ${why}`,
    );
  if (text.length > TEMPLATE_CHARS_MAX) throw fail("parse", `longer than ${TEMPLATE_CHARS_MAX} characters`);
  let nodes: readonly Node[];
  try {
    nodes = new TemplateParser(text).template();
  } catch (error) {
    if (error instanceof TemplateError) throw fail("parse", `template: sockaddr.Parse:1: ${error.message}`);
    throw error;
  }
  try {
    return run(nodes, { host, dot: "", variables: NO_VARIABLES });
  } catch (error) {
    if (error instanceof TemplateError) throw fail("execute", error.message);
    throw error;
  }
}

type Operand =
  | { readonly kind: "constant"; readonly value: TemplateValue }
  | { readonly kind: "dot"; readonly field: string }
  | { readonly kind: "variable"; readonly name: string; readonly field: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe };
type Command = { readonly call: string | undefined; readonly args: readonly Operand[] };
type Pipe = readonly Command[];
type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | { readonly kind: "set"; readonly variable: string; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      /** `$x :=` before the pipeline; "" for none. */
      readonly variable: string;
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

interface Scope {
  readonly host: HostNetwork;
  readonly dot: TemplateValue;
  readonly variables: ReadonlyMap<string, TemplateValue>;
}

const NO_VARIABLES: ReadonlyMap<string, TemplateValue> = new Map();

/** What a block sees beside what is around it. */
const inner = (scope: Scope, variable: string, value: TemplateValue, dot: TemplateValue): Scope => ({
  ...scope,
  dot,
  variables: variable === "" ? scope.variables : new Map([...scope.variables, [variable, value]]),
});

function run(nodes: readonly Node[], around: Scope): string {
  let out = "";
  let scope = around;
  for (const node of nodes) {
    switch (node.kind) {
      case "text":
        out += node.text;
        break;
      case "print":
        out += shown(evaluate(node.pipe, scope));
        break;
      case "set":
        scope = inner(scope, node.variable, evaluate(node.pipe, scope), scope.dot);
        break;
      case "if": {
        const value = evaluate(node.pipe, scope);
        out += run(truthy(value) ? node.body : node.otherwise, inner(scope, node.variable, value, scope.dot));
        break;
      }
      case "with": {
        const value = evaluate(node.pipe, scope);
        const within = inner(scope, node.variable, value, truthy(value) ? value : scope.dot);
        out += run(truthy(value) ? node.body : node.otherwise, within);
        break;
      }
      case "range": {
        const value = evaluate(node.pipe, scope);
        if (!Array.isArray(value)) throw new TemplateError("range needs a list of interfaces");
        const items = value as readonly InterfaceAddress[];
        if (items.length === 0) out += run(node.otherwise, scope);
        for (const item of items) out += run(node.body, inner(scope, node.variable, item, item));
        break;
      }
    }
  }
  return out;
}

function evaluate(pipe: Pipe, scope: Scope): TemplateValue {
  let last: TemplateValue | undefined;
  for (const command of pipe) {
    const args = command.args.map((a) => operand(a, scope));
    if (last !== undefined) args.push(last);
    last = command.call === undefined ? args[0]! : FUNCTIONS[command.call]!(args, scope.host);
  }
  return last!;
}

function operand(o: Operand, scope: Scope): TemplateValue {
  switch (o.kind) {
    case "constant":
      return o.value;
    case "pipe":
      return evaluate(o.pipe, scope);
    case "variable": {
      const value = scope.variables.get(o.name);
      if (value === undefined) throw new TemplateError(`undefined variable "${o.name}"`);
      return o.field === "" ? value : FUNCTIONS["attr"]!([o.field, value], scope.host);
    }
    case "dot":
      return o.field === "" ? scope.dot : FUNCTIONS["attr"]!([o.field, scope.dot], scope.host);
  }
}

type Token = {
  readonly kind: "word" | "string" | "number" | "punct" | "field" | "variable" | "declare";
  readonly text: string;
  /** Of a variable: `$x.address`. */
  readonly field?: string;
};

class TemplateParser {
  readonly #pieces: readonly { readonly kind: "text" | "action"; readonly text: string }[];
  #at = 0;
  #tokens: Token[] = [];

  constructor(text: string) {
    this.#pieces = pieces(text);
  }

  template(): readonly Node[] {
    const { nodes, end } = this.#nodes();
    if (end !== "") throw new TemplateError(`unexpected {{${end}}}`);
    return nodes;
  }

  #nodes(): { readonly nodes: readonly Node[]; readonly end: "" | "end" | "else" } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) return { nodes, end: "" };
      if (piece.kind === "text") {
        nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      if (/^\/\*.*\*\/$/s.test(piece.text)) continue;
      this.#tokens = tokens(piece.text);
      const first = this.#tokens[0];
      if (first === undefined) throw new TemplateError("missing value for command");
      if (first.kind === "word" && (first.text === "end" || first.text === "else"))
        return { nodes, end: first.text };
      if (first.kind === "word" && (first.text === "if" || first.text === "with" || first.text === "range")) {
        this.#tokens.shift();
        const variable = this.#declared();
        const pipe = this.#pipe(false);
        const then = this.#nodes();
        if (then.end === "") throw new TemplateError(`unexpected EOF: ${first.text} without end`);
        const otherwise = then.end === "else" ? this.#nodes() : { nodes: [], end: "end" };
        if (otherwise.end !== "end") throw new TemplateError(`unexpected EOF: ${first.text} without end`);
        nodes.push({ kind: first.text, variable, pipe, body: then.nodes, otherwise: otherwise.nodes });
        continue;
      }
      const variable = this.#declared();
      const pipe = this.#pipe(false);
      nodes.push(variable === "" ? { kind: "print", pipe } : { kind: "set", variable, pipe });
    }
  }

  /** The variable of `$x :=`; "" when there is none. */
  #declared(): string {
    const [variable, sign] = this.#tokens;
    if (variable?.kind !== "variable" || sign?.kind !== "declare") return "";
    this.#tokens.splice(0, 2);
    return variable.text;
  }

  #pipe(inParens: boolean): Pipe {
    const commands: Command[] = [];
    for (;;) {
      commands.push(this.#command());
      const t = this.#tokens.shift();
      if (t === undefined) {
        if (inParens) throw new TemplateError("unclosed left paren");
        return commands;
      }
      if (t.kind === "punct" && t.text === ")" && inParens) return commands;
      if (t.kind !== "punct" || t.text !== "|") throw new TemplateError(`unexpected "${t.text}" in command`);
    }
  }

  #command(): Command {
    const first = this.#tokens[0];
    let call: string | undefined;
    if (first?.kind === "word" && first.text !== "true" && first.text !== "false") {
      this.#tokens.shift();
      if (!Object.hasOwn(FUNCTIONS, first.text))
        throw new TemplateError(`function "${first.text}" not defined`);
      call = first.text;
    }
    const args: Operand[] = [];
    for (;;) {
      const t = this.#tokens[0];
      if (t === undefined || (t.kind === "punct" && t.text !== "(")) break;
      this.#tokens.shift();
      args.push(this.#operand(t));
    }
    if (call === undefined && args.length === 0) throw new TemplateError("missing value for command");
    if (call === undefined && args.length > 1) throw new TemplateError("can't give argument to non-function");
    return { call, args };
  }

  #operand(t: Token): Operand {
    switch (t.kind) {
      case "string":
        return { kind: "constant", value: t.text };
      case "number":
        return { kind: "constant", value: Number(t.text) };
      case "field":
        return { kind: "dot", field: t.text };
      case "variable":
        return { kind: "variable", name: t.text, field: t.field ?? "" };
      case "declare":
        throw new TemplateError(`unexpected "${t.text}" in operand`);
      case "word":
        if (t.text === "true" || t.text === "false") return { kind: "constant", value: t.text === "true" };
        if (!Object.hasOwn(FUNCTIONS, t.text)) throw new TemplateError(`function "${t.text}" not defined`);
        return { kind: "pipe", pipe: [{ call: t.text, args: [] }] };
      case "punct":
        if (t.text === "(") return { kind: "pipe", pipe: this.#pipe(true) };
        throw new TemplateError(`unexpected "${t.text}" in operand`);
    }
  }
}

function pieces(text: string): { readonly kind: "text" | "action"; readonly text: string }[] {
  const out: { kind: "text" | "action"; text: string }[] = [];
  let at = 0;
  let trim = false;
  while (at < text.length) {
    const open = text.indexOf("{{", at);
    let before = text.slice(at, open === -1 ? text.length : open);
    if (trim) before = before.trimStart();
    trim = false;
    const trimBefore = open !== -1 && /^\{\{-\s/.test(text.slice(open, open + 4));
    if (trimBefore) before = before.trimEnd();
    if (before !== "") out.push({ kind: "text", text: before });
    if (open === -1) break;
    const body = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\}).)*/s.exec(text.slice(open + 2))![0];
    const close = open + 2 + body.length;
    if (!text.startsWith("}}", close)) throw new TemplateError("unclosed action");
    let inner = body;
    if (trimBefore) inner = inner.slice(1);
    if (/\s-$/.test(inner)) {
      trim = true;
      inner = inner.slice(0, -1);
    }
    out.push({ kind: "action", text: inner.trim() });
    at = close + 2;
  }
  return out;
}

function tokens(text: string): Token[] {
  const out: Token[] = [];
  const pattern =
    /\s+|("(?:[^"\\]|\\.)*")|(`[^`]*`)|([-+]?\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|\.([A-Za-z_][A-Za-z0-9_]*)?|([()|])|(\$[A-Za-z_][A-Za-z0-9_]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?|(:?=)/gy;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const m = pattern.exec(text);
    if (m === null) throw new TemplateError(`unexpected ${JSON.stringify(text[at])} in command`);
    if (m[1] !== undefined) out.push({ kind: "string", text: unquote(m[1]) });
    else if (m[2] !== undefined) out.push({ kind: "string", text: m[2].slice(1, -1) });
    else if (m[3] !== undefined) out.push({ kind: "number", text: m[3] });
    else if (m[4] !== undefined) out.push({ kind: "word", text: m[4] });
    else if (m[6] !== undefined) out.push({ kind: "punct", text: m[6] });
    else if (m[7] !== undefined) out.push({ kind: "variable", text: m[7], field: m[8] ?? "" });
    else if (m[9] !== undefined) out.push({ kind: "declare", text: m[9] });
    else if (m[0].startsWith(".")) out.push({ kind: "field", text: m[5] ?? "" });
  }
  return out;
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new TemplateError("malformed string constant");
  }
}
