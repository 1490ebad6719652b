/** The watches of a configuration against a real agent, with handlers that write down what they are given. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { WatchInput } from "../agent/config/schema.ts";
import { eventually } from "../agent/fixture.ts";
import { TribuneClient } from "../client/client.ts";
import { type EmbeddedAgent, startAgent } from "../embed.ts";
import { systemClock } from "../ports/clock.ts";
import { LogHub } from "../ports/log.ts";
import { AgentWatches } from "./agent-watches.ts";
import { compactJson, watchPlan } from "./watch-plan.ts";

const folder = mkdtempSync(join(tmpdir(), "watches-"));
const script = join(folder, "handler.sh");
let agent: EmbeddedAgent;
const lines: string[] = [];
const hub = new LogHub(systemClock);
hub.attach((line) => lines.push(line.message), "warn");
const watches = new AgentWatches(hub.logger("watch"));

before(async () => {
  writeFileSync(script, '#!/bin/sh\necho "$CONSUL_INDEX $(cat)" >> "$1"\n', { mode: 0o755 });
  agent = await startAgent({
    config: { service: { id: "web1", name: "web", port: 80, check: { id: "c", ttl: "1h" } } },
  });
});
after(async () => {
  watches.stop();
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
});

const config = (list: readonly WatchInput[]): Parameters<AgentWatches["replace"]>[0] => ({
  watches: list,
  httpAddrs: [agent.http],
  httpsAddrs: [],
  acl: { tokens: { default: "" } } as Parameters<AgentWatches["replace"]>[0]["acl"],
});
const told = (name: string): string[] => {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
};
const toldTimes = (name: string, times: number): Promise<string[]> =>
  eventually(`${name} told ${times} times, not ${told(name).length}`, () => {
    const seen = told(name);
    assert.ok(seen.length <= times, `${name} told too often:\n${seen.join("\n")}`);
    return seen.length === times ? seen : undefined;
  });
const args = (name: string): readonly string[] => [script, join(folder, name)];

test("every type fires at first and at each change, with one line of JSON; a reload fires nothing", async () => {
  const all: readonly WatchInput[] = [
    { type: "key", key: "a/b", args: args("key") },
    { type: "keyprefix", prefix: "a/", args: args("keyprefix") },
    { type: "services", args: args("services") },
    { type: "nodes", handler: `${script} ${join(folder, "nodes")}` },
    { type: "service", service: "web", passingonly: true, args: args("service") },
    { type: "checks", state: "critical", args: args("checks") },
    { type: "event", name: "deploy", args: args("event") },
    { type: "agent_service", service_id: "web1", args: args("agent_service") },
  ];
  await eventually(
    "web is in the catalog",
    async () => (await agent.client.health.service("web")).value.length > 0,
  );
  watches.replace(config(all));
  for (const { type } of all) await toldTimes(type!, 1);
  assert.equal(told("key")[0], "1 null");
  assert.match(told("agent_service")[0]!, /^0 \{"ID":"web1",.*"ContentHash":"[0-9a-f]{16}"/);

  await agent.client.kv.put("a/b", "x  y");
  const [, key] = await toldTimes("key", 2);
  assert.match(key!, /^\d+ \{.*"Key":"a\/b",.*"Value":"eCAgeQ==".*\}$/);
  assert.match((await toldTimes("keyprefix", 2))[1]!, /^\d+ \[\{.*"Key":"a\/b".*\}\]$/);
  await agent.client.agent.updateTtl("c", "passing");
  assert.match((await toldTimes("service", 2))[1]!, /"ID":"web1"/);
  assert.match((await toldTimes("checks", 2))[1]!, /^\d+ \[\]$/);
  await agent.client.event.fire("deploy", "1");
  assert.match((await toldTimes("event", 2))[1]!, /^\d+ \[\{.*"Name":"deploy"/);
  await agent.client.agent.registerService({ ID: "web1", Name: "web", Port: 81 });
  assert.match((await toldTimes("agent_service", 2))[1]!, /"Port":81/);

  watches.replace(config(all));
  await agent.client.event.fire("deploy", "2");
  const [, , event] = await toldTimes("event", 3);
  assert.equal(JSON.parse(event!.slice(event!.indexOf(" "))).length, 1, "only the new one");
  await agent.client.kv.put("a/b", "z");
  await toldTimes("key", 3);
  assert.equal(told("nodes").length, 1);

  watches.replace(config(all.filter((w) => w.type !== "key")));
  await agent.client.kv.put("a/b", "after");
  await toldTimes("keyprefix", 4);
  assert.equal(told("key").length, 3, "a watch that was taken out is quiet");
  assert.deepEqual(lines, []);
});

test("an HTTP handler gets the data as a request", async (t) => {
  const got: { readonly method: string; readonly header: unknown; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    got.push({ method: request.method!, header: request.headers["x-team"], body });
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  watches.replace(
    config([
      {
        type: "key",
        key: "http/x",
        handler_type: "http",
        http_handler_config: {
          path: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
          method: "PUT",
          header: new Map([["X-Team", ["core"]]]),
        },
      },
    ]),
  );
  await eventually("the first call", () => got.length > 0);
  assert.deepEqual(got, [{ method: "PUT", header: "core", body: "null" }]);
});

test("a watch that is wrong is told and left out", () => {
  watches.replace(
    config([{ type: "key", args: ["x"] }, { type: "agent_service", args: ["x"] }, { type: "nodes" }]),
  );
  assert.deepEqual(lines.splice(0), [
    "Failed to start watch: Failed to parse watch (key): Must specify a single key to watch",
    "Failed to start watch: Failed to parse watch (agent_service): Must specify a single service_id to watch",
    "Failed to start watch: Must define a watch handler",
  ]);
});

test("after a failure only what differs is told", async (t) => {
  // index, body; undefined fails.
  const script: (readonly [number, string] | undefined)[] = [
    [5, '["a"]'],
    undefined,
    [5, '["a"]'],
    undefined,
    [7, '["b"]'],
  ];
  const server = createServer((request, response) => {
    const next = script.shift();
    if (next === undefined) return void response.writeHead(500).end("No cluster leader");
    response.writeHead(200, { "X-Consul-Index": next[0] }).end(next[1]);
    void request;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new TribuneClient({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    env: {},
  });
  t.after(() => {
    client.close();
    server.close();
  });
  const plan = watchPlan({ type: "nodes" });
  const seen: string[] = [];
  const options = {
    failFast: true,
    onError: (error: unknown): never => {
      throw error;
    },
  };
  for (let run = 0; run < 3; run++)
    await assert.rejects(async () => {
      for await (const { json } of plan.run(client, options)) seen.push(json);
    });
  assert.deepEqual(seen, ['["a"]', '["b"]']);
});

test("compactJson() takes out white space, not out of texts", () => {
  assert.equal(
    compactJson('{\n  "a b" : [ 1 , 12345678901234567890, "x \\" \\n y" ]\n}'),
    '{"a b":[1,12345678901234567890,"x \\" \\n y"]}',
  );
});
