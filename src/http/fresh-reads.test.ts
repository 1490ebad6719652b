/**
 * Answers are kept while what they read holds, and not a moment longer: a write that was acknowledged is in the next answer, at
 * a server and at a client agent, from every kind of read that is kept.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, startTestAgent } from "../agent/fixture.ts";
import { createHttpDoor } from "./door.ts";
import { send, startTestDoor } from "./fixture.ts";

const SERVER = "127.14.20.1";
const CLIENT = "127.14.20.2";
const ROUNDS = 12;

const registration = (id: number, output: string, status = "passing"): string =>
  JSON.stringify({
    Node: `n${id}`,
    Address: `10.9.0.${id}`,
    Service: { ID: `web-${id}`, Service: "web", Port: 80, Tags: [output] },
    Check: { CheckID: `c-${id}`, Name: "alive", Status: status, ServiceID: `web-${id}`, Output: output },
  });

test("a write is visible to the next read, at the server and through a client agent", async (t) => {
  const server = await startTestDoor(SERVER);
  t.after(() => server.close());
  const folder = mkdtempSync(join(tmpdir(), "http-fresh-"));
  const { agent: client } = await startTestAgent(
    `node_name = "cli1" bind_addr = "${CLIENT}" client_addr = "${CLIENT}" data_dir = "${folder}" retry_join = ["${SERVER}"]
     performance { leave_drain_time = "10ms" }`,
    {
      hooks: {
        openDoors: async (a) => {
          const door = createHttpDoor(a);
          await door.start();
          return () => door.close();
        },
      },
    },
  );
  t.after(async () => {
    await client.shutdown(0);
    rmSync(folder, { recursive: true, force: true });
  });
  await eventually(
    "the client agent knows the server",
    async () => (await send(CLIENT, "GET", "/v1/catalog/nodes")).status === 200,
  );

  const put = async (path: string, body: string): Promise<void> => {
    const { status, body: text } = await send(SERVER, "PUT", path, body);
    assert.equal(status, 200, text);
  };
  // Two reads before each write: the second is kept, so that a stale one would show.
  const reads = (path: string): Promise<string[]> =>
    Promise.all([SERVER, CLIENT].map(async (ip) => (await send(ip, "GET", path)).body));
  const expect = async (path: string, wanted: RegExp, unwanted?: RegExp): Promise<void> => {
    for (let i = 0; i < 3; i++)
      for (const body of await reads(path)) {
        assert.match(body, wanted, path);
        if (unwanted !== undefined) assert.doesNotMatch(body, unwanted, path);
      }
  };

  for (const id of [1, 2, 3]) await put("/v1/catalog/register", registration(id, "start"));
  for (const key of ["a", "b", "c"]) await put(`/v1/kv/p/${key}`, "start");
  for (let round = 0; round < ROUNDS; round++) {
    const text = `round${round}`;
    const base64 = Buffer.from(text).toString("base64");
    await put("/v1/kv/p/b", text);
    await expect("/v1/kv/p/b", new RegExp(base64));
    await expect("/v1/kv/p/?recurse", new RegExp(base64));
    await put(`/v1/kv/p/${text}`, "new");
    await expect("/v1/kv/p/?keys", new RegExp(`p/${text}"`));

    await put("/v1/catalog/register", registration(2, text));
    await expect("/v1/health/service/web", new RegExp(`"Output":"${text}"`));
    await expect("/v1/health/service/web?passing", new RegExp(`"Output":"${text}"`));
    await expect(`/v1/health/service/web?tag=${text}`, new RegExp(`"Output":"${text}"`));
    await expect("/v1/health/service/web?filter=Service.Port%3D%3D80", new RegExp(text));
    await expect("/v1/health/checks/web", new RegExp(`"Output":"${text}"`));
    await expect("/v1/health/state/passing", new RegExp(`"Output":"${text}"`));
    await expect("/v1/health/node/n2", new RegExp(`"Output":"${text}"`));
    await expect("/v1/catalog/service/web", new RegExp(text));
    await expect("/v1/catalog/services", new RegExp(text));
    await expect("/v1/catalog/node/n2", new RegExp(text));

    await put("/v1/catalog/register", registration(2, "ill", "critical"));
    await expect("/v1/health/service/web?passing", /web-1/, /web-2/);
    await put("/v1/catalog/register", registration(100 + round, text));
    await expect("/v1/catalog/nodes", new RegExp(`"n${100 + round}"`));
  }
});

test("two hundred waiters all get the new answer", async (t) => {
  const server = await startTestDoor("127.14.20.3");
  t.after(() => server.close());
  for (const id of [1, 2])
    await send("127.14.20.3", "PUT", "/v1/catalog/register", registration(id, "before"));
  const first = await send("127.14.20.3", "GET", "/v1/health/service/web");
  const index = first.headers.get("X-Consul-Index");
  const waiting = Array.from({ length: 200 }, () =>
    send("127.14.20.3", "GET", `/v1/health/service/web?index=${index}&wait=30s`),
  );
  await send("127.14.20.3", "PUT", "/v1/catalog/register", registration(1, "after"));
  for (const answer of await Promise.all(waiting)) assert.match(answer.body, /"Output":"after"/);
});
