import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRe2 } from "./re2.ts";

const cases: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ["", "", true],
  ["w.*", "web", true],
  ["w.*", "db", false],
  ["^web$", "web", true],
  ["^web$", "web1", false],
  ["a|b|", "zzz", true],
  ["^(a|bc)+$", "abcabca", true],
  ["^(a|bc)+$", "abcab", false],
  ["x{2,3}y", "zxxy", true],
  ["^x{2}$", "xxx", false],
  ["x{2,}$", "xxxxx", true],
  ["x{,3}", "x{,3}", true],
  ["(?i)WEB", "my-web", true],
  ["(?i:W)eb", "WeB", false],
  ["a.c", "a\nc", false],
  ["(?s)a.c", "a\nc", true],
  ["(?m)^b$", "a\nb\nc", true],
  ["^b$", "a\nb\nc", false],
  ["\\bfoo\\b", "a foo b", true],
  ["\\bfoo\\b", "afoob", false],
  ["[[:digit:]]+\\.[^a-z]", "v12.Z", true],
  ["[^[:alpha:]]", "abc", false],
  ["[]a]+", "]", true],
  ["[a-]", "-", true],
  ["\\d\\D\\w\\W\\s\\S", "1aa- x", true],
  ["\\pL\\p{Greek}", "aλ", true],
  ["\\PL", "a", false],
  ["\\x41\\x{42}\\103", "ABC", true],
  ["\\Qa.b\\E+", "a.bbb", true],
  ["\\Qa.b\\E", "axb", false],
  ["(?P<name>v)(?<n>1)", "v1", true],
  ["\\Av\\z", "v", true],
  ["a??b", "b", true],
  ["é+", "éé", true],
  ["(?i)É", "é", true],
  [".", "😀", true],
  ["^.$", "😀", true],
  ["(?U)a+", "a", true],
];
for (const [pattern, text, matches] of cases)
  test(`re2: /${pattern}/ on ${JSON.stringify(text)}`, () => {
    const compiled = compileRe2(pattern);
    assert.ok(compiled !== undefined, "compiles");
    assert.equal(compiled(text), matches);
  });

const refused = [
  "(",
  ")",
  "a**",
  "[b-a]",
  "\\1",
  "(?=a)",
  "(?<!a)",
  "x{1001}",
  "[[:nope:]]",
  "\\p{Nope}",
  "*a",
  "[a",
  "\\",
  "(?P<>a)",
  "((a{500}){500}){500}",
];
for (const pattern of refused)
  test(`re2: /${pattern}/ is refused`, () => assert.equal(compileRe2(pattern), undefined));

test("re2: what is exponential for a backtracking engine stays linear", () => {
  const evil = compileRe2("^(a+)+$")!;
  const started = performance.now();
  assert.equal(evil(`${"a".repeat(5000)}!`), false);
  assert.ok(performance.now() - started < 1000);
});
