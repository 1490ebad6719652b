/** For tests of this folder: a state machine of texts, servers that meet over real sockets, waiting for conditions. */
import { connect, createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { systemClock } from "../ports/clock.ts";
import { LogHub, type LogLine } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { systemRandom } from "../ports/random.ts";
import type { Fsm, LogEntry, RaftDialer, RaftNode, RaftOptions, RaftServer } from "./contract.ts";
import { createRaft } from "./raft.ts";

/** Keeps every command, in order. */
export class ListFsm implements Fsm {
  items: string[] = [];
  indexes: number[] = [];
  restores = 0;

  apply(entry: LogEntry): unknown {
    const text = Buffer.from(entry.data).toString();
    if (text.startsWith("refuse")) return new Error(`refused: ${text}`);
    this.items.push(text);
    this.indexes.push(entry.index);
    return this.items.length;
  }
  *snapshot(): Generator<Uint8Array> {
    const items = [...this.items];
    for (const item of items) yield Buffer.from(`${item}\n`);
  }
  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    let text = "";
    for await (const chunk of stream) text += Buffer.from(chunk).toString();
    this.items = text.split("\n").slice(0, -1);
    this.restores++;
  }
}

/** Calls `look` until it is true; fails with `what` after `withinMs`. */
export async function eventually(
  what: string | (() => string),
  look: () => boolean,
  withinMs: number = 30_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!look()) {
    if (performance.now() > end)
      throw new Error(`not within ${withinMs} ms: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const FAST: Omit<RaftOptions, "id" | "address" | "dataDir"> = {
  heartbeatTimeoutMs: 800,
  electionTimeoutMs: 800,
  leaderLeaseTimeoutMs: 700,
  commitTimeoutMs: 50,
  snapshotIntervalMs: 60_000,
  snapshotThreshold: 8192,
  trailingLogs: 100,
  maxAppendEntries: 64,
};

export interface TestServer {
  readonly node: RaftNode;
  readonly fsm: ListFsm;
  readonly lines: LogLine[];
  readonly server: RaftServer;
  stop(): Promise<void>;
}

/** Dials raft's port with the connection kind already written. */
export const dialRaft: RaftDialer = (address, { timeoutMs }) =>
  new Promise<Duplex>((resolve, reject) => {
    const at = address.lastIndexOf(":");
    const socket = connect({
      host: address.slice(0, at),
      port: Number(address.slice(at + 1)),
      timeout: timeoutMs,
    });
    socket.setNoDelay(true);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.write(Buffer.from([1]));
      resolve(socket);
    });
    socket.once("timeout", () => socket.destroy(new Error("timeout")));
    socket.once("error", reject);
  });

/** Ends what a failed test has left running: its address is free for the next one. */
export async function stopServers(): Promise<void> {
  for (const s of [...running]) await s.stop();
}
const running = new Set<TestServer>();

/** One server on a real socket. `cut`: addresses that it cannot reach just now. */
export async function startServer(
  server: RaftServer,
  options: Partial<RaftOptions> & { readonly cut?: ReadonlySet<string> },
): Promise<TestServer> {
  const hub = new LogHub(systemClock);
  const lines: LogLine[] = [];
  hub.attach((line) => lines.push(line), "debug");
  const fsm = new ListFsm();
  const { cut, ...raftOptions } = options;
  const node = createRaft(
    { ...FAST, id: server.id, address: server.address, dataDir: undefined, ...raftOptions },
    {
      clock: systemClock,
      random: systemRandom,
      log: hub.logger("raft"),
      metrics: noMetrics,
      fsm,
      dial: (address, o) => (cut?.has(address) ? Promise.reject(new Error("cut off")) : dialRaft(address, o)),
    },
  );
  const listener: Server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("data", (first: Buffer) => {
      socket.removeAllListeners("data");
      node.accept(socket, first.subarray(1), String(socket.remoteAddress));
    });
  });
  const at = server.address.lastIndexOf(":");
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(Number(server.address.slice(at + 1)), server.address.slice(0, at), resolve);
  });
  try {
    await node.start();
  } catch (error) {
    listener.close();
    throw error;
  }
  const started: TestServer = {
    node,
    fsm,
    lines,
    server,
    stop: async () => {
      running.delete(started);
      await node.shutdown();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
  running.add(started);
  return started;
}
