import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { seededRandom } from "../ports/random.ts";
import { MsgpackReader } from "../wire/msgpack.ts";
import { encodeRequest } from "./codec.ts";
import type { RaftRequest, RaftResponse } from "./core/messages.ts";
import { RaftConnection } from "./raft-connection.ts";
import { eventually } from "./testing.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly response_hex?: string;
  readonly stream_hex?: string;
}
const vectors = JSON.parse(
  readFileSync(new URL("./testdata/transport.json", import.meta.url), "utf8"),
) as Vector[];
const vector = (name: string): Vector => vectors.find((v) => v.name === name)!;

interface Held {
  readonly request: RaftRequest;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly reply: (answer: RaftResponse | Error) => void;
}

function open(head: Uint8Array = new Uint8Array(0), handler?: (held: Held) => void) {
  const [near, far] = duplexPair();
  const held: Held[] = [];
  const faults: Error[] = [];
  const received: Buffer[] = [];
  far.on("data", (c: Buffer) => received.push(c));
  far.on("error", () => {});
  let closed = false;
  near.on("close", () => {
    closed = true;
  });
  new RaftConnection(
    near,
    head,
    { id: "", address: "" },
    (request, body, reply) => {
      held.push({ request, body, reply });
      handler?.(held.at(-1)!);
    },
    (error) => faults.push(error),
  );
  return { far, held, faults, isClosed: () => closed, received: () => Buffer.concat(received) };
}
const ok: RaftResponse = {
  kind: "append-response",
  term: 2,
  lastLog: 1,
  success: true,
  noRetryBackoff: false,
  from: "",
};
const bytesOf = (name: string): Buffer => Buffer.from(vector(name).hex, "hex");

