/** Reads the recordings of Consul 1.8.7 beside this file: log entries, and archives with the state that they led to. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { bytes, decode, struct, uint } from "../../wire/schema.ts";
/** Log.Type of entries that go to the state machine. */
const LOG_TYPE_COMMAND = 0;

const Log = struct("Log", { Index: uint, Term: uint, Type: uint, Data: bytes, Extensions: bytes });

export interface RecordedEntry {
  readonly name: string;
  readonly index: number;
  readonly term: number;
  readonly command: boolean;
  readonly data: Uint8Array;
  readonly extensions: Uint8Array | null;
  /** `hex` was cut by the recorder. */
  readonly truncated: boolean;
  readonly fsmResult: { readonly type?: string; readonly value?: unknown; readonly error?: string } | undefined;
}

const file = (name: string): Buffer => readFileSync(new URL(name, import.meta.url));

export function recordedLog(name: string): readonly RecordedEntry[] {
  const rows = JSON.parse(file(`${name}.json`).toString()) as readonly {
    name: string;
    hex: string;
    hex_truncated?: boolean;
    decoded: { Index?: number };
    fsm_result?: RecordedEntry["fsmResult"];
  }[];
  return Object.values(rows)
    .filter((row) => row.decoded?.Index !== undefined)
    .map((row) => {
      const base = { name: row.name, truncated: row.hex_truncated === true, fsmResult: row.fsm_result };
      if (base.truncated) return { ...base, index: 0, term: 0, command: false, data: Buffer.alloc(0), extensions: null };
      const log = decode(Log, Buffer.from(row.hex, "hex"));
      return {
        ...base,
        index: log.Index,
        term: log.Term,
        command: log.Type === LOG_TYPE_COMMAND,
        data: log.Data ?? Buffer.alloc(0),
        extensions: log.Extensions,
      };
    });
}

const TAR_BLOCK = 512;

/** The state stream inside an archive: member `state.bin` of a gzipped tar. */
export function recordedState(name: string): Buffer {
  const tar = gunzipSync(file(`${name}.tgz`));
  for (let at = 0; at + TAR_BLOCK <= tar.length; ) {
    const member = tar.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    if (member === "state.bin") return tar.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size);
    if (member === "") break;
    at += TAR_BLOCK + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
  throw new Error(`${name}: no state.bin`);
}


/**
 * 1,350 commands of random requests to Consul 1.8.7 (catalog with renames and name clashes, health, sessions and locks,
 * transactions, prepared queries, intentions, gateways and other config entries), and the state that they led to.
 */
export function recordedRandomRun(): {
  readonly log: readonly { readonly index: number; readonly data: Buffer }[];
  readonly state: Buffer;
} {
  const run = JSON.parse(gunzipSync(file("run-random.json.gz")).toString()) as { log: string; state: string };
  const log = run.log.split("\n").map((line) => {
    const [index, data] = line.split(" ");
    return { index: Number(index), data: Buffer.from(data!, "base64") };
  });
  return { log, state: Buffer.from(run.state, "base64") };
}
