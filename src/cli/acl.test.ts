/** The acl commands against answers as Consul 1.8.7 gives them; what they print and send is what its own commands do. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { goTime } from "./acl-view.ts";
import { cli } from "./testing.ts";

const POLICY = "c9b660e0-f92b-70f1-2bc5-fe1e1e4907d0";
const ROLE = "89c59aec-8023-22f2-7b19-8057f415d7e1";
const TOKEN = "22222222-2222-2222-2222-222222222222";
const RULE = "6e7ebc1f-3b35-bee3-057a-47060ebfb525";
const at = { CreateIndex: 20, ModifyIndex: 27, Hash: "swIQt6up+s0cV4kePfJ2aRdKCLaQyykF4Hl1Nfdeumk=" };
const HEX = "b30210b7aba9facd1c57891e3df27669174a08b690cb2905e0797535f75eba69";
const policy = { ID: POLICY, Name: "p1", Description: "d1", Rules: 'node_prefix "" {\n}\n', ...at };
const grants = {
  Policies: [{ ID: POLICY, Name: "p1" }],
  ServiceIdentities: [{ ServiceName: "api", Datacenters: ["dc1", "dc2"] }, { ServiceName: "web" }],
  NodeIdentities: [{ NodeName: "n1", Datacenter: "dc1" }],
};
const role = { ID: ROLE, Name: "r2", Description: "", ...grants, ...at };
const token = {
  AccessorID: TOKEN,
  SecretID: "33333333-3333-3333-3333-333333333333",
  Description: "my token",
  Roles: [{ ID: ROLE, Name: "r2" }],
  ...grants,
  Local: true,
  AuthMethod: "m1",
  CreateTime: "2026-11-25T00:32:34.032962691Z",
  ExpirationTime: "2026-11-25T01:32:34.032962691Z",
  ...at,
};
const { SecretID: _secret, ...listedToken } = token;
const method = {
  Name: "m1",
  Type: "jwt",
  DisplayName: "DN",
  Description: "dd",
  MaxTokenTTL: "1m30s",
  TokenLocality: "global",
  Config: { b: { z: 1, a: [] }, a: "x" },
  CreateIndex: 1,
  ModifyIndex: 2,
};
const rule = {
  ID: RULE,
  Description: "bd",
  AuthMethod: "m1",
  Selector: "value.b==x",
  BindType: "role",
  BindName: "r",
  CreateIndex: 1,
  ModifyIndex: 2,
};

/** By method and path; a function makes the answer of the body. */
const answers: Readonly<Record<string, unknown>> = {
  "PUT /v1/acl/bootstrap": token,
  "GET /v1/acl/policies": [policy, { ...policy, ID: "c9000000-0000-0000-0000-000000000000", Name: "p2" }],
  [`GET /v1/acl/policy/${POLICY}`]: policy,
  [`PUT /v1/acl/policy/${POLICY}`]: (body: object) => ({ ...body, ...at }),
  [`DELETE /v1/acl/policy/${POLICY}`]: true,
  "GET /v1/acl/roles": [role],
  [`GET /v1/acl/role/${ROLE}`]: role,
  [`PUT /v1/acl/role/${ROLE}`]: (body: object) => ({ ...body, ...at }),
  "GET /v1/acl/tokens": [listedToken],
  [`GET /v1/acl/token/${TOKEN}`]: token,
  "GET /v1/acl/token/self": token,
  "PUT /v1/acl/token": (body: object) => ({ ...token, ...body }),
  [`PUT /v1/acl/token/${TOKEN}`]: (body: object) => body,
  "GET /v1/acl/auth-methods": [method],
  "GET /v1/acl/auth-method/m1": method,
  "GET /v1/acl/binding-rules": [rule],
  [`GET /v1/acl/binding-rule/${RULE}`]: rule,
  [`PUT /v1/acl/binding-rule/${RULE}`]: (body: object) => body,
  "POST /v1/acl/login": token,
  "POST /v1/acl/logout": true,
};
const sent: string[] = [];
const server = createServer((req, res) => {
  let body = "";
  req.on("data", (d: Buffer) => (body += d.toString()));
  req.on("end", () => {
    const key = `${req.method} ${req.url!.replace(/\?.*/, "")}`;
    sent.push(`${req.method} ${req.url}${body === "" ? "" : ` ${body}`}`);
    const answer = answers[key];
    res.statusCode = answer === undefined ? 404 : 200;
    res.end(
      answer === undefined
        ? ""
        : JSON.stringify(
            typeof answer === "function"
              ? (answer as (b: object) => unknown)(JSON.parse(body) as object)
              : answer,
          ),
    );
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const folder = mkdtempSync(join(tmpdir(), "tribune-acl-"));
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
const address = server.address();
assert.ok(typeof address === "object" && address !== null);
const env = { CONSUL_HTTP_ADDR: `127.0.0.1:${address.port}` };
const acl = async (...words: string[]) => {
  sent.length = 0;
  return cli(words, { env });
};

const GRANTS = (indent: string): string =>
  [
    "Policies:",
    `   ${POLICY} - p1`,
    "Service Identities:",
    "   api (Datacenters: dc1, dc2)",
    "   web (Datacenters: all)",
    "Node Identities:",
    "   n1 (Datacenter: dc1)",
  ]
    .map((l) => `${indent}${l}\n`)
    .join("");

const shown: readonly (readonly [words: string, text: string])[] = [
  [
    "acl token read -self -meta",
    `AccessorID:       ${TOKEN}
SecretID:         33333333-3333-3333-3333-333333333333
Description:      my token
Local:            true
Auth Method:      m1
Create Time:      2026-11-25 00:32:34.032962691 +0000 UTC
Expiration Time:  2026-11-25 01:32:34.032962691 +0000 UTC
Hash:             ${HEX}
Create Index:     20
Modify Index:     27
Policies:
   ${POLICY} - p1
Roles:
   ${ROLE} - r2
Service Identities:
   api (Datacenters: dc1, dc2)
   web (Datacenters: all)
Node Identities:
   n1 (Datacenter: dc1)

`,
  ],
  [
    "acl token list",
    `AccessorID:       ${TOKEN}
Description:      my token
Local:            true
Auth Method:      m1
Create Time:      2026-11-25 00:32:34.032962691 +0000 UTC
Expiration Time:  2026-11-25 01:32:34.032962691 +0000 UTC
Legacy:           false
Policies:
   ${POLICY} - p1
Roles:
   ${ROLE} - r2
Service Identities:
   api (Datacenters: dc1, dc2)
   web (Datacenters: all)
Node Identities:
   n1 (Datacenter: dc1)

`,
  ],
  [
    "acl policy read -name p1 -meta",
    `ID:           ${POLICY}
Name:         p1
Description:  d1
Datacenters:  \nHash:         ${HEX}
Create Index: 20
Modify Index: 27
Rules:
node_prefix "" {
}

`,
  ],
  [
    "acl policy list",
    `p1:
   ID:           ${POLICY}
   Description:  d1
   Datacenters:  \np2:
   ID:           c9000000-0000-0000-0000-000000000000
   Description:  d1
   Datacenters:  \n
`,
  ],
  [`acl role read -id ${ROLE}`, `ID:           ${ROLE}\nName:         r2\nDescription:  \n${GRANTS("")}\n`],
  ["acl role list", `r2:\n   ID:           ${ROLE}\n   Description:  \n${GRANTS("   ")}\n`],
  [
    "acl auth-method read -name m1",
    `Name:          m1
Type:          jwt
DisplayName:   DN
Description:   dd
MaxTokenTTL:   1m30s
TokenLocality: global
Config:
{
  "a": "x",
  "b": {
    "a": [],
    "z": 1
  }
}
`,
  ],
  [
    "acl auth-method list -meta",
    "m1:\n   Type:         jwt\n   DisplayName:  DN\n   Description:  dd\n   Create Index: 1\n   Modify Index: 2\n\n",
  ],
  [
    "acl binding-rule read -id 6e7",
    `ID:           ${RULE}\nAuthMethod:   m1\nDescription:  bd\nBindType:     role\nBindName:     r\nSelector:     value.b==x\n\n`,
  ],
  ["acl policy delete -id c9b", `Policy "${POLICY}" deleted successfully\n`],
  ["logout", ""],
];
for (const [words, text] of shown)
  test(`acl: ${words}`, async () =>
    assert.deepEqual(await acl(...words.split(" ")), { code: 0, stdout: text, stderr: "" }));

test("acl: JSON in the order of Go's client, with what lists lack", async () => {
  assert.deepEqual(
    Object.keys(JSON.parse((await acl("acl", "token", "read", "-self", "-format=json")).stdout)),
    [
      "CreateIndex",
      "ModifyIndex",
      "AccessorID",
      "SecretID",
      "Description",
      "Policies",
      "Roles",
      "ServiceIdentities",
      "NodeIdentities",
      "Local",
      "AuthMethod",
      "ExpirationTime",
      "CreateTime",
      "Hash",
    ],
  );
  const [first] = JSON.parse((await acl("acl", "token", "list", "-format=json")).stdout) as {
    Legacy: boolean;
  }[];
  assert.equal(first!.Legacy, false);
  const read = JSON.parse((await acl("acl", "policy", "read", "-name=p1", "-format=json")).stdout) as object;
  assert.ok("Datacenters" in read && read.Datacenters === null);
});

test("acl: a format that does not exist is refused before anything is changed", async () => {
  const r = await acl("acl", "policy", "create", "-name=x", "-format=yaml");
  assert.deepEqual([r.code, r.stderr, sent], [1, "Unknown format: yaml\n", []]);
});

test("acl: beginnings of IDs", async () => {
  for (const [words, text] of [
    ["acl policy read -id c9", "Error determining policy ID: Partial policy ID is not unique\n"],
    ["acl policy read -id zz", "Error determining policy ID: No such policy ID with prefix: zz\n"],
    ["acl policy read -name zz", "Error determining policy ID: No such policy with name zz\n"],
    ["acl token create -policy-id zz", "Error resolving policy ID : No such policy ID with prefix: zz\n"],
    ["acl role read -name zz", 'Role not found with name "zz"\n'],
    ["acl token create -node-identity zz", 'Malformed -node-identity argument: "zz"\n'],
  ] as const) {
    const r = await acl(...words.split(" "));
    assert.deepEqual([r.code, r.stderr], [1, text]);
  }
});

const lastBody = (): unknown => JSON.parse(sent.at(-1)!.replace(/^\S+ \S+ /, ""));

test("acl: what a token is made of", async () => {
  const r = await acl(
    ..."acl token create -policy-name p1 -policy-id c9b -role-id 89 -service-identity web:dc1,dc2 -node-identity n1:dc1 -local -expires-ttl 1h -accessor a -secret s -description d -namespace ns".split(
      " ",
    ),
  );
  assert.equal(r.code, 0);
  assert.match(sent.at(-1)!, /^PUT \/v1\/acl\/token\?ns=ns /);
  assert.deepEqual(lastBody(), {
    AccessorID: "a",
    SecretID: "s",
    Description: "d",
    Local: true,
    ExpirationTTL: "1h",
    Policies: [{ Name: "p1" }, { ID: POLICY }],
    Roles: [{ ID: ROLE }],
    ServiceIdentities: [{ ServiceName: "web", Datacenters: ["dc1", "dc2"] }],
    NodeIdentities: [{ NodeName: "n1", Datacenter: "dc1" }],
  });
});

test("acl: an update of a token replaces its grants unless they are to be merged", async () => {
  await acl(..."acl token update -id 2222 -description new".split(" "));
  assert.deepEqual(lastBody(), {
    ...token,
    Description: "new",
    Policies: [],
    Roles: [],
    ServiceIdentities: [],
    NodeIdentities: [],
  });
  await acl(
    ..."acl token update -id 2222 -merge-policies -policy-name p1 -policy-name p2 -merge-roles -role-id 89 -merge-service-identities -service-identity web:dc1 -merge-node-identities -node-identity n2:dc1".split(
      " ",
    ),
  );
  assert.deepEqual(lastBody(), {
    ...token,
    Policies: [...token.Policies, { Name: "p2" }],
    ServiceIdentities: [token.ServiceIdentities[0], { ServiceName: "web", Datacenters: ["dc1"] }],
    NodeIdentities: [...token.NodeIdentities, { NodeName: "n2", Datacenter: "dc1" }],
  });
  const legacy = await acl(..."acl token update -id 2222 -upgrade-legacy".split(" "));
  assert.equal(legacy.stderr, "Can't use -upgrade-legacy on a non-legacy token\n");
});

test("acl: updates of policies, roles and rules keep what is not given, unless told not to", async () => {
  await acl(..."acl policy update -id c9b -name p9".split(" "));
  assert.deepEqual(lastBody(), {
    ID: POLICY,
    Name: "p9",
    Description: "d1",
    Rules: policy.Rules,
    Datacenters: null,
  });
  await acl(..."acl policy update -id c9b -name p9 -no-merge".split(" "));
  assert.deepEqual(lastBody(), { ID: POLICY, Name: "p9", Description: "", Rules: "" });
  await acl(..."acl role update -id 89 -policy-name p2".split(" "));
  assert.deepEqual((lastBody() as { Policies: unknown }).Policies, [...grants.Policies, { Name: "p2" }]);
  // The original makes a service rule of every rule that is updated without -bind-type.
  await acl(..."acl binding-rule update -id 6e -selector=".split(" "));
  assert.deepEqual(lastBody(), {
    ID: RULE,
    AuthMethod: "m1",
    Description: "bd",
    BindType: "role",
    BindName: "r",
    Selector: "",
  });
});

test("login: the secret goes into a file that nobody else can read", async () => {
  const [bearer, sink] = [join(folder, "bearer"), join(folder, "deeper", "sink")];
  const words = ["login", "-method=m1", `-bearer-token-file=${bearer}`, `-token-sink-file=${sink}`];
  assert.equal((await acl(...words)).stderr, `open ${bearer}: no such file or directory\n`);
  writeFileSync(bearer, "\n");
  assert.equal((await acl(...words)).stderr, `No bearer token found in ${bearer}\n`);
  writeFileSync(bearer, "secret\n");
  const r = await acl(...words, "-meta", "a=b");
  assert.deepEqual(r, { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(lastBody(), { AuthMethod: "m1", BearerToken: "secret", Meta: { a: "b" } });
  assert.equal(readFileSync(sink, "utf8"), token.SecretID);
  assert.equal(statSync(sink).mode & 0o777, 0o600);
});

test("acl translate-rules", async () => {
  const r = await acl("acl", "translate-rules", 'key "" { policy = "read" }');
  assert.deepEqual([r.code, r.stdout, sent], [0, 'key_prefix "" {\n  policy = "read"\n}\n', []]);
  const bad = await acl("acl", "translate-rules", "zz {");
  assert.equal(
    bad.stderr,
    "Error translating rules: Failed to parse rules: At 1:6: object expected closing RBRACE got: EOF\n",
  );
});

test("acl: times as Go prints them", () => {
  assert.equal(goTime("0001-01-01T00:00:00Z"), "0001-01-01 00:00:00 +0000 UTC");
  assert.equal(goTime("2026-01-02T03:04:05.5+09:00"), "2026-01-02 03:04:05.5 +0900 +0900");
});
