import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckServiceNode, HealthCheck, Node, NodeService } from "../../model/catalog.ts";
import { compileFilter, filterList } from "./apply.ts";
import { checkServiceNodeSelectable, nodeSelectable, serviceSelectable } from "./selectable.ts";

const instance = CheckServiceNode.make({
  Node: Node.make({
    Node: "n1",
    Address: "10.0.0.1",
    Meta: new Map([
      ["rack", "r1"],
      ["a-b", "x"],
    ]),
  }),
  Service: NodeService.make({
    Service: "web",
    Port: 80,
    Tags: ["primary", "v2"],
    EnableTagOverride: true,
    TaggedAddresses: new Map([["lan", { Address: "10.0.0.1", Port: 8080 }]]),
  }),
  Checks: [
    HealthCheck.make({ CheckID: "a", Status: "passing" }),
    HealthCheck.make({ CheckID: "b", Status: "critical" }),
  ],
});

const cases: readonly [string, boolean][] = [
  ["", true],
  ["Service.Service == web", true],
  ['Service.Service=="web"', true],
  ["Service.Service != `web`", false],
  ["Service.Port == 80", true],
  ['Service.Port == "0x50"', true],
  ["Service.Port != 81", true],
  ["Service.EnableTagOverride == T", true],
  ["primary in Service.Tags", true],
  ['"v3" not in Service.Tags', true],
  ["Service.Tags contains v2", true],
  ["Service.Tags not contains v2", false],
  ["Service.Tags is empty", false],
  ["Service.Tags is not empty", true],
  ["Service.Service contains eb", true],
  ["eb in Service.Service", true],
  ["Service.Service matches `^w.b$`", true],
  ["Service.Service not matches `^w.b$`", false],
  ["Node.Meta.rack == r1", true],
  ['Node.Meta["a-b"] == x', true],
  ["rack in Node.Meta", true],
  ["Node.Meta is empty", false],
  ["Node.Meta.none == x", false],
  ["Node.Meta.none != x", true],
  ["Node.Meta.none matches x", true],
  ["Node.Meta.none not matches x", true],
  ["Service.TaggedAddresses.lan.Port == 8080", true],
  ["Service.TaggedAddresses.wan.Port == 8080", false],
  ["Checks.Status == critical", true],
  ["Checks.Status != critical", true],
  ["not Checks.Status == warning", true],
  ["Checks is empty", false],
  ["Service.Port == 80 and Node.Node == n2 or Service.Service == web", true],
  ["Service.Port == 80 and ( Node.Node == n2 or Service.Service == web )", true],
  ["not Service.Port == 80 and Service.Service == web", false],
  ["\t( Service.Port==80 )\n", true],
];
for (const [text, wanted] of cases)
  test(`filter ${JSON.stringify(text)}`, () =>
    assert.equal(compileFilter(text, checkServiceNodeSelectable)(instance), wanted));

const PREFIX = "Failed to create boolean expression evaluator: ";
const refused: readonly [string, string | RegExp][] = [
  ["Bogus == 1", `${PREFIX}Selector "Bogus" is not valid`],
  ["Node.Meta.a.b == 1", `${PREFIX}Selector "Node.Meta.a.b" is not valid`],
  ["Node.Meta == 1", `${PREFIX}Invalid match operator "Equal" for selector "Node.Meta"`],
  ["Service.Port matches 8", `${PREFIX}Invalid match operator "Matches" for selector "Service.Port"`],
  [
    "Service.Port == abc",
    `${PREFIX}Failed to coerce value "abc" for selector "Service.Port": strconv.ParseInt: parsing "abc": invalid syntax`,
  ],
  [
    "Service.EnableTagOverride == maybe",
    `${PREFIX}Failed to coerce value "maybe" for selector "Service.EnableTagOverride": strconv.ParseBool: parsing "maybe": invalid syntax`,
  ],
  [
    "Service.Service matches `(`",
    `${PREFIX}Failed to compile regular expression "(": error parsing regexp: missing closing ): \`(\``,
  ],
  ["Service.Service", /no match found, expected: "!=", "\.", "==", "\["/],
  ["Service.Service ==", /1:19 \(18\): no match found, expected: "-", "0"/],
  ["(Service.Port == 80", /rule "grouping": Unmatched parentheses/],
  ["Service.Port == 80 AND Service.Port == 80", /no match found, expected: "and", "or"/],
  ["Service.Service == 'web'", /no match found/],
  ['Service.Service == "web', /rule "string": Unterminated string literal/],
  ["Node.Meta[x] == 1", /rule "index": Invalid index/],
  ['Node.Meta["x" == 1', /rule "index": Unclosed index expression/],
  ["Service.Port == 8x", /rule "number": Invalid number literal/],
  ["not(Service.Port == 80)", /no match found/],
  [`${"( ".repeat(500)}Service.Port == 80${" )".repeat(500)}`, /nested deeper/],
];
for (const [text, message] of refused)
  test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () =>
    assert.throws(() => compileFilter(text, checkServiceNodeSelectable), { name: "FilterError", message }));

test("lists: nil stays nil without an expression only", () => {
  assert.equal(filterList("", nodeSelectable, null), null);
  assert.deepEqual(filterList("Node == x", nodeSelectable, null), []);
  const nodes = [Node.make({ Node: "a" }), Node.make({ Node: "b" })];
  assert.deepEqual(filterList("Node == b", nodeSelectable, nodes), [nodes[1]]);
  assert.throws(() => filterList("Node == b", serviceSelectable, null));
});
