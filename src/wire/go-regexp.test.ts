import assert from "node:assert/strict";
import { test } from "node:test";
import { GoRegExp } from "./go-regexp.ts";

const cases: readonly (readonly [string, string, boolean])[] = [
  ["", "anything", true],
  ["web", "my-web-1", true],
  ["^web$", "web2", false],
  ["^c[1-3]$", "c2", true],
  ["^(?:a|bc)+$", "abcbca", true],
  ["^(?:a|bc)+$", "abcb", false],
  ["a{2,3}b", "aab", true],
  ["^a{2,3}b", "ab", false],
  ["^a{0,1}b", "b", true],
  ["a{,2}", "a{,2}", true],
  ["(?i)WEB", "a web b", true],
  ["(?i:W)eb", "wEb", false],
  ["x(?i)y|z", "Z", true],
  ["^.$", "\n", false],
  ["(?s)^.$", "\n", true],
  ["(?m)^b$", "a\nb\nc", true],
  ["^\\d+\\.\\d+$", "10.25", true],
  ["[^0-9]", "123", false],
  ["[]a]", "]", true],
  ["[a-]", "-", true],
  ["[[:alpha:]]", "1z", true],
  ["\\bcat\\b", "a cat b", true],
  ["\\bcat\\b", "concat", false],
  ["\\Qa.b\\E", "a.b", true],
  ["\\Qa.b\\E", "axb", false],
  ["(?P<n>x)y", "xy", true],
  ["\\pL", "\u00fc", true],
  ["\\x41\\x{1F600}", "A\u{1F600}", true],
  ["a|", "zzz", true],
  ["(a*)*$", "aaab", true],
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
for (const [re, text, wanted] of cases)
  test(`${JSON.stringify(re)} on ${JSON.stringify(text)}`, () =>
    assert.equal(new GoRegExp(re).test(text), wanted));

const refused: readonly (readonly [string, string])[] = [
  ["(", "error parsing regexp: missing closing ): `(`"],
  [")", "error parsing regexp: unexpected ): `)`"],
  ["[a", "error parsing regexp: missing closing ]: `[a`"],
  ["*", "error parsing regexp: missing argument to repetition operator: `*`"],
  ["a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"],
  ["\\y", "error parsing regexp: invalid escape sequence: `\\y`"],
  ["a\\", "error parsing regexp: trailing backslash at end of expression: ``"],
  ["[b-a]", "error parsing regexp: invalid character class range: `b-a`"],
  ["(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"],
];
for (const [re, message] of refused)
  test(`refuses ${re}`, () => assert.throws(() => new GoRegExp(re), { message }));

test("an expression that makes backtracking explode is answered at once", () => {
  const started = performance.now();
  assert.equal(new GoRegExp("^(a+)+$").test(`${"a".repeat(2000)}b`), false);
  // Ages, if it backtracked.
  assert.ok(performance.now() - started < 20_000);
});

test("a program that would be huge is refused", () => {
  assert.throws(() => new GoRegExp("((a{100}){100}){100}"), { name: "GoRegExpError" });
});

const captures: readonly (readonly [string, string, readonly (string | undefined)[] | undefined])[] = [
  ["^(.*?)-(.*)$", "geo-db-east", ["geo-db-east", "geo", "db-east"]],
  ["(a+)(b)?", "xaab", ["aab", "aa", "b"]],
  ["(a+)(b)?", "xaa", ["aa", "aa", undefined]],
  ["(a|ab)(c|bcd)", "abcd", ["abcd", "a", "bcd"]],
  ["(?:x)(?P<n>y)", "xy", ["xy", "y"]],
  ["(?U)(a+)", "aaa", ["a", "a"]],
  ["q", "abc", undefined],
];
for (const [re, text, wanted] of captures)
  test(`groups of ${re} in ${text}`, () => assert.deepEqual(new GoRegExp(re).exec(text), wanted));

const refusedToo = [
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
for (const re of refusedToo)
  test(`refuses ${re} with a typed error`, () =>
    assert.throws(() => new GoRegExp(re), { name: "GoRegExpError", message: /^error parsing regexp: / }));
