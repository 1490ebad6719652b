/** meta.json of the snapshot store and of archives, in the original's keys and order. */

import { MsgpackReader } from "../wire/msgpack.ts";
import { bytes, encode, list } from "../wire/schema.ts";
import { type RaftConfiguration, type RaftServer, type SnapshotMeta, SUFFRAGE } from "./contract.ts";

/** Why a meta.json is no snapshot's. */
export class SnapshotMetaError extends Error {
  override readonly name = "SnapshotMetaError";
}

const Peers = list(bytes);

/** One line of JSON with a newline. `crc` (8 bytes) only in the store. */
export function encodeMeta(meta: SnapshotMeta, crc?: Uint8Array): string {
  const voters = meta.configuration.servers.filter((s) => s.suffrage === SUFFRAGE.voter);
  const peers = encode(
    Peers,
    voters.map((s) => Buffer.from(s.address)),
  );
  const out: Record<string, unknown> = {
    Version: 1,
    ID: meta.id,
    Index: meta.index,
    Term: meta.term,
    Peers: peers.toString("base64"),
    Configuration: {
      Servers: meta.configuration.servers.map((s) => ({
        Suffrage: s.suffrage,
        ID: s.id,
        Address: s.address,
      })),
    },
    ConfigurationIndex: meta.configurationIndex,
    Size: meta.size,
  };
  if (crc !== undefined) out.CRC = Buffer.from(crc).toString("base64");
  return `${JSON.stringify(out)}\n`;
}

/** Throws {@link SnapshotMetaError}. A version 0 meta knows only peers: they become voters named by their addresses. */
export function decodeMeta(text: string): { readonly meta: SnapshotMeta; readonly crc: Buffer | undefined } {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new SnapshotMetaError(`meta.json is not JSON: ${(cause as Error).message}`);
  }
  if (typeof json !== "object" || json === null) throw new SnapshotMetaError("meta.json holds no object");
  const number = (key: string): number => {
    const v = json[key];
    if (typeof v !== "number" || !Number.isSafeInteger(v) || v < 0)
      throw new SnapshotMetaError(`meta.json: ${key} is ${JSON.stringify(v)}, want a count`);
    return v;
  };
  const version = number("Version");
  if (version > 1) throw new SnapshotMetaError(`meta.json: unsupported snapshot version ${version}`);
  const id = json.ID;
  if (typeof id !== "string") throw new SnapshotMetaError("meta.json: ID is missing");
  const index = number("Index");
  const configuration = version === 0 ? peersConfiguration(json.Peers) : serversOf(json.Configuration);
  return {
    meta: {
      id,
      index,
      term: number("Term"),
      configuration,
      configurationIndex: version === 0 ? index : number("ConfigurationIndex"),
      size: number("Size"),
    },
    crc: typeof json.CRC === "string" ? Buffer.from(json.CRC, "base64") : undefined,
  };
}

function serversOf(v: unknown): RaftConfiguration {
  const list = (v as { Servers?: unknown } | null)?.Servers;
  if (list === null || list === undefined) return { servers: [] };
  if (!Array.isArray(list)) throw new SnapshotMetaError("meta.json: Configuration.Servers is no list");
  return {
    servers: list.map((s: { Suffrage?: unknown; ID?: unknown; Address?: unknown } | null): RaftServer => {
      if (typeof s?.ID !== "string" || typeof s.Address !== "string" || typeof s.Suffrage !== "number")
        throw new SnapshotMetaError("meta.json: a server needs Suffrage, ID and Address");
      return { id: s.ID, address: s.Address, suffrage: s.Suffrage };
    }),
  };
}

function peersConfiguration(v: unknown): RaftConfiguration {
  if (typeof v !== "string") return { servers: [] };
  const peers = Peers.decode(new MsgpackReader(Buffer.from(v, "base64")), 0) ?? [];
  return {
    servers: peers.map((p) => ({
      id: String(p ?? ""),
      address: Buffer.from(p ?? []).toString(),
      suffrage: SUFFRAGE.voter,
    })),
  };
}
