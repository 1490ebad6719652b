import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Keys } from "../src/agent/config/key.ts";
import { CONFIG_KEYS } from "../src/agent/config/schema.ts";
import { codeSpans, readDocuments, referenceErrors } from "./doc-references.ts";
import { readSources } from "./import-graph.ts";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

test("every file, folder and symbol that a document names exists", () => {
  const documents = readDocuments(root);
  assert.ok(documents.length > 20);
  const errors = referenceErrors(root, documents);
  assert.deepEqual(errors, [], errors.join("\n"));
});

test("what does not exist is found with its place, what is an example is not looked at", () => {
  const text = [
    "`scripts/docs.test.ts` and `docs.test.ts` and `src/raft/`, `raft.sqlite`, `src/**/*.test.ts`",
    "`scripts/nowhere.ts`",
    "`src/nowhere/`",
    "`scripts/doc-references.ts referenceErrors, Document.path`",
    "`scripts/doc-references.ts referenceErrrors`",
    "`scripts/doc-references.ts Document.paths`",
    `\`scripts/docs.test.ts\` "codeSpans() knows lines and fences", "no such ${"test"}"`,
    "```",
    "`scripts/nowhere.ts`",
    "```",
  ].join("\n");
  assert.deepEqual(referenceErrors(root, [{ path: "scripts/README.md", text }]), [
    "scripts/README.md:2: no file scripts/nowhere.ts",
    "scripts/README.md:3: no folder src/nowhere/",
    "scripts/README.md:5: scripts/doc-references.ts has no referenceErrrors",
    "scripts/README.md:6: scripts/doc-references.ts has no Document.paths",
    `scripts/README.md:7: scripts/docs.test.ts has no test "no such ${"test"}"`,
  ]);
});

test("configuration keys and metrics that the documents for users name exist", () => {
  const known = new Set<string>(["node_modules"]);
  const collect = (keys: Keys, path: string): void => {
    for (const [name, { type }] of Object.entries(keys)) {
      known.add(name).add(`${path}${name}`);
      if ("keys" in type && path.split(".").length < 4) collect(type.keys, `${path}${name}.`);
    }
  };
  collect(CONFIG_KEYS, "");
  const metrics = readSources(root, ["src"]).flatMap(({ text }) => [
    ...text.matchAll(/metrics\.(?:count|gauge|sample)\(\s*(["`])([^"`]+)\1/g),
  ]);
  for (const [, , name] of metrics) known.add(name!);
  // `raft.state.${role}`
  const families = [...known].filter((name) => name.includes("${")).map((name) => name.split("${")[0]!);
  const exists = (name: string): boolean =>
    known.has(name) || families.some((f) => f !== "" && name.startsWith(f));
  const unknown = readDocuments(root)
    .filter(({ path }) => /^(README|docs\/(OPERATIONS|MIGRATION|DIVERGENCE))\.md$/.test(path))
    .flatMap(({ path, text }) => codeSpans(text).map(({ line, span }) => ({ at: `${path}:${line}`, span })))
    .map(({ at, span }) => ({ at, key: span.replace(/ = .*$/, "") }))
    .filter(
      ({ key }) =>
        /^[a-z]+(?:_[a-z]+)+$|^[a-z_]+\.[a-z]+(?:_[a-z]+)+$|^raft\.state\.|^memberlist\./.test(key) &&
        !exists(key),
    );
  assert.deepEqual(unknown, []);
});

test("codeSpans() knows lines and fences", () => {
  assert.deepEqual(codeSpans("a `b` `c`\n```\n`d`\n```\n`e`"), [
    { line: 1, span: "b" },
    { line: 1, span: "c" },
    { line: 5, span: "e" },
  ]);
});

test("the README's example for Node programs imports what the entry points export", () => {
  const readme = readDocuments(root).find(({ path }) => path === "README.md")!.text;
  const example = /## In Node programs[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const exported = (entry: string): string =>
    readSources(root, ["src"]).find(({ path }) => path === entry)?.text ?? "";
  const imports = [...example.matchAll(/import \{ ([^}]+) \} from "tribune(\/client)?";/g)];
  assert.equal(imports.length, 2);
  for (const [, names, client] of imports)
    for (const name of names!.split(", "))
      assert.match(
        exported(client === undefined ? "src/embed.ts" : "src/client/client.ts"),
        new RegExp(`export (async )?(function|class|const) ${name}\\b`),
      );
});
