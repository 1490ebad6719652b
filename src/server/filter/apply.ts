/**
 * Filter expressions applied to lists. What can be selected is declared per element type, as Consul 1.8.7 has it; an expression is
 * checked against that before the first element is looked at.
 */

import { GoRegExp, GoRegExpError } from "../../wire/go-regexp.ts";
import { FilterError, type FilterNode, type MatchOperator, parseFilter, selectorText } from "./expression.ts";
import type { Selectable } from "./selectable.ts";

const SCALAR_OPERATORS: readonly MatchOperator[] = ["Equal", "Not Equal"];
const STRING_OPERATORS: readonly MatchOperator[] = [
  "Equal",
  "Not Equal",
  "In",
  "Not In",
  "Matches",
  "Not Matches",
];
const SCALAR_LIST_OPERATORS: readonly MatchOperator[] = ["In", "Not In", "Is Empty", "Is Not Empty"];
const EMPTY_OPERATORS: readonly MatchOperator[] = ["Is Empty", "Is Not Empty"];

function operatorsOf(type: Selectable): readonly MatchOperator[] {
  switch (type.kind) {
    case "string":
      return STRING_OPERATORS;
    case "bool":
    case "int":
      return SCALAR_OPERATORS;
    case "list":
      return type.of.kind === "struct" ? EMPTY_OPERATORS : SCALAR_LIST_OPERATORS;
    case "map":
      return SCALAR_LIST_OPERATORS;
    case "struct":
      return [];
    default:
      return type satisfies never;
  }
}

/** Result when a key of the path is not in its map. */
const whenMissing = (operator: MatchOperator): boolean =>
  operator === "Not Equal" ||
  operator === "Not In" ||
  operator === "Is Empty" ||
  operator === "Matches" ||
  operator === "Not Matches";

type Test = (value: unknown) => boolean;

/** The test of one match. Throws {@link FilterError} when selector, operator or value do not fit the type. */
function compileMatch(node: Extract<FilterNode, { kind: "match" }>, root: Selectable): Test {
  let type = root;
  for (const part of node.selector) {
    // Lists of objects are passed through: what follows applies to each element.
    while (type.kind === "list") type = type.of;
    const next: Selectable | undefined =
      type.kind === "map" ? type.of : type.kind === "struct" ? type.fields.get(part) : undefined;
    if (next === undefined)
      throw new FilterError(`Selector ${JSON.stringify(selectorText(node.selector))} is not valid`);
    type = next;
  }
  if (!operatorsOf(type).includes(node.operator))
    throw new FilterError(
      `Invalid match operator ${JSON.stringify(node.operator)} for selector ${JSON.stringify(selectorText(node.selector))}`,
    );
  return along(node.selector, 0, root, leafTest(node, type), whenMissing(node.operator));
}

/** Walks the selector from `at`, through lists to any element. */
function along(
  selector: readonly string[],
  at: number,
  type: Selectable,
  leaf: Test,
  missing: boolean,
): Test {
  if (at === selector.length) return leaf;
  const part = selector[at]!;
  switch (type.kind) {
    case "list": {
      const each = along(selector, at, type.of, leaf, missing);
      return (value) => ((value as readonly unknown[] | null) ?? []).some(each);
    }
    case "map": {
      const rest = along(selector, at + 1, type.of, leaf, missing);
      return (value) => {
        const map = value as ReadonlyMap<string, unknown> | null;
        return map?.has(part) ? rest(map.get(part)) : missing;
      };
    }
    case "struct": {
      const rest = along(selector, at + 1, type.fields.get(part)!, leaf, missing);
      return (value) =>
        value === null || value === undefined ? missing : rest((value as Record<string, unknown>)[part]);
    }
    default:
      return () => missing;
  }
}

function leafTest(node: Extract<FilterNode, { kind: "match" }>, type: Selectable): Test {
  const negate = node.operator.startsWith("Not ") || node.operator === "Is Not Empty";
  const positive = positiveTest(node, type);
  return negate ? (value) => !positive(value) : positive;
}

function positiveTest(node: Extract<FilterNode, { kind: "match" }>, type: Selectable): Test {
  const text = node.value ?? "";
  switch (node.operator) {
    case "Is Empty":
    case "Is Not Empty":
      return (value) =>
        value instanceof Map ? value.size === 0 : ((value as readonly unknown[] | null) ?? []).length === 0;
    case "Equal":
    case "Not Equal": {
      const wanted = coerce(text, type, node.selector);
      return (value) => value === wanted;
    }
    case "In":
    case "Not In": {
      if (type.kind === "string") return (value) => (value as string).includes(text);
      if (type.kind === "map")
        return (value) => (value as ReadonlyMap<string, unknown> | null)?.has(text) ?? false;
      const wanted = coerce(text, type.kind === "list" ? type.of : type, node.selector);
      return (value) => ((value as readonly unknown[] | null) ?? []).includes(wanted);
    }
    case "Matches":
    case "Not Matches": {
      let expression: GoRegExp;
      try {
        expression = new GoRegExp(text);
      } catch (error) {
        if (!(error instanceof GoRegExpError)) throw error;
        throw new FilterError(
          `Failed to compile regular expression ${JSON.stringify(text)}: ${error.message}`,
        );
      }
      return (value) => expression.test(value as string);
    }
    default:
      return node.operator satisfies never;
  }
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function coerce(text: string, type: Selectable, selector: readonly string[]): string | number | boolean {
  const fail = (parser: string): never => {
    throw new FilterError(
      `Failed to coerce value ${JSON.stringify(text)} for selector ${JSON.stringify(selectorText(selector))}: ` +
        `strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  };
  if (type.kind === "bool") return TRUE.has(text) ? true : FALSE.has(text) ? false : fail("ParseBool");
  if (type.kind !== "int") return text;
  const m = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/.exec(text);
  if (m === null) return fail("ParseInt");
  const digits = m[2]!;
  const value = /^0[0-7]/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return m[1] === "-" ? -value : value;
}

function compileNode(node: FilterNode, root: Selectable): Test {
  switch (node.kind) {
    case "and": {
      const [left, right] = [compileNode(node.left, root), compileNode(node.right, root)];
      return (value) => left(value) && right(value);
    }
    case "or": {
      const [left, right] = [compileNode(node.left, root), compileNode(node.right, root)];
      return (value) => left(value) || right(value);
    }
    case "not": {
      const of = compileNode(node.of, root);
      return (value) => !of(value);
    }
    case "match":
      return compileMatch(node, root);
    default:
      return node satisfies never;
  }
}

/** A test for elements of `type`. The empty expression takes all. Throws {@link FilterError} with the answer's whole text. */
export function compileFilter(text: string, type: Selectable): (element: unknown) => boolean {
  if (text === "") return () => true;
  try {
    return compileNode(parseFilter(text), type);
  } catch (error) {
    if (error instanceof FilterError)
      throw new FilterError(`Failed to create boolean expression evaluator: ${error.message}`);
    throw error;
  }
}

/** The elements that an expression takes, nil staying nil only when there is no expression (as the original answers). */
export function filterList<T>(
  text: string,
  type: Selectable,
  items: readonly T[] | null,
): readonly T[] | null {
  if (text === "") return items;
  const test = compileFilter(text, type);
  return (items ?? []).filter((item) => test(item));
}
