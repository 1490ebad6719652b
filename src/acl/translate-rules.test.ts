import assert from "node:assert/strict";
import { test } from "node:test";
import { RulesError, translateRules } from "./translate-rules.ts";

const cases: readonly (readonly [what: string, before: string, after: string])[] = [
  ["a key", 'key "" { policy = "read" }', 'key_prefix "" {\n  policy = "read"\n}'],
  [
    "several on one line",
    'agent "" { policy = "read" } operator = "read" keyring = "write" service "a" { policy = "read" intentions = "deny" }',
    'agent_prefix "" {\n  policy = "read"\n}\n\noperator = "read"\n\nkeyring = "write"\n\nservice_prefix "a" {\n  policy = "read"\n\n  intentions = "deny"\n}',
  ],
  [
    "neighbouring lines are aligned",
    'service "a" {\n policy = "read"\n intentions = "deny"\n}',
    'service_prefix "a" {\n  policy     = "read"\n  intentions = "deny"\n}',
  ],
  [
    "comments",
    '# of old\nkey "a" {\n  policy = "write" # all\n}\n',
    '# of old\nkey_prefix "a" {\n  policy = "write" # all\n}',
  ],
  [
    "what is a prefix already",
    'key_prefix "a" { policy = "read" }',
    'key_prefix "a" {\n  policy = "read"\n}',
  ],
  ["unknown names stay", 'bogus "" { policy = "read" }', 'bogus "" {\n  policy = "read"\n}'],
  ["nothing", "", ""],
  [
    "JSON",
    '{"key":{"a":{"policy":"read"}},"operator":"read"}',
    'key_prefix "a" {\n  policy = "read"\n}\n\n"operator" = "read"',
  ],
];
for (const [what, before, after] of cases)
  test(`translate rules: ${what}`, () => assert.equal(translateRules(before), after));

test("translate rules: mistakes have a place", () => {
  for (const [text, message] of [
    ["zz {", "Failed to parse rules: At 1:6: object expected closing RBRACE got: EOF"],
    ['key "a" policy', 'Failed to parse rules: At 1:16: expected "=" or "{" behind a name, got: EOF'],
    ["key\n  ?", "Failed to parse rules: At 2:3: illegal character"],
    ["a = [", "Failed to parse rules: At 1:7: expected a value, got: EOF"],
    ["}", 'Failed to parse rules: At 1:1: unexpected "}"'],
  ] as const)
    assert.throws(() => translateRules(text), new RulesError(message));
  assert.throws(() => translateRules("{"), RulesError);
  assert.throws(() => translateRules("a {".repeat(10_000)), RulesError);
});
