// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts under test are such templates
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckServiceNode, HealthCheck, Node, NodeService } from "../model/catalog.ts";
import {
  PreparedQuery,
  QueryDatacenterOptions,
  QueryDNSOptions,
  QueryTemplateOptions,
  ServiceQuery,
} from "../model/prepared-query.ts";
import { QuerySource } from "../model/query.ts";
import { queryFault, selectNodes } from "./query-rules.ts";
import { checkTemplate, renderQuery } from "./query-template.ts";

const service = (more: Partial<ServiceQuery> = {}): ServiceQuery =>
  ServiceQuery.make({ Service: "web", ...more });
const query = (more: Partial<PreparedQuery> = {}): PreparedQuery =>
  PreparedQuery.make({ Name: "q", Service: service(), ...more });

const faults: readonly [PreparedQuery, string | undefined][] = [
  [query(), undefined],
  [query({ Name: "" }), "Must be bound to a session"],
  [query({ Name: "", Session: "s" }), undefined],
  [query({ Name: "", Template: QueryTemplateOptions.make({ Type: "name_prefix_match" }) }), undefined],
  [
    query({ Token: "<hidden>" }),
    "Bad Token '<hidden>', it looks like a query definition with a redacted token was submitted",
  ],
  [query({ Service: service({ Service: "" }) }), "Must provide a Service name to query"],
  [
    query({ Service: service({ Failover: QueryDatacenterOptions.make({ NearestN: -1 }) }) }),
    "Bad NearestN '-1', must be >= 0",
  ],
  [query({ DNS: QueryDNSOptions.make({ TTL: "abc" }) }), `Bad DNS TTL 'abc': time: invalid duration "abc"`],
  [query({ DNS: QueryDNSOptions.make({ TTL: "-1s" }) }), "DNS TTL '-1000000000', must be >=0"],
];
for (const [q, wanted] of faults)
  test(`queryFault: ${wanted ?? "none"}`, () => assert.equal(queryFault(q), wanted));

const node = (
  name: string,
  status: string,
  tags: readonly string[],
  more: Partial<NodeService> = {},
): CheckServiceNode =>
  CheckServiceNode.make({
    Node: Node.make({ Node: name, Meta: new Map([["rack", name]]) }),
    Service: NodeService.make({ Service: "web", Tags: tags, ...more }),
    Checks: [HealthCheck.make({ CheckID: "c", Status: status })],
  });
const found = [
  node("a", "passing", ["x", "Y"]),
  node("b", "warning", ["x"]),
  node("c", "critical", ["x"], { Meta: new Map([["v", "1"]]) }),
];
const selections: readonly [string, Partial<ServiceQuery>, readonly string[]][] = [
  ["critical ones are out", {}, ["a", "b"]],
  ["only passing", { OnlyPassing: true }, ["a"]],
  ["an ignored check", { IgnoreCheckIDs: ["c"] }, ["a", "b", "c"]],
  ["a tag in any case", { Tags: ["y"] }, ["a"]],
  ["a tag excluded", { Tags: ["X", "!Y"] }, ["b"]],
  ["node metadata", { NodeMeta: new Map([["rack", "b"]]) }, ["b"]],
  ["service metadata", { ServiceMeta: new Map([["v", "1"]]), IgnoreCheckIDs: ["c"] }, ["c"]],
];
for (const [name, more, wanted] of selections)
  test(`selectNodes: ${name}`, () =>
    assert.deepEqual(
      selectNodes(service(more), found).map((n) => n.Node!.Node),
      wanted,
    ));

const template = (Regexp: string, more: Partial<ServiceQuery>, RemoveEmptyTags = false): PreparedQuery =>
  query({
    Name: "geo-",
    Template: QueryTemplateOptions.make({ Type: "name_prefix_match", Regexp, RemoveEmptyTags }),
    Service: service(more),
  });

test("a template is filled in from the name", () => {
  const rendered = renderQuery(
    template(
      "^geo-(.*?)-([^-]+)$",
      {
        Service: "${match(1)}",
        Tags: ["${match(2)}", "${match(9)}", "${name.full}|${name.prefix}|${name.suffix}"],
        Near: "$${x}",
        NodeMeta: new Map([["s", "${agent.segment}"]]),
      },
      true,
    ),
    "geo-db-east",
    QuerySource.make({ Segment: "alpha" }),
  ).Service;
  assert.equal(rendered.Service, "db");
  assert.deepEqual(rendered.Tags, ["east", "geo-db-east|geo-|db-east"]);
  assert.equal(rendered.Near, "${x}");
  assert.equal(rendered.NodeMeta!.get("s"), "alpha");
});

const bad: readonly [PreparedQuery, string][] = [
  [
    query({ Template: QueryTemplateOptions.make({ Type: "bogus" }) }),
    "failed compiling template: Bad Template.Type 'bogus'",
  ],
  [template("(", {}), "failed compiling template: Bad Regexp: error parsing regexp: missing closing ): `(`"],
  [
    template("", { Service: "${bad" }),
    "failed compiling template: Bad format '${bad' in Service.Service: parse error: syntax error",
  ],
  [
    template("", { Service: "${bogus.x}" }),
    "failed compiling template: Bad evaluation for '${bogus.x}' in Service.Service: 1:3: unknown variable accessed: bogus.x",
  ],
  [
    template("", { Service: "${match(x)}" }),
    "failed compiling template: Bad evaluation for '${match(x)}' in Service.Service: 1:9: unknown variable accessed: x",
  ],
  [
    template("", { Service: "${upper(name.full)}" }),
    "failed compiling template: Bad evaluation for '${upper(name.full)}' in Service.Service: 1:3: unknown function called: upper",
  ],
];
for (const [q, message] of bad)
  test(`refuses ${message}`, () => assert.throws(() => checkTemplate(q), { message }));
