import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { seededRandom } from "../ports/random.ts";
import { ACCEPT_BACKLOG, WINDOW_BYTES } from "./limits.ts";
import { type YamuxEvent, YamuxSession } from "./yamux.ts";
import { FLAG, FRAME_TYPE } from "./yamux-frame.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly decoded: {
    readonly frames?: readonly {
      readonly type: string;
      readonly flags: number;
      readonly stream: number;
      readonly length: number;
    }[];
  };
}
const vectors = JSON.parse(
  readFileSync(new URL("testdata/yamux.json", import.meta.url), "utf8"),
) as readonly Vector[];
const vector = (name: string): Buffer =>
  Buffer.from(vectors.find((v) => v.name.startsWith(name))!.hex, "hex");

const dialer = (): YamuxSession => new YamuxSession({ role: "dialer" }, 0);
const acceptor = (streamsMax?: number): YamuxSession =>
  new YamuxSession(streamsMax === undefined ? { role: "acceptor" } : { role: "acceptor", streamsMax }, 0);
const output = (s: YamuxSession, max = 1 << 30): Buffer => Buffer.concat(s.takeOutput(max));
const kinds = (events: readonly YamuxEvent[]): readonly string[] => events.map((e) => e.kind);
const frame = (type: number, flags: number, id: number, length: number): Buffer => {
  const b = Buffer.alloc(12);
  b[1] = type;
  b.writeUInt16BE(flags, 2);
  b.writeUInt32BE(id, 4);
  b.writeUInt32BE(length, 8);
  return b;
};
/** Frames as `type/flags/stream/length`. */
function frames(bytes: Buffer): readonly string[] {
  const out: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at + 1]!;
    const length = bytes.readUInt32BE(at + 8);
    out.push(`${type}/${bytes.readUInt16BE(at + 2)}/${bytes.readUInt32BE(at + 4)}/${length}`);
    at += 12 + (type === FRAME_TYPE.data ? length : 0);
  }
  return out;
}

test("a dialer's first frames are those of Consul's agent", () => {
  const recorded = vector("client connection preamble").subarray(1);
  const s = dialer();
  const id = s.open();
  s.write(id, recorded.subarray(24));
  assert.deepEqual(output(s), recorded);
});

test("an acceptor's answer is that of Consul's server", () => {
  const recorded = vector("server reply");
  const s = acceptor();
  s.receive(vector("client connection preamble").subarray(1), 0);
  assert.deepEqual(kinds(s.takeEvents()), ["stream", "data"]);
  s.write(1, recorded.subarray(24));
  assert.deepEqual(output(s), recorded);
});

for (const { name, hex } of vectors.filter((v) => v.name.includes("frame")))
  test(`recorded bytes are taken by a session, cut at every place: ${name}`, () => {
    const bytes = Buffer.from(hex, "hex");
    const body = name.startsWith("client connection") ? bytes.subarray(1) : bytes;
    for (let cut = 0; cut <= body.length; cut++) {
      const s = name.startsWith("client") ? acceptor() : dialer();
      if (name.startsWith("server")) {
        s.open();
        s.open();
        s.open();
        s.open();
        output(s);
      }
      s.receive(body.subarray(0, cut), 0);
      s.receive(body.subarray(cut), 0);
      assert.equal(s.ended, undefined, `cut at ${cut}`);
    }
  });

test("a stream ends when both sides have sent FIN, FIN goes behind the data", () => {
  const a = dialer();
  const b = acceptor();
  const id = a.open();
  a.write(id, Buffer.from("ask"));
  a.end(id);
  const sent = output(a);
  assert.deepEqual(frames(sent), ["1/1/1/0", "0/0/1/3", "1/4/1/0"]);
  b.receive(sent, 0);
  assert.deepEqual(kinds(b.takeEvents()), ["stream", "data", "end"]);
  b.write(1, Buffer.from("answer"));
  b.end(1);
  const back = output(b);
  assert.deepEqual(frames(back), ["1/2/1/0", "0/0/1/6", "1/4/1/0"]);
  assert.deepEqual(b.takeEvents(), [{ kind: "gone", id: 1, reset: false }]);
  a.receive(back, 0);
  assert.deepEqual(kinds(a.takeEvents()), ["data", "end", "gone"]);
  assert.equal(a.streamCount + b.streamCount, 0);
});

test("SYN, ACK and FIN on DATA frames are taken too", () => {
  const b = acceptor();
  b.receive(Buffer.concat([frame(0, FLAG.syn | FLAG.fin, 1, 2), Buffer.from("hi")]), 0);
  assert.deepEqual(kinds(b.takeEvents()), ["stream", "data", "end"]);
  const a = dialer();
  const id = a.open();
  output(a);
  a.receive(Buffer.concat([frame(0, FLAG.ack, id, 1), Buffer.from("x")]), 0);
  assert.deepEqual(kinds(a.takeEvents()), ["data"]);
});

