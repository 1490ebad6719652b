import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "../../ports/random.ts";
import { lzwEncode } from "../../wire/lzw.ts";
import { GossipDecodeError } from "../errors.ts";
import { COMPOUND_PARTS_MAX, PACKET_INFLATED_BYTES_MAX } from "../limits.ts";
import { compressed, encodeMessage, MESSAGE } from "./messages.ts";
import {
  decodePacket,
  encodeCompound,
  encodeCompressed,
  encodeCrc,
  encodePackets,
  type WireOptions,
  wireOverhead,
} from "./packet.ts";
import { Keyring } from "./security.ts";
import { decodeStream } from "./stream.ts";

const random = seededRandom(3);
const plainWire: WireOptions = {
  keyring: new Keyring(),
  verifyIncoming: true,
  verifyOutgoing: true,
  encryptionVersion: 1,
  compress: false,
  label: Buffer.alloc(0),
};
const user = (n: number, fill: number = 0x61): Buffer =>
  Buffer.concat([Buffer.from([MESSAGE.user]), Buffer.alloc(n, fill)]);

function open(packet: Buffer, wire: WireOptions = plainWire): readonly Buffer[] {
  const out: Buffer[] = [];
  decodePacket(packet, wire, (m) => out.push(m));
  return out;
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof GossipDecodeError, String(error));
    return error.code;
  }
  return "none";
};

for (const keyBytes of [0, 16, 24, 32])
  for (const encryptionVersion of [0, 1] as const)
    for (const compress of [false, true])
      for (const label of ["", "pool-b"])
        test(`packet: round trip, key ${keyBytes}, version ${encryptionVersion}, compress ${compress}, label "${label}"`, () => {
          const wire: WireOptions = {
            ...plainWire,
            keyring: new Keyring(keyBytes > 0 ? [random.bytes(keyBytes)] : []),
            encryptionVersion,
            compress,
            label: Buffer.from(label),
          };
          for (const parts of [[user(1)], [user(700), user(3), user(40)]]) {
            const [packet, ...more] = encodePackets(parts, { crc: parts.length > 1 }, wire, random);
            assert.equal(more.length, 0);
            assert.deepEqual(open(packet!, wire), parts);
            const size = parts.reduce((a, p) => a + p.length + 2, 2) + 5 + wireOverhead(wire);
            assert.ok(packet!.length <= size, `${packet!.length} <= ${size}`);
          }
        });

test("packet: more parts than a compound may have become several packets", () => {
  const parts = Array.from({ length: COMPOUND_PARTS_MAX * 2 + 1 }, (_, i) => user(1, i & 0xff));
  const packets = encodePackets(parts, { crc: false }, plainWire, random);
  assert.equal(packets.length, 3);
  assert.deepEqual(
    packets.flatMap((p) => open(p)),
    parts,
  );
});

test("packet: only the outermost CRC is known, and a wrong one refuses", () => {
  const good = encodeCrc(user(10));
  assert.deepEqual(open(good), [user(10)]);
  good[8]! ^= 1;
  assert.equal(
    codeOf(() => open(good)),
    "crc",
  );
});

test("packet: a cut compound gives what was whole", () => {
  const packet = encodeCompound([user(5), user(6), user(7)]);
  const got: Buffer[] = [];
  const code = codeOf(() =>
    decodePacket(packet.subarray(0, packet.length - 1), plainWire, (m) => got.push(m)),
  );
  assert.equal(code, "truncated");
  assert.deepEqual(got, [user(5), user(6)]);
  assert.equal(
    codeOf(() => open(packet.subarray(0, 5))),
    "truncated",
  );
});

test("packet: nesting and inflating are bounded", () => {
  let deep = user(1);
  for (let i = 0; i < 9; i++) deep = encodeCompound([deep]);
  assert.equal(
    codeOf(() => open(deep)),
    "too-deep",
  );
  const bomb = encodeMessage(MESSAGE.compress, compressed, {
    Algo: 0,
    Buf: lzwEncode(Buffer.alloc(PACKET_INFLATED_BYTES_MAX + 1)),
  });
  assert.equal(
    codeOf(() => open(bomb)),
    "too-large",
  );
  // The budget is one for the whole packet, not one for each part.
  const half = encodeCompressed(user((PACKET_INFLATED_BYTES_MAX >> 1) + 10));
  assert.equal(
    codeOf(() => open(encodeCompound([half, half]))),
    "too-large",
  );
});

test("packet: labels must be equal", () => {
  const labelled: WireOptions = { ...plainWire, label: Buffer.from("a") };
  const [packet] = encodePackets([user(3)], { crc: false }, labelled, random);
  assert.equal(
    codeOf(() => open(packet!)),
    "label",
  );
  assert.equal(
    codeOf(() => open(user(3), labelled)),
    "label",
  );
  assert.equal(
    codeOf(() => open(Buffer.from([244, 3, 0x61]))),
    "truncated",
  );
});

