/** Collects what is wrong with a whole configuration, in the order in which the original would say it. */
import type { Place, ValueProblem } from "./decode.ts";
import { ConfigError, type Diagnostic, diagnosticAt, multiError } from "./diagnostic.ts";

interface Issue {
  readonly text: string;
  readonly diagnostic: Diagnostic | undefined;
}

export class Issues {
  readonly #issues: Issue[] = [];
  readonly #values: ValueProblem[] = [];
  readonly #places: ReadonlyMap<string, Place>;

  constructor(places: ReadonlyMap<string, Place>) {
    this.#places = places;
  }

  /** A rule that is broken. `key` is the dotted path whose place is shown; `hint` how to mend it. */
  add(text: string, key = "", hint = ""): void {
    const place = this.#places.get(key);
    const flagged = place === undefined && hint !== "";
    this.#issues.push({
      text,
      diagnostic:
        place !== undefined
          ? diagnosticAt(place.source, place.span, hint === "" ? "set here" : hint)
          : flagged
            ? { file: "", line: 0, column: 0, lineText: "", expected: hint, hint: "", doc: "" }
            : undefined,
    });
  }

  /** A value of the right type but no sense; `key` as above. */
  value(text: string, key: string, expected: string): void {
    const place = this.#places.get(key);
    this.problem({
      text,
      diagnostic:
        place === undefined
          ? { file: key, line: 0, column: 0, lineText: "", expected, hint: "", doc: "" }
          : diagnosticAt(place.source, place.span, expected),
    });
  }

  problem(problem: ValueProblem): void {
    this.#values.push(problem);
  }

  at(text: string, place: Place | undefined, expected: string, hint = ""): void {
    this.#issues.push({
      text,
      diagnostic:
        place === undefined ? undefined : diagnosticAt(place.source, place.span, expected, { hint }),
    });
  }

  /** The first as the sentence, all as places; undefined when there is nothing wrong. */
  error(): ConfigError | undefined {
    const first =
      this.#issues[0]?.text ??
      (this.#values.length > 0 ? multiError(this.#values.map((v) => v.text)) : undefined);
    if (first === undefined) return undefined;
    const diagnostics = this.#issues.flatMap(({ text, diagnostic }, i) => {
      if (diagnostic === undefined)
        return i === 0
          ? []
          : [{ file: "", line: 0, column: 0, lineText: "", expected: `also: ${text}`, hint: "", doc: "" }];
      return [
        i === 0
          ? diagnostic
          : { ...diagnostic, expected: diagnostic.line > 0 ? text : `also: ${text}; ${diagnostic.expected}` },
      ];
    });
    return new ConfigError(first, [...diagnostics, ...this.#values.map((v) => v.diagnostic)]);
  }
}
