/** Every endpoint of the API has a typed method: all methods are called against a server that notes what it is asked. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { apiRoutes } from "../http/api.ts";
import { Router } from "../http/router.ts";
import { TribuneClient } from "./client.ts";

/** Endpoints that have a better one beside them. */
const WITHOUT_METHOD: ReadonlyMap<string, string> = new Map([
  ["GET /v1/acl/list", "legacy ACLs"],
  ["GET /v1/acl/info/{id}", "legacy ACLs"],
  ["PUT /v1/acl/create", "legacy ACLs"],
  ["PUT /v1/acl/update", "legacy ACLs"],
  ["PUT /v1/acl/destroy/{id}", "legacy ACLs"],
  ["PUT /v1/acl/clone/{id}", "legacy ACLs"],
  ["POST /v1/acl/rules/translate", "legacy ACLs"],
  ["GET /v1/acl/rules/translate/{accessor}", "legacy ACLs"],
  ["PUT /v1/agent/check/pass/{id}", "agent.updateTtl"],
  ["PUT /v1/agent/check/warn/{id}", "agent.updateTtl"],
  ["PUT /v1/agent/check/fail/{id}", "agent.updateTtl"],
  ["PUT /v1/operator/raft/transfer-leader", "the same by POST"],
]);

type Method = (...args: readonly unknown[]) => unknown;

/** Methods of an object's class, watches (which are reads again and again) left out. */
function methods(family: object): (readonly [string, Method])[] {
  const prototype = Object.getPrototypeOf(family) as Record<string, unknown>;
  return Object.getOwnPropertyNames(prototype)
    .filter(
      (name) => name !== "constructor" && !name.startsWith("watch") && typeof prototype[name] === "function",
    )
    .map((name) => [name, prototype[name] as Method] as const);
}

async function settled(result: unknown): Promise<void> {
  const started = result as Partial<AsyncGenerator> & PromiseLike<unknown>;
  try {
    if (typeof started?.next === "function") {
      await started.next();
      await started.return?.(undefined);
    } else await started;
  } catch {
    // What the server answers is no sense; that it was asked counts.
  }
}

test("every endpoint of the API is reached by a method of the client", async (t) => {
  const router = new Router(apiRoutes);
  const reached = new Set<string>();
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://x").pathname;
    const match = router.match(path);
    const route =
      match === undefined || match === "slash" ? undefined : match.endpoint.find(request.method!, match.rest);
    if (route === undefined) reached.add(`unknown: ${request.method} ${path}`);
    else reached.add(`${route.method} ${route.pattern}`);
    request.resume();
    response.writeHead(200, { "Content-Type": "application/json", "X-Consul-Index": "1" }).end("{}");
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
  const families = Object.values(client).filter((f): f is object => typeof f === "object" && f !== null);
  const parts = families.flatMap((f) => [
    f,
    ...Object.values(f).filter((inner): inner is object => typeof inner === "object" && inner !== null),
  ]);
  for (const family of parts)
    for (const [name, method] of methods(family)) {
      // Most arguments are names or are sent as they are; a transaction's operations are looked at before.
      const args = Array.from({ length: method.length }, () => (family === client.txn ? [] : "x"));
      let result: unknown;
      try {
        result = method.apply(family, args);
      } catch (error) {
        assert.fail(`${family.constructor.name}.${name}: ${(error as Error).message}`);
      }
      await settled(result);
    }
  assert.deepEqual(
    [...reached].filter((r) => r.startsWith("unknown")),
    [],
    "asked for what is not there",
  );
  const missing = apiRoutes
    .map((r) => `${r.method} ${r.pattern}`)
    .filter((r) => !reached.has(r) && !WITHOUT_METHOD.has(r));
  assert.deepEqual(missing, []);
  for (const r of WITHOUT_METHOD.keys()) assert.ok(!reached.has(r), `${r} has a method now`);
});
