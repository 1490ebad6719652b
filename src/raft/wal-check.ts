/**
 * Looks through an SQLite write-ahead log for transactions behind a damaged frame. SQLite would end its recovery at the damage
 * without a word. Only the write in flight at a crash may be torn, and it ends with one commit frame; a second commit behind
 * the damage belongs to a later write, so what was damaged had been acknowledged.
 * Source: "WAL Format" in SQLite's file format description.
 *
 *   header 32: magic, format, page size, checkpoint sequence, salt 1, salt 2, checksum 1, checksum 2
 *   frame: page number, pages after commit (0 = not a commit), salt 1, salt 2, checksum 1, checksum 2, page
 */
import { existsSync, readFileSync } from "node:fs";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

interface Sum {
  a: number;
  b: number;
}

function add(sum: Sum, view: Buffer, from: number, to: number, big: boolean): void {
  for (let i = from; i < to; i += 8) {
    const x = big ? view.readUInt32BE(i) : view.readUInt32LE(i);
    const y = big ? view.readUInt32BE(i + 4) : view.readUInt32LE(i + 4);
    sum.a = (sum.a + x + sum.b) >>> 0;
    sum.b = (sum.b + y + sum.a) >>> 0;
  }
}

/** What is wrong with the file, or undefined when every acknowledged transaction can be recovered from it. */
export function findLostCommit(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const wal = readFileSync(path);
  if (wal.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const magic = wal.readUInt32BE(0);
  const frameBytes = FRAME_HEADER_BYTES + wal.readUInt32BE(8);
  const headerSum: Sum = { a: 0, b: 0 };
  const big = (magic & 1) === 1;
  add(headerSum, wal, 0, 24, big);
  if ((magic & ~1) !== MAGIC || headerSum.a !== wal.readUInt32BE(24) || headerSum.b !== wal.readUInt32BE(28))
    // The header is written and synced before the first frame of a fresh log; frames under a bad one were acknowledged.
    return commitsBehind(wal, HEADER_BYTES, 4096 + FRAME_HEADER_BYTES, undefined) > 0
      ? "its header is damaged"
      : undefined;
  const salts = wal.subarray(16, 24);
  const sum = headerSum;
  let at = HEADER_BYTES;
  let frame = 0;
  for (; at + frameBytes <= wal.length; at += frameBytes, frame++) {
    if (wal.compare(salts, 0, 8, at + 8, at + 16) !== 0) break;
    add(sum, wal, at, at + 8, big);
    add(sum, wal, at + FRAME_HEADER_BYTES, at + frameBytes, big);
    if (sum.a !== wal.readUInt32BE(at + 16) || sum.b !== wal.readUInt32BE(at + 20)) break;
  }
  const commits = commitsBehind(wal, at, frameBytes, salts);
  return commits > 1
    ? `frame ${frame} at byte ${at} does not match its checksum, and ${commits} later transactions follow`
    : undefined;
}

function commitsBehind(wal: Buffer, from: number, frameBytes: number, salts: Buffer | undefined): number {
  let commits = 0;
  for (let at = from; at + frameBytes <= wal.length; at += frameBytes) {
    const own = salts === undefined || wal.compare(salts, 0, 8, at + 8, at + 16) === 0;
    if (own && wal.readUInt32BE(at + 4) !== 0) commits++;
  }
  return commits;
}
