/** Server, listener and pool together over real connections. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import test, { type TestContext } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { DCSpecificRequest } from "../model/catalog.ts";
import { DirEntry, IndexedDirEntries, KeyRequest, KVSRequest } from "../model/kv.ts";
import { type MethodName, rpcMethods } from "../model/methods.ts";
import { SnapshotRequest, SnapshotResponse } from "../model/operator.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { type LogFields, type Logger, silentLogger } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { seededRandom } from "../ports/random.ts";
import { MsgpackWriter } from "../wire/msgpack.ts";
import { encode } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { MethodMissingError, RpcConnectionError, RpcRemoteError, RpcTimeoutError } from "./errors.ts";
import {
  createRpcListener,
  type RpcListener,
  type RpcListenerHandlers,
  type RpcListenerOptions,
} from "./listener.ts";
import { RpcPool, type RpcPoolOptions } from "./pool.ts";
import { decodeResponseHead, encodeRequest } from "./rpc-message.ts";
import { type RpcContext, RpcServer, type RpcServerOptions } from "./rpc-server.ts";

const HOST = "127.2.1.1";
type Handler = (method: MethodName, request: never, context: RpcContext) => Promise<unknown>;

interface Rig {
  readonly listener: RpcListener;
  readonly server: RpcServer;
  readonly pool: RpcPool;
  readonly address: string;
  readonly lines: string[];
}
interface RigOptions {
  readonly clock?: Clock;
  readonly server?: RpcServerOptions;
  readonly listener?: Partial<RpcListenerOptions>;
  readonly handlers?: Partial<RpcListenerHandlers>;
  readonly pool?: RpcPoolOptions;
}

/** A logger that keeps its lines. */
function keeping(lines: string[]): Logger {
  const keep = (message: string, fields?: LogFields): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  return { ...silentLogger, warn: keep, error: keep };
}

async function rig(t: TestContext, handler: Handler, options: RigOptions = {}): Promise<Rig> {
  const lines: string[] = [];
  const ports = { clock: options.clock ?? systemClock, log: keeping(lines), metrics: noMetrics };
  const server = new RpcServer(handler as never, options.server ?? {}, ports);
  const listener = createRpcListener(
    { host: HOST, port: 0, ...options.listener },
    { rpc: server, ...options.handlers },
    ports,
  );
  await listener.start();
  const pool = new RpcPool(options.pool ?? {}, ports);
  t.after(async () => {
    await pool.close();
    await listener.close();
  });
  return { listener, server, pool, address: `${HOST}:${listener.address.port}`, lines };
}

const LEADER = { Datacenter: "dc1" };
const leaderRequest = DCSpecificRequest.make(LEADER);

/** Waits for a condition, at most 30 s. */
async function until(what: string, ok: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !ok(); await new Promise((r) => setImmediate(r)))
    assert.ok(Date.now() < deadline, `waited too long for: ${what}`);
}

async function open(t: TestContext, address: string, first: readonly number[]): Promise<Socket> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  await once(socket, "connect");
  if (first.length > 0) socket.write(Buffer.from(first));
  return socket;
}
const closed = async (socket: Socket): Promise<void> => {
  socket.resume();
  const deadline = AbortSignal.timeout(30_000);
  if (!socket.readableEnded && !socket.destroyed)
    await Promise.race([
      once(socket, "end", { signal: deadline }),
      once(socket, "close", { signal: deadline }),
    ]);
};

test("a call is answered, and its stream used again", async (t) => {
  const seen: string[] = [];
  const { pool, address, server } = await rig(t, async (method, request, context) => {
    seen.push(
      `${method} ${JSON.stringify((request as typeof leaderRequest).Datacenter)} ${context.from.split(":")[0]}`,
    );
    return "10.0.0.1:8300";
  });
  assert.equal(await pool.call(address, "Status.Leader", leaderRequest), "10.0.0.1:8300");
  assert.equal(await pool.call(address, "Status.Leader", leaderRequest), "10.0.0.1:8300");
  assert.deepEqual(seen, Array(2).fill('Status.Leader "dc1" 127.0.0.1'));
  assert.equal(server.channelCount, 1);
});

