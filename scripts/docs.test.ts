import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { codeSpans, readDocuments, referenceErrors } from "./doc-references.ts";

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

test("codeSpans() knows lines and fences", () => {
  assert.deepEqual(codeSpans("a `b` `c`\n```\n`d`\n```\n`e`"), [
    { line: 1, span: "b" },
    { line: 1, span: "c" },
    { line: 5, span: "e" },
  ]);
});
