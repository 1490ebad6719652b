import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type AgentApi, AgentError } from "../agent/contract.ts";
import { encodeUserEvent } from "../agent/user-event-message.ts";
import type { Member as PoolMember, SerfEvent } from "../gossip/contract.ts";
import * as wire from "../model/cli-rpc.ts";
import { KeyringResponse } from "../model/coordinate.ts";
import { systemClock } from "../ports/clock.ts";
import { LogHub } from "../ports/log.ts";
import { seededRandom } from "../ports/random.ts";
import { MsgpackWriter } from "../wire/msgpack.ts";
import { decode, type Type } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { type CliRpcDoor, createCliRpcDoor } from "./door.ts";
import { QUEUED_RECORDS_MAX } from "./limits.ts";

const HOST = "127.2.6.1";

const member = (
  name: string,
  addr: string,
  role: string,
  status: PoolMember["status"] = "alive",
): PoolMember => ({
  name,
  addr,
  port: 8301,
  tags: new Map([
    ["role", role],
    ["dc", "dc1"],
    ["build", "1.8.7:abc"],
  ]),
  status,
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});

/** What an agent answers, and what it was asked to do. */
interface Rig {
  readonly door: CliRpcDoor;
  readonly done: string[];
  readonly hub: LogHub;
  emit(event: SerfEvent): void;
}

async function rig(t: TestContext, host: string = HOST): Promise<Rig> {
  const done: string[] = [];
  const hub = new LogHub(systemClock);
  const handlers = new Set<(event: SerfEvent) => void>();
  const members = [
    member("s1", "127.0.4.12", "consul"),
    member("c1", "fd00::1", "node"),
    member("c2", "127.0.4.14", "node", "failed"),
  ];
  const agent = {
    config: {
      nodeName: "s1",
      datacenter: "dc1",
      cliRpcAddrs: [{ host, port: 0 }],
      unixSockets: { user: "", group: "", mode: "660" },
    },
    clock: systemClock,
    log: hub.logger("agent"),
    logHub: hub,
    lanMembers: () => members,
    wanMembers: () => [],
    join: async (addresses: readonly string[], { wan }: { wan: boolean }) => {
      if (wan) throw new AgentError(500, "Must be a server to join WAN cluster");
      done.push(`join ${addresses.join()}`);
      return addresses.length;
    },
    leave: async () => void done.push("leave"),
    shutdown: async (code: number) => void done.push(`shutdown ${code}`),
    forceLeave: async (node: string, { prune }: { prune: boolean }) => {
      done.push(`force-leave ${node} ${prune}`);
      throw new Error("unknown");
    },
    reload: async () => void done.push("reload"),
    stats: () => new Map([["agent", new Map([["checks", "2"]])]]),
    rpc: async (method: string, request: { Operation: string; Key: string; Token: string }) => {
      done.push(`${method} ${request.Operation} ${request.Key} ${request.Token}`);
      if (request.Token === "bad") throw new Error("Permission denied");
      return {
        Responses: [
          KeyringResponse.make({
            Datacenter: "dc1",
            NumNodes: 1,
            Error: "1/1 nodes reported failure",
            Messages: new Map([["s1", "Keyring is empty (encryption not enabled)"]]),
          }),
          KeyringResponse.make({ WAN: true, Datacenter: "dc1", NumNodes: 2, Keys: new Map([["a2V5", 2]]) }),
        ],
      };
    },
    events: {
      fire: async (e: { name: string; payload: Uint8Array | null; token: string }) => {
        done.push(`event ${e.name} ${Buffer.from(e.payload ?? []).toString()} ${e.token}`);
        return {};
      },
    },
    lan: {
      onEvent: (h: (event: SerfEvent) => void) => {
        handlers.add(h);
        return () => handlers.delete(h);
      },
      coordinate: () => ({ Vec: [1, 2], Error: 1.5, Adjustment: 0, Height: 1e-5 }),
      cachedCoordinate: () => undefined,
    },
  } as unknown as AgentApi;
  const door = createCliRpcDoor(agent);
  await door.start();
  t.after(() => door.close());
  return { door, done, hub, emit: (event) => handlers.forEach((h) => void h(event)) };
}

async function until(what: string, ok: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !ok(); await new Promise((r) => setImmediate(r)))
    assert.ok(Date.now() < deadline, `waited too long for: ${what}`);
}