test("a handler's error comes back with the pool's prefix, its stream is not used again, the session is", async (t) => {
  const { pool, address, server, listener } = await rig(t, async () => {
    throw new Error("No cluster leader");
  });
  for (let i = 0; i < 3; i++)
    await assert.rejects(pool.call(address, "Status.Leader", leaderRequest), (error) => {
      assert.ok(error instanceof RpcRemoteError);
      assert.equal(error.message, "rpc error making call: No cluster leader");
      assert.equal(error.remoteText, "No cluster leader");
      return true;
    });
  await until("streams to end", () => server.channelCount === 0);
  assert.equal(listener.connectionCount, 1);
});

test("large requests and replies pass windows and frames both ways", async (t) => {
  const random = seededRandom(7);
  const value = random.bytes(3_000_000);
  const { pool, address } = await rig(t, async (method, request) => {
    if (method === "KVS.Apply") return value.equals((request as { DirEnt: { Value: Buffer } }).DirEnt.Value);
    return IndexedDirEntries.make({ Index: 5, Entries: [entry(value)] });
  });
  const entry = (Value: Buffer) => DirEntry.make({ Key: "k", Value });
  const apply = KVSRequest.make({ Op: "set", DirEnt: entry(value) });
  assert.equal(await pool.call(address, "KVS.Apply", apply), true);
  const replies = await Promise.all(
    Array.from({ length: 6 }, () => pool.call(address, "KVS.Get", KeyRequest.make({ Key: "k" }))),
  );
  for (const reply of replies) assert.ok(value.equals(reply.Entries![0]!.Value!));
});

test("calls run side by side; a waiting one holds only its own stream", async (t) => {
  let release: (() => void) | undefined;
  const { pool, address } = await rig(t, (method) =>
    method === "Status.Leader"
      ? new Promise((resolve) => {
          release = () => resolve("late");
        })
      : Promise.resolve(["a"]),
  );
  const waiting = pool.call(address, "Status.Leader", leaderRequest);
  await until("the first call to arrive", () => release !== undefined);
  assert.deepEqual(await pool.call(address, "Status.Peers", leaderRequest), ["a"]);
  release!();
  assert.equal(await waiting, "late");
});

test("an aborted call rejects with the reason at once, and the handler is told", async (t) => {
  let signal: AbortSignal | undefined;
  const { pool, address } = await rig(t, (_method, _request, context) => {
    signal = context.signal;
    return new Promise(() => {});
  });
  const abort = new AbortController();
  const call = pool.call(address, "Status.Leader", leaderRequest, { signal: abort.signal });
  await until("the call to arrive", () => signal !== undefined);
  abort.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  await until("the handler to be told", () => signal!.aborted);
  await assert.rejects(
    pool.call(address, "Status.Leader", leaderRequest, { signal: abort.signal }),
    /enough/,
  );
});

test("a call has a time limit of its own", async (t) => {
  const { pool, address } = await rig(t, () => new Promise(() => {}));
  await assert.rejects(
    pool.call(address, "Status.Leader", leaderRequest, { timeoutMs: 20 }),
    RpcTimeoutError,
  );
});

test("a refused dial speaks as Go does", async (t) => {
  const { pool } = await rig(t, async () => "");
  await assert.rejects(pool.call(`${HOST}:1`, "Status.Leader", leaderRequest), (error) => {
    assert.ok(error instanceof RpcConnectionError);
    assert.equal(error.stage, "dial");
    assert.equal(
      error.message,
      `rpc error getting client: failed to get conn: dial tcp ${HOST}:1: connect: connection refused`,
    );
    return true;
  });
  assert.equal(pool.sessionCount, 0);
  await assert.rejects(
    pool.call("nonsense", "Status.Leader", leaderRequest),
    /failed to get conn: dial tcp: address nonsense/,
  );
  await assert.rejects(
    pool.dialRaft(`${HOST}:1`, { timeoutMs: 1000 }),
    /^RpcConnectionError: dial tcp 127.2.1.1:1: connect: connection refused/,
  );
});

