import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { RaftError, type RaftServer, SUFFRAGE } from "./contract.ts";
import { RaftStorageError } from "./errors.ts";
import { eventually, startServer, stopServers, type TestServer } from "./testing.ts";

const root = mkdtempSync(join(tmpdir(), "tribune-raft-"));
after(() => rmSync(root, { recursive: true, force: true }));
afterEach(stopServers);
let made = 0;
const freshFolder = (): string => join(root, String(made++));
const text = (s: string): Buffer => Buffer.from(s);
const server = (n: number): RaftServer => ({
  id: `0000000${n}-0000-0000-0000-000000000001`,
  address: `127.3.1.${n}:8300`,
  suffrage: SUFFRAGE.voter,
});

async function single(
  dataDir: string | undefined,
  options: Parameters<typeof startServer>[1] = {},
): Promise<TestServer> {
  const s = await startServer(server(1), {
    dataDir,
    heartbeatTimeoutMs: 120_000,
    electionTimeoutMs: 120_000,
    leaderLeaseTimeoutMs: 60_000,
    ...options,
  });
  if (!s.node.hasState) await s.node.bootstrap({ servers: [server(1)] });
  await eventually("leader", () => s.node.role === "leader", 60_000);
  return s;
}

for (const [name, folder] of [
  ["in memory", () => undefined],
  ["on disk", freshFolder],
] as const)
  test(`a server bootstrapped alone leads long before its heartbeat timeout and says so in the original's words (${name})`, async () => {
    // `single` waits half of the heartbeat timeout for it.
    const s = await single(folder());
    await s.node.barrier();
    const lines = s.lines
      .filter((l) => l.level !== "debug" && !l.message.startsWith("Initial"))
      .map((l) => `[${l.level}] ${l.message}`);
    assert.deepEqual(lines, [
      "[info] Node at 127.3.1.1:8300 [Follower] entering Follower state",
      "[warn] Heartbeat timeout reached, starting election",
      "[info] Node at 127.3.1.1:8300 [Candidate] entering Candidate state",
      "[info] Election won. Tally: 1",
      "[info] Node at 127.3.1.1:8300 [Leader] entering Leader state",
      "[info] Disabling EnableSingleNode (bootstrap)",
    ]);
    assert.deepEqual(s.node.leader, { id: server(1).id, address: server(1).address });
    assert.deepEqual([s.node.term, s.node.lastIndex, s.node.lastContactMs], [2, 3, 0]);
    assert.equal(s.node.stats().get("state"), "Leader");
    assert.equal(s.node.holdsLease(), true);
    await s.stop();
    assert.equal(s.node.role, "shutdown");
  });

test("commands apply in order; a refused command gives its error as result; unbootstrapped servers refuse", async () => {
  const s = await single(undefined);
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => s.node.apply(text(`c${i}`))));
  assert.deepEqual(
    answers.map((a) => a.result),
    Array.from({ length: 500 }, (_, i) => i + 1),
  );
  assert.deepEqual(
    answers.map((a) => a.index),
    [...s.fsm.indexes],
  );
  assert.match(String((await s.node.apply(text("refuse me"))).result), /refused: refuse me/);
  await s.node.verifyLeader();
  await assert.rejects(s.node.bootstrap({ servers: [server(1)] }), /bootstrap only works on new clusters/);
  await assert.rejects(s.node.apply(Buffer.alloc(9 << 20)), RaftError);
  await s.stop();
  await assert.rejects(s.node.apply(text("late")), /raft is already shutdown/);
  const fresh = await startServer(server(1), {});
  await assert.rejects(fresh.node.apply(text("x")), /node is not the leader/);
  await assert.rejects(fresh.node.verifyLeader(), /node is not the leader/);
  await fresh.stop();
});

