/**
 * What the documents name must exist: files and folders in code spans (`src/raft/raft.ts`, `src/gossip/`), and names in them when
 * a span says `file.ts name` or `file.ts Class.member`, and tests named by file and title. A rename that forgets a document fails here.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const SKIPPED = new Set(["node_modules", "build", "testdata", ".git", ".peers"]);
/** Kinds of files of the project; others (`peers.json`, `raft.sqlite`) are files of a running agent. */
const FILE = /^[\w./-]+\.(?:ts|mjs|md|sh)$/;
const FOLDER = /^(?:src|sim|docs|e2e|interop|conformance|chaos|fuzz|bench|scripts|web)\/(?:[\w.-]+\/)*$/;
/** A test by its name: the file, then the name (or its beginning, where it is a template) in double quotes; more of the same file follow. */
const TESTS = /`([\w./-]+\.test\.ts)`((?:,?\s+"[^"]+")+)/g;
const FILE_AND_NAMES = /^([\w./-]+\.ts) ((?:[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)?(?:, )?)+)$/;

export interface Document {
  /** Path from the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Markdown files below `root`, but for those of recordings and packages. */
export function readDocuments(root: string): readonly Document[] {
  const out: Document[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) walk(path);
      } else if (entry.name.endsWith(".md"))
        out.push({ path: relative(root, path).replaceAll("\\", "/"), text: readFileSync(path, "utf8") });
    }
  };
  walk(root);
  return out.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Code spans with their lines; fenced blocks are examples and not looked at. */
export function codeSpans(text: string): readonly { readonly line: number; readonly span: string }[] {
  const out: { line: number; span: string }[] = [];
  let fenced = false;
  text.split("\n").forEach((content, i) => {
    if (/^\s*```/.test(content)) fenced = !fenced;
    else if (!fenced) for (const m of content.matchAll(/`([^`]+)`/g)) out.push({ line: i + 1, span: m[1]! });
  });
  return out;
}

/** All files below `root`, for names that a README gives without their folder. */
function filesBelow(folder: string, out: string[] = []): readonly string[] {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (!entry.isDirectory()) out.push(join(folder, entry.name));
    else if (!SKIPPED.has(entry.name)) filesBelow(join(folder, entry.name), out);
  return out;
}

/** A document names files from its own folder, from one above, from src/, or by their last part within its folder. */
function resolveFile(root: string, document: string, name: string): string | undefined {
  let folder = dirname(join(root, document));
  const own = folder;
  for (;;) {
    if (existsSync(join(folder, name))) return join(folder, name);
    if (folder === root || !folder.startsWith(root)) break;
    folder = dirname(folder);
  }
  if (existsSync(join(root, "src", name))) return join(root, "src", name);
  if (own === root || own === join(root, "docs")) return undefined;
  return filesBelow(own).find((f) => f.endsWith(`/${name}`));
}

/** Whether a source declares or has `name`: an export, a class, or a member (also a private one) of the class before the dot. */
function hasName(source: string, name: string): boolean {
  const [first, member] = name.split(".") as [string, string | undefined];
  const declared = new RegExp(
    `\\b(?:class|interface|type|function|const|let)\\s+${RegExp.escape(first)}\\b`,
  ).test(source);
  if (!declared) return false;
  return (
    member === undefined || new RegExp(`(?:^|[^.\\w])#?${RegExp.escape(member)}\\s*[(<:=?]`, "m").test(source)
  );
}

/** Sentences about what is named and not there, `document:line: ...`. */
export function referenceErrors(root: string, documents: readonly Document[]): readonly string[] {
  const errors: string[] = [];
  for (const { path, text } of documents)
    for (const { line, span } of codeSpans(text)) {
      const at = `${path}:${line}`;
      if (FOLDER.test(span)) {
        const folder = join(root, span);
        if (!existsSync(folder) || !statSync(folder).isDirectory()) errors.push(`${at}: no folder ${span}`);
        continue;
      }
      const named = FILE_AND_NAMES.exec(span);
      if (named === null && !FILE.test(span)) continue;
      const name = named?.[1] ?? span;
      const file = resolveFile(root, path, name);
      if (file === undefined) {
        errors.push(`${at}: no file ${name}`);
        continue;
      }
      if (named === null) continue;
      const source = readFileSync(file, "utf8");
      for (const wanted of named[2]!.split(", "))
        if (!hasName(source, wanted)) errors.push(`${at}: ${relative(root, file)} has no ${wanted}`);
    }
  for (const { path, text } of documents)
    for (const [match, name, quoted] of text.matchAll(TESTS)) {
      const line = text.slice(0, text.indexOf(match)).split("\n").length;
      const file = resolveFile(root, path, name!);
      // That it is missing was said above.
      if (file === undefined) continue;
      const source = readFileSync(file, "utf8");
      for (const [, test] of quoted!.matchAll(/"([^"]+)"/g))
        if (!source.includes(test!.replace(/\s+/g, " ")))
          errors.push(`${path}:${line}: ${relative(root, file)} has no test "${test}"`);
    }
  return errors;
}
