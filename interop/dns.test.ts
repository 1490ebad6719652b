/**
 * Our DNS answers against the original's: one catalog in a real server, the same questions to its DNS port and to our door,
 * whose lookups go to that server. RECORD=1 writes lookups and answers for the unit test.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { AgentApi } from "../src/agent/contract.ts";
import {
  type Ask,
  defaultAsks,
  dnsAgent,
  lookupKey,
  normalForm,
  SUBNET,
  tunedAsks,
  tunedDns,
} from "../src/dns/conformance.ts";
import { createDnsDoor, type DnsDoor } from "../src/dns/dns-door.ts";
import { encodeQuery } from "../src/dns/encode.ts";
import { TYPE } from "../src/dns/message.ts";
import { DCSpecificRequest } from "../src/model/catalog.ts";
import { type MethodName, type RpcMethod, rpcMethods } from "../src/model/methods.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noMetrics } from "../src/ports/metrics.ts";
import { RpcPool } from "../src/rpc/pool.ts";
import { encode } from "../src/wire/schema.ts";

const CONSUL = new URL("../.peers/consul", import.meta.url).pathname;
const SERVER = "127.2.3.1";
const CLIENT = "127.2.3.2";
const skip = existsSync(CONSUL) ? false : "no .peers/consul: run interop/setup.sh";
const pool = new RpcPool({}, { clock: systemClock, metrics: noMetrics });
const children: ChildProcess[] = [];
const doors: DnsDoor[] = [];
const folder = mkdtempSync(join(tmpdir(), "dns-interop-"));
const recorded = {
  lookups: {} as Record<string, string>,
  answers: [] as { agent: string; ask: Ask; answer: readonly string[] }[],
};

async function put(path: string, body: unknown): Promise<void> {
  const response = await fetch(`http://${SERVER}:8500/v1/${path}`, {
    method: "PUT",
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, `${path}: ${await response.text()}`);
}

async function until(what: string, ok: () => Promise<boolean>): Promise<void> {
  for (
    const deadline = Date.now() + 30_000;
    !(await ok().catch(() => false));
    await new Promise((r) => setTimeout(r, 100))
  )
    assert.ok(Date.now() < deadline, `waited too long for ${what}`);
}

/** The catalog that the questions are about. */
async function fill(): Promise<void> {
  const reg = (Node: string, Address: string, more: object = {}): Promise<void> =>
    put("catalog/register", { Datacenter: "dc1", Node, Address, ...more });
  const web = (
    Node: string,
    Address: string,
    Tags: readonly string[],
    Status: string,
    more: object = {},
    service: object = {},
  ): Promise<void> =>
    reg(Node, Address, {
      Service: { ID: "web1", Service: "web", Port: 8080, Tags, ...service },
      Check: { CheckID: "c", Name: "c", Status, ServiceID: "web1" },
      ...more,
    });
  await web("n1", "10.1.0.1", ["v1", "primary"], "passing", {
    NodeMeta: { rack: "r1", "rfc1035-note": "hello" },
  });
  await web("n2", "10.1.0.2", ["v1"], "warning", {}, { Weights: { Passing: 5, Warning: 2 } });
  await web("n3", "10.1.0.3", ["v2"], "critical");
  await reg("n4", "10.1.0.4", {
    Service: {
      ID: "api1",
      Service: "api",
      Port: 9000,
      Address: "10.9.0.4",
      Weights: { Passing: 10, Warning: 1 },
    },
  });
  await reg("n5", "ext.example.com", { Service: { ID: "ext1", Service: "ext", Port: 443 } });
  await reg("n6", "fd00::6", { Service: { ID: "six1", Service: "six", Port: 80 } });
  await reg("n7", "10.1.0.7", {
    Service: { ID: "cn1", Service: "cn", Port: 81, Address: "api.service.consul" },
  });
  await reg("NodeUP", "10.1.0.8", { Service: { ID: "up1", Service: "Upper", Port: 82 } });
  await reg("n9", "10.1.0.9", {
    TaggedAddresses: { lan_ipv4: "10.1.0.9", lan_ipv6: "fd00::9" },
    Service: { ID: "dual1", Service: "dual", Port: 83 },
  });
  await reg("n10", "10.1.0.10", { Service: { ID: "p1", Service: "multi", Port: 1001 } });
  await reg("n10", "10.1.0.10", { Service: { ID: "p2", Service: "multi", Port: 1002 } });
  await reg("n11", "10.1.0.11", {
    Service: {
      ID: "web-proxy",
      Service: "web-proxy",
      Port: 20000,
      Kind: "connect-proxy",
      Proxy: { DestinationServiceName: "web" },
    },
  });
  await put("config", { Kind: "service-defaults", Name: "api", Protocol: "tcp" });
  await put("config", {
    Kind: "ingress-gateway",
    Name: "igw",
    Listeners: [{ Port: 8443, Protocol: "tcp", Services: [{ Name: "api" }] }],
  });
  await reg("n12.dotted", "10.1.0.12", {
    Service: { ID: "igw", Service: "igw", Port: 8443, Kind: "ingress-gateway" },
  });
  await reg("n13", "10.1.0.13", { Service: { ID: "x6", Service: "svc6", Port: 90, Address: "fd00::13" } });
  for (let i = 1; i <= 15; i++)
    await reg(`m${i}`, `10.2.0.${i}`, { Service: { ID: "many", Service: "many", Port: 80 } });
  for (let i = 1; i <= 300; i++)
    await reg(`big${i}`, `10.3.${i >> 8}.${i & 255}`, { Service: { ID: "huge", Service: "huge", Port: 80 } });
  const query = async (body: object): Promise<void> => {
    const response = await fetch(`http://${SERVER}:8500/v1/query`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  };
  await query({ Name: "q1", Service: { Service: "web" }, DNS: { TTL: "7s" } });
  await query({
    Name: "t-",
    Template: { Type: "name_prefix_match" },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the template query's
    Service: { Service: "${name.suffix}" },
  });
}

const tuned = `alt_domain = "alt.test."
dns_config { enable_truncate = true udp_answer_limit = 2 a_record_limit = 4 enable_additional_node_meta_txt = false
 node_ttl = "10s" only_passing = true service_ttl { web = "5s" "we*" = "6s" "*" = "9s" } soa { min_ttl = 60 refresh = 1 retry = 2 expire = 3 } }`;

before(async () => {
  if (skip !== false) return;
  writeFileSync(join(folder, "tuned.hcl"), tuned);
  const common = ["-log-level", "err"];
  const start = (args: readonly string[]): void =>
    void children.push(spawn(CONSUL, ["agent", ...args, ...common], { stdio: "ignore" }));
  start(["-dev", "-bind", SERVER, "-client", SERVER, "-node", "s1", "-node-meta", "rack:r1"]);
  await until(
    "a leader",
    async () =>
      (await pool.call(`${SERVER}:8300`, "Status.Leader", DCSpecificRequest.make({ Datacenter: "dc1" }))) !==
      "",
  );
  await until("HTTP", async () => (await fetch(`http://${SERVER}:8500/v1/catalog/nodes`)).ok);
  await fill();
  start([
    "-data-dir",
    join(folder, "data"),
    "-bind",
    CLIENT,
    "-client",
    CLIENT,
    "-node",
    "c1",
    "-join",
    SERVER,
    "-config-file",
    join(folder, "tuned.hcl"),
  ]);
  await until(
    "the client",
    async () =>
      ((await (await fetch(`http://${CLIENT}:8500/v1/catalog/service/web`)).json()) as readonly unknown[])
        .length === 3,
  );

  const rpc = async (method: MethodName, request: unknown): Promise<unknown> => {
    const reply = await pool.call(`${SERVER}:8300`, method, request as never).catch((error: Error) => error);
    const key = lookupKey(method, request);
    if (reply instanceof Error) {
      recorded.lookups[key] = `error ${reply.message}`;
      throw reply;
    }
    recorded.lookups[key] = encode(
      (rpcMethods[method] as unknown as RpcMethod<unknown, unknown>).reply,
      reply,
    ).toString("base64");
    return reply;
  };
  const open = async (agent: AgentApi): Promise<void> => {
    const door = createDnsDoor(agent);
    await door.start();
    doors.push(door);
  };
  await open(dnsAgent(rpc));
  await open(dnsAgent(rpc, { dns: tunedDns, altDomain: "alt.test." }));
});

after(async () => {
  for (const door of doors) await door.close();
  await pool.close();
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  if (process.env["RECORD"] === "1")
    writeFileSync(new URL("../src/dns/testdata/conformance.json", import.meta.url), JSON.stringify(recorded));
});

function exchange(host: string, port: number, ask: Ask): Promise<Buffer> {
  const edns =
    ask.bufsize === undefined
      ? undefined
      : { udpBytes: ask.bufsize, subnet: ask.subnet ? SUBNET : undefined };
  const message = encodeQuery(4711, ask.name, TYPE[ask.type], edns);
  const signal = AbortSignal.timeout(10_000);
  return new Promise((resolve, reject) => {
    signal.onabort = () => reject(new Error(`no answer from ${host}:${port}`));
    if (ask.network !== "tcp") {
      const socket = createSocket("udp4");
      socket.on("message", (answer) => {
        socket.close();
        resolve(answer);
      });
      socket.send(message, port, host);
      return;
    }
    const socket = connect({ host, port });
    let got: Buffer = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      socket.destroy();
      resolve(got.subarray(2));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}

for (const [agent, host, asks] of [
  ["default", SERVER, defaultAsks],
  ["tuned", CLIENT, tunedAsks],
] as const)
  for (const ask of asks)
    test(`${agent}: ${ask.name} ${ask.type}${ask.network === "tcp" ? " tcp" : ""}${ask.bufsize ? ` ${ask.bufsize}` : ""}${ask.subnet ? " subnet" : ""}`, {
      skip,
    }, async () => {
      const door = doors[agent === "default" ? 0 : 1]!;
      const [theirs, ours] = await Promise.all([
        exchange(host, 8600, ask),
        exchange(door.addresses[0]!.host, door.addresses[0]!.port, ask),
      ]);
      const answer = normalForm(theirs, ask);
      recorded.answers.push({ agent, ask, answer });
      assert.deepEqual(normalForm(ours, ask), answer);
      // Sizes agree where the same records are in it, in whatever order.
      if (!ask.shape && ask.network !== "tcp") assert.equal(ours.length, theirs.length, "bytes");
    });
