/** The client over a real agent. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { eventually } from "../agent/fixture.ts";
import { startTestDoor, type TestDoor } from "../http/fixture.ts";
import { TribuneClient } from "./client.ts";
import { ClientConfigError, RequestError, UnexpectedResponseError } from "./errors.ts";
import { eventIndex } from "./event.ts";

const IP = "127.7.2.1";
let d: TestDoor;
let client: TribuneClient;
before(async () => {
  d = await startTestDoor(IP);
  client = new TribuneClient({ address: `${IP}:8500`, env: {} });
});
after(async () => {
  client?.close();
  await d?.close();
});

test("keys: all bits, all bytes, conditions, lists", async () => {
  assert.equal(
    await client.kv.put("c/a b&<é", Buffer.of(0, 255), { flags: 18_446_744_073_709_551_615n }),
    true,
  );
  const { value, index } = await client.kv.get("c/a b&<é");
  assert.deepEqual(
    [value?.Flags, value?.Value, value?.Key, value?.Session],
    [18_446_744_073_709_551_615n, Buffer.of(0, 255), "c/a b&<é", ""],
  );
  assert.equal(index, BigInt(value!.ModifyIndex));
  assert.equal(await client.kv.put("c/a b&<é", "x", { cas: 0n }), false);
  await client.kv.put("c/d/e", "");
  assert.deepEqual((await client.kv.keys("c/", { separator: "/" })).value, ["c/a b&<é", "c/d/"]);
  assert.equal((await client.kv.list("c/")).value.length, 2);
  assert.deepEqual(await client.kv.raw("c/a b&<é"), Buffer.of(0, 255));
  assert.equal((await client.kv.get("none")).value, null);
  assert.equal(await client.kv.deleteTree("c/"), true);
  assert.deepEqual((await client.kv.list("c/")).value, []);
  await assert.rejects(client.kv.put("/a", ""), {
    message: "Invalid key. Key must not begin with a '/': /a",
  });
});

test("a service, its check, its health", async () => {
  await client.agent.registerService({ Name: "web", Port: 80, Tags: ["v1"], Check: { TTL: "1m" } });
  await client.agent.updateTtl("service:web", "passing", "fine");
  for await (const { value } of client.health.watch("web", { passing: true, tags: ["v1"] })) {
    if (value.length === 0) continue;
    assert.deepEqual(
      [value[0]!.Service.Port, value[0]!.Checks.map((c) => c.Status)],
      [80, ["passing", "passing"]],
    );
    break;
  }
  assert.deepEqual(Object.keys(await client.agent.services()), ["web"]);
  assert.equal((await client.agent.serviceHealth("web"))?.AggregatedStatus, "passing");
  assert.equal(await client.agent.serviceHealth("nope"), undefined);
  await client.agent.deregisterService("web");
});

test("what the web page reads, an agent's health by name, the API's description", async () => {
  await client.agent.registerService({
    ID: "ui-1",
    Name: "ui",
    Port: 1,
    Check: { TTL: "1m", Status: "passing" },
  });
  const summary = await eventually("ui in the page's list", async () =>
    (await client.internal.services()).value.find((s) => s.Name === "ui"),
  );
  assert.equal(summary.InstanceCount, 1);
  const [node] = (await client.internal.nodes()).value;
  assert.equal((await client.internal.node(node!.Node)).value?.Node, node!.Node);
  assert.equal((await client.internal.node("nobody")).value, null);
  assert.deepEqual(
    (await client.agent.serviceHealthByName("ui")).map((h) => h.AggregatedStatus),
    ["passing"],
  );
  assert.deepEqual(await client.agent.serviceHealthByName("nobody"), []);
  assert.match(String((await client.agent.apiDescription()).openapi), /^3\.1/);
  await assert.rejects(client.agent.profile("heap"), /ACL support disabled/);
  await client.agent.deregisterService("ui-1");
});

test("a watch sees each change, and ends with its signal", async () => {
  const stop = new AbortController();
  const seen: (string | undefined)[] = [];
  for await (const { value } of client.kv.watch("w", { signal: stop.signal })) {
    seen.push(value?.Value?.toString());
    if (seen.length === 1) await client.kv.put("w", "1");
    if (seen.length === 2) await client.kv.put("w", "2");
    if (seen.length === 3) stop.abort();
  }
  assert.deepEqual(seen, [undefined, "1", "2"]);
});

test("sessions and locks", async () => {
  const id = await client.session.create({ Name: "lock", TTL: "10s", LockDelay: "0s" });
  assert.equal((await client.session.info(id)).value?.Name, "lock");
  assert.equal(await client.kv.put("lock", "me", { acquire: id }), true);
  assert.equal((await client.kv.get("lock")).value?.Session, id);
  assert.equal((await client.session.renew(id))?.ID, id);
  await client.session.destroy(id);
  assert.equal(await client.session.renew(id), null);
});

test("a transaction, applied and refused", async () => {
  const done = await client.txn.apply([
    { KV: { Verb: "set", Key: "t", Value: "v", Flags: 3n } },
    { KV: { Verb: "get", Key: "t" } },
  ]);
  assert.deepEqual(
    [done.ok, done.Results[1]?.KV?.Value?.toString(), done.Results[1]?.KV?.Flags],
    [true, "v", 3n],
  );
  const refused = await client.txn.apply([{ KV: { Verb: "get", Key: "nope" } }]);
  assert.deepEqual(
    [refused.ok, refused.Errors],
    [false, [{ OpIndex: 0, What: 'key "nope" doesn\'t exist' }]],
  );
});

test("an event's index is that of its ID", async () => {
  const fired = await client.event.fire("deploy", "x");
  for await (const { value, index } of client.event.watch({ name: "deploy" })) {
    if (value.length === 0) continue;
    assert.equal(index, eventIndex(fired.ID));
    assert.equal(value[0]!.Payload?.toString(), "x");
    break;
  }
});

test("a prepared query", async () => {
  const id = await client.query.create({ Name: "q", Service: { Service: "consul" } });
  assert.deepEqual(
    (await client.query.execute("q")).value.Nodes.map((n) => n.Node.Node),
    ["srv1"],
  );
  await client.query.delete(id);
  assert.equal((await client.query.get(id)).value, null);
});

test("the log, line by line", async () => {
  const stop = new AbortController();
  const lines = client.agent.monitor({ logLevel: "debug", signal: stop.signal });
  const first = lines.next();
  await client.status.leader();
  assert.match(String((await first).value), /\[DEBUG\]/);
  await lines.return();
});

test("refusals carry the original's text", async () => {
  await assert.rejects(
    client.agent.forceLeave("x"),
    (e: unknown) =>
      e instanceof UnexpectedResponseError &&
      e.statusCode === 500 &&
      e.message === "Unexpected response code: 500 (agent: No node found with name 'x')",
  );
});

const unreachable = [
  {
    name: "nobody listens",
    address: "127.7.2.9:1",
    path: "/v1/agent/self",
    message: 'Get "http://127.7.2.9:1/v1/agent/self": dial tcp 127.7.2.9:1: connect: connection refused',
  },
  {
    name: "no socket",
    address: "unix:///tmp/none.sock",
    path: "/v1/agent/self",
    message:
      'Get "http://%2Ftmp%2Fnone.sock/v1/agent/self": dial unix /tmp/none.sock: connect: no such file or directory',
  },
];
for (const { name, address, message } of unreachable)
  test(`as Go says it: ${name}`, async () => {
    await assert.rejects(
      new TribuneClient({ address, env: {} }).agent.self(),
      (e: unknown) => e instanceof RequestError && e.message === message,
    );
  });

test("a server that closes without a word", async () => {
  const server = createServer((req: IncomingMessage) => void req.socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.7.2.2", resolve));
  const { port } = server.address() as { readonly port: number };
  await assert.rejects(new TribuneClient({ address: `127.7.2.2:${port}`, env: {} }).status.leader(), {
    message: `Get "http://127.7.2.2:${port}/v1/status/leader": EOF`,
  });
  server.close();
});

test("a watch survives errors and an index that goes down", async () => {
  const replies: readonly (readonly [status: number, index: string, body: string])[] = [
    [200, "50", '["a"]'],
    [500, "1", "No cluster leader"],
    [200, "50", '["a"]'],
    [200, "7", '["b"]'],
    [200, "8", '["c"]'],
  ];
  const asked: string[] = [];
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const reply = replies[asked.length] ?? replies[4]!;
    asked.push(new URL(req.url!, "http://x").searchParams.get("index") ?? "");
    res.writeHead(reply[0], { "X-Consul-Index": reply[1] });
    res.end(reply[2]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.7.2.3", resolve));
  const { port } = server.address() as { readonly port: number };
  using watcher = new TribuneClient({ address: `127.7.2.3:${port}`, env: {} });
  const errors: unknown[] = [];
  const seen: unknown[] = [];
  for await (const { value } of watcher.catalog.watchNodes({
    retryMinMs: 1,
    onError: (e) => errors.push(e),
  })) {
    seen.push(value);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [["a"], ["b"], ["c"]]);
  assert.equal(errors.length, 1);
  assert.deepEqual(asked, ["", "50", "", "50", ""]);
  server.closeAllConnections();
  server.close();
});

test("addresses that cannot be used", () => {
  assert.throws(
    () => new TribuneClient({ address: "ftp://x", env: {} }),
    (e: unknown) => e instanceof ClientConfigError && e.message === "Unknown protocol scheme: ftp",
  );
  assert.throws(() => new TribuneClient({ tokenFile: "/nope", env: {} }), {
    message: "Error loading token file: open /nope: no such file or directory",
  });
  assert.throws(() => new TribuneClient({ env: { CONSUL_CACERT: "/nope" } }), {
    message: "Error loading CA File: open /nope: no such file or directory",
  });
  const said: string[] = [];
  new TribuneClient({ env: { CONSUL_HTTP_SSL: "xx" }, warn: (m) => said.push(m) });
  assert.deepEqual(said, [
    'could not parse CONSUL_HTTP_SSL: error="strconv.ParseBool: parsing "xx": invalid syntax"',
  ]);
});

test("token and basic auth, from environment and options", async () => {
  const heads: IncomingMessage["headers"][] = [];
  const server = createServer((req, res) => {
    heads.push(req.headers);
    res.end('""');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.7.2.4", resolve));
  const { port } = server.address() as { readonly port: number };
  using c = new TribuneClient({
    env: { CONSUL_HTTP_ADDR: `http://127.7.2.4:${port}/`, CONSUL_HTTP_TOKEN: "t1", CONSUL_HTTP_AUTH: "u:p" },
  });
  await c.status.leader();
  await c.status.leader({ token: "t2" });
  assert.deepEqual(
    heads.map((h) => [h["x-consul-token"], h.authorization]),
    [
      ["t1", "Basic dTpw"],
      ["t2", "Basic dTpw"],
    ],
  );
  server.closeAllConnections();
  server.close();
});