test("log, snapshot and both together come back after a restart", async () => {
  const dataDir = freshFolder();
  let s = await single(dataDir);
  for (let i = 0; i < 50; i++) await s.node.apply(text(`a${i}`));
  await s.stop();
  s = await single(dataDir);
  await s.node.barrier();
  assert.equal(s.fsm.items.length, 50);
  assert.equal(s.node.term, 3);
  const meta = await s.node.snapshot();
  assert.equal(await s.node.snapshot(), undefined);
  for (let i = 0; i < 300; i++) await s.node.apply(text(`b${i}`));
  await s.node.snapshot();
  await s.node.apply(text("last"));
  assert.ok(meta !== undefined && meta.configuration.servers.length === 1);
  await s.stop();
  s = await single(dataDir);
  await s.node.barrier();
  assert.equal(s.fsm.restores, 1);
  assert.deepEqual([s.fsm.items.length, s.fsm.items.at(-1)], [351, "last"]);
  assert.equal((await s.node.snapshots()).length, 2);
  await s.stop();
});

test("a damaged newest snapshot stops the start unless the log makes up for it", async () => {
  const dataDir = freshFolder();
  let s = await single(dataDir, { trailingLogs: 10_000 });
  for (let i = 0; i < 20; i++) await s.node.apply(text(`a${i}`));
  const meta = await s.node.snapshot();
  await s.stop();
  const path = join(dataDir, "raft", "snapshots", meta!.id, "state.bin");
  const bytes = readFileSync(path);
  bytes[3]! ^= 1;
  writeFileSync(path, bytes);
  s = await single(dataDir, { trailingLogs: 10_000 });
  await s.node.barrier();
  assert.equal(s.fsm.items.length, 20);
  assert.ok(s.lines.some((l) => l.level === "err" && /Failed to restore snapshot .*CRC-64/.test(l.message)));
  await s.stop();
  rmSync(join(dataDir, "raft", "snapshots"), { recursive: true });
  s = await single(dataDir, { trailingLogs: 0 });
  await s.node.barrier();
  const second = await s.node.snapshot();
  await s.node.apply(text("after"));
  await s.stop();
  writeFileSync(join(dataDir, "raft", "snapshots", second!.id, "state.bin"), "");
  await assert.rejects(
    startServer(server(2), { dataDir }),
    (e) => e instanceof RaftStorageError && e.path.includes(second!.id),
  );
});

test("a lost snapshot folder is not taken for an empty state", async () => {
  const dataDir = freshFolder();
  const s = await single(dataDir, { trailingLogs: 0 });
  for (let i = 0; i < 20; i++) await s.node.apply(text(`a${i}`));
  await s.node.snapshot();
  await s.node.apply(text("after"));
  await s.stop();
  rmSync(join(dataDir, "raft", "snapshots"), { recursive: true });
  await assert.rejects(startServer(server(3), { dataDir }), /the newest snapshot ends at 0/);
});

test("the folder of a Consul server is refused, and left as it is", async () => {
  const dataDir = freshFolder();
  const s = await single(dataDir, { trailingLogs: 0 });
  await s.node.apply(text("a"));
  await s.node.snapshot();
  await s.stop();
  const folder = join(dataDir, "raft");
  for (const name of readdirSync(folder)) if (name.startsWith("raft.")) rmSync(join(folder, name));
  writeFileSync(join(folder, "raft.db"), "bolt");
  const before = readdirSync(folder, { recursive: true }).sort();
  await assert.rejects(
    startServer(server(1), { dataDir }),
    /raft\.db is the log of a Consul server.*join the cluster/,
  );
  assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), before);
});

