/** Every recorded packet and stream: decodes to the recorded value, and that value encodes to the recorded bytes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Random } from "../ports/random.ts";
import { systemRandom } from "../ports/random.ts";
import { MsgpackReader } from "../wire/msgpack.ts";
import { coordinateCodec } from "./coordinate/coordinate.ts";
import * as ml from "./memberlist/messages.ts";
import {
  decodeCompressed,
  decodePacket,
  encodeCompressed,
  encodePackets,
  type WireOptions,
} from "./memberlist/packet.ts";
import { Keyring } from "./memberlist/security.ts";
import { decodeStream, encodePushPull, encodeStream, encodeStreamUser } from "./memberlist/stream.ts";
import { type Codec, decodeValue, encodeValue } from "./record.ts";
import * as serf from "./serf/messages.ts";
import { decodeTags, encodeTags } from "./serf/tags.ts";

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON has many shapes
type Json = any;

interface Vector {
  readonly name: string;
  readonly transport: "udp" | "tcp" | "none";
  readonly direction?: "request" | "response";
  readonly assumedLabel?: string;
  readonly hex: string;
  readonly key?: string;
  readonly decoded: Json;
  readonly source: string;
}

const load = (file: string): readonly Vector[] =>
  JSON.parse(readFileSync(new URL(`testdata/${file}.json`, import.meta.url), "utf8"));

/** Recorded JSON as values: byte strings, sparse arrays. */
function hydrate(v: Json): Json {
  if (v === null || typeof v !== "object") return v;
  if (Array.isArray(v)) return v.map(hydrate);
  if (typeof v.$bytes === "string") return Buffer.from(v.$bytes, "hex");
  if (typeof v.$sparse === "number") {
    const out = new Array(v.$sparse).fill(null);
    for (const [i, x] of Object.entries(v.items)) out[Number(i)] = hydrate(x);
    return out;
  }
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, hydrate(x)]));
}

/** Our values in the recorded JSON's form: maps as objects, bigint as number, plain prototypes. */
function plain(v: Json): Json {
  if (typeof v === "bigint") return Number(v);
  if (v === null || typeof v !== "object") return v;
  if (Buffer.isBuffer(v)) return Buffer.from(v);
  if (v instanceof Map) return Object.fromEntries([...v].map(([k, x]) => [k, plain(x)]));
  if (Array.isArray(v)) return v.map(plain);
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]));
}

/** The recorded value in our form: objects that are maps, and 64-bit integers. */
function ours(body: Json): Json {
  const out = { ...body };
  for (const key of ["Tags", "StatusLTimes"])
    if (out[key] !== undefined && out[key] !== null) out[key] = new Map(Object.entries(out[key]));
  if (out.Timeout !== undefined) out.Timeout = BigInt(out.Timeout);
  return out;
}

const OPTIONAL = { SourceAddr: null, SourcePort: 0, SourceNode: "" };
const bodies: Readonly<Record<number, Codec<Json>>> = {
  [ml.MESSAGE.ping]: ml.ping as Codec<Json>,
  [ml.MESSAGE.indirectPing]: ml.indirectPing as Codec<Json>,
  [ml.MESSAGE.ackResp]: ml.ackResp as Codec<Json>,
  [ml.MESSAGE.nackResp]: ml.nackResp as Codec<Json>,
  [ml.MESSAGE.suspect]: ml.claim as Codec<Json>,
  [ml.MESSAGE.dead]: ml.claim as Codec<Json>,
  [ml.MESSAGE.alive]: ml.alive as Codec<Json>,
  [ml.MESSAGE.err]: ml.errResp as Codec<Json>,
};
const serfBodies: Readonly<Record<number, Codec<Json>>> = {
  [serf.SERF_MESSAGE.leave]: serf.leaveIntent as Codec<Json>,
  [serf.SERF_MESSAGE.join]: serf.joinIntent as Codec<Json>,
  [serf.SERF_MESSAGE.pushPull]: serf.serfState as Codec<Json>,
  [serf.SERF_MESSAGE.userEvent]: serf.userEvent as Codec<Json>,
  [serf.SERF_MESSAGE.query]: serf.query as Codec<Json>,
  [serf.SERF_MESSAGE.queryResponse]: serf.queryResponse as Codec<Json>,
  [serf.SERF_MESSAGE.conflictResponse]: serf.conflictResponse as Codec<Json>,
  [serf.SERF_MESSAGE.keyRequest]: serf.keyRequest as Codec<Json>,
  [serf.SERF_MESSAGE.keyResponse]: serf.keyAnswer as Codec<Json>,
};

