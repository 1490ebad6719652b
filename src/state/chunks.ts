/**
 * Commands that were split over several log entries because one would be too large. Each entry carries its place in a
 * protobuf extension: 1 op number (random), 2 sequence number, 3 number of chunks, 4 the command's own extensions.
 * Observed in Consul 1.8.7, which splits KVS commands only.
 */

import { MsgpackError } from "../wire/msgpack.ts";
import { bytes, type Infer, list, ptr, struct, type Type, uint, uint64 } from "../wire/schema.ts";
import { CHUNK_BYTES, PENDING_CHUNK_BYTES_MAX } from "./limits.ts";

/** The answer to an entry that completes no command. At the last chunk it means that earlier ones were lost. */
export const CHUNK_INCOMPLETE = Symbol("incomplete chunked command");

export interface ChunkPlace {
  readonly opNum: bigint;
  readonly sequenceNum: number;
  readonly numChunks: number;
}

/** The extension bytes are not those of a chunk. */
export class ChunkError extends Error {
  override readonly name = "ChunkError";
}

const VARINT_BYTES_MAX = 10;

function readVarint(data: Uint8Array, at: number): readonly [value: bigint, next: number] {
  let value = 0n;
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const b = data[at + i];
    if (b === undefined) throw new ChunkError(`chunk extension ends inside a number at byte ${at + i}`);
    value |= BigInt(b & 0x7f) << BigInt(7 * i);
    if (b < 0x80) return [BigInt.asUintN(64, value), at + i + 1];
  }
  throw new ChunkError(`chunk extension has a number of more than ${VARINT_BYTES_MAX} bytes at byte ${at}`);
}

export function decodeChunkPlace(data: Uint8Array): ChunkPlace {
  let opNum = 0n;
  let sequenceNum = 0;
  let numChunks = 0;
  for (let at = 0; at < data.length; ) {
    const [tag, afterTag] = readVarint(data, at);
    const [value, next] = readVarint(data, afterTag);
    at = next;
    switch (tag) {
      case 0x08n:
        opNum = value;
        break;
      case 0x10n:
        sequenceNum = Number(BigInt.asUintN(32, value));
        break;
      case 0x18n:
        numChunks = Number(BigInt.asUintN(32, value));
        break;
      case 0x22n:
        at += Number(value);
        break;
      default:
        throw new ChunkError(`chunk extension has unknown field tag ${tag}`);
    }
  }
  if (sequenceNum >= numChunks) throw new ChunkError(`chunk ${sequenceNum} of ${numChunks}`);
  return { opNum, sequenceNum, numChunks };
}

function writeVarint(out: number[], value: bigint): void {
  let v = value;
  for (; v >= 0x80n; v >>= 7n) out.push(Number(v & 0x7fn) | 0x80);
  out.push(Number(v));
}

export function encodeChunkPlace(place: ChunkPlace): Buffer {
  const out: number[] = [];
  const field = (tag: number, value: bigint): void => {
    if (value === 0n) return;
    out.push(tag);
    writeVarint(out, value);
  };
  field(0x08, place.opNum);
  field(0x10, BigInt(place.sequenceNum));
  field(0x18, BigInt(place.numChunks));
  return Buffer.from(out);
}

/** A command's parts for consecutive log entries; one part without extensions when it is small. `opNum`: 64 random bits. */
export function splitCommand(
  command: Buffer,
  opNum: bigint,
): readonly { readonly data: Buffer; readonly extensions: Uint8Array | null }[] {
  if (command.length <= CHUNK_BYTES) return [{ data: command, extensions: null }];
  const numChunks = Math.ceil(command.length / CHUNK_BYTES);
  return Array.from({ length: numChunks }, (_, sequenceNum) => ({
    data: command.subarray(sequenceNum * CHUNK_BYTES, (sequenceNum + 1) * CHUNK_BYTES),
    extensions: encodeChunkPlace({ opNum, sequenceNum, numChunks }),
  }));
}