test("peers.json brings a server back under a new configuration, once", async () => {
  const dataDir = freshFolder();
  let s = await single(dataDir);
  for (let i = 0; i < 30; i++) await s.node.apply(text(`a${i}`));
  await s.stop();
  const renamed = { id: server(1).id, address: "127.3.1.9:8300" };
  const peers = join(dataDir, "raft", "peers.json");
  writeFileSync(peers, JSON.stringify([{ id: renamed.id, address: renamed.address, non_voter: false }]));
  s = await startServer({ ...renamed, suffrage: SUFFRAGE.voter }, { dataDir });
  await eventually("leader", () => s.node.role === "leader");
  await s.node.barrier();
  assert.equal(s.fsm.items.length, 30);
  assert.deepEqual(s.node.configuration.servers, [{ ...renamed, suffrage: SUFFRAGE.voter }]);
  assert.equal(existsSync(peers), false);
  await s.node.apply(text("on"));
  await s.stop();
  writeFileSync(peers, '[{"id": 7}]');
  await assert.rejects(startServer(server(4), { dataDir }), /each server needs "id" and "address"/);
  // Without the sentinel, a file left from long ago is removed unread.
  rmSync(join(dataDir, "raft", "peers.info"));
  s = await startServer({ ...renamed, suffrage: SUFFRAGE.voter }, { dataDir });
  assert.equal(existsSync(peers), false);
  await s.stop();
});

test("a user's snapshot replaces the state and is one itself", async () => {
  const dataDir = freshFolder();
  let s = await single(dataDir);
  for (let i = 0; i < 5; i++) await s.node.apply(text(`old${i}`));
  const bytes = text("one\ntwo\n");
  const meta = {
    id: "x",
    index: 100,
    term: 1,
    configuration: { servers: [] },
    configurationIndex: 1,
    size: bytes.length,
  };
  await s.node.restore(
    meta,
    (async function* () {
      yield bytes;
    })(),
  );
  assert.deepEqual(s.fsm.items, ["one", "two"]);
  const { index } = await s.node.apply(text("three"));
  assert.equal(index, 103);
  await assert.rejects(
    s.node.restore(
      { ...meta, size: 9 },
      (async function* () {
        yield bytes;
      })(),
    ),
    /short read/,
  );
  assert.deepEqual(s.fsm.items, ["one", "two", "three"]);
  await s.stop();
  s = await single(dataDir);
  await s.node.barrier();
  assert.deepEqual(s.fsm.items, ["one", "two", "three"]);
  await s.stop();
});

test("kill -9 at any moment loses no acknowledged write", { timeout: 600_000 }, async () => {
  const dataDir = freshFolder();
  mkdirSync(dataDir);
  const child = new URL("./testdata/writer.ts", import.meta.url).pathname;
  let acknowledged = 0;
  for (let round = 0; round < 6; round++) {
    const writer = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", child, dataDir, String(acknowledged)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let out = "";
    writer.stdout.on("data", (c: Buffer) => {
      out += c.toString();
    });
    const seen = (): number =>
      Number(
        out
          .slice(0, out.lastIndexOf("\n") + 1)
          .trim()
          .split("\n")
          .at(-1) || 0,
      );
    const ended = new Promise<void>((resolve) => writer.on("exit", () => resolve()));
    await eventually("writes", () => seen() > acknowledged + 20 + round * 37, 120_000);
    writer.kill("SIGKILL");
    await ended;
    acknowledged = Math.max(acknowledged, seen());
  }
  const s = await single(dataDir);
  await s.node.barrier();
  const numbers = new Set(s.fsm.items.map((i) => Number(i.slice(1))));
  for (let i = 1; i <= acknowledged; i++)
    assert.ok(numbers.has(i), `write ${i} of ${acknowledged} is missing`);
  await s.stop();
});