test("connections come from the source address", async (t) => {
  let from = "";
  const { pool, address } = await rig(
    t,
    async (_m, _r, context) => {
      from = context.from;
      return "";
    },
    { pool: { sourceAddress: "127.2.1.77" } },
  );
  await pool.call(address, "Status.Leader", leaderRequest);
  assert.match(from, /^127\.2\.1\.77:/);
  await assert.rejects(
    pool.call(`${HOST}:1`, "Status.Leader", leaderRequest),
    /dial tcp 127\.2\.1\.77:0->127\.2\.1\.1:1: connect/,
  );
});

test("a server that goes away ends its calls, and the next call dials anew", async (t) => {
  const first = await rig(t, () => new Promise(() => {}));
  const call = first.pool.call(first.address, "Status.Leader", leaderRequest);
  await until("the call to arrive", () => first.server.channelCount === 1);
  const rejected = assert.rejects(call, (error) => {
    assert.ok(error instanceof RpcConnectionError);
    assert.equal(error.stage, "call");
    assert.match(error.message, /^rpc error making call: /);
    return true;
  });
  const { port } = first.listener.address;
  await first.listener.close();
  await rejected;
  await until("the session to be dropped", () => first.pool.sessionCount === 0);
  const again = await rig(t, async () => "back", { listener: { port } });
  assert.equal(await first.pool.call(again.address, "Status.Leader", leaderRequest), "back");
});

test("an idle session is closed, a busy one is not", async (t) => {
  const clock = new SimClock();
  let release: (() => void) | undefined;
  const { pool, address, listener } = await rig(
    t,
    () =>
      new Promise((resolve) => {
        release = () => resolve("x");
      }),
    {
      clock,
      pool: { idleCloseMs: 1_000 },
      // The simulated clock must not run out on the accepting side.
      listener: { handshakeTimeoutMs: 1e9 },
    },
  );
  const call = pool.call(address, "Status.Leader", leaderRequest);
  await until("the call to arrive", () => release !== undefined);
  clock.advance(5_000);
  assert.equal(pool.sessionCount, 1);
  release!();
  await call;
  clock.advance(900);
  assert.equal(pool.sessionCount, 1);
  clock.advance(2_000);
  await until("the session to close", () => pool.sessionCount === 0 && listener.connectionCount === 0);
});

/** Sends requests on a plain connection and gives the responses. */
async function plainExchange(
  socket: Socket,
  bytes: Buffer,
  wanted: number,
): Promise<readonly { readonly error: string; readonly seq: bigint; readonly body: Buffer }[]> {
  const splitter = new MsgpackSplitter(1 << 24);
  const out: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => {
    splitter.push(chunk);
    for (let v = splitter.next(); v !== undefined; v = splitter.next()) out.push(v);
  });
  socket.write(bytes);
  await until(`${wanted} responses`, () => out.length >= 2 * wanted);
  return Array.from({ length: wanted }, (_, i) => {
    const head = decodeResponseHead(out[2 * i]!);
    return { error: head.Error, seq: head.Seq, body: out[2 * i + 1]! };
  });
}

const request = (method: string, seq: bigint): Buffer =>
  encodeRequest(method, seq, rpcMethods["Status.Leader"].request, leaderRequest).bytes;

test("plain connections: pipelined requests are answered one after another, byte by byte too", async (t) => {
  const order: string[] = [];
  let n = 0;
  const { address } = await rig(t, async () => {
    const me = ++n;
    order.push(`start ${me}`);
    await new Promise((r) => setImmediate(r));
    order.push(`end ${me}`);
    return `r${me}`;
  });
  const socket = await open(t, address, [0x00]);
  const answers = await plainExchange(
    socket,
    Buffer.concat([request("Status.Leader", 1n), request("Status.Leader", 2n ** 63n)]),
    2,
  );
  assert.deepEqual(
    answers.map((a) => a.seq),
    [1n, 2n ** 63n],
  );
  assert.deepEqual(order, ["start 1", "end 1", "start 2", "end 2"]);

  const slow = await open(t, address, [0x00]);
  slow.setNoDelay(true);
  const bytes = request("Status.Leader", 9n);
  for (let i = 0; i < bytes.length - 1; i++) {
    slow.write(bytes.subarray(i, i + 1));
    if (i % 16 === 0) await new Promise((r) => setImmediate(r));
  }
  const [late] = await plainExchange(slow, bytes.subarray(-1), 1);
  assert.equal(late!.seq, 9n);
  // Half-closed: what was asked is answered, then the connection ends.
  const half = await open(t, address, [0x00]);
  half.end(request("Status.Leader", 4n));
  const chunks: Buffer[] = [];
  half.on("data", (c: Buffer) => chunks.push(c));
  await once(half, "end");
  assert.ok(Buffer.concat(chunks).includes("Status.Leader"));
});