test("no more than the window is sent, and credit lets the rest go", () => {
  const a = dialer();
  const b = acceptor();
  const id = a.open();
  a.write(id, Buffer.alloc(WINDOW_BYTES + 10));
  const first = output(a);
  b.receive(first, 0);
  const got = b.takeEvents().reduce((n, e) => n + (e.kind === "data" ? e.bytes.length : 0), 0);
  assert.equal(got, WINDOW_BYTES);
  assert.equal(a.hasOutput, false);
  b.consume(1, WINDOW_BYTES / 2 - 1);
  assert.deepEqual(frames(output(b)), ["1/2/1/0"]);
  b.consume(1, 1);
  const credit = output(b);
  assert.deepEqual(frames(credit), [`1/0/1/${WINDOW_BYTES / 2}`]);
  a.receive(credit, 0);
  assert.deepEqual(frames(output(a)), ["0/0/1/10"]);
  assert.deepEqual(kinds(a.takeEvents()), ["drained"]);
});

test("streams take turns, so that a large answer does not hold up a small one", () => {
  const a = dialer();
  const big = a.open();
  const small = a.open();
  a.write(big, Buffer.alloc(200_000));
  a.write(small, Buffer.from("s"));
  const order = frames(output(a)).filter((f) => f.startsWith("0/"));
  assert.deepEqual(order.slice(0, 2), ["0/0/1/65536", "0/0/3/1"]);
});

const fatal = [
  { name: "unknown version", bytes: Buffer.concat([Buffer.of(9), frame(0, 0, 1, 0).subarray(1)]), reply: [] },
  { name: "unknown type", bytes: frame(7, 0, 1, 0), reply: [] },
  {
    name: "duplicate SYN",
    bytes: Buffer.concat([frame(1, 1, 1, 0), frame(1, 1, 1, 0)]),
    reply: ["1/2/1/0", "3/0/0/1"],
  },
  { name: "SYN with our own parity", bytes: frame(1, 1, 2, 0), reply: ["3/0/0/1"] },
  { name: "SYN on stream 0", bytes: frame(1, 1, 0, 0), reply: ["3/0/0/1"] },
  {
    name: "more than the window",
    bytes: Buffer.concat([frame(1, 1, 1, 0), frame(0, 0, 1, WINDOW_BYTES + 1)]),
    reply: ["1/2/1/0", "3/0/0/1"],
  },
  {
    name: "FIN twice",
    bytes: Buffer.concat([frame(1, 1, 1, 0), frame(1, 4, 1, 0), frame(1, 4, 1, 0)]),
    reply: ["1/2/1/0", "3/0/0/1"],
  },
  {
    name: "window beyond 32 bits",
    bytes: Buffer.concat([frame(1, 1, 1, 0), frame(1, 0, 1, 0xffff_ffff)]),
    reply: ["1/2/1/0", "3/0/0/1"],
  },
  { name: "GO_AWAY with an error", bytes: frame(3, 0, 0, 1), reply: [] },
];
for (const { name, bytes, reply } of fatal)
  test(`ends the session: ${name}`, () => {
    const s = acceptor();
    s.receive(bytes, 0);
    assert.equal(kinds(s.takeEvents()).at(-1), "ended");
    assert.deepEqual(frames(output(s)), reply);
    assert.throws(() => s.open());
  });

test("frames for an unknown stream are dropped with their payload", () => {
  const s = acceptor();
  s.receive(
    Buffer.concat([
      frame(0, 0, 9, 3),
      Buffer.from("abc"),
      frame(1, 4, 9, 0),
      frame(1, 8, 9, 0),
      frame(2, 1, 0, 5),
    ]),
    0,
  );
  assert.deepEqual(s.takeEvents(), []);
  assert.deepEqual(frames(output(s)), ["2/2/0/5"]);
});

test("beyond its streams an acceptor answers RST", () => {
  const s = acceptor(1);
  s.receive(Buffer.concat([frame(1, 1, 1, 0), frame(1, 1, 3, 0)]), 0);
  assert.deepEqual(frames(output(s)), ["1/2/1/0", "1/8/3/0"]);
  assert.equal(s.streamCount, 1);
});

test("at most 256 SYNs are out; an ACK lets the next one go", () => {
  const s = dialer();
  for (let i = 0; i < ACCEPT_BACKLOG + 2; i++) s.write(s.open(), Buffer.from("q"));
  assert.equal(frames(output(s)).filter((f) => f.startsWith("1/1/")).length, ACCEPT_BACKLOG);
  s.receive(frame(1, FLAG.ack, 1, 0), 0);
  const next = 1 + 2 * ACCEPT_BACKLOG;
  assert.deepEqual(frames(output(s)), [`1/1/${next}/0`, `0/0/${next}/1`]);
});

