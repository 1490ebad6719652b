/**
 * Files with one mistake each. The mark ¦ stands where the message must point; the sentence is the original's where it has one.
 * Every case is a file that somebody could have written.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSource } from "./decode.ts";
import { ConfigError } from "./diagnostic.ts";

interface BrokenFile {
  readonly name: string;
  readonly file: "a.json" | "a.hcl";
  /** With ¦ at the expected place. */
  readonly text: string;
  /** Part of the first line. */
  readonly says: string;
  /** Part of the lines for people. */
  readonly hint?: string;
}

const json = (name: string, text: string, says: string, hint?: string): BrokenFile => ({
  name,
  file: "a.json",
  text,
  says,
  ...(hint === undefined ? {} : { hint }),
});
const hcl = (name: string, text: string, says: string, hint?: string): BrokenFile => ({
  ...json(name, text, says, hint),
  file: "a.hcl",
});

const unknown = (key: string): string => `1 error occurred:\n\t* invalid config key ${key}\n\n`;
const type = (text: string): string => `1 error(s) decoding:\n\n* ${text}`;

const BROKEN: readonly BrokenFile[] = [
  json(
    "the tutorial's web.json: no comma after the port",
    '{\n  "service": {\n    "name": "web",\n    "port": 80¦\n    "check": {\n      "script": "curl localhost:80 > /dev/null 2>&1",\n      "interval": "15s"\n    }\n  }\n}\n',
    "invalid character '\"' after object key:value pair",
    'did you forget a comma after "port": 80?',
  ),
  json(
    "no comma after a string",
    '{"a": "x"¦ "b": 1}',
    "after object key:value pair",
    'comma after "a": "x"',
  ),
  json(
    "no comma after an object",
    '{\n "ports": {"http": 1}¦\n "server": true}',
    "after object key:value pair",
    "comma after the '}'",
  ),
  json(
    "no comma after a list",
    '{"retry_join": ["a"]¦ "server": true}',
    "after object key:value pair",
    "comma after the ']'",
  ),
  json("no comma between list items", '{"retry_join": ["a"¦ "b"]}', "after array element", 'comma after "a"'),
  json("no comma between numbers", '{"x": [1¦ 2]}', "invalid character '2' after array element"),
  json(
    "trailing comma in an object",
    '{"server": true¦,}',
    "looking for beginning of object key string",
    "trailing comma",
  ),
  json(
    "trailing comma in a list",
    '{"retry_join": ["a",¦]}',
    "looking for beginning of value",
    "remove the comma",
  ),
  json(
    "two commas",
    '{"server": true,¦,"ui": true}',
    "invalid character ',' looking for beginning of object key string",
    "one comma too many",
  ),
  json(
    "a comment",
    '{"server": true ¦// yes\n}',
    "invalid character '/' after object key:value pair",
    "JSON has no comments",
  ),
  json(
    "a comment before a key",
    '{\n¦# x\n"server": true}',
    "invalid character '#' looking for beginning of object key string",
    "no comments",
  ),
  json(
    "single quotes",
    "{¦'server': true}",
    "invalid character '\\'' looking for beginning of object key string",
    "double quotes",
  ),
  json(
    "single quotes round a value",
    "{\"node_name\": ¦'x'}",
    "invalid character '\\'' looking for beginning of value",
    "double quotes",
  ),
  json(
    "key without quotes",
    "{¦server: true}",
    "invalid character 's' looking for beginning of object key string",
  ),
  json("value without quotes", '{"node_name": ¦web}', "invalid character 'w' looking for beginning of value"),
  json(
    "typographic quotes",
    "{¦\u201cserver\u201d: true}",
    "looking for beginning of object key string",
    "typographic quote",
  ),
  json(
    "wide blank",
    '{¦\u3000"server": true}',
    "looking for beginning of object key string",
    "wide or non-breaking blank",
  ),
  json("= instead of :", '{"server"¦ = true}', "invalid character '=' after object key", "separated by ':'"),
  json("no colon", '{"server"¦ true}', "invalid character 't' after object key", 'colon after "server"'),
  json("True", '{"server": ¦True}', "invalid character 'T' looking for beginning of value", "small letters"),
  json("tru", '{"server": ¦tru}', "in literal true (expecting 'e')"),
  json("nul", '{"server": ¦nul}', "in literal null (expecting 'l')"),
  json(
    "leading zero",
    '{"ports": {"http": 0¦8500}}',
    "invalid character '8' after object key:value pair",
    "no leading zero",
  ),
  json("dot without digits", '{"x": 1.¦}', "after decimal point in numeric literal"),
  json("minus alone", '{"x": -¦}', "in numeric literal"),
  json("exponent without digits", '{"x": 1e¦}', "in exponent of numeric literal"),
  json("open string", '{"node_name": ¦"web\n}', "invalid character '\\n' in string literal", "closing"),
  json("open string at the end", '{"node_name": ¦"web', "unexpected end of JSON input"),
  json("tab in a string", '{"node_name": "a¦\tb"}', "invalid character '\\t' in string literal", "\\t"),
  json("bad escape", '{"data_dir": "C:¦\\q"}', "invalid character 'q' in string escape code", "\\\\"),
  json("short \\u", '{"a": "\\u12¦x4"}', "in \\u hexadecimal character escape"),
  json(
    "cut off in an object",
    '{\n  "server": true¦\n',
    "unexpected end of JSON input",
    "opened with '{' in line 1",
  ),
  json("cut off in a list", '{"retry_join": ["a"¦', "unexpected end of JSON input", "opened with '['"),
  json(
    "one brace too many",
    '{"server": true}¦}',
    "invalid character '}' after top-level value",
    "one '}' too many",
  ),
  json(
    "closed too early",
    '{"server": true}¦,\n"ui": true}',
    "after top-level value",
    "closing it too early",
  ),
  json(
    "two objects",
    '{"server": true}\n¦{"ui": true}',
    "invalid character '{' after top-level value",
    "one object",
  ),
  json("text after the end", '{"server": true}\n¦EOF', "invalid character 'E' after top-level value"),
  json("fals", '{"server": ¦fals}', "in literal false (expecting 'e')"),
  json(
    "wrong bracket",
    '{"retry_join": ["a"¦}',
    "invalid character '}' after array element",
    "is still open",
  ),
  json("a list", "¦[]", "cannot unmarshal array into Go value"),
  json("a string", '¦"x"', "cannot unmarshal string into Go value"),
  json(
    "byte order mark",
    '¦\ufeff{"server": true}',
    "invalid character 'ï' looking for beginning of value",
    "byte order mark",
  ),
  json("not JSON at all", "¦server = true", "invalid character 's' looking for beginning of value"),

  json(
    "unknown key",
    '{\n  ¦"bootstrap_expct": 3}',
    unknown("bootstrap_expct"),
    'did you mean "bootstrap_expect"?',
  ),
  json("unknown key deep down", '{"ports": {¦"htpp": 1}}', unknown("ports.htpp"), 'did you mean "http"?'),
  json(
    "unknown key of a service",
    '{"service": {"name": "a", ¦"prt": 80}}',
    unknown("service.prt"),
    'did you mean "port"?',
  ),
  json(
    "unknown key of a check",
    '{"service": {"check": {¦"intervall": "1s"}}}',
    unknown("service.check.intervall"),
    'did you mean "interval"?',
  ),
  json(
    "unknown key in a list",
    '{"services": [{"name": "a"}, {¦"nam": "b"}]}',
    unknown("services[1].nam"),
    'did you mean "name"?',
  ),
  json("key of another place", '{¦"http_port": 1}', unknown("http_port")),
  json("key that belongs deeper", '{¦"node_ttl": "5s"}', unknown("node_ttl"), "belongs inside dns_config"),
  json(
    "key that belongs higher",
    '{"ports": {¦"server_name": "x"}}',
    unknown("ports.server_name"),
    "belongs at the top level",
  ),
  json("removed key", '{¦"retry_join_ec2": {}}', unknown("retry_join_ec2"), "provider=aws"),
  json(
    "number for a string",
    '{"log_level": ¦5}',
    type("'log_level' expected type 'string', got unconvertible type 'float64'"),
    'write it in quotes: "5"',
  ),
  json(
    "string for a number",
    '{"ports": {"http": ¦"8500"}}',
    type("'ports.http' expected type 'int', got unconvertible type 'string'"),
    "without quotes",
  ),
  json(
    "string for a boolean",
    '{"server": ¦"true"}',
    type("'server' expected type 'bool', got unconvertible type 'string'"),
    "without quotes",
  ),
  json(
    "string for a list",
    '{"retry_join": ¦"10.0.0.1"}',
    type("'retry_join': source data must be an array or slice, got string"),
    '["10.0.0.1"]',
  ),
  json(
    "object for a list",
    '{"services": ¦{"name": "a"}}',
    type("'services': source data must be an array or slice, got map"),
  ),
  json(
    "list for an object",
    '{"ports": ¦[{"http": 1}, {"dns": 2}]}',
    type("'ports' expected a map, got 'slice'"),
  ),
  json(
    "number in a map of strings",
    '{"node_meta": {"rack": ¦7}}',
    type("'node_meta[rack]' expected type 'string', got unconvertible type 'float64'"),
  ),
  json(
    "number for a duration",
    '{"retry_interval": ¦30}',
    type("'retry_interval' expected type 'string', got unconvertible type 'float64'"),
    '"30s"',
  ),

  json(
    "number for a boolean",
    '{"server": ¦1}',
    type("'server' expected type 'bool', got unconvertible type 'float64'"),
  ),
  json(
    "boolean for a number",
    '{"ports": {"http": ¦true}}',
    type("'ports.http' expected type 'int', got unconvertible type 'bool'"),
  ),
  json("text for an object", '{"ports": ¦"8500"}', type("'ports' expected a map, got 'string'")),
  json(
    "number in a list of strings",
    '{"recursors": [¦8]}',
    type("'recursors[0]' expected type 'string', got unconvertible type 'float64'"),
  ),

  hcl("assignment without value", "server =¦\n", "Unknown token: EOF"),
  hcl(
    "assignment without value before another",
    'server =\n¦log_level = "x"',
    "Unknown token: 2:1 IDENT log_level",
    "forget the value",
  ),
  hcl("word without quotes", "node_name = ¦web", "At 1:13: Unknown token: 1:13 IDENT web", '"web"'),
  hcl("yes", "server = ¦yes", "Unknown token: 1:10 IDENT yes", "did you mean true?"),
  hcl("null", "node_name = ¦null", "IDENT null", "no null"),
  hcl("colon", "server¦: true", "At 1:7: illegal char", "separated by '='"),
  hcl("semicolon", "server = true¦; ui = true", "illegal char", "line feed or a comma"),
  hcl("single quotes", "node_name = ¦'x'", "At 1:13: illegal char", "double quotes"),
  hcl(
    "no comma in a list",
    'retry_join = ["a"¦ "b"]',
    "error parsing list, expected comma or list end, got: STRING",
    "forget a comma",
  ),
  hcl(
    "blocks in a list without comma",
    "x = [{a = 1}¦{b = 2}]",
    "error parsing list, expected comma or list end, got: LBRACE",
  ),
  hcl("word in a list", "x = [true, ¦yes]", "unexpected token while parsing list: IDENT"),
  hcl("open list", 'retry_join = ["a"¦', "expected comma or list end, got: EOF"),
  hcl(
    "open list before the next key",
    'retry_join = ["a"¦\nserver = true',
    "expected comma or list end, got: IDENT",
  ),
  hcl(
    "open block",
    "ports {\n  http = 1¦\n",
    "object expected closing RBRACE got: EOF",
    "opened with '{' in line 1",
  ),
  hcl("one brace too many", "ports { http = 1 }\n¦}", "got: RBRACE", "one '}' too many"),
  hcl("open string", 'node_name = ¦"web\nserver = true', "literal not terminated", "closing"),
  hcl("open heredoc", "x = ¦<<EOT\nabc\n", "heredoc not terminated", "EOT"),
  hcl("open comment", "server = true\n¦/* never closed", "comment not terminated", "*/"),
  hcl("lonely slash", "server = true ¦/ x", "expected '/' for comment"),
  hcl("bad escape", 'node_name = "a¦\\q"', "illegal char escape"),
  hcl(
    "eight in octal",
    "ports { http = ¦08500 }",
    'strconv.ParseInt: parsing "08500": invalid syntax',
    "leading zero",
  ),
  hcl("hex without digits", "x = ¦0x", "illegal hexadecimal number"),
  hcl("key alone", "server¦", "key 'server' expected start of object ('{') or assignment ('=')"),
  hcl("no equals sign", "node_name ¦5", "got: NUMBER", "forget '='"),
  hcl(
    "no equals sign, next line",
    'log_level "DEBUG"\nserver ¦= true',
    "nested object expected: LBRACE got: ASSIGN",
    "forget '=' after log_level",
  ),
  hcl("equals sign first", "¦= true", "no object keys found!"),
  hcl("two commas", "server = true,¦, ui = true", "got: COMMA"),
  hcl("byte order mark", "¦\ufeffserver = true", "illegal char", "byte order mark"),
  hcl(
    "scalar and block of one name",
    "ports = 1\n¦ports { http = 1 }",
    "unknown type *ast.ObjectType",
    "write both the same way",
  ),
  hcl("list and scalar of one name", 'retry_join = ["a"]\n¦retry_join = "b"', "unknown slice type"),
  hcl(
    "two blocks for one object",
    "ports ¦{ http = 1 }\nports { dns = 2 }",
    type("'ports' expected a map, got 'slice'"),
  ),
  hcl("label on a service", 'service "web" { port = 80 }'.replace('"web"', '¦"web"'), unknown("service.web")),
  hcl("unknown key", '¦data_dri = "/x"', unknown("data_dri"), 'did you mean "data_dir"?'),
  hcl(
    "int for a string",
    "log_level = ¦5",
    type("'log_level' expected type 'string', got unconvertible type 'int'"),
  ),
  hcl(
    "JSON inside .hcl, comma missing",
    '{\n  "server": true¦\n  "ui": true\n}',
    "after object key:value pair",
    "forget a comma",
  ),
  hcl("JSON syntax inside HCL", 'ports = {"http"¦: 1}', "illegal char", "separated by '='"),
];