const refusals = [
  { name: "unknown method", method: "Catalog.Nope", text: "rpc: can't find method Catalog.Nope" },
  { name: "unknown service", method: "Nope.Nope", text: "rpc: can't find service Nope.Nope" },
  { name: "no dot", method: "Nope", text: "rpc: service/method request ill-formed: Nope" },
  {
    name: "insecure service on a normal connection",
    method: "AutoEncrypt.Sign",
    text: "rpc: can't find service AutoEncrypt.Sign",
  },
  {
    name: "a method the service lacks",
    method: "Status.Leader",
    text: "rpc: can't find method Status.Leader",
  },
  {
    name: "an inherited name",
    method: "Status.constructor",
    text: "rpc: can't find method Status.constructor",
  },
];
for (const { name, method, text } of refusals)
  test(`refused, then the stream ends: ${name}`, async (t) => {
    const { address } = await rig(t, async (m) => {
      throw new MethodMissingError(m);
    });
    const socket = await open(t, address, [0x00]);
    const [answer] = await plainExchange(socket, request(method, 3n), 1);
    assert.equal(answer!.error, text);
    assert.equal(answer!.seq, 3n);
    assert.deepEqual([...answer!.body], [0x80]);
    await closed(socket);
  });

test("an undecodable body is refused with the decoder's text", async (t) => {
  const { address } = await rig(t, async () => "");
  const socket = await open(t, address, [0x00]);
  const w = new MsgpackWriter();
  w.raw(
    Buffer.from(
      "82a353657101ad536572766963654d6574686f64a74b56532e47657482aa4461746163656e746572c403646331a34b6579a161",
      "hex",
    ),
  );
  const [answer] = await plainExchange(socket, w.finish(), 1);
  assert.equal(
    answer!.error,
    "codec.decoder: readContainerLen: Unrecognized descriptor byte: hex: c4, dec: 196",
  );
  await closed(socket);
});

test("a reply that cannot be encoded is our mistake and answered as an error", async (t) => {
  const { address } = await rig(t, async () => 5);
  const socket = await open(t, address, [0x00]);
  const [answer] = await plainExchange(socket, request("Status.Leader", 1n), 1);
  assert.notEqual(answer!.error, "");
});

const unwelcome = [
  { name: "0x02, reserved", bytes: [0x02] },
  { name: "0x06, gossip", bytes: [0x06] },
  { name: "0x08, of later versions", bytes: [0x08] },
  { name: "TLS ClientHello", bytes: [0x16, 0x03] },
  { name: "raft without a taker", bytes: [0x01] },
  { name: "snapshot without a taker", bytes: [0x05, 0x80] },
  { name: "garbage instead of a header", bytes: [0x00, 0xc1] },
  { name: "a header that is no map", bytes: [0x00, 0x05] },
];
for (const { name, bytes } of unwelcome)
  test(`closed: ${name}`, async (t) => {
    const { address, listener, lines } = await rig(t, async () => "");
    const socket = await open(t, address, bytes);
    await closed(socket);
    await until("the server to forget it", () => listener.connectionCount === 0);
    assert.equal(lines.length, 1);
  });

test("TLS without a certificate is left unanswered", async (t) => {
  const { address, listener, lines } = await rig(t, async () => "");
  const socket = await open(t, address, [0x03, 0x16, 0x03, 0x01]);
  let got = 0;
  socket.on("data", (c: Buffer) => {
    got += c.length;
  });
  await until("the log line", () => lines.length === 1);
  assert.equal(listener.connectionCount, 1);
  socket.end();
  await until("the server to forget it", () => listener.connectionCount === 0);
  assert.equal(got, 0);
});