test("reset forgets on both sides", () => {
  const a = dialer();
  const b = acceptor();
  const id = a.open();
  b.receive(output(a), 0);
  b.takeEvents();
  a.reset(id);
  b.receive(output(a), 0);
  assert.deepEqual(b.takeEvents(), [{ kind: "gone", id: 1, reset: true }]);
  assert.equal(a.streamCount + b.streamCount, 0);
});

test("an abandoned stream gives its credit back and takes late data quietly", () => {
  const a = dialer();
  const id = a.open();
  a.abandon(id);
  output(a);
  for (let i = 0; i < 6; i++)
    a.receive(Buffer.concat([frame(0, 0, id, WINDOW_BYTES / 2), Buffer.alloc(WINDOW_BYTES / 2)]), 0);
  assert.equal(a.ended, undefined);
  assert.deepEqual(a.takeEvents(), []);
  a.receive(frame(1, FLAG.fin, id, 0), 0);
  assert.deepEqual(kinds(a.takeEvents()), ["gone"]);
});

test("keepalive: a ping each 30 s, the session ends 10 s after one without an answer", () => {
  const s = dialer();
  s.tick(29_999);
  assert.equal(output(s).length, 0);
  s.tick(30_000);
  assert.deepEqual(frames(output(s)), ["2/1/0/0"]);
  s.receive(frame(2, 2, 0, 0), 30_020);
  assert.equal(s.rttMs, 20);
  assert.equal(s.nextTickAt, 60_000);
  s.tick(60_000);
  assert.deepEqual(frames(output(s)), ["2/1/0/1"]);
  s.receive(frame(2, 2, 0, 7), 60_001);
  s.tick(70_000);
  assert.equal(s.ended?.reason, "keepalive-timeout");
});

test("GO_AWAY: streams go on, new ones are refused", () => {
  const s = dialer();
  const id = s.open();
  output(s);
  s.receive(frame(3, 0, 0, 0), 0);
  assert.deepEqual(kinds(s.takeEvents()), ["go-away"]);
  assert.throws(() => s.open(), /not accepting/);
  s.write(id, Buffer.from("x"));
  assert.deepEqual(frames(output(s)), ["0/0/1/1"]);
});

test("a peer that asks for answers and never reads them is cut off", () => {
  const s = acceptor();
  const pings = Buffer.concat(Array.from({ length: 1000 }, (_, i) => frame(2, 1, 0, i)));
  for (let i = 0; i < 100 && s.ended === undefined; i++) s.receive(pings, 0);
  assert.equal(s.ended?.reason, "write-overflow");
});

test("a peer that takes nothing of what it asked for is cut off", () => {
  const s = new YamuxSession({ role: "dialer", unsentBytesMax: 1_000_000 }, 0);
  for (let i = 0; i < 10; i++) s.write(s.open(), Buffer.alloc(90_000));
  output(s);
  assert.deepEqual(
    kinds(s.takeEvents()).filter((k) => k === "ended"),
    [],
  );
  for (let i = 0; i < 10 && s.ended === undefined; i++) s.write(1, Buffer.alloc(150_000));
  assert.equal(s.ended?.reason, "write-overflow");
});

test("random conversations deliver every byte in order, and random bytes never throw", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  for (let round = 0; round < 30; round++) {
    const a = dialer();
    const b = acceptor();
    const sent = new Map<number, Buffer[]>();
    const got = new Map<number, Buffer[]>();
    const ids: number[] = [];
    const move = (): void => {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const bytes = output(from, 1 + random.int(100_000));
        for (let at = 0; at < bytes.length; ) {
          const n = 1 + random.int(70_000);
          to.receive(Buffer.from(bytes.subarray(at, at + n)), 0);
          at += n;
        }
      }
      a.takeEvents();
      for (const e of b.takeEvents())
        if (e.kind === "data") {
          got.set(e.id, [...(got.get(e.id) ?? []), Buffer.from(e.bytes)]);
          b.consume(e.id, e.bytes.length);
        }
    };
    for (let step = 0; step < 40; step++) {
      if (ids.length === 0 || random.int(4) === 0) ids.push(a.open());
      const id = ids[random.int(ids.length)]!;
      const bytes = random.bytes(random.int(40_000));
      a.write(id, bytes);
      sent.set(id, [...(sent.get(id) ?? []), bytes]);
      move();
    }
    for (let i = 0; i < 1000 && (a.hasOutput || b.hasOutput); i++) move();
    assert.equal(a.ended ?? b.ended, undefined, `seed ${seed}`);
    for (const [id, parts] of sent)
      assert.ok(Buffer.concat(parts).equals(Buffer.concat(got.get(id) ?? [])), `stream ${id}, seed ${seed}`);

    const hostile = acceptor();
    for (let i = 0; i < 200; i++) {
      const bytes = random.bytes(1 + random.int(64));
      if (random.int(2) === 0) bytes[0] = 0;
      hostile.receive(bytes, i);
      hostile.takeEvents();
      hostile.takeOutput(1 << 20);
    }
  }
});
