/** `{Servers: [{Address, ID, Suffrage}]}` as MessagePack: data of configuration entries, and part of InstallSnapshot. */
import { decode, encode, int, list, str, struct } from "../wire/schema.ts";
import type { RaftConfiguration } from "./contract.ts";

const Server = struct("Server", { Suffrage: int, ID: str, Address: str });
const Configuration = struct("Configuration", { Servers: list(Server) });

export function encodeConfiguration(configuration: RaftConfiguration): Buffer {
  return encode(Configuration, {
    Servers: configuration.servers.map((s) => ({ Suffrage: s.suffrage, ID: s.id, Address: s.address })),
  });
}

/** Throws MsgpackError. */
export function decodeConfiguration(bytes: Uint8Array): RaftConfiguration {
  const { Servers } = decode(Configuration, bytes);
  return { servers: (Servers ?? []).map((s) => ({ id: s.ID, address: s.Address, suffrage: s.Suffrage })) };
}
