/**
 * Raft against the original: our node as second voter of a real Consul 1.8.7 server. It is caught up by the real leader, takes
 * the leadership as by TimeoutNow, logs for the real server, and gives the leadership back.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KVSRequest } from "../src/model/kv.ts";
import { systemClock } from "../src/ports/clock.ts";
import { SUFFRAGE } from "../src/raft/contract.ts";
import { dialRaft, eventually, startServer } from "../src/raft/testing.ts";
import { TcpRaftTransport } from "../src/raft/transport.ts";
import { encode } from "../src/wire/schema.ts";

const consul = new URL("../.peers/consul", import.meta.url).pathname;
const missing = existsSync(consul) ? false : "needs .peers/consul (run interop/setup.sh)";
if (missing && process.env["CI"]) throw new Error(missing);
const REAL = "127.3.9.1";
const OURS = "127.3.9.2";
const MS = 1000;

function startConsul(dataDir: string, config: string, more: readonly string[]): ChildProcess {
  return spawn(
    consul,
    [
      "agent",
      "-server",
      "-node=real",
      `-bind=${REAL}`,
      `-client=${REAL}`,
      `-data-dir=${dataDir}`,
      `-config-file=${config}`,
      "-log-level=debug",
      ...more,
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}

const http = async (
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://${REAL}:8500${path}`, { method, body: body ?? null });
  return { status: response.status, text: await response.text() };
};

/** Repeats a request until it is answered with 200. */
async function insist(method: string, path: string, body?: string): Promise<string> {
  const end = performance.now() + 30 * MS;
  for (;;) {
    const answer = await http(method, path, body).catch((error: unknown) => ({
      status: 0,
      text: String(error),
    }));
    if (answer.status === 200 && answer.text !== '""') return answer.text;
    if (performance.now() > end) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sends TimeoutNow to `target`, once a second, until `done`. */
async function timeoutNowUntil(
  transport: TcpRaftTransport,
  target: Parameters<TcpRaftTransport["send"]>[0],
  done: () => boolean,
): Promise<void> {
  const end = performance.now() + 30 * MS;
  for (let next = 0; !done(); ) {
    const now = performance.now();
    if (now > end) throw new Error(`TimeoutNow to ${target.address}: no effect within 30 s`);
    if (now >= next) {
      transport.send(target, "control", { kind: "timeout-now", from: "" }, () => {});
      next = now + MS;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("one quorum with a real Consul 1.8.7 server", { skip: missing, timeout: 120 * MS }, async () => {
  const root = mkdtempSync(join(tmpdir(), "tribune-interop-raft-"));
  const dataDir = join(root, "real");
  const config = join(root, "config.json");
  writeFileSync(
    config,
    JSON.stringify({
      performance: { raft_multiplier: 3 },
      autopilot: { cleanup_dead_servers: false },
      disable_update_check: true,
    }),
  );
  const self = {
    id: "00000099-0000-0000-0000-000000000099",
    address: `${OURS}:8300`,
    suffrage: SUFFRAGE.voter,
  };
  let real = startConsul(dataDir, config, ["-bootstrap"]);
  let ours: Awaited<ReturnType<typeof startServer>> | undefined;
  try {
    await insist("GET", "/v1/status/leader");
    await insist("PUT", "/v1/kv/before", "1");
    await stop(real);
    const realId = (await readFile(join(dataDir, "node-id"), "utf8")).trim();
    writeFileSync(
      join(dataDir, "raft", "peers.json"),
      JSON.stringify([
        { id: realId, address: `${REAL}:8300`, non_voter: false },
        { id: self.id, address: self.address, non_voter: false },
      ]),
    );
    ours = await startServer(self, {
      dataDir: join(root, "ours"),
      heartbeatTimeoutMs: 3000,
      electionTimeoutMs: 3000,
      leaderLeaseTimeoutMs: 1500,
    });
    const { node, fsm, lines } = ours;
    real = startConsul(dataDir, config, []);
    await eventually(
      () =>
        `real leader: ${lines
          .map((l) => l.message)
          .slice(-5)
          .join(" | ")}`,
      () => node.leader?.id === realId,
      30 * MS,
    );
    await insist("PUT", "/v1/kv/together", "2");
    assert.ok(fsm.restores >= 1, "caught up by the real server's snapshot");
    assert.equal(node.configuration.servers.length, 2);
    assert.ok(node.lastContactMs !== undefined && node.lastContactMs < 3000);

    // What a real leader does with TimeoutNow. It would hold its log still meanwhile; this one writes on (its start is not
    // over: autopilot, the catalog), and refuses us its vote as often as it has an entry more than we. Then it is asked again.
    const transport = new TcpRaftTransport(
      { id: "", address: "", heartbeatTimeoutMs: 1000 },
      { dial: dialRaft, clock: systemClock },
    );
    await timeoutNowUntil(transport, self, () => node.role === "leader");
    await node.barrier();
    const peers = JSON.parse(await insist("GET", "/v1/status/peers")) as string[];
    assert.deepEqual([...peers].sort(), [`${REAL}:8300`, `${OURS}:8300`]);
    assert.equal(JSON.parse(await insist("GET", "/v1/status/leader")), self.address);
    const command = (key: string, value: string): Buffer =>
      Buffer.concat([
        Buffer.from([2]),
        encode(
          KVSRequest,
          KVSRequest.make({
            Datacenter: "dc1",
            Op: "set",
            DirEnt: { ...KVSRequest.zero().DirEnt, Key: key, Value: Buffer.from(value) },
          }),
        ),
      ]);
    await Promise.all(Array.from({ length: 200 }, (_, i) => node.apply(command(`ours/${i}`, `v${i}`))));
    await node.verifyLeader();
    await eventually(
      "the real server holds our entries",
      () => (node.followers[0]?.matchIndex ?? 0) === node.lastIndex,
    );
    await eventually("appends are pipelined", () => node.followers[0]?.mode === "pipeline");
    // It learns of the commit by the next append, at most 300 ms later.
    let keys: string[] = [];
    const end = performance.now() + 30 * MS;
    while (keys.length < 200 && performance.now() < end)
      keys = JSON.parse(await insist("GET", "/v1/kv/ours/?keys&stale")) as string[];
    assert.equal(keys.length, 200);

    for (const end = performance.now() + 60 * MS; node.role === "leader"; )
      await node.transferLeadership().catch((error: unknown) => {
        if (performance.now() > end) throw error;
      });
    await eventually("the real server leads again", () => node.leader?.id === realId);
    await insist("PUT", "/v1/kv/again", "3");
    assert.equal(await insist("GET", "/v1/kv/ours/7?raw"), "v7");
    await eventually("we hold its entry", () => fsm.items.some((i) => i.includes("again")));
    assert.ok(!lines.some((l) => l.level === "err" && /decode/.test(l.message)));
    transport.close();
  } finally {
    await stop(real);
    await ours?.stop();
    rmSync(root, { recursive: true, force: true });
  }
});
