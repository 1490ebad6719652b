/** The same work done, the same figures sent: names and kinds as recorded from Consul 1.8.7. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { eventually } from "./agent/fixture.ts";
import { startAgent } from "./embed.ts";

const RECORDED = readFileSync(
  new URL("./agent/telemetry/testdata/figures-1.8.7.txt", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n");

test("a server sends the figures of Consul 1.8.7 for the same work", async (t) => {
  const statsd = createSocket("udp4");
  statsd.bind(0, "127.0.0.1");
  await once(statsd, "listening");
  t.after(() => statsd.close());
  const seen = new Set<string>();
  statsd.on("message", (m) => {
    for (const line of m.toString().trimEnd().split("\n")) {
      const [, name, kind] = /^(.*):-?[0-9.]+\|(c|g|ms)$/.exec(line) ?? assert.fail(`no figure: ${line}`);
      seen.add(`${name!.replace(`.${hostname()}.`, ".HOST.").replace(/\.the-node$/, ".NODE")} ${kind}`);
    }
  });
  await using agent = await startAgent({
    nodeName: "the-node",
    config: { telemetry: { statsd_address: `127.0.0.1:${statsd.address().port}` } },
  });
  const { client } = agent;
  const ask = async (method: string, path: string, body?: string): Promise<string> =>
    (
      await fetch(`${agent.httpUrl}/v1/${path}`, {
        method,
        signal: AbortSignal.timeout(30_000),
        ...(body === undefined ? {} : { body }),
      })
    ).text();

  await client.kv.put("k1", "v");
  await ask("PUT", "agent/service/register", '{"Name":"web","Port":80,"Check":{"TTL":"1h"}}');
  await eventually("web is there", async () => (await client.catalog.service("web")).value.length > 0);
  const id = await client.session.create({});
  await client.session.renew(id);
  for (const how of [`acquire=${id}`, `release=${id}`, "cas=0"]) await ask("PUT", `kv/lock?${how}`, "x");
  await ask("PUT", "kv/c?cas=0", "x");
  await ask("DELETE", "kv/c");
  await ask("DELETE", "kv/c?recurse");
  await client.session.destroy(id);
  await client.event.fire("deploy");
  await ask("PUT", "txn", '[{"KV":{"Verb":"set","Key":"a","Value":"YQ=="}}]');
  await ask("PUT", "txn", '[{"KV":{"Verb":"get","Key":"a"}}]');
  const query = await client.query.create({ Name: "q", Service: { Service: "web" } });
  for (const path of ["query/q/execute", "query/q/explain", "query"]) await ask("GET", path);
  await client.query.delete(query);
  await ask("PUT", "config", '{"Kind":"service-defaults","Name":"web","Protocol":"http"}');
  await ask("DELETE", "config/service-defaults/web");
  await ask("PUT", "catalog/register", '{"Node":"ext","Address":"1.2.3.4","Service":{"Service":"db"}}');
  await ask("PUT", "catalog/deregister", '{"Node":"ext"}');
  for (const path of [
    "agent/health/service/name/web",
    "agent/members",
    "agent/metrics",
    "agent/self",
    "agent/services",
    "catalog/connect/web",
    "catalog/datacenters",
    "catalog/nodes",
    "catalog/service/nope",
    "catalog/service/web?tag=y",
    "catalog/services?cached",
    "coordinate/datacenters",
    "coordinate/nodes",
    "event/list",
    "health/checks/web",
    "health/connect/web",
    "health/service/nope",
    "health/service/web?cached",
    "health/service/web?tag=x",
    "health/state/any",
    "internal/ui/services",
    "kv/a?consistent",
    "operator/raft/configuration",
    "session/list",
    "snapshot",
    "status/leader",
    "kv/a?index=100000&wait=100ms",
  ])
    await ask("GET", path);
  for (const method of ["HEAD", "OPTIONS", "PATCH"]) await ask(method, "kv/a");
  await client.agent.deregisterService("web");
  const resolver = new Resolver();
  resolver.setServers([`${agent.dns.host}:${agent.dns.port}`]);
  await resolver.resolve4("nothing.service.consul").catch(() => {});
  await resolver.reverse("127.0.0.9").catch(() => {});
  const missing = (): string[] => RECORDED.filter((name) => !seen.has(name));
  await eventually("all figures", () => missing().length === 0).catch(() => assert.deepEqual(missing(), []));
});
