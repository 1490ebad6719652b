/**
 * A user event's bytes inside serf's event `consul:event:<name>`. MessagePack map, keys sorted, text as str8 and payload as
 * bin (unlike the rest of the wire); observed in Consul 1.8.7. Read leniently: older forms of text and bytes are taken too.
 */
import { MsgpackError, MsgpackReader, MsgpackWriter } from "../wire/msgpack.ts";

export const USER_EVENT_PREFIX = "consul:event:";
export const NEW_LEADER_EVENT = "consul:new-leader";
/** Version of the message that we write. */
export const USER_EVENT_VERSION = 1;

export interface UserEventMessage {
  readonly id: string;
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
  readonly version: number;
}

function writeSized(w: MsgpackWriter, bytes: Buffer, tag8: number, tag16: number): void {
  if (bytes.length <= 0xff) {
    w.byte(tag8);
    w.byte(bytes.length);
  } else {
    w.byte(tag16);
    w.byte(bytes.length >> 8);
    w.byte(bytes.length & 0xff);
  }
  w.raw(bytes);
}

function writeText(w: MsgpackWriter, text: string): void {
  const bytes = Buffer.from(text);
  if (bytes.length < 32) w.str(text);
  else writeSized(w, bytes, 0xd9, 0xda);
}

/** Texts and payload must stay below 64 KB; the pool's own limit is far smaller. */
export function encodeUserEvent(e: UserEventMessage): Buffer {
  const w = new MsgpackWriter(128);
  const payload = e.payload ?? new Uint8Array();
  const filters = [
    ["nf", e.nodeFilter],
    ["sf", e.serviceFilter],
    ["tf", e.tagFilter],
  ] as const;
  const used = filters.filter(([, text]) => text !== "");
  w.map(3 + used.length + (payload.length > 0 ? 1 : 0));
  w.str("ID");
  writeText(w, e.id);
  w.str("n");
  writeText(w, e.name);
  for (const [key, text] of used.filter(([k]) => k === "nf")) {
    w.str(key);
    writeText(w, text);
  }
  if (payload.length > 0) {
    w.str("p");
    writeSized(w, Buffer.from(payload), 0xc4, 0xc5);
  }
  for (const [key, text] of used.filter(([k]) => k !== "nf")) {
    w.str(key);
    writeText(w, text);
  }
  w.str("v");
  w.int(e.version);
  return w.take();
}

/** Throws {@link MsgpackError}. */
export function decodeUserEvent(bytes: Uint8Array): UserEventMessage {
  const r = new MsgpackReader(bytes);
  const out = {
    id: "",
    name: "",
    payload: null as Uint8Array | null,
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    version: 0,
  };
  const n = r.map();
  if (n === null) throw new MsgpackError("user event: nil");
  for (let i = 0; i < n; i++) {
    const key = r.str();
    switch (key) {
      case "ID":
        out.id = r.str();
        break;
      case "n":
        out.name = r.str();
        break;
      case "p":
        out.payload = copied(r.bytes());
        break;
      case "nf":
        out.nodeFilter = r.str();
        break;
      case "sf":
        out.serviceFilter = r.str();
        break;
      case "tf":
        out.tagFilter = r.str();
        break;
      case "v":
        out.version = Number(r.integer());
        break;
      default:
        r.skip();
    }
  }
  return out;
}

const copied = (b: Buffer | null): Uint8Array | null =>
  b === null || b.length === 0 ? null : Buffer.from(b);
