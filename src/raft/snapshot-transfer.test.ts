/** InstallSnapshot against disks that are slow, stand still, or fail: real sockets, simulated time. */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { after, test } from "node:test";
import { SimClock, settle } from "../../sim/clock.ts";
import { silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { seededRandom } from "../ports/random.ts";
import type { InstallRequest, RaftResponse } from "./core/messages.ts";
import { RaftDriver } from "./driver.ts";
import { INSTALL_STALL_MS, RPC_TIMEOUT_MS } from "./limits.ts";
import { MemoryLogStore } from "./log-store.ts";
import { RaftConnection } from "./raft-connection.ts";
import { MemorySnapshotStore, type SnapshotSink } from "./snapshot-store.ts";
import { dialRaft, eventually, ListFsm } from "./testing.ts";
import { TcpRaftTransport } from "./transport.ts";

const CHUNK = 256 << 10;
const CHUNKS = 400;
const SIZE = CHUNK * CHUNKS;
const STEPS = 10;
/** What may lie between a reader that stands still and the source: buffers of both sockets, of the kernel, of the streams. */
const UNREAD_CHUNKS_MAX = 100;

const request = (size: number): InstallRequest => ({
  kind: "install",
  term: 2,
  leader: "l:8300",
  from: "l",
  lastIndex: 10,
  lastTerm: 2,
  configuration: { servers: [{ id: "f", address: "f:8300", suffrage: 0 }] },
  configurationIndex: 1,
  size,
});
const accepted: RaftResponse = { kind: "install-response", term: 2, success: true };

const servers = new Set<Server>();
const sockets = new Set<Socket>();
after(() => {
  for (const s of servers) s.close();
  for (const s of sockets) s.destroy();
});

/** A receiver whose reads the test lets through one by one, and the sender's side of it. */
async function transfer(host: string) {
  const clock = new SimClock();
  let allowed = 0;
  let taken = 0;
  let wake = (): void => {};
  let answer: (() => void) | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("data", (first: Buffer) => {
      socket.removeAllListeners("data");
      new RaftConnection(
        socket,
        first.subarray(1),
        { id: "f", address: "f:8300" },
        async (_request, body, reply) => {
          try {
            for await (const piece of body!) {
              taken += piece.length;
              while (taken > allowed)
                await new Promise<void>((resolve) => {
                  wake = resolve;
                });
            }
            answer = () => reply(accepted);
          } catch {
            // The sender has hung up.
          }
        },
        () => {},
      );
    });
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(8300, host, resolve));
  const transport = new TcpRaftTransport(
    { id: "l", address: "l:8300", heartbeatTimeoutMs: 1000 },
    { dial: dialRaft, clock },
  );
  let pulled = 0;
  const source = (async function* () {
    for (; pulled < CHUNKS; pulled++) yield Buffer.alloc(CHUNK, pulled);
  })();
  const result = transport.install({ id: "f", address: `${host}:8300`, suffrage: 0 }, request(SIZE), source);
  result.catch(() => {});
  return {
    clock,
    result,
    allow: (bytes: number) => {
      allowed += bytes;
      wake();
    },
    get taken() {
      return taken;
    },
    get pulled() {
      return pulled;
    },
    get answer() {
      return answer;
    },
  };
}

/** Until nothing moves any more: the source has been asked for nothing new for a while. */
async function stillness(t: { readonly pulled: number }): Promise<void> {
  for (let before = -1; before !== t.pulled; ) {
    before = t.pulled;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a slow disk sets the pace: the sender waits for it, holds little, and does not give it up", async () => {
  const t = await transfer("127.21.10.1");
  await eventually("the first bytes", () => t.taken > 0);
  await stillness(t);
  // Far more than any time for the whole, in steps in which some of it is taken.
  for (let step = 0; step < STEPS; step++) {
    assert.ok(
      t.pulled - t.taken / CHUNK < UNREAD_CHUNKS_MAX,
      `${t.pulled} chunks read, ${t.taken} bytes taken`,
    );
    const before = t.pulled;
    t.allow(SIZE / STEPS);
    // A tenth of it is more than all buffers on the way hold.
    await eventually("more is asked for", () => t.pulled > before || before === CHUNKS);
    await stillness(t);
    t.clock.advance(INSTALL_STALL_MS - 1);
  }
  await eventually("all is taken", () => t.answer !== undefined);
  t.answer!();
  assert.deepEqual(await t.result, accepted);
});