/** The recorded messages of a packet, layers taken off. */
function leaves(m: Json): readonly Json[] {
  if (m.inner !== undefined) return leaves(m.inner);
  if (m.parts !== undefined) return m.parts.flatMap(leaves);
  return [m];
}

/** Decodes a serf message, compares, and returns what the recorded value encodes to. */
function checkSerf(raw: Buffer, want: Json): Buffer {
  assert.equal(raw[0], want.serfType);
  if (want.serfType === serf.SERF_MESSAGE.relay) {
    const { header, inner } = serf.decodeRelay(raw);
    assert.deepEqual(plain(header), hydrate(want.header));
    return serf.encodeRelay(hydrate(want.header), checkSerf(inner, want.inner));
  }
  const codec = serfBodies[want.serfType]!;
  const body = hydrate(want.body);
  assert.deepEqual(plain(decodeValue("serf", codec, raw, 1)), body);
  for (const [i, f] of (want.filters ?? []).entries()) {
    const filter = serf.decodeFilter(body.Filters[i]);
    if (f.filterType === 0) {
      assert.deepEqual(filter, { kind: "node", names: f.value });
      assert.deepEqual(serf.encodeNodeFilter(f.value), body.Filters[i]);
    } else {
      assert.deepEqual(filter, { kind: "tag", tag: f.value.Tag, expr: f.value.Expr });
      assert.deepEqual(serf.encodeTagFilter(f.value), body.Filters[i]);
    }
  }
  if (want.payload?.serfType !== undefined)
    assert.deepEqual(checkSerf(body.Payload, want.payload), body.Payload, "nested payload encodes");
  return serf.encodeSerf(want.serfType, codec, ours(body));
}

function checkMeta(meta: Buffer | null, want: Json): void {
  if (want === undefined) return;
  const { tags, damaged } = decodeTags(meta ?? Buffer.alloc(0));
  assert.equal(damaged, false);
  assert.deepEqual(Object.fromEntries(tags), want.tags);
  assert.deepEqual(encodeTags(new Map(Object.entries(want.tags))), meta);
}

/** Decodes one datagram message, compares, and returns what the recorded value encodes to. */
function checkLeaf(message: Buffer, want: Json): Buffer {
  assert.equal(message[0], want.type);
  if (want.type === ml.MESSAGE.user) {
    if (want.serf !== undefined)
      return Buffer.concat([Buffer.from([8]), checkSerf(message.subarray(1), want.serf)]);
    assert.deepEqual(message.subarray(1), hydrate(want.raw));
    return Buffer.concat([Buffer.from([8]), hydrate(want.raw)]);
  }
  const codec = bodies[want.type]!;
  const optional = "SourceAddr" in codec.zero() ? OPTIONAL : {};
  const body = { ...optional, ...hydrate(want.body) };
  const got = ml.decodeBody("vector", codec, message);
  assert.deepEqual(plain(got), body);
  checkMeta(got.Meta ?? null, want.metaDecoded);
  if (want.payloadDecoded !== undefined) {
    const c = decodeValue("coordinate", coordinateCodec, body.Payload, 1);
    assert.deepEqual(plain(c), want.payloadDecoded.coordinate);
    assert.deepEqual(encodeValue([1], coordinateCodec, c), body.Payload);
  }
  return ml.encodeMessage(want.type, codec, body);
}

/** Always the same nonce: encryption becomes comparable. */
const fixedNonce = (nonce: Buffer): Random => ({ ...systemRandom, bytes: () => Buffer.from(nonce) });

function wireOf(v: Vector, compress: boolean): WireOptions {
  const encryption = v.decoded.encryption;
  return {
    keyring: new Keyring(v.key === undefined ? [] : [Buffer.from(v.key, "hex")]),
    verifyIncoming: true,
    verifyOutgoing: true,
    encryptionVersion: encryption?.version ?? 1,
    compress,
    label: Buffer.from(v.decoded.label ?? v.assumedLabel ?? ""),
  };
}

/** Whether some layer is compress, and whether our encoder writes such a stream (with the leading clear code). */
function compression(m: Json): "none" | "ours" | "other" {
  if (m.type === ml.MESSAGE.compress) return m.lzwLeadingClear ? "ours" : "other";
  return m.inner === undefined ? "none" : compression(m.inner);
}