class Peer {
  readonly socket: Socket;
  readonly values: Buffer[] = [];
  readonly #splitter = new MsgpackSplitter(1 << 26);
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.#splitter.push(bytes);
      for (let v = this.#splitter.next(); v !== undefined; v = this.#splitter.next()) this.values.push(v);
    });
    socket.on("close", () => {
      this.closed = true;
    });
  }

  async next(): Promise<Buffer> {
    await until("a value", () => this.values.length > 0 || this.closed);
    const value = this.values.shift();
    assert.ok(value !== undefined, "the connection was closed");
    return value;
  }

  async header(): Promise<wire.ResponseHeader> {
    return decode(wire.ResponseHeader, await this.next());
  }

  async body<T>(type: Type<T>): Promise<T> {
    return decode(type, await this.next());
  }
}

async function peer(t: TestContext, { door }: Rig): Promise<Peer> {
  const { host, port } = door.addresses[0]!;
  const socket = connect({ host, port });
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return new Peer(socket);
}

function request<Q>(command: string, seq: bigint, body?: Type<Q>, value?: Q, token = ""): Buffer {
  const w = new MsgpackWriter();
  wire.RequestHeader.encode(w, { Command: command, Seq: seq, Token: token });
  body?.encode(w, value as Q);
  return w.finish();
}
const handshake = request("handshake", 0n, wire.HandshakeRequest, { Version: 1 });

async function greeted(t: TestContext, r: Rig): Promise<Peer> {
  const p = await peer(t, r);
  p.socket.write(handshake);
  assert.deepEqual(await p.header(), { Error: "", Seq: 0n });
  return p;
}

const HANDSHAKE_HEX = "82a7436f6d6d616e64a968616e647368616b65a353657100 81a756657273696f6e01".replace(
  " ",
  "",
);

test("the bytes of a handshake, of members and of an early command are the original's", async (t) => {
  const r = await rig(t);
  const p = await peer(t, r);
  p.socket.write(Buffer.from(HANDSHAKE_HEX, "hex"));
  assert.equal((await p.next()).toString("hex"), "82a54572726f72a0a353657100");
  p.socket.write(Buffer.from("82a7436f6d6d616e64ab6d656d626572732d6c616ea353657105", "hex"));
  assert.equal((await p.next()).toString("hex"), "82a54572726f72a0a353657105");
  assert.match((await p.next()).toString("hex"), /^81a74d656d62657273938ba441646472c4047f00040c/);
  const early = await peer(t, r);
  early.socket.write(Buffer.from("82a7436f6d6d616e64a57374617473a353657101", "hex"));
  assert.equal(
    (await early.next()).toString("hex"),
    "82a54572726f72b248616e647368616b65207265717569726564a353657101",
  );
  await until("the end of the connection", () => early.closed);
});

test("handshake: another version may be tried again, a second success is refused", async (t) => {
  const p = await peer(t, await rig(t));
  p.socket.write(request("handshake", 1n, wire.HandshakeRequest, { Version: 2 }));
  assert.deepEqual(await p.header(), { Error: "Unsupported RPC version", Seq: 1n });
  p.socket.write(handshake);
  assert.deepEqual(await p.header(), { Error: "", Seq: 0n });
  p.socket.write(request("handshake", 7n, wire.HandshakeRequest, { Version: 1 }));
  assert.deepEqual(await p.header(), { Error: "Handshake already performed", Seq: 7n });
});

for (const name of ["nope", "query", "respond", "tags", "constructor", ""])
  test(`unknown command, then closed: "${name}"`, async (t) => {
    const p = await greeted(t, await rig(t));
    p.socket.write(request(name, 3n));
    assert.deepEqual(await p.header(), { Error: "Unsupported command", Seq: 3n });
    await until("the end of the connection", () => p.closed);
  });