test("a receiver that takes nothing any more is given up, to be tried again", async () => {
  const t = await transfer("127.21.10.2");
  await eventually("the first bytes", () => t.taken > 0);
  await stillness(t);
  t.clock.advance(INSTALL_STALL_MS + 1);
  await assert.rejects(t.result, /takes no more of the snapshot within/);
});

test("once all is sent the receiver has time for the restore, by the size", async () => {
  for (const inTime of [true, false]) {
    const t = await transfer(`127.21.10.${inTime ? 3 : 4}`);
    t.allow(SIZE);
    await eventually("all is taken", () => t.answer !== undefined);
    await stillness(t);
    const timeMs = RPC_TIMEOUT_MS * CHUNKS;
    t.clock.advance(timeMs - 1);
    if (inTime) t.answer!();
    else t.clock.advance(2);
    if (inTime) assert.deepEqual(await t.result, accepted);
    else await assert.rejects(t.result, /no answer to InstallSnapshot within/);
  }
});

/** Its sinks fail after some bytes, as often as it is told. */
class FailingStore extends MemorySnapshotStore {
  failures = 1;
  cancelled = 0;

  override async create(): Promise<SnapshotSink> {
    const sink = await super.create();
    let left = this.failures-- > 0 ? 8 : Number.POSITIVE_INFINITY;
    return {
      ...sink,
      write: async (chunk) => {
        left -= chunk.length;
        if (left < 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        return sink.write(chunk);
      },
      cancel: () => {
        this.cancelled++;
        return sink.cancel();
      },
    };
  }
}

test("a disk that fails within a snapshot: nothing of it is kept, the rest is read, and the next try is taken", async () => {
  const clock = new SimClock();
  const fsm = new ListFsm();
  const snapshots = new FailingStore(() => clock.wall());
  const driver = new RaftDriver(
    {
      id: "f",
      address: "f:8300",
      heartbeatTimeoutMs: 1000,
      electionTimeoutMs: 1000,
      leaderLeaseTimeoutMs: 500,
      trailingLogs: 10,
      appendEntriesMax: 64,
      snapshotIntervalMs: 1e6,
      snapshotThreshold: 1e6,
    },
    {
      clock,
      random: seededRandom(1),
      log: silentLogger,
      metrics: noMetrics,
      store: new MemoryLogStore(),
      snapshots,
      transport: {
        send: () => {},
        install: () => Promise.reject(new Error("it does not lead")),
        keepOnly: () => {},
        close: () => {},
      },
      fsm,
      defer: (work) => setImmediate(work),
    },
  );
  await driver.start();
  const bytes = Buffer.from("one\ntwo\nthree\n");
  const attempt = async (): Promise<{ readonly answer: RaftResponse | Error; readonly read: number }> => {
    let read = 0;
    const body = (async function* () {
      for (let at = 0; at < bytes.length; at += 5) {
        read = Math.min(at + 5, bytes.length);
        yield bytes.subarray(at, at + 5);
      }
    })();
    let answer: RaftResponse | Error | undefined;
    driver.receive(request(bytes.length), body, (a) => {
      answer = a;
    });
    await eventually("the answer", () => answer !== undefined);
    return { answer: answer!, read };
  };
  const failed = await attempt();
  assert.match(String(failed.answer), /no space left on device/);
  assert.deepEqual([snapshots.cancelled, await snapshots.list(), fsm.items], [1, [], []]);
  const taken = await attempt();
  assert.deepEqual(taken, {
    answer: { kind: "install-response", term: 2, success: true },
    read: bytes.length,
  });
  assert.deepEqual(fsm.items, ["one", "two", "three"]);
  assert.deepEqual([driver.appliedIndex, (await snapshots.list()).length], [10, 1]);
  await settle();
  await driver.shutdown();
});
