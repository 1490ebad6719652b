/** Files that commands read: JSON or HCL by name or by content, decoded with the configuration's own parsers and messages. */
import { readFileSync } from "node:fs";
import { ConfigError } from "../agent/config/diagnostic.ts";
import { type DocObject, plain, type Source } from "../agent/config/document.ts";
import { parseHcl } from "../agent/config/hcl/parser.ts";
import { parseJson } from "../agent/config/json.ts";
import { CommandError, fileReason } from "./attempt.ts";

export function readSource(path: string): Source {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`Failed to load data: Failed to read file: ${fileReason(path, error)}`);
  }
  return sourceOf(path, text);
}

export const sourceOf = (name: string, text: string): Source => ({
  name,
  text,
  format: /^\s*[{[]/.test(text) || name.endsWith(".json") ? "json" : "hcl",
});

/** The file's one object as plain data. Throws CommandError with the places of all mistakes. */
export function plainObject(source: Source, prefix: string): Readonly<Record<string, unknown>> {
  try {
    const root: DocObject = source.format === "json" ? parseJson(source).root : parseHcl(source);
    return plain(root) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(`${prefix}: ${error.explain()}`);
    throw error;
  }
}