test("requests in one packet, and split at every byte, are answered in order", async (t) => {
  const r = await rig(t);
  const all = Buffer.concat([
    handshake,
    request("stats", 1n),
    request("join", 2n, wire.JoinRequest, { Existing: ["10.0.0.1", "10.0.0.2"], WAN: false, Replay: true }),
    request("members-wan", 3n),
  ]);
  for (const size of [all.length, 1]) {
    const p = await peer(t, r);
    p.socket.setNoDelay(true);
    for (let at = 0; at < all.length; at += size) {
      p.socket.write(all.subarray(at, at + size));
      if (size === 1) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await p.header()).Seq, 0n);
    assert.equal((await p.header()).Seq, 1n);
    assert.deepEqual(await p.body(wire.StatsResponse), new Map([["agent", new Map([["checks", "2"]])]]));
    assert.deepEqual(await p.header(), { Error: "", Seq: 2n });
    assert.deepEqual(await p.body(wire.JoinResponse), { Num: 2 });
    assert.deepEqual(await p.header(), { Error: "", Seq: 3n });
    assert.deepEqual(await p.body(wire.MembersResponse), { Members: [] });
  }
  assert.deepEqual(r.done, ["join 10.0.0.1,10.0.0.2", "join 10.0.0.1,10.0.0.2"]);
});

test("a header leaves out what has not changed; unknown keys are skipped; bin stands for text", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("list-keys", 4n, undefined, undefined, "secret"));
  await p.header();
  await p.body(wire.KeyringBody);
  const w = new MsgpackWriter();
  w.map(2);
  w.str("Extra");
  w.array(0);
  w.raw(Buffer.from("c403536571", "hex"));
  w.int(9);
  p.socket.write(w.finish());
  assert.deepEqual(await p.header(), { Error: "", Seq: 9n });
  await p.body(wire.KeyringBody);
  assert.deepEqual(r.done, Array(2).fill("Internal.KeyringOperation list  secret"));
});

test("join and keyring errors come with their bodies; force-leave has none", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("join", 1n, wire.JoinRequest, { Existing: ["x"], WAN: true, Replay: false }));
  assert.deepEqual(await p.header(), { Error: "Must be a server to join WAN cluster", Seq: 1n });
  assert.deepEqual(await p.body(wire.JoinResponse), { Num: 0 });
  p.socket.write(request("use-key", 2n, wire.KeyRequest, { Key: "a2V5" }, "bad"));
  assert.deepEqual(await p.header(), { Error: "Permission denied", Seq: 2n });
  assert.deepEqual(await p.body(wire.KeyringBody), { Keys: null, Messages: null, Info: null });
  p.socket.write(request("force-leave", 3n, wire.ForceLeaveRequest, { Node: "gone", Prune: false }));
  assert.deepEqual(await p.header(), { Error: "", Seq: 3n });
  assert.deepEqual(r.done.slice(1), ["force-leave gone false"]);
});

test("keyring: WAN first, one info for each pool, failures in it", async (t) => {
  const p = await greeted(t, await rig(t));
  p.socket.write(request("list-keys", 2n));
  assert.equal((await p.header()).Error, "");
  assert.deepEqual(await p.body(wire.KeyringBody), {
    Keys: [{ Datacenter: "dc1", Pool: "WAN", Key: "a2V5", Count: 2 }],
    Messages: [
      { Datacenter: "dc1", Pool: "LAN", Node: "s1", Message: "Keyring is empty (encryption not enabled)" },
    ],
    Info: [
      { Datacenter: "dc1", Pool: "WAN", NumNodes: 2, Error: "" },
      { Datacenter: "dc1", Pool: "LAN", NumNodes: 1, Error: "1/1 nodes reported failure" },
    ],
  });
});

test("leave: the answer comes first, then the agent ends", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("leave", 1n));
  assert.deepEqual(await p.header(), { Error: "", Seq: 1n });
  await until("the shutdown", () => r.done.length === 2);
  assert.deepEqual(r.done, ["leave", "shutdown 0"]);
});

test("reload is answered and runs", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("reload", 1n));
  assert.deepEqual(await p.header(), { Error: "", Seq: 1n });
  await until("the reload", () => r.done.includes("reload"));
});