function checkPacket(v: Vector): void {
  const bytes = Buffer.from(v.hex, "hex");
  const message = v.decoded.message;
  const wanted = leaves(message);
  const kind = compression(message);
  const wire = wireOf(v, kind === "ours");
  const got: Buffer[] = [];
  decodePacket(bytes, wire, (m) => got.push(m));
  assert.equal(got.length, wanted.length);
  const encoded = got.map((m, i) => checkLeaf(m, wanted[i]));
  if (v.source.includes("master")) return;
  for (const [i, e] of encoded.entries()) assert.equal(e.toString("hex"), got[i]!.toString("hex"));
  if (kind === "other") return;
  const nonce = hydrate(v.decoded.encryption?.nonce ?? { $bytes: "" });
  const packets = encodePackets(
    encoded,
    { crc: message.type === ml.MESSAGE.hasCrc },
    wire,
    fixedNonce(nonce),
  );
  assert.equal(packets.length, 1);
  assert.equal(packets[0]!.toString("hex"), v.hex);
}

function checkStream(v: Vector): void {
  const bytes = Buffer.from(v.hex, "hex");
  const side = v.direction === "request" ? "acceptor" : "dialer";
  const kind = compression(v.decoded.message);
  const wire = wireOf(v, kind === "ours");
  const got = decodeStream(bytes, side, wire);
  assert.ok(got !== undefined);
  let want = v.decoded.message;
  while (want.inner !== undefined) want = want.inner;
  let encoded: Buffer;
  switch (got.kind) {
    case "push-pull": {
      assert.equal(want.type, ml.MESSAGE.pushPull);
      assert.equal(got.body.join, want.header.Join);
      assert.equal(got.body.userState.length, want.header.UserStateLen);
      const nodes = got.body.nodes.map((n, i) => {
        const { metaDecoded, ...body } = want.nodes[i];
        assert.deepEqual(plain(n), hydrate(body));
        checkMeta(n.Meta, metaDecoded);
        return hydrate(body);
      });
      const userState =
        want.userState === undefined ? Buffer.alloc(0) : checkSerf(got.body.userState, want.userState);
      encoded = encodePushPull({ join: want.header.Join, nodes, userState });
      break;
    }
    case "user":
      assert.equal(got.body.length, want.header.UserMsgLen);
      assert.deepEqual(Buffer.from(got.body), hydrate(want.raw));
      encoded = encodeStreamUser(hydrate(want.raw));
      break;
    case "ping":
    case "ack":
    case "err": {
      const codec = bodies[want.type]!;
      assert.deepEqual(plain(got.body), hydrate(want.body));
      encoded = ml.encodeMessage(want.type, codec, hydrate(want.body));
    }
  }
  // Every shorter read is incomplete, not an error; a cut stream is found out when it ends.
  for (const n of [0, 1, 3, bytes.length >> 1, bytes.length - 1])
    assert.equal(decodeStream(bytes.subarray(0, n), side, wire), undefined, `${n} bytes`);
  if (v.source.includes("master") || kind === "other") return;
  const nonce = hydrate(v.decoded.encryption?.nonce ?? { $bytes: "" });
  const out = encodeStream(encoded, side === "acceptor" ? "dialer" : "acceptor", wire, fixedNonce(nonce));
  assert.equal(out.toString("hex"), v.hex);
}

/** The input of the longest case, by the generator that its recording names. */
function generated(length: number): Buffer {
  let s = 12345;
  return Buffer.from(
    Array.from({ length }, () => {
      s = (Math.imul(s, 1103515245) + 12345) >>> 0;
      return (s >>> 16) & 0x3f;
    }),
  );
}

for (const file of [
  "memberlist-udp",
  "memberlist-tcp",
  "serf-messages",
  "encryption",
  "compression",
  "consul",
  "newest",
])
  for (const v of load(file))
    test(`vector ${file}: ${v.name}`, () => {
      if (v.transport === "udp") return checkPacket(v);
      if (v.transport === "tcp") return checkStream(v);
      const bytes = Buffer.from(v.hex, "hex");
      const inflated =
        v.decoded.inflated !== undefined ? hydrate(v.decoded.inflated) : generated(v.decoded.inputLen);
      assert.deepEqual(Buffer.from(decodeCompressed(bytes, 1 << 20)), inflated);
      assert.equal(encodeCompressed(inflated).toString("hex"), v.hex);
      const r = new MsgpackReader(bytes, 1);
      r.skip();
      assert.equal(r.remaining, 0);
    });