test("with TLS demanded, plain kinds are closed; TLS inside TLS is refused", async (t) => {
  const inner: Socket[] = [];
  const { address, lines } = await rig(t, async () => "yes", {
    listener: { tlsOnly: true },
    handlers: {
      tls: async (connection, head) => {
        // Stands for a finished handshake: what follows is the inside.
        connection.unshift(Buffer.from(head));
        inner.push(connection as Socket);
        return connection;
      },
    },
  });
  await closed(await open(t, address, [0x04]));
  assert.match(lines[0]!, /Non-TLS/);
  const good = await open(t, address, [0x03, 0x00]);
  const [answer] = await plainExchange(good, request("Status.Leader", 1n), 1);
  assert.equal(answer!.error, "");
  await closed(await open(t, address, [0x03, 0x03]));
  const insecure = await open(t, address, [0x07]);
  const [refused] = await plainExchange(insecure, request("Status.Leader", 1n), 1);
  assert.equal(refused!.error, "rpc: can't find service Status.Leader");
});

test("ended before a byte was said: forgotten", async (t) => {
  const { address, listener } = await rig(t, async () => "");
  const socket = await open(t, address, []);
  await until("the connection", () => listener.connectionCount === 1);
  socket.end();
  socket.resume();
  await until("the server to forget it", () => listener.connectionCount === 0);
});

test("nothing said within the handshake time: closed", async (t) => {
  const { address, listener } = await rig(t, async () => "", { listener: { handshakeTimeoutMs: 30 } });
  await closed(await open(t, address, []));
  await until("the server to forget it", () => listener.connectionCount === 0);
});

test("more connections than allowed from one address: the newest is closed", async (t) => {
  const { address, listener } = await rig(t, async () => "", { listener: { connsPerClientMax: 2 } });
  await open(t, address, [0x00]);
  await open(t, address, [0x00]);
  await until("two connections", () => listener.connectionCount === 2);
  await closed(await open(t, address, [0x00]));
  await until("the newest to be forgotten", () => listener.connectionCount === 2);
});

test("streams beyond the server's bound are refused, the others served", async (t) => {
  let release: (() => void) | undefined;
  const { pool, address } = await rig(
    t,
    () =>
      new Promise((resolve) => {
        release = () => resolve("x");
      }),
    { server: { channelsMax: 1 } },
  );
  const first = pool.call(address, "Status.Leader", leaderRequest);
  await until("the call to arrive", () => release !== undefined);
  await assert.rejects(pool.call(address, "Status.Leader", leaderRequest), RpcConnectionError);
  release!();
  assert.equal(await first, "x");
});

test("a request beyond its limit, and too many unfinished bytes, end the stream", async (t) => {
  const { address } = await rig(t, async () => "", { server: { requestBytesMax: 1000 } });
  const head = request("Status.Leader", 1n).subarray(0, 34);
  await closed(await open(t, address, [0x00, ...head, 0xdb, 0x7f, 0xff, 0xff, 0xff]));
  const small = await rig(t, async () => "", { server: { unfinishedBytesMax: 5000 } });
  const socket = await open(t, small.address, [0x00, ...head, 0xda, 0x40, 0x00]);
  socket.write(Buffer.alloc(8000));
  await closed(socket);
  await until("the budget's stream to end", () => small.server.channelCount === 0);
});

test("raft connections are handed over with what came behind the kind byte", async (t) => {
  let got = Buffer.alloc(0);
  let from = "";
  const { address, pool } = await rig(t, async () => "", {
    handlers: {
      raft: (connection, head, peer) => {
        from = peer;
        got = Buffer.concat([got, head]);
        const answer = (): void => void (got.toString() === "appendentries" && connection.write("seen"));
        connection.on("data", (c: Buffer) => {
          got = Buffer.concat([got, c]);
          answer();
        });
        answer();
      },
    },
  });
  const connection = await pool.dialRaft(address, { timeoutMs: 30_000 });
  t.after(() => connection.destroy());
  connection.write("append");
  connection.write("entries");
  const [answer] = (await once(connection, "data")) as [Buffer];
  assert.equal(answer.toString(), "seen");
  assert.match(from, /^127\./);
});