test("monitor: backlog of its level, then live lines, one at a time, until stopped", async (t) => {
  const r = await rig(t);
  const log = r.hub.logger("serf");
  log.debug("early debug");
  log.info("early info");
  const p = await greeted(t, r);
  const monitor = (seq: bigint, LogLevel: string): void =>
    void p.socket.write(request("monitor", seq, wire.MonitorRequest, { LogLevel }));
  const line = async (seq: bigint): Promise<string> => {
    assert.deepEqual(await p.header(), { Error: "", Seq: seq });
    return (await p.body(wire.LogRecord)).Log.replace(/^\S+ \S+ /, "");
  };
  monitor(1n, "bogus");
  assert.deepEqual(await p.header(), { Error: "Unknown log level: BOGUS", Seq: 1n });
  monitor(2n, "info");
  assert.deepEqual(await p.header(), { Error: "", Seq: 2n });
  assert.equal(await line(2n), "[INFO] serf: early info");
  assert.match(await line(2n), /^\[INFO\] agent\.rpc: Accepted client: 127/);
  monitor(3n, "INFO");
  assert.deepEqual(await p.header(), { Error: "Monitor already exists", Seq: 3n });
  log.debug("unseen");
  log.error("seen");
  assert.equal(await line(2n), "[ERR] serf: seen");
  p.socket.write(request("stop", 4n, wire.StopRequest, { Stop: 2n }));
  assert.deepEqual(await p.header(), { Error: "", Seq: 4n });
  log.error("after the stop");
  monitor(5n, "debug");
  assert.deepEqual(await p.header(), { Error: "", Seq: 5n });
  assert.equal(await line(5n), "[DEBUG] serf: early debug");
});

test("a monitor that does not read loses lines and never holds up the agent", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("monitor", 1n, wire.MonitorRequest, { LogLevel: "INFO" }));
  await p.header();
  p.socket.pause();
  const log = r.hub.logger("x");
  const line = "y".repeat(4000);
  let dropped = false;
  r.hub.attach((l) => {
    dropped ||= l.message.startsWith("Dropping logs to rpc.client: 127.");
  }, "warn");
  for (let i = 0; i < 20_000 && !dropped; i++) {
    log.info(line);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(dropped);
  assert.ok(QUEUED_RECORDS_MAX > 0);
  p.socket.destroy();
  await until("the log to be left alone", () => p.closed);
  log.info("still alive");
});

test("serf: members by expression, a bad expression closes", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  const ask = async (filter: {
    Tags?: ReadonlyMap<string, string>;
    Status?: string;
    Name?: string;
  }): Promise<readonly string[]> => {
    p.socket.write(
      request("members-filtered", 1n, wire.MembersFilteredRequest, wire.MembersFilteredRequest.make(filter)),
    );
    await p.header();
    return ((await p.body(wire.MembersResponse)).Members ?? []).map((m) => m.Name);
  };
  assert.deepEqual(await ask({}), ["s1", "c1", "c2"]);
  assert.deepEqual(await ask({ Name: "c" }), []);
  assert.deepEqual(await ask({ Name: "c.*" }), ["c1", "c2"]);
  assert.deepEqual(await ask({ Status: "alive", Tags: new Map([["role", "node|x"]]) }), ["c1"]);
  p.socket.write(
    request(
      "members-filtered",
      2n,
      wire.MembersFilteredRequest,
      wire.MembersFilteredRequest.make({ Name: "(" }),
    ),
  );
  await until("the end of the connection", () => p.closed);
});

test("serf: auth, event, coordinate", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  p.socket.write(request("auth", 1n, wire.AuthRequest, { AuthKey: "any" }));
  assert.deepEqual(await p.header(), { Error: "", Seq: 1n });
  p.socket.write(
    request("event", 2n, wire.EventRequest, { Name: "deploy", Payload: Buffer.from("v2"), Coalesce: true }),
  );
  assert.deepEqual(await p.header(), { Error: "", Seq: 2n });
  assert.deepEqual(r.done, ["event deploy v2 "]);
  p.socket.write(request("get-coordinate", 3n, wire.CoordinateRequest, { Node: "s1" }));
  await p.header();
  assert.deepEqual(await p.body(wire.CoordinateResponse), {
    Coord: { Vec: [1, 2], Error: 1.5, Adjustment: 0, Height: 1e-5 },
    Ok: true,
  });
  p.socket.write(request("get-coordinate", 4n, wire.CoordinateRequest, { Node: "c9" }));
  await p.header();
  assert.equal((await p.body(wire.CoordinateResponse)).Ok, false);
});