test("pipelined requests are handed over as they come and answered in their order", async () => {
  const c = open(bytesOf("AppendEntries noop").subarray(0, 5));
  c.far.write(
    Buffer.concat([
      bytesOf("AppendEntries noop").subarray(5),
      bytesOf("AppendEntries barrier"),
      bytesOf("RequestVote granted"),
    ]),
  );
  await eventually("three requests", () => c.held.length === 3);
  assert.deepEqual(
    c.held.map((h) => h.request.kind),
    ["append", "append", "vote"],
  );
  c.held[2]!.reply({ kind: "vote-response", term: 2, granted: true, from: "" });
  c.held[1]!.reply(new Error("no such luck"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(c.received().length, 0, "nothing may overtake the first answer");
  c.held[0]!.reply(ok);
  await eventually("answers", () => c.received().includes("Granted"));
  const all = c.received();
  assert.ok(
    all.indexOf("Success") < all.indexOf("no such luck") &&
      all.indexOf("no such luck") < all.indexOf("Granted"),
  );
});

test("a recorded InstallSnapshot streams its bytes in any cutting, and the next request follows them", async () => {
  const v = vector("InstallSnapshot");
  const state = Buffer.from(v.stream_hex!, "hex");
  const wire = Buffer.concat([Buffer.from(v.hex, "hex"), state, bytesOf("AppendEntries noop")]);
  for (const size of [1000, 4096, 7, wire.length]) {
    const parts: Uint8Array[] = [];
    const c = open(undefined, ({ body, reply }) => {
      if (body === undefined) return;
      void (async () => {
        for await (const chunk of body) {
          parts.push(chunk);
          await new Promise((resolve) => setImmediate(resolve));
        }
        reply({ kind: "install-response", term: 2, success: true });
      })();
    });
    for (let at = 0; at < wire.length; at += size) c.far.write(wire.subarray(at, at + size));
    await eventually(`both requests in parts of ${size}`, () => c.held.length === 2);
    await eventually("answer", () => c.received().includes("Success"));
    assert.deepEqual(Buffer.concat(parts), state);
  }
});

test("a snapshot is read no faster than it is stored", async () => {
  const size = 8 << 20;
  const request: RaftRequest = {
    kind: "install",
    term: 2,
    leader: "a",
    from: "",
    lastIndex: 5,
    lastTerm: 1,
    configuration: { servers: [] },
    configurationIndex: 1,
    size,
  };
  let taken = 0;
  let held = true;
  let release: () => void = () => {};
  const c = open(undefined, ({ body }) => {
    void (async () => {
      for await (const chunk of body!) {
        taken += chunk.length;
        if (held && taken > 1 << 20)
          await new Promise<void>((resolve) => {
            release = resolve;
          });
      }
    })();
  });
  c.far.write(encodeRequest(request, { id: "", address: "" }));
  let written = 0;
  const chunk = Buffer.alloc(64 << 10);
  while (written < size && c.far.writableLength < 2 << 20) {
    c.far.write(chunk);
    written += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(c.far.writableLength >= 1 << 20, "the sender is held up");
  assert.ok(taken < 4 << 20);
  while (written < size) {
    c.far.write(chunk);
    written += chunk.length;
  }
  held = false;
  release();
  await eventually("the rest", () => taken === size);
});

test("recorded probes: refusals of the original, with the connection kept or closed", async () => {
  for (const v of vectors.filter((x) => x.name.startsWith("probe:"))) {
    const wire = Buffer.from(v.hex, "hex").subarray(1);
    const c = open(undefined, ({ request, body, reply }) => {
      if (request.kind === "pre-vote")
        return reply({ kind: "pre-vote-response", term: 4, granted: false, from: "" });
      if (request.kind === "timeout-now") return reply({ kind: "timeout-now-response" });
      if (request.kind === "vote") return reply({ kind: "vote-response", term: 4, granted: false, from: "" });
      if (request.kind === "append") return reply({ ...ok, success: false });
      void (async () => {
        for await (const _ of body!);
        reply({ kind: "install-response", term: 4, success: false });
      })();
    });
    c.far.write(wire);
    await eventually(v.name, () => c.received().length > 0 || c.isClosed());
    const wanted = Buffer.from(v.response_hex ?? "", "hex");
    // Where the original answers with an error text, so do we.
    if (wanted.length > 1 && wanted[0] !== 0xa0)
      assert.equal(new MsgpackReader(c.received()).str(), new MsgpackReader(wanted).str(), v.name);
  }
});

test("garbage, an unknown type and an oversized request end the connection with a typed fault", async () => {
  for (const [name, bytes] of [
    ["unknown type", Buffer.from([9, 0x80])],
    ["not a map", Buffer.from([0, 0x05])],
    ["undefined msgpack", Buffer.from([0, 0xc1])],
    [
      "entry gap",
      Buffer.from(vector("AppendEntries mixed").hex.replace("a5496e64657803", "a5496e64657809"), "hex"),
    ],
  ] as const) {
    const c = open();
    c.far.write(bytes);
    await eventually(name, () => c.isClosed());
    assert.equal(c.faults.length, 1, name);
  }
});

test("random and mutated bytes never throw", async () => {
  const seed = Number(process.env["SEED"] ?? 3);
  const random = seededRandom(seed);
  for (let round = 0; round < 400; round++) {
    const v = vectors[random.int(vectors.length)]!;
    const bytes = Buffer.from(v.hex, "hex");
    for (let i = random.int(4); i >= 0; i--) bytes[random.int(bytes.length)] = random.int(256);
    const c = open(undefined, ({ reply }) => reply(ok));
    for (let at = 0; at < bytes.length; ) {
      const n = 1 + random.int(40);
      c.far.write(bytes.subarray(at, at + n));
      at += n;
    }
    c.far.end();
    await new Promise((resolve) => setImmediate(resolve));
    c.far.destroy();
  }
});

test("a request that grows without end is cut off at its limit", async () => {
  const c = open();
  // A byte string that claims 1 GiB inside the map.
  c.far.write(Buffer.from([0, 0x81, 0xdb, 0x40, 0, 0, 0]));
  const chunk = Buffer.alloc(4 << 20);
  for (let i = 0; i < 20 && !c.isClosed(); i++) {
    c.far.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("closed", () => c.isClosed());
  assert.match(c.faults[0]?.message ?? "", /request longer than/);
});
