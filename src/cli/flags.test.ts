import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlagGroup, goListing, parseFlags } from "./flags.ts";

const GROUPS: readonly FlagGroup[] = [
  {
    title: "Command Options",
    flags: [
      { name: "wan", kind: "bool", usage: "Wide." },
      { name: "shell", kind: "bool", fallback: "true", usage: "Shell." },
      { name: "n", kind: "int", fallback: "1", usage: "Count." },
      { name: "index", kind: "uint", usage: "Index." },
      { name: "wait", kind: "duration", fallback: "2s", usage: "Wait." },
      { name: "name", kind: "string", usage: "Name." },
      { name: "prefix", kind: "string", fallback: "_rexec", usage: "Prefix." },
      { name: "tag", kind: "strings", usage: "Tag." },
      { name: "join", kind: "strings", usage: "Join." },
      { name: "meta", kind: "pairs", usage: "Meta." },
    ],
  },
];

test("agent's flags tell wrong values in the words of strconv", () => {
  const text = (word: string): string => {
    const p = parseFlags([word], GROUPS, true);
    assert.equal(p.kind, "error");
    return (p as Extract<typeof p, { kind: "error" }>).text;
  };
  assert.equal(
    text("-wan=maybe"),
    'invalid boolean value "maybe" for -wan: strconv.ParseBool: parsing "maybe": invalid syntax',
  );
  assert.equal(text("-n=x"), 'invalid value "x" for flag -n: strconv.Atoi: parsing "x": invalid syntax');
  assert.match(text("-n=99999999999999999999"), /strconv\.Atoi: .*: value out of range$/);
});

function parsed(words: readonly string[]) {
  const p = parseFlags(words, GROUPS);
  assert.equal(p.kind, "parsed", JSON.stringify(p));
  return p as Extract<typeof p, { kind: "parsed" }>;
}

const bools: readonly (readonly [words: readonly string[], value: boolean])[] = [
  [[], false],
  [["-wan"], true],
  [["--wan"], true],
  [["-wan=true"], true],
  [["-wan=1"], true],
  [["-wan=T"], true],
  [["-wan=false"], false],
  [["-wan=0"], false],
  [["-wan", "-wan=F"], false],
];
for (const [words, value] of bools)
  test(`bool: ${JSON.stringify(words)}`, () => assert.equal(parsed(words).values.bool("wan"), value));

test("the word after a bool is an argument", () => {
  const p = parsed(["-wan", "true"]);
  assert.deepEqual([p.values.bool("wan"), p.args], [true, ["true"]]);
});

for (const form of [["-name=a b"], ["--name=a b"], ["-name", "a b"], ["--name", "a b"]])
  test(`string: ${JSON.stringify(form)}`, () => assert.equal(parsed(form).values.string("name"), "a b"));

test("values that look like flags or hold =", () => {
  assert.equal(parsed(["-name", "-x"]).values.string("name"), "-x");
  assert.equal(parsed(["-name=a=b"]).values.string("name"), "a=b");
  assert.equal(parsed(["-name="]).values.string("name"), "");
  assert.equal(parsed(["-name="]).values.given("name"), true);
});

test("scalars: the last wins; lists accumulate, in order over names", () => {
  const p = parsed(["-tag", "a", "-name", "x", "-join=b", "-tag=c", "-name", "y"]);
  assert.equal(p.values.string("name"), "y");
  assert.deepEqual(p.values.strings("tag"), ["a", "c"]);
  assert.deepEqual(
    p.values.order.filter(([n]) => n !== "name"),
    [
      ["tag", "a"],
      ["join", "b"],
      ["tag", "c"],
    ],
  );
});

test("where flags end", () => {
  assert.deepEqual(parsed(["uptime", "-wan"]).args, ["uptime", "-wan"]);
  assert.deepEqual(parsed(["-wan", "--", "-n", "x"]).args, ["-n", "x"]);
  assert.deepEqual(parsed(["-wan", "-"]).args, ["-"]);
  assert.deepEqual(parsed(["", "-wan"]).args, ["", "-wan"]);
});

test("defaults and numbers", () => {
  const { values } = parsed(["-n", "-7", "-index", "18446744073709551615", "-wait=1m30s"]);
  assert.deepEqual(
    [values.int("n"), values.uint("index"), values.durationMs("wait")],
    [-7, 18446744073709551615n, 90_000],
  );
  const none = parsed([]).values;
  assert.deepEqual(
    [none.int("n"), none.durationMs("wait"), none.string("prefix"), none.bool("shell")],
    [1, 2000, "_rexec", true],
  );
});

const errors: readonly (readonly [words: readonly string[], text: string])[] = [
  [["-x"], "flag provided but not defined: -x"],
  [["--x=1"], "flag provided but not defined: -x"],
  [["-name"], "flag needs an argument: -name"],
  [["-wan=maybe"], 'invalid boolean value "maybe" for -wan: parse error'],
  [["-n", "x"], 'invalid value "x" for flag -n: parse error'],
  [["-n", "99999999999999999999"], 'invalid value "99999999999999999999" for flag -n: value out of range'],
  [["-index=-1"], 'invalid value "-1" for flag -index: parse error'],
  [["-wait", "2"], 'invalid value "2" for flag -wait: parse error'],
  [["---n"], "bad flag syntax: ---n"],
  [["-=x"], "bad flag syntax: -=x"],
];
for (const [words, text] of errors)
  test(`error: ${JSON.stringify(words)}`, () =>
    assert.deepEqual(parseFlags(words, GROUPS), { kind: "error", text }));

for (const word of ["-h", "-help", "--help", "--h"])
  test(`help: ${word}`, () => assert.deepEqual(parseFlags([word], GROUPS), { kind: "help" }));

test("the listing after an error is Go's", () => {
  assert.equal(
    goListing(GROUPS),
    [
      "Usage:",
      "  -index uint",
      "    \tIndex.",
      "  -join value",
      "    \tJoin.",
      "  -meta value",
      "    \tMeta.",
      "  -n int",
      "    \tCount. (default 1)",
      "  -name string",
      "    \tName.",
      "  -prefix string",
      '    \tPrefix. (default "_rexec")',
      "  -shell",
      "    \tShell. (default true)",
      "  -tag value",
      "    \tTag.",
      "  -wait duration",
      "    \tWait. (default 2s)",
      "  -wan",
      "    \tWide.",
    ].join("\n"),
  );
});

test("a pair needs its equals sign", () => {
  assert.deepEqual(parsed(["-meta=a=b", "-meta", "c="]).values.strings("meta"), ["a=b", "c="]);
  assert.deepEqual(parseFlags(["-meta=a"], GROUPS), {
    kind: "error",
    text: 'invalid value "a" for flag -meta: Missing "=" value in argument: a',
  });
});