const ChunkInfo = struct("ChunkInfo", {
  OpNum: uint64,
  SequenceNum: uint,
  NumChunks: uint,
  Term: uint,
  Data: bytes,
});
type ChunkInfo = Infer<typeof ChunkInfo>;
const ChunkInfos = list(ptr(ChunkInfo));

/** {uint: [*ChunkInfo]}: a map whose keys are integers. */
const ChunkMap: Type<ReadonlyMap<bigint, readonly (ChunkInfo | null)[] | null>> = {
  name: "{uint64:[*ChunkInfo]}",
  zero: () => new Map(),
  encode: (w, v) => {
    w.map(v.size);
    for (const [opNum, parts] of v) {
      w.bigint(opNum);
      ChunkInfos.encode(w, parts);
    }
  },
  decode: (r, depth) => {
    const n = r.map() ?? 0;
    const out = new Map<bigint, readonly (ChunkInfo | null)[] | null>();
    for (let i = 0; i < n; i++) out.set(BigInt(r.integer()), ChunkInfos.decode(r, depth + 1));
    return out;
  },
  json: () => {
    throw new MsgpackError("ChunkMap has no JSON form");
  },
  fromJson: () => {
    throw new MsgpackError("ChunkMap has no JSON form");
  },
  empty: (v) => v.size === 0,
};

export const ChunkState = struct("ChunkState", { ChunkMap });
export type ChunkState = Infer<typeof ChunkState>;

/** The chunks of commands that are not complete yet. */
export class Chunks {
  readonly #pending = new Map<bigint, (ChunkInfo | undefined)[]>();
  #term = 0;
  #bytes = 0;

  /** Takes a chunk; returns the whole command when it was the last missing one. */
  add(place: ChunkPlace, term: number, data: Uint8Array): Buffer | undefined {
    if (term !== this.#term) {
      // Whoever was sending them has lost the leadership and will send all again under another number.
      this.clear();
      this.#term = term;
    }
    let parts = this.#pending.get(place.opNum);
    if (parts === undefined) {
      parts = [];
      this.#pending.set(place.opNum, parts);
    }
    this.#bytes += data.length - (parts[place.sequenceNum]?.Data?.length ?? 0);
    parts[place.sequenceNum] = {
      OpNum: place.opNum,
      SequenceNum: place.sequenceNum,
      NumChunks: place.numChunks,
      Term: term,
      Data: Buffer.from(data),
    };
    for (let i = 0; i < place.numChunks; i++)
      if (parts[i] === undefined) {
        this.#dropOverflow(place.opNum);
        return undefined;
      }
    this.#drop(place.opNum);
    return Buffer.concat(parts.map((part) => part?.Data ?? Buffer.alloc(0)));
  }

  clear(): void {
    this.#pending.clear();
    this.#bytes = 0;
  }

  #drop(opNum: bigint): void {
    for (const part of this.#pending.get(opNum) ?? []) this.#bytes -= part?.Data?.length ?? 0;
    this.#pending.delete(opNum);
  }

  /** The same entries come in the same order to every server, so all drop the same. */
  #dropOverflow(keep: bigint): void {
    for (const opNum of this.#pending.keys()) {
      if (this.#bytes <= PENDING_CHUNK_BYTES_MAX) return;
      if (opNum !== keep) this.#drop(opNum);
    }
  }

  state(): ChunkState {
    const map = new Map<bigint, readonly (ChunkInfo | null)[]>();
    for (const [opNum, parts] of this.#pending)
      map.set(
        opNum,
        Array.from(parts, (part) => part ?? null),
      );
    return { ChunkMap: map };
  }

  restore(state: ChunkState): void {
    this.clear();
    this.#term = 0;
    for (const [opNum, parts] of state.ChunkMap)
      for (const part of parts ?? []) {
        if (part === null) continue;
        this.#term = Math.max(this.#term, part.Term);
        let list = this.#pending.get(opNum);
        if (list === undefined) {
          list = [];
          this.#pending.set(opNum, list);
        }
        list[part.SequenceNum] = part;
        this.#bytes += part.Data?.length ?? 0;
      }
  }
}
