/** The door with what its configuration can change: headers, blocked endpoints, writers, unix sockets, the page's files. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "../agent/fixture.ts";
import { TribuneClient } from "../client/client.ts";
import { createHttpDoor } from "./door.ts";
import { send, sendRaw, startTestDoor, type TestDoor } from "./fixture.ts";

const IP = "127.7.1.2";
const folder = mkdtempSync(join(tmpdir(), "http-configured-"));
const socket = join(folder, "http.sock");
let d: TestDoor;

before(async () => {
  writeFileSync(join(folder, "index.html"), "<h1>page</h1>");
  writeFileSync(join(folder, "app.js"), "let x");
  d = await startTestDoor(
    IP,
    `http_config {
       response_headers { x-test = "yes" }
       block_endpoints = ["/v1/ev"]
       allow_write_http_from = ["127.9.0.0/16"]
     }
     addresses { http = "${IP} unix://${socket}" }
     unix_sockets { mode = "0600" }
     ui_dir = "${folder}"`,
  );
});
after(async () => {
  await d?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("configured headers are on every endpoint's reply, errors too, but not on unknown paths", async () => {
  assert.equal((await send(IP, "GET", "/v1/catalog/nodes")).headers.get("X-Test"), "yes");
  assert.equal((await send(IP, "GET", "/v1/kv/")).headers.get("X-Test"), "yes");
  assert.equal((await send(IP, "GET", "/v1/nope")).headers.get("X-Test"), undefined);
});

test("blocked endpoints are a plain prefix of the path", async () => {
  const got = await send(IP, "GET", "/v1/event/list");
  assert.deepEqual([got.status, got.body], [403, "Endpoint is blocked by agent configuration"]);
});

test("writes only from where they are allowed; reads from everywhere", async () => {
  const got = await send(IP, "PUT", "/v1/kv/a", "1");
  assert.deepEqual([got.status, got.body], [403, "Access is restricted"]);
  assert.equal((await send(IP, "GET", "/v1/kv/a")).status, 404);
  assert.equal((await send(IP, "POST", "/v1/kv/a", "1")).status, 405);
  assert.equal((await send(IP, "PUT", "/v1/nope", "1")).status, 404);
  assert.equal((await send(IP, "GET", "/v1/agent/check/pass/x")).status, 403);
});

test("a unix socket serves the same, with the mode asked for", async () => {
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  using client = new TribuneClient({ address: `unix://${socket}`, env: {} });
  assert.equal(await client.status.leader(), `${IP}:8300`);
});

test("the page: files, the page itself for its own paths, nothing beside it", async () => {
  const get = (path: string): ReturnType<typeof send> => send(IP, "GET", path);
  assert.equal((await get("/")).headers.get("Location"), "/ui/");
  assert.equal((await get("/ui")).headers.get("Location"), "/ui/");
  const page = await get("/ui/");
  assert.deepEqual(
    [page.body, page.headers.get("Content-Type"), page.headers.get("X-Test")],
    ["<h1>page</h1>", "text/html; charset=utf-8", "yes"],
  );
  assert.equal((await get("/ui/dc1/services/web")).body, "<h1>page</h1>");
  assert.equal((await get("/ui/app.js")).headers.get("Content-Type"), "text/javascript; charset=utf-8");
  assert.equal((await get("/ui/..%2f..%2f..%2fetc%2fpasswd")).status, 301);
  assert.equal((await send(IP, "HEAD", "/ui/")).headers.get("Content-Length"), "13");
});

test("a client that goes away ends the call that waits for it; so does closing the door", async () => {
  const signals: AbortSignal[] = [];
  const config = { ...d.agent.config, httpAddrs: [{ host: "127.7.1.12", port: 8500 }] };
  const agent = new Proxy(d.agent, {
    get: (target, key) => {
      if (key === "config") return config;
      const value = Reflect.get(target, key, target) as unknown;
      if (key !== "answer") return typeof value === "function" ? value.bind(target) : value;
      return (method: "KVS.Get", q: never, options: { readonly signal?: AbortSignal } = {}) => {
        if (options.signal !== undefined) signals.push(options.signal);
        return target.answer!(method, q, options);
      };
    },
  });
  const door = createHttpDoor(agent);
  await door.start();
  const waiting = `GET /v1/kv/gone?index=9999&wait=10m HTTP/1.1\r\nHost: x\r\n\r\n`;
  const first = connect({ host: "127.7.1.12", port: 8500 });
  first.write(waiting);
  await eventually("the first waits", () => signals.length === 1);
  first.destroy();
  await eventually("the call is aborted", () => signals[0]!.aborted);
  const second = sendRaw("127.7.1.12", waiting);
  await eventually("the second waits", () => signals.length === 2);
  await door.close();
  assert.ok(signals[1]!.aborted);
  assert.match(await second, /^HTTP\/1\.1 500 /);
});

test("a socket file left by a dead agent is taken over; that of a living one is not", async () => {
  const config = { ...d.agent.config, httpAddrs: [{ host: `unix://${socket}`, port: 0 }] };
  const agent = new Proxy(d.agent, {
    get: (t, k) => (k === "config" ? config : (Reflect.get(t, k, t) as unknown)),
  });
  await assert.rejects(createHttpDoor(agent).start(), {
    message: `listen unix ${socket}: bind: address already in use`,
  });
  const status = await new Promise<number>((resolve, reject) => {
    request({ socketPath: socket, path: "/v1/status/leader" }, (res) => resolve(res.statusCode ?? 0))
      .on("error", reject)
      .end();
  });
  assert.equal(status, 200);
});
