import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { ArchiveError, openArchive, writeArchive } from "./archive.ts";
import type { SnapshotMeta } from "./contract.ts";

const recorded = (name: string): Buffer => readFileSync(new URL(`./testdata/${name}`, import.meta.url));
async function* inParts(bytes: Uint8Array, size: number = 100): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const c of stream) chunks.push(c);
  return Buffer.concat(chunks);
}
const readWhole = async (
  bytes: Uint8Array,
  partBytes?: number,
): Promise<{ meta: SnapshotMeta; state: Buffer }> => {
  const { meta, state } = await openArchive(inParts(bytes, partBytes));
  return { meta, state: await collect(state) };
};

for (const name of ["snapshot-known.tgz", "snapshot-basic.tgz", "snapshot-acl.tgz", "snapshot-semantics.tgz"])
  test(`recorded archive: ${name} reads, and what we write of it has the same members`, async () => {
    const bytes = recorded(name);
    const { meta, state } = await readWhole(bytes);
    assert.equal(state.length, meta.size);
    const again = await collect(writeArchive(meta, inParts(state), 1_700_000_000));
    const theirs = gunzipSync(bytes);
    const ours = gunzipSync(again);
    const members = (tar: Buffer): [string, string][] => {
      const out: [string, string][] = [];
      for (let at = 0; tar[at] !== 0; ) {
        const size = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
        const mode = tar.toString("latin1", at + 100, at + 107);
        const memberName = tar.toString("latin1", at, at + 100).replace(/\0.*/s, "");
        const content = tar.subarray(at + 512, at + 512 + size);
        // The order of the checksum lines is free.
        const text =
          memberName === "SHA256SUMS"
            ? content.toString().split("\n").sort().join("\n")
            : createHash("sha256").update(content).digest("hex");
        out.push([`${memberName} ${mode}`, text]);
        at += 512 + Math.ceil(size / 512) * 512;
      }
      return out;
    };
    assert.deepEqual(members(ours), members(theirs));
    assert.deepEqual((await readWhole(again, 7)).state, state);
  });

const meta: SnapshotMeta = {
  id: "2-5-1",
  index: 5,
  term: 2,
  configuration: { servers: [{ id: "a", address: "127.3.0.1:8300", suffrage: 0 }] },
  configurationIndex: 1,
  size: 2000,
};
const state = Buffer.alloc(2000, "abc");
const good = await collect(writeArchive(meta, inParts(state), 0));

const bad: readonly [string, () => Buffer, RegExp][] = [
  [
    "not gzip",
    () => Buffer.from("hello world, this is no archive"),
    /failed to decompress snapshot: gzip: invalid header/,
  ],
  ["shorter than a header", () => Buffer.from("garbage"), /failed to decompress snapshot: unexpected EOF/],
  ["empty", () => Buffer.alloc(0), /failed to decompress snapshot: EOF/],
  ["cut", () => good.subarray(0, good.length - 20), /failed to decompress/],
  ["something behind the gzip stream", () => Buffer.concat([good, Buffer.from("x")]), /failed to decompress/],
  [
    "a changed state",
    () => edited((tar) => tar.write("X", tar.indexOf("abcabc"))),
    /hash check failed for "state.bin"/,
  ],
  [
    "a changed meta",
    () => edited((tar) => tar.write('"Term":3', tar.indexOf('"Term":2'))),
    /hash check failed for "meta.json"/,
  ],
  [
    "another member",
    () => edited((tar) => rename(tar, "SHA256SUMS", "SHA512SUMS")),
    /want SHA256SUMS behind state.bin, found SHA512SUMS/,
  ],
  [
    "a header that does not add up",
    () => edited((tar) => tar.write("z", 0)),
    /tar header does not match its checksum/,
  ],
  [
    "a sum for an unknown file",
    () => edited((tar) => tar.write("other.bin", tar.lastIndexOf("state.bin"))),
    /list missing hash for "other.bin"/,
  ],
  ["no end mark", () => gzipSync(gunzipSync(good).subarray(0, -1024)), /ends within a file/],
  [
    "something behind the end mark",
    () => gzipSync(Buffer.concat([gunzipSync(good), Buffer.from("x")])),
    /something behind the end/,
  ],
];
for (const [name, make, message] of bad)
  test(`archive refused: ${name}`, async () => {
    await assert.rejects(readWhole(make()), (e) => e instanceof ArchiveError && message.test(e.message));
  });

function edited(edit: (tar: Buffer) => void): Buffer {
  const tar = Buffer.from(gunzipSync(good));
  edit(tar);
  return gzipSync(tar);
}

function rename(tar: Buffer, from: string, to: string): void {
  const at = tar.indexOf(from);
  tar.write(to, at);
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0x20 : tar[at + i]!;
  tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148);
}

test("the last bytes of a state are held back until its checksum is known to match", async () => {
  const { state: stream } = await openArchive(
    inParts(edited((tar) => tar.write("X", tar.indexOf("abcabc")))),
  );
  let seen = 0;
  await assert.rejects(async () => {
    for await (const c of stream) seen += c.length;
  }, ArchiveError);
  assert.ok(seen < 2000);
});

test("a state shorter than announced fails the writing", async () => {
  await assert.rejects(
    collect(writeArchive({ ...meta, size: 2001 }, inParts(state), 0)),
    /the state has 2000 bytes/,
  );
});