test("snapshots stream both ways", async (t) => {
  const archive = seededRandom(3).bytes(2_000_000);
  let restored = Buffer.alloc(0);
  const { address, pool } = await rig(t, async () => "", {
    handlers: {
      snapshot: async (request, body) => {
        if (request.Datacenter === "dc9") throw new Error("No path to datacenter");
        if (request.Op === 1) {
          const chunks: Uint8Array[] = [];
          for await (const chunk of body) chunks.push(chunk);
          restored = Buffer.concat(chunks);
          return { response: SnapshotResponse.make({ Index: 9 }) };
        }
        async function* pieces() {
          for (let at = 0; at < archive.length; at += 50_000) yield archive.subarray(at, at + 50_000);
        }
        return { response: SnapshotResponse.make({ Index: 7, KnownLeader: true }), stream: pieces() };
      },
    },
  });
  const save = await pool.snapshot(address, SnapshotRequest.make({ Datacenter: "dc1" }), undefined);
  assert.equal(save.response.Index, 7);
  const chunks: Uint8Array[] = [];
  for await (const chunk of save.stream) chunks.push(chunk);
  assert.ok(archive.equals(Buffer.concat(chunks)));

  async function* body() {
    for (let at = 0; at < archive.length; at += 70_000) yield archive.subarray(at, at + 70_000);
  }
  const restore = await pool.snapshot(address, SnapshotRequest.make({ Datacenter: "dc1", Op: 1 }), body());
  assert.equal(restore.response.Index, 9);
  assert.ok(archive.equals(restored));
  const refused = await pool.snapshot(address, SnapshotRequest.make({ Datacenter: "dc9" }), undefined);
  assert.equal(refused.response.Error, "No path to datacenter");
});

test("snapshot connections that end early, or are refused, are forgotten", async (t) => {
  const { address, listener } = await rig(t, async () => "", {
    handlers: {
      snapshot: async () => {
        throw new Error("No cluster leader");
      },
    },
  });
  const head = encode(SnapshotRequest, SnapshotRequest.make({ Datacenter: "dc1", Op: 1 }));
  for (const bytes of [
    Buffer.of(5),
    Buffer.of(5, 0x84),
    Buffer.of(5, 0xc1),
    Buffer.concat([Buffer.of(5), head]),
    Buffer.concat([Buffer.of(5), head, Buffer.alloc(500_000)]),
  ]) {
    for (const how of ["end", "destroy"] as const) {
      const socket = await open(t, address, []);
      for (const b of bytes.subarray(0, 60)) socket.write(Buffer.of(b));
      socket.write(bytes.subarray(60));
      await new Promise((r) => setImmediate(r));
      socket[how]();
      socket.resume();
    }
  }
  await until("the connections to end", () => listener.connectionCount === 0);
});

test("a server that talks nonsense gives typed errors", async (t) => {
  for (const reply of [
    Buffer.from("000000020000000100000001c1", "hex"),
    Buffer.from("ffffffffffffffffffffffff", "hex"),
    Buffer.alloc(0),
  ]) {
    const bad = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(reply));
    });
    bad.listen(0, HOST);
    await once(bad, "listening");
    const { pool } = await rig(t, async () => "");
    const { port } = bad.address() as { port: number };
    await assert.rejects(pool.call(`${HOST}:${port}`, "Status.Leader", leaderRequest), RpcConnectionError);
    bad.close();
  }
});

test("random bytes of every kind leave a server that answers", async (t) => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const { address, pool, listener } = await rig(t, async () => "alive", {
    listener: { connsPerClientMax: 1000 },
  });
  const frames = Buffer.from(
    encodeRequest("Status.Leader", 1n, rpcMethods["Status.Leader"].request, leaderRequest).bytes,
  );
  for (let i = 0; i < 150; i++) {
    const kind = [0x00, 0x04, 0x04, 0x05, random.int(256)][random.int(5)]!;
    const body =
      random.int(2) === 0
        ? random.bytes(random.int(300))
        : Buffer.concat([Buffer.from("000100010000000100000000000000000000000100000040", "hex"), frames]);
    for (let k = 0; k < random.int(4); k++)
      if (body.length > 0) body[random.int(body.length)] = random.int(256);
    const socket = await open(t, address, [kind]);
    socket.end(body);
    socket.resume();
  }
  assert.equal(await pool.call(address, "Status.Leader", leaderRequest), "alive", `seed ${seed}`);
  await until("the hostile connections to end", () => listener.connectionCount === 1);
});