for (const { name, file, text, says, hint } of BROKEN)
  test(`${file}: ${name}`, () => {
    const at = text.indexOf("¦");
    assert.ok(at >= 0, "the case marks a place");
    const before = text.slice(0, at);
    const expected = {
      line: before.split("\n").length,
      column: [...before.slice(before.lastIndexOf("\n") + 1)].length + 1,
    };
    const source = {
      name: `/etc/consul.d/${file}`,
      text: text.replace("¦", ""),
      format: file === "a.json" ? ("json" as const) : ("hcl" as const),
    };
    let error: unknown;
    try {
      decodeSource(source);
    } catch (e) {
      error = e;
    }
    assert.ok(error instanceof ConfigError, "refused");
    assert.ok(error.message.startsWith(`failed to parse /etc/consul.d/${file}: `), error.message);
    assert.ok(
      error.message.includes(says),
      `${JSON.stringify(error.message)} should say ${JSON.stringify(says)}`,
    );
    const [first] = error.diagnostics;
    assert.ok(first !== undefined);
    assert.deepEqual({ line: first.line, column: first.column }, expected, error.explain());
    const shown = error.explain();
    assert.ok(shown.includes(`/etc/consul.d/${file}:${expected.line}:${expected.column}\n`), shown);
    assert.match(shown, /\n +\d+ \| .*\n +\| *\t*[ \t]*\^ \S/);
    if (hint !== undefined) assert.ok(shown.includes(hint), `${shown}\nshould say ${hint}`);
  });

test("the corpus is large enough to mean something", () =>
  assert.ok(BROKEN.length >= 100, String(BROKEN.length)));

test("the tutorial's web.json as printed, whole message", () => {
  const [tutorial] = BROKEN;
  assert.throws(
    () =>
      decodeSource({ name: "/etc/consul.d/web.json", text: tutorial!.text.replace("¦", ""), format: "json" }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(
        `==> ${error.explain()}`,
        [
          "==> failed to parse /etc/consul.d/web.json: invalid character '\"' after object key:value pair",
          "    /etc/consul.d/web.json:4:15",
          '    4 |     "port": 80',
          "      |               ^ expected ',' or '}' here",
          '    did you forget a comma after "port": 80?',
        ].join("\n"),
      );
      return true;
    },
  );
});

test("several mistakes of one file are all shown", () => {
  const text = '{\n  "a": 1\n  "b": 2,\n  "c": 3\n  "d": 4\n}';
  assert.throws(
    () => decodeSource({ name: "x.json", text, format: "json" }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(
        error.diagnostics.map((d) => d.line),
        [2, 4],
      );
      return true;
    },
  );
});