test("an acknowledged write was synced to disk before", async (t) => {
  const strace = ["/usr/bin/strace", "/bin/strace"].find(existsSync);
  if (strace === undefined) return t.skip("strace is not installed");
  const dataDir = freshFolder();
  mkdirSync(dataDir);
  const trace = join(dataDir, "trace");
  const child = new URL("./testdata/writer.ts", import.meta.url).pathname;
  const writer = spawn(
    strace,
    [
      "-f",
      "-qq",
      "-e",
      "trace=fsync,fdatasync,write,pwrite64",
      "-e",
      "signal=none",
      "-s",
      "12",
      "-o",
      trace,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      child,
      dataDir,
      "0",
      "20",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const code = await new Promise<number | null>((resolve) => writer.on("exit", resolve));
  assert.equal(code, 0);
  // Between the lines that acknowledge write n and write n+1 there is a completed sync.
  let syncs = 0;
  let acknowledged = 0;
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    if (/fd?(data)?sync.*= 0$/.test(line)) syncs++;
    if (/ write\(1, "(\d+)\\n"/.test(line)) {
      acknowledged++;
      assert.ok(syncs > 0, `write ${acknowledged} was acknowledged without a sync since the one before`);
      syncs = 0;
    }
  }
  assert.equal(acknowledged, 20);
});

test("three servers on real sockets: elect, replicate, survive the leader, bring a late one back by snapshot", {
  timeout: 300_000,
}, async () => {
  const all = [1, 2, 3].map((n) => ({ ...server(n), address: `127.3.2.${n}:8300` }));
  const folders = all.map(() => freshFolder());
  const nodes = await Promise.all(
    all.map((s, i) => startServer(s, { dataDir: folders[i], trailingLogs: 10 })),
  );
  await nodes[0]!.node.bootstrap({ servers: all });
  const leader = (): TestServer | undefined => nodes.find((s) => s.node.role === "leader");
  await eventually("first leader", () => leader() !== undefined);
  let l = leader()!;
  await Promise.all(Array.from({ length: 1000 }, (_, i) => l.node.apply(text(`a${i}`))));
  await l.node.verifyLeader();
  await eventually("all have all", () => nodes.every((s) => s.fsm.items.length === 1000));
  for (const s of nodes) assert.deepEqual(s.fsm.items, l.fsm.items);
  assert.equal(l.node.followers.length, 2);
  await eventually("followers hear at least every 200 ms", () =>
    nodes.every((s) => (s.node.lastContactMs ?? 1e9) < 200),
  );

  await l.stop();
  const gone = nodes.indexOf(l);
  await eventually("second leader", () => nodes.some((s, i) => i !== gone && s.node.role === "leader"));
  l = nodes.find((s, i) => i !== gone && s.node.role === "leader")!;
  await Promise.all(Array.from({ length: 500 }, (_, i) => l.node.apply(text(`b${i}`))));
  await l.node.snapshot();
  nodes[gone] = await startServer(all[gone]!, { dataDir: folders[gone], trailingLogs: 10 });
  await eventually("the late one caught up", () => nodes[gone]!.fsm.items.length === 1500);
  assert.ok(nodes[gone]!.fsm.restores > 0);
  assert.deepEqual(nodes[gone]!.fsm.items, l.fsm.items);

  const target = nodes.find((s) => s !== l)!;
  await l.node.transferLeadership({ id: target.server.id, address: target.server.address });
  await eventually("the target leads", () => target.node.role === "leader");
  await eventually("all agree on it", () => nodes.every((s) => s.node.leader?.id === target.server.id));
  await target.node.apply(text("by the new leader"));

  const removed = nodes.find((s) => s !== target)!;
  await target.node.removeServer(removed.server.id);
  assert.equal(target.node.configuration.servers.length, 2);
  await target.node.addNonvoter(removed.server.id, removed.server.address);
  await eventually(
    "the nonvoter follows",
    () => removed.fsm.items.at(-1) === "by the new leader" && removed.node.configuration.servers.length === 3,
  );
  await target.node.addVoter(removed.server.id, removed.server.address);
  await assert.rejects(target.node.addVoter("x", removed.server.address), /found duplicate address/);
  const bytes = text("restored\n");
  const meta = {
    id: "x",
    index: 1,
    term: 1,
    configuration: { servers: [] },
    configurationIndex: 1,
    size: bytes.length,
  };
  await target.node.restore(
    meta,
    (async function* () {
      yield bytes;
    })(),
  );
  await target.node.apply(text("after"));
  await eventually("all hold the restored state", () =>
    nodes.every((s) => s.fsm.items.join() === "restored,after"),
  );
  await Promise.all(nodes.map((s) => s.stop()));
  assert.ok(readdirSync(join(folders[0]!, "raft")).includes("raft.sqlite"));
});