test("serf: streams give member events and Consul's user events under their names", async (t) => {
  const r = await rig(t);
  const p = await greeted(t, r);
  const stream = (seq: bigint, Type: string): void =>
    void p.socket.write(request("stream", seq, wire.StreamRequest, { Type }));
  for (const bad of ["nope", "member-join:x", "user,"]) {
    stream(1n, bad);
    assert.deepEqual(await p.header(), { Error: "Invalid event filter", Seq: 1n });
  }
  stream(2n, "user:deploy,member-failed");
  assert.deepEqual(await p.header(), { Error: "", Seq: 2n });
  stream(2n, "*");
  assert.deepEqual(await p.header(), { Error: "Stream with given sequence exists", Seq: 2n });
  const user = (name: string, payload: Uint8Array): SerfEvent => ({
    kind: "user",
    ltime: 7n,
    name,
    payload,
    coalesce: false,
  });
  const consul = (name: string): SerfEvent =>
    user(
      `consul:event:${name}`,
      encodeUserEvent({
        id: "i",
        name,
        payload: Buffer.from("p"),
        nodeFilter: "",
        serviceFilter: "",
        tagFilter: "",
        version: 1,
      }),
    );
  r.emit(user("consul:new-leader", Buffer.from("s1")));
  r.emit(consul("other"));
  r.emit({ kind: "member-join", members: [member("c3", "10.0.0.3", "node")] });
  r.emit(consul("deploy"));
  r.emit({ kind: "member-failed", members: [member("c3", "10.0.0.3", "node", "failed")] });
  assert.deepEqual(await p.header(), { Error: "", Seq: 2n });
  assert.deepEqual(await p.body(wire.UserEventRecord), {
    Event: "user",
    LTime: 7n,
    Name: "deploy",
    Payload: Buffer.from("p"),
    Coalesce: false,
  });
  await p.header();
  const failed = await p.body(wire.MemberEventRecord);
  assert.equal(failed.Event, "member-failed");
  assert.deepEqual(
    failed.Members?.map((m) => [m.Name, m.Status]),
    [["c3", "failed"]],
  );
});

const broken = [
  { name: "a byte that starts no value", bytes: Buffer.of(0xc1) },
  { name: "a header that is no map", bytes: Buffer.of(0x05) },
  {
    name: "a body of another shape",
    bytes: Buffer.concat([request("join", 1n), Buffer.from("a3626164", "hex")]),
  },
  {
    name: "a text of 2 GiB",
    bytes: Buffer.concat([
      request("join", 1n),
      Buffer.from("81a8457869737469 6e67db7fffffff".replace(" ", ""), "hex"),
    ]),
  },
  {
    name: "many elements",
    bytes: Buffer.concat([
      request("join", 1n),
      Buffer.from("81a84578697374696e67dd00010000", "hex"),
      Buffer.alloc(65536, 0xc0),
    ]),
  },
  { name: "nesting without end", bytes: Buffer.alloc(100, 0x91) },
];
for (const { name, bytes } of broken)
  test(`closed without an answer: ${name}`, async (t) => {
    const p = await greeted(t, await rig(t));
    p.socket.write(bytes);
    await until("the end of the connection", () => p.closed);
    assert.equal(p.values.length, 0);
  });

test("random bytes leave a door that answers", async (t) => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const r = await rig(t);
  for (let i = 0; i < 100; i++) {
    const p = await peer(t, r);
    const bytes =
      random.int(2) === 0
        ? random.bytes(random.int(200))
        : Buffer.concat([
            handshake,
            request(
              "members-filtered",
              1n,
              wire.MembersFilteredRequest,
              wire.MembersFilteredRequest.make({ Name: "c.*" }),
            ),
          ]);
    for (let k = 0; k < random.int(4); k++)
      if (bytes.length > 0) bytes[random.int(bytes.length)] = random.int(256);
    p.socket.end(bytes);
  }
  const p = await greeted(t, r);
  p.socket.write(request("members-lan", 1n));
  assert.equal((await p.header()).Error, "", `seed ${seed}`);
});

test("a unix socket: its mode, a stale file replaced, another file left alone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "cli-rpc-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "rpc.sock");
  const r = await rig(t, `unix://${path}`);
  assert.equal(statSync(path).mode & 0o777, 0o660);
  const p = new Peer(connect(path));
  t.after(() => p.socket.destroy());
  p.socket.write(handshake);
  assert.equal((await p.header()).Error, "");
  p.socket.destroy();
  await r.door.close();
  assert.equal(existsSync(path), false);
  await assert.rejects(rig(t, `unix://${folder}`));
  await assert.rejects(rig(t, "not-an-ip"), /Failed to parse IP: not-an-ip/);
});
