/**
 * Our DNS answers against the original's: one catalog in a real server, the same questions to its DNS port and to our door,
 * whose lookups go to that server. RECORD=1 writes lookups and answers for the unit test.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  tunedAsks,
  tunedDns,
} from "../src/dns/conformance.ts";
import { createDnsDoor, type DnsDoor } from "../src/dns/dns-door.ts";
import { DCSpecificRequest } from "../src/model/catalog.ts";
import { type MethodName, type RpcMethod, rpcMethods } from "../src/model/methods.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noMetrics } from "../src/ports/metrics.ts";
import { RpcPool } from "../src/rpc/pool.ts";
import { encode } from "../src/wire/schema.ts";
import { dnsCatalog } from "./lib/dns-catalog.ts";
import { exchange } from "./lib/dns-exchange.ts";

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

async function until(what: string, ok: () => Promise<boolean>): Promise<void> {
  for (
    const deadline = Date.now() + 90_000;
    !(await ok().catch(() => false));
    await new Promise((r) => setTimeout(r, 100))
  )
    assert.ok(Date.now() < deadline, `waited too long for ${what}`);
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });

/** The catalog that the questions are about. */
async function fill(): Promise<void> {
  for (const [method, path, body] of dnsCatalog) {
    const response = await fetch(`http://${SERVER}:8500${path}`, { method, body: JSON.stringify(body) });
    assert.equal(response.status, 200, `${path}: ${await response.text()}`);
  }
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
  await Promise.all(children.map(ended));
  rmSync(folder, { recursive: true, force: true });
  if (process.env["RECORD"] === "1")
    writeFileSync(new URL("../src/dns/testdata/conformance.json", import.meta.url), JSON.stringify(recorded));
});

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
