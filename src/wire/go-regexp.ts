/**
 * Regular expressions as Go's package regexp takes them, matched in time linear in the text, whoever wrote the expression:
 * peers (query filters), users (`members -status`, event filters, `matches`), prepared queries. The engine is RE2JS.
 */
import { RE2JS, RE2JSException } from "re2js";

/** Longer expressions are refused: they come from the network, and a compiled one is many times its size. */
export const EXPRESSION_CHARS_MAX = 4096;

/** The expression is none; the message is Go's sentence. */
export class GoRegExpError extends Error {
  override readonly name = "GoRegExpError";
}

/** A compiled expression. */
export class GoRegExp {
  readonly source: string;
  readonly #re: RE2JS;

  /** Throws {@link GoRegExpError}. */
  constructor(source: string) {
    this.source = source;
    if (source.length > EXPRESSION_CHARS_MAX)
      throw new GoRegExpError(`error parsing regexp: expression too large: \`${source.slice(0, 64)}\``);
    try {
      this.#re = RE2JS.compile(source);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      // Go quotes the offending part even when it is empty.
      throw new GoRegExpError(error.message.endsWith("`") ? error.message : `${error.message}: \`\``);
    }
  }

  /** Number of capturing groups. */
  get groups(): number {
    return this.#re.groupCount();
  }

  /** Whether the expression matches anywhere in `text`. */
  test(text: string): boolean {
    return this.#re.matcher(text).find();
  }

  /**
   * The leftmost match with its groups (whole match first, undefined for a group that took no part), as Go's FindStringSubmatch;
   * undefined when there is none.
   */
  exec(text: string): readonly (string | undefined)[] | undefined {
    const matcher = this.#re.matcher(text);
    if (!matcher.find()) return undefined;
    return Array.from({ length: this.groups + 1 }, (_, i) => matcher.group(i) ?? undefined);
  }
}
