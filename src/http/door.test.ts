/** The door over a real agent: routing, methods, headers, consistency, blocking, limits; replies as Consul 1.8.7 gives them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { eventually } from "../agent/fixture.ts";
import { apiRoutes } from "./api.ts";
import { type Answered, send, sendRaw, startTestDoor, type TestDoor } from "./fixture.ts";

const IP = "127.7.1.1";
let d: TestDoor;
before(async () => {
  d = await startTestDoor(IP, "", {
    ui: { read: async (path) => (path === "index.html" ? Buffer.from("<h1>page</h1>") : undefined) },
  });
});
after(() => d?.close());

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> =>
  send(IP, "GET", path, undefined, headers);
const put = (
  path: string,
  body: string = "",
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> => send(IP, "PUT", path, body, headers);

interface Case {
  readonly name: string;
  readonly m?: string;
  readonly path: string;
  readonly body?: string;
  readonly h?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly text?: string | RegExp;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

function table(title: string, cases: readonly Case[]): void {
  for (const c of cases)
    test(`${title}: ${c.name}`, async () => {
      const got = await send(IP, c.m ?? "GET", c.path, c.body, c.h ?? {});
      assert.equal(got.status, c.status, got.body);
      if (typeof c.text === "string") assert.equal(got.body, c.text);
      else if (c.text !== undefined) assert.match(got.body, c.text);
      for (const [name, value] of Object.entries(c.headers ?? {}))
        assert.equal(got.headers.get(name), value, name);
    });
}

table("routing", [
  {
    name: "an unknown path is empty",
    path: "/v1/nope",
    status: 404,
    text: "",
    headers: { Vary: undefined, "Content-Type": undefined, "Content-Length": "0" },
  },
  { name: "a slash too many", path: "/v1/agent/self/", status: 404, text: "" },
  {
    name: "a slash too few",
    path: "/v1/kv?a=b",
    status: 301,
    headers: { Location: "/v1/kv/?a=b" },
    text: '<a href="/v1/kv/?a=b">Moved Permanently</a>.\n\n',
  },
  { name: "an empty segment", path: "/v1//kv/a", status: 301, headers: { Location: "/v1/kv/a" } },
  { name: "dots that are escaped", path: "/v1/kv/%2e%2e/b", status: 301, headers: { Location: "/v1/b" } },
  { name: "a redirect of a write has no body", m: "PUT", path: "/v1/kv", body: "x", status: 301, text: "" },
  { name: "an unprintable character", path: "/v1/kv/a%00b", status: 400, text: "" },
  { name: "a broken escape in the query", path: "/v1/kv/a?x=%zz", status: 500, text: "" },
  { name: "without a page", path: "/", status: 200, text: "Consul Agent" },
]);

table("handing the leadership over", [
  {
    name: "alone there is nobody",
    m: "PUT",
    path: "/v1/operator/raft/transfer-leader",
    status: 500,
    text: "cannot find peer",
  },
  {
    name: "to one that is not there",
    m: "POST",
    path: "/v1/operator/raft/transfer-leader?id=zz",
    status: 500,
    text: "Could not find address for server id zz",
  },
]);

table("methods", [
  {
    name: "HEAD is refused",
    m: "HEAD",
    path: "/v1/kv/a",
    status: 405,
    headers: { Allow: "OPTIONS,GET,PUT,DELETE", "Content-Length": "23" },
  },
  {
    name: "the refusal names the method",
    m: "POST",
    path: "/v1/status/leader",
    status: 405,
    text: "method POST not allowed",
    headers: { Allow: "OPTIONS,GET", "Content-Type": "text/plain; charset=utf-8" },
  },
  {
    name: "OPTIONS",
    m: "OPTIONS",
    path: "/v1/kv/a",
    status: 200,
    text: "",
    headers: { Allow: "OPTIONS,GET,PUT,DELETE" },
  },
  {
    name: "OPTIONS of a prepared query",
    m: "OPTIONS",
    path: "/v1/query/x/execute",
    status: 200,
    text: "{}",
    headers: { Allow: "OPTIONS,GET" },
  },
  {
    name: "a wrong verb on a prepared query",
    m: "PUT",
    path: "/v1/query/x/execute",
    status: 405,
    headers: { Allow: "GET" },
  },
  {
    name: "verbs of 0.6 by GET",
    path: "/v1/agent/check/pass/nope",
    status: 500,
    text: 'CheckID "nope" does not have associated TTL',
  },
  {
    name: "but not from a web page",
    path: "/v1/agent/force-leave/x",
    h: { "Sec-Fetch-Site": "cross-site" },
    status: 403,
    text: "Access is restricted",
  },
]);

table("read options", [
  {
    name: "the leader's answer",
    path: "/v1/catalog/nodes",
    status: 200,
    headers: {
      "X-Consul-Effective-Consistency": "leader",
      "X-Consul-Knownleader": "true",
      "X-Consul-Lastcontact": "0",
      Vary: "Accept-Encoding",
      "Content-Type": "application/json",
    },
  },
  {
    name: "any server's",
    path: "/v1/catalog/nodes?stale",
    status: 200,
    headers: { "X-Consul-Effective-Consistency": "stale" },
  },
  {
    name: "confirmed",
    path: "/v1/catalog/nodes?consistent",
    status: 200,
    headers: { "X-Consul-Effective-Consistency": "consistent" },
  },
  {
    name: "not both",
    path: "/v1/catalog/nodes?stale&consistent",
    status: 400,
    text: "Cannot specify ?stale with ?consistent, conflicting semantics.",
    headers: { "X-Consul-Index": undefined },
  },
  {
    name: "nor cached and consistent",
    path: "/v1/kv/a?cached&consistent",
    status: 400,
    text: "Cannot specify ?cached with ?consistent, conflicting semantics.",
  },
  {
    name: "a bad staleness",
    path: "/v1/kv/a?max_stale=zz",
    status: 400,
    text: 'Invalid max_stale value "zz"',
  },
  { name: "a bad wait", path: "/v1/kv/a?index=1&wait=1", status: 400, text: "Invalid wait time" },
  { name: "a bad index", path: "/v1/kv/a?index=-5", status: 400, text: "Invalid index" },
  {
    name: "an index beyond 64 bits",
    path: "/v1/kv/a?index=18446744073709551616",
    status: 400,
    text: "Invalid index",
  },
  {
    name: "a bad Cache-Control",
    path: "/v1/kv/a",
    h: { "Cache-Control": "max-age=x" },
    status: 400,
    text: "Invalid Cache-Control header.",
  },
  {
    name: "an unknown datacenter tells query headers",
    path: "/v1/catalog/nodes?dc=dc9",
    status: 500,
    text: "No path to datacenter",
    headers: { "X-Consul-Index": "1", "X-Consul-Knownleader": "false", "X-Consul-Lastcontact": "0" },
  },
  {
    name: "but a key does not",
    path: "/v1/kv/a?dc=dc9",
    status: 500,
    text: "No path to datacenter",
    headers: { "X-Consul-Index": undefined },
  },
  {
    name: "a namespace",
    path: "/v1/kv/a?ns=default",
    status: 400,
    text: 'Bad request: Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
  },
  {
    name: "a namespace header",
    path: "/v1/kv/a",
    h: { "X-Consul-Namespace": "x" },
    status: 400,
    text: 'Bad request: Invalid header: "X-Consul-Namespace" - Namespaces are a Consul Enterprise feature',
  },
  { name: "nodes do not know namespaces", path: "/v1/catalog/nodes?ns=x", status: 200 },
]);

table("filters", [
  {
    name: "an unknown selector",
    path: "/v1/catalog/nodes?filter=Bogus==1",
    status: 500,
    text: 'Failed to create boolean expression evaluator: Selector "Bogus" is not valid',
  },
  {
    name: "a wrong operator",
    path: "/v1/catalog/nodes?filter=Meta%20==%201",
    status: 500,
    text: 'Failed to create boolean expression evaluator: Invalid match operator "Equal" for selector "Meta"',
  },
  {
    name: "a wrong kind",
    path: "/v1/health/service/web?filter=Service.Port%20==%20abc",
    status: 500,
    text: 'Failed to create boolean expression evaluator: Failed to coerce value "abc" for selector "Service.Port": strconv.ParseInt: parsing "abc": invalid syntax',
  },
  {
    name: "a syntax error",
    path: "/v1/catalog/nodes?filter=Node%20=",
    status: 500,
    text: /^Failed to create boolean expression evaluator: 1:6 \(5\): no match found, expected: "!=", "==", "contains", "in", "is", "matches", "not" or \[ \\t\\r\\n\]$/,
  },
  { name: "that takes nothing", path: "/v1/catalog/nodes?filter=Node%20!=%20srv1", status: 200, text: "[]" },
  {
    name: "on the agent's services",
    path: "/v1/agent/services?filter=Bogus==1",
    status: 500,
    text: 'Failed to create boolean expression evaluator: Selector "Bogus" is not valid',
  },
]);

table("keys", [
  {
    name: "absent",
    path: "/v1/kv/none",
    status: 404,
    text: "",
    headers: { "X-Consul-Knownleader": "true", Vary: "Accept-Encoding", "Content-Type": undefined },
  },
  { name: "no name", path: "/v1/kv/", status: 400, text: "Missing key name" },
  {
    name: "written",
    m: "PUT",
    path: "/v1/kv/t/a?flags=18446744073709551615",
    body: "hello world",
    status: 200,
    text: "true",
    headers: { "X-Consul-Index": undefined },
  },
  {
    name: "read, all 64 bits of its flags",
    path: "/v1/kv/t/a",
    status: 200,
    text: /^\[\{"LockIndex":0,"Key":"t\/a","Flags":18446744073709551615,"Value":"aGVsbG8gd29ybGQ=","CreateIndex":\d+,"ModifyIndex":\d+\}\]$/,
  },
  {
    name: "read raw",
    path: "/v1/kv/t/a?raw",
    status: 200,
    text: "hello world",
    headers: {
      "Content-Type": "text/plain",
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox",
      "Content-Length": "11",
    },
  },
  { name: "create only", m: "PUT", path: "/v1/kv/t/a?cas=0", body: "x", status: 200, text: "false" },
  { name: "nothing to delete is fine", m: "DELETE", path: "/v1/kv/none", status: 200, text: "true" },
  { name: "an empty value", m: "PUT", path: "/v1/kv/t/b", body: "", status: 200, text: "true" },
  { name: "is null", path: "/v1/kv/t/b", status: 200, text: /"Value":null/ },
  {
    name: "a name with a slash, blank and plus",
    m: "PUT",
    path: "/v1/kv/t/c%2Fd%20e+f%25",
    body: "1",
    status: 200,
    text: "true",
  },
  {
    name: "is kept as it was meant, escaped as Go does",
    path: "/v1/kv/t/?keys",
    status: 200,
    text: '["t/a","t/b","t/c/d e+f%"]',
  },
  {
    name: "cut at a separator",
    path: "/v1/kv/t/?keys&separator=/",
    status: 200,
    text: '["t/a","t/b","t/c/"]',
  },
  { name: "no entry below a prefix", path: "/v1/kv/zz?recurse", status: 404, text: "" },
  { name: "angle brackets", m: "PUT", path: "/v1/kv/%3Cb%3E%26", body: "1", status: 200 },
  {
    name: "are escaped",
    path: "/v1/kv/?keys&separator=/",
    status: 200,
    text: '["\\u003cb\\u003e\\u0026","t/"]',
  },
  {
    name: "two conditions",
    m: "PUT",
    path: "/v1/kv/t/a?cas=1&acquire=2",
    body: "",
    status: 400,
    text: "Conflicting flags: acquire=2&cas=1",
  },
  {
    name: "a bad condition",
    m: "PUT",
    path: "/v1/kv/t/a?cas=abc",
    body: "",
    status: 500,
    text: 'strconv.ParseUint: parsing "abc": invalid syntax',
  },
  {
    name: "a session that is none",
    m: "PUT",
    path: "/v1/kv/t/a?acquire=zz",
    body: "",
    status: 500,
    text: "failed session lookup: index error: UUID must be 36 characters",
  },
  {
    name: "too large",
    m: "PUT",
    path: "/v1/kv/t/a",
    body: "x".repeat(524_289),
    status: 413,
    text: "Request body(524289 bytes) too large, max size: 524288 bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.",
  },
  {
    name: "too large though it does not say so",
    m: "PUT",
    path: "/v1/kv/t/a",
    body: "x".repeat(600_000),
    h: { "Transfer-Encoding": "chunked" },
    status: 413,
  },
]);

table("bodies", [
  {
    name: "none",
    m: "PUT",
    path: "/v1/catalog/register",
    body: "",
    status: 400,
    text: "Request decode failed: EOF",
  },
  {
    name: "cut",
    m: "PUT",
    path: "/v1/catalog/register",
    body: '{"Node"',
    status: 400,
    text: "Request decode failed: unexpected EOF",
  },
  {
    name: "an unknown field",
    m: "PUT",
    path: "/v1/agent/service/register",
    body: '{"Name":"web","Bogus":1}',
    status: 400,
    text: 'Request decode failed: json: unknown field "Bogus"',
  },
  {
    name: "a wrong kind",
    m: "PUT",
    path: "/v1/catalog/register",
    body: '{"Node":"x","Service":{"Port":"80"}}',
    status: 400,
    text: "Request decode failed: json: cannot unmarshal string into Go struct field NodeService.Service.Port of type int",
  },
  {
    name: "a bad duration",
    m: "PUT",
    path: "/v1/agent/service/register",
    body: '{"Name":"x","Check":{"TTL":"1x"}}',
    status: 400,
    text: 'Request decode failed: time: unknown unit "x" in duration "1x"',
  },
  {
    name: "no name",
    m: "PUT",
    path: "/v1/agent/service/register",
    body: '{"Port":1}',
    status: 400,
    text: "Missing service name",
  },
  {
    name: "null is an empty object",
    m: "PUT",
    path: "/v1/agent/service/register",
    body: "null",
    status: 400,
    text: "Missing service name",
  },
  {
    name: "a check of no kind",
    m: "PUT",
    path: "/v1/agent/check/register",
    body: '{"Name":"c"}',
    status: 400,
    text: "Invalid check: TTL must be > 0 for TTL checks",
  },
  {
    name: "what follows is not looked at, nor is case",
    m: "PUT",
    path: "/v1/agent/service/register",
    body: '{"NAME":"junk"} junk',
    status: 200,
    text: "",
  },
  {
    name: "a register that the servers refuse",
    m: "PUT",
    path: "/v1/catalog/register",
    body: '{"Node":"ext1"}',
    status: 500,
    text: "Must provide address if SkipNodeUpdate is not set",
  },
  {
    name: "a namespace",
    m: "PUT",
    path: "/v1/catalog/register",
    body: '{"Namespace":"x"}',
    status: 400,
    text: 'Request decode failed: json: unknown field "Namespace" - Namespaces are a Consul Enterprise feature',
  },
  {
    name: "nested deeper than is sane",
    m: "PUT",
    path: "/v1/catalog/register",
    body: `{"Node":${"[".repeat(100_000)}`,
    status: 400,
    text: "Request decode failed: exceeded max depth",
  },
]);

table("access control is off", [
  { name: "tokens", path: "/v1/acl/tokens", status: 401, text: "ACL support disabled" },
  { name: "bootstrap", m: "PUT", path: "/v1/acl/bootstrap", status: 401, text: "ACL support disabled" },
  {
    name: "the agent's tokens",
    m: "PUT",
    path: "/v1/agent/token/default",
    body: '{"Token":"x"}',
    status: 401,
    text: "ACL support disabled",
  },
]);

test("the original's worked example of a service with checks", async () => {
  const body = {
    ID: "web1",
    Name: "web",
    Tags: ["v1", "primary"],
    Address: "10.0.0.5",
    Port: 8080,
    Meta: { version: "1.2" },
    TaggedAddresses: { wan: { Address: "198.51.100.7", Port: 80 } },
    Weights: { Passing: 10, Warning: 1 },
    Checks: [
      { TTL: "30s", Notes: "beat", DeregisterCriticalServiceAfter: "90m" },
      { HTTP: "http://127.7.1.1:1/health", Interval: "10s", Timeout: "1s", Name: "http probe" },
    ],
  };
  assert.deepEqual([(await put("/v1/agent/service/register", JSON.stringify(body))).status], [200]);
  const shown =
    '{"ID":"web1","Service":"web","Tags":["v1","primary"],"Meta":{"version":"1.2"},"Port":8080,"Address":"10.0.0.5","TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.5","Port":8080},' +
    '"wan":{"Address":"198.51.100.7","Port":80},"wan_ipv4":{"Address":"10.0.0.5","Port":8080}},"Weights":{"Passing":10,"Warning":1},"EnableTagOverride":false}';
  assert.equal((await get("/v1/agent/services?filter=Service==web")).body, `{"web1":${shown}}`);
  assert.match(
    (await get("/v1/agent/checks")).body,
    /"service:web1:1":\{"Node":"srv1","CheckID":"service:web1:1","Name":"Service 'web' check","Status":"critical","Notes":"beat","Output":"","ServiceID":"web1","ServiceName":"web","ServiceTags":\["v1","primary"\],"Type":"ttl","Definition":\{\},"CreateIndex":0,"ModifyIndex":0\}/,
  );
  const critical = await get("/v1/agent/health/service/id/web1?format=text");
  assert.deepEqual(
    [
      critical.status,
      critical.body,
      critical.headers.get("Content-Type"),
      critical.headers.get("X-Consul-Reason"),
    ],
    [503, "critical", "text/plain", "critical"],
  );
  assert.equal((await put("/v1/agent/check/pass/service:web1:1?note=ok")).status, 200);
  assert.equal((await put("/v1/agent/check/deregister/service:web1:2")).status, 200);
  const passing = await get("/v1/agent/health/service/name/web");
  assert.equal(passing.status, 200);
  assert.match(passing.body, /^\[\{"AggregatedStatus":"passing","Service":\{"ID":"web1"/);
  await eventually("the catalog knows that it passes", async () =>
    (await get("/v1/health/checks/web")).body.includes('"Output":"ok"'),
  );
  const checks = (await get("/v1/health/checks/web")).body;
  assert.match(
    checks,
    /"Status":"passing","Notes":"beat","Output":"ok","ServiceID":"web1","ServiceName":"web","ServiceTags":\["v1","primary"\],"Type":"ttl","Definition":\{\}/,
  );
  assert.equal((await put("/v1/agent/service/maintenance/web1?enable=true&reason=upgrade")).status, 200);
  assert.equal((await get("/v1/agent/health/service/id/web1")).headers.get("X-Consul-Reason"), "maintenance");
  assert.equal((await put("/v1/agent/service/maintenance/web1?enable=false")).status, 200);
});

test("a hash-blocking read of a service wakes when its content changes", async () => {
  await put("/v1/agent/service/register", '{"Name":"hashed","Port":1}');
  const first = await get("/v1/agent/service/hashed");
  const hash = first.headers.get("X-Consul-Contenthash")!;
  assert.match(hash, /^[0-9a-f]{1,16}$/);
  assert.equal((JSON.parse(first.body) as { ContentHash: string }).ContentHash, hash);
  const waiting = get(`/v1/agent/service/hashed?hash=${hash}&wait=60s`);
  await put("/v1/agent/service/register", '{"Name":"hashed","Port":2}');
  const woken = await waiting;
  assert.equal((JSON.parse(woken.body) as { Port: number }).Port, 2);
});

test("a blocking read waits for its key, and for no other", async () => {
  const at = (await get("/v1/kv/blk")).headers.get("X-Consul-Index")!;
  let done = false;
  const waiting = get(`/v1/kv/blk?index=${at}&wait=60s`).finally(() => {
    done = true;
  });
  await put("/v1/kv/other", "1");
  await put("/v1/kv/other", "2");
  assert.equal(done, false);
  await put("/v1/kv/blk", "x");
  const woken = await waiting;
  assert.equal(woken.status, 200);
  assert.ok(Number(woken.headers.get("X-Consul-Index")) > Number(at));
});

test("a blocking read ends with its time", async () => {
  const started = performance.now();
  const got = await get("/v1/kv/blk?index=99999999&wait=50ms");
  assert.equal(got.status, 200);
  // A timer may be a moment early.
  assert.ok(performance.now() - started >= 45);
});

test("a client that goes away takes its blocking read along", async () => {
  const before = d.agent.metrics;
  assert.ok(before);
  const at = (await get("/v1/kv/gone")).headers.get("X-Consul-Index")!;
  const out = await sendRaw(IP, `GET /v1/kv/gone?index=${at}&wait=10m HTTP/1.1\r\nHost: x\r\n\r\n`, 100);
  assert.equal(out, "");
  // The read's waiter is gone: a write wakes nobody and nothing is written to the closed socket.
  assert.equal((await put("/v1/kv/gone", "x")).body, "true");
});

test("events: the list's index is the newest event's, and a read waits for another one", async () => {
  const fired = JSON.parse((await send(IP, "PUT", "/v1/event/fire/deploy", "payload")).body) as {
    ID: string;
    Payload: string;
    LTime: number;
  };
  assert.deepEqual([fired.Payload, fired.LTime], ["cGF5bG9hZA==", 0]);
  const hex = fired.ID.replaceAll("-", "");
  const index = (BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`)).toString();
  await eventually(
    "the event came by gossip",
    async () => (await get("/v1/event/list?name=deploy")).headers.get("X-Consul-Index") === index,
  );
  const waiting = get(`/v1/event/list?name=deploy&index=${index}&wait=60s`);
  await send(IP, "PUT", "/v1/event/fire/deploy", "again");
  assert.match((await waiting).body, /"Payload":"YWdhaW4="/);
});

test("gzip: large bodies for those who take it, small ones as they are", async () => {
  await put("/v1/kv/zip", "x".repeat(5_000));
  const zipped = await get("/v1/kv/zip", { "Accept-Encoding": "gzip" });
  assert.equal(zipped.headers.get("Content-Encoding"), "gzip");
  assert.match(gunzipSync(zipped.bytes).toString(), /"Key":"zip"/);
  assert.equal(
    (await get("/v1/kv/zip", { "Accept-Encoding": "gzip;q=0" })).headers.get("Content-Encoding"),
    undefined,
  );
  assert.equal(
    (await get("/v1/status/leader", { "Accept-Encoding": "gzip" })).headers.get("Content-Encoding"),
    undefined,
  );
});

test("pretty: four blanks and a line feed", async () => {
  assert.equal((await get("/v1/catalog/datacenters?pretty")).body, '[\n    "dc1"\n]\n');
  assert.equal((await get("/v1/catalog/datacenters")).body, '["dc1"]');
});

test("tokens are hidden in the log", async () => {
  await get("/v1/kv/secret?token=abcdef&x=1");
  await eventually("the request is logged", () =>
    d.lines.some((l) => l.includes("/v1/kv/secret?token=<hidden>&x=1")),
  );
  assert.ok(!d.lines.some((l) => l.includes("abcdef")));
});

test("monitor: the head comes at once, then lines as they are written", async () => {
  const socket = connect({ host: IP, port: 8500 });
  let text = "";
  socket.on("data", (b: Buffer) => {
    text += b.toString("latin1");
  });
  socket.write("GET /v1/agent/monitor?loglevel=debug HTTP/1.1\r\nHost: x\r\n\r\n");
  await eventually("the head", () => text.includes("\r\n\r\n"));
  await get("/v1/kv/monitored");
  await eventually("the line", () => text.includes("/v1/kv/monitored"));
  socket.destroy();
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(text, /Transfer-Encoding: chunked/);
  assert.doesNotMatch(text, /Content-Type/);
  assert.match(text, /\[DEBUG\] http: Request GET \/v1\/kv\/monitored/);
});

test("monitor refuses an unknown level", async () => {
  const got = await get("/v1/agent/monitor?loglevel=zz");
  assert.deepEqual([got.status, got.body], [400, "Bad request: Unknown log level: zz"]);
});

test("every route answers in its own words, never with a crash", async () => {
  for (const r of apiRoutes) {
    if (/leave$|snapshot|monitor|reload|agent\/join/.test(r.pattern)) continue;
    const path = r.pattern.replace(/\{[^}]*\}/, "zz");
    const got = await send(IP, r.method, path, r.method === "GET" ? undefined : "{}");
    assert.doesNotMatch(
      got.body,
      /undefined|is not a function|Cannot read|\[object/,
      `${r.method} ${path}: ${got.body}`,
    );
    assert.notEqual(got.status, 405, `${r.method} ${path}`);
  }
});

test("bytes that are no request are told so and closed", async () => {
  assert.match(
    await sendRaw(IP, "\x16\x03\x01\x02\x00garbage\r\n\r\n"),
    /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*400 Bad Request$/,
  );
  assert.match(
    await sendRaw(IP, "GET /v1/kv/a HTTP/1.1\r\n\r\n"),
    /400 Bad Request: missing required Host header$/,
  );
  assert.match(await sendRaw(IP, "GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n"), /400 Bad Request$/);
  assert.match(
    await sendRaw(IP, `GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(1_200_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(
    await sendRaw(
      IP,
      "GET http://elsewhere/v1/status/peers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ),
    /\["127\.7\.1\.1:8300"\]$/,
  );
  assert.match(
    await sendRaw(IP, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    /^HTTP\/1\.1 200 OK/,
  );
});

test("a long query is taken", async () => {
  assert.equal((await get(`/v1/kv/a?x=${"y".repeat(1_000_000)}`)).status, 404);
});

test("100-continue: a body that is too large is refused before it is sent", async () => {
  const head = "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\nExpect: 100-continue\r\n\r\n";
  const out = await sendRaw(IP, head);
  assert.match(out, /^HTTP\/1\.1 413 /);
  assert.match(
    await sendRaw(
      IP,
      "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nx",
    ),
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*true$/,
  );
});

test("a long output of a check is cut once, and says what it was cut from", async () => {
  const body = JSON.stringify({ ID: "long", Name: "long", TTL: "1h" });
  assert.equal((await send(IP, "PUT", "/v1/agent/check/register", body)).status, 200);
  const update = JSON.stringify({ Status: "passing", Output: "y".repeat(5_000) });
  assert.equal((await send(IP, "PUT", "/v1/agent/check/update/long", update)).status, 200);
  const { body: text } = await send(IP, "GET", "/v1/agent/checks?filter=CheckID==long");
  assert.match(text, /y \.\.\. \(captured 4096 of 5000 bytes\)"/);
});