test("packet: keys are tried in order, plain packets only without verification", () => {
  const [a, b] = [random.bytes(16), random.bytes(32)];
  const wire: WireOptions = { ...plainWire, keyring: new Keyring([a, b]) };
  const [fromB] = encodePackets(
    [user(3)],
    { crc: false },
    { ...plainWire, keyring: new Keyring([b]) },
    random,
  );
  assert.deepEqual(open(fromB!, wire), [user(3)]);
  assert.equal(
    codeOf(() => open(user(80), wire)),
    "encryption-version",
  );
  assert.deepEqual(open(user(80), { ...wire, verifyIncoming: false }), [user(80)]);
  const [foreign] = encodePackets(
    [user(3)],
    { crc: false },
    { ...plainWire, keyring: new Keyring([random.bytes(16)]) },
    random,
  );
  assert.equal(
    codeOf(() => open(foreign!, wire)),
    "decrypt",
  );
  const outgoingPlain: WireOptions = { ...wire, verifyOutgoing: false };
  assert.deepEqual(encodePackets([user(3)], { crc: false }, outgoingPlain, random), [user(3)]);
});

test("keyring: the original's texts and order", () => {
  const [a, b, c] = [Buffer.alloc(16, 1), Buffer.alloc(24, 2), Buffer.alloc(32, 3)];
  const ring = new Keyring([a, b]);
  ring.add(c);
  ring.add(b);
  ring.use(c);
  assert.deepEqual(ring.keys, [c, a, b]);
  assert.throws(() => ring.add(Buffer.alloc(5)), { message: "key size must be 16, 24 or 32 bytes" });
  assert.throws(() => ring.use(Buffer.alloc(16, 9)), { message: "Requested key is not in the keyring" });
  assert.throws(() => ring.remove(c), { message: "Removing the primary key is not allowed" });
  ring.remove(a);
  ring.remove(Buffer.alloc(16, 9));
  assert.deepEqual(ring.keys, [c, b]);
});

const vectors = [
  "memberlist-udp",
  "memberlist-tcp",
  "serf-messages",
  "encryption",
  "compression",
  "consul",
  "newest",
].flatMap((file) => JSON.parse(readFileSync(new URL(`../testdata/${file}.json`, import.meta.url), "utf8")));

test("packet and stream: every truncation and random mutation of every vector gives a value or a typed error", () => {
  const seed = 20_260_101;
  const chance = seededRandom(seed);
  let refused = 0;
  for (const v of vectors) {
    if (v.transport === "none") continue;
    const bytes = Buffer.from(v.hex, "hex");
    const wire: WireOptions = {
      ...plainWire,
      keyring: new Keyring(v.key === undefined ? [] : [Buffer.from(v.key, "hex")]),
      label: Buffer.from(v.decoded.label ?? v.assumedLabel ?? ""),
    };
    const feed = (input: Buffer): void => {
      try {
        if (v.transport === "udp") open(input, wire);
        else decodeStream(input, v.direction === "request" ? "acceptor" : "dialer", wire);
      } catch (error) {
        assert.ok(error instanceof GossipDecodeError, `seed ${seed}, ${v.name}: ${String(error)}`);
        refused++;
      }
    };
    for (let n = 0; n < bytes.length; n += 1 + (bytes.length >> 8)) feed(bytes.subarray(0, n));
    for (let i = 0; i < 60; i++) {
      const mutated = Buffer.from(bytes);
      for (let k = 0; k <= chance.int(3); k++) mutated[chance.int(mutated.length)] = chance.int(256);
      feed(mutated);
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
});

test("stream: counts and lengths beyond the limits are refused before anything is read", () => {
  const header = (nodes: number, userState: number): Buffer => {
    const b = Buffer.from(
      "0683a44a6f696ec3a54e6f646573d200000000ac557365725374617465 4c656ed200000000".replace(/ /g, ""),
      "hex",
    );
    b.writeInt32BE(nodes, b.indexOf(0xd2) + 1);
    b.writeInt32BE(userState, b.length - 4);
    return b;
  };
  assert.equal(
    codeOf(() => decodeStream(header(2_000_000, 0), "acceptor", plainWire)),
    "too-large",
  );
  assert.equal(
    codeOf(() => decodeStream(header(1, 1 << 30), "acceptor", plainWire)),
    "too-large",
  );
  assert.equal(
    codeOf(() => decodeStream(header(-1, 0), "acceptor", plainWire)),
    "too-large",
  );
  assert.equal(
    codeOf(() => decodeStream(Buffer.from("0a7fffffff", "hex"), "acceptor", plainWire)),
    "too-large",
  );
  assert.equal(
    codeOf(() => decodeStream(Buffer.from("0a00000040", "hex"), "acceptor", plainWire)),
    "not-configured",
  );
  const keyed: WireOptions = { ...plainWire, keyring: new Keyring([random.bytes(16)]) };
  assert.equal(
    codeOf(() => decodeStream(Buffer.from("06", "hex"), "acceptor", keyed)),
    "not-encrypted",
  );
  assert.equal(
    codeOf(() => decodeStream(Buffer.from([99]), "acceptor", plainWire)),
    "unknown-type",
  );
});
