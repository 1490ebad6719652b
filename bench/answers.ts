/** What an answer holds, so that two programs' answers can be compared before they are timed. */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { send } from "./http-driver.ts";

export interface Answer {
  readonly bytes: number;
  /** Elements of a list; 1 of anything else. DNS: records of the answer section. */
  readonly items: number;
  /** Of the content without what differs between any two clusters. */
  readonly digest: string;
}

/** Indexes and random ids: different in each cluster. */
const PER_CLUSTER = new Set(["CreateIndex", "ModifyIndex", "LockIndex"]);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The content that must be equal: no indexes, ids made equal, keys and lists in one order. */
export function content(value: unknown): unknown {
  if (typeof value === "string") return UUID.test(value) ? "id" : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value))
    return value
      .map(content)
      .map((v) => JSON.stringify(v))
      .sort();
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !PER_CLUSTER.has(key))
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, v]) => [key, content(v)]),
  );
}

export function answerOf(text: string): Answer {
  const value: unknown = JSON.parse(text);
  return {
    bytes: Buffer.byteLength(text),
    items: Array.isArray(value) ? value.length : 1,
    digest: createHash("sha256")
      .update(JSON.stringify(content(value)))
      .digest("hex")
      .slice(0, 12),
  };
}

export const httpAnswer = async (url: string): Promise<Answer> => answerOf(await send("GET", url));

const QUERY_WITHIN_MS = 5_000;
const TYPES: Readonly<Record<string, number>> = { A: 1, SRV: 33 };

/** A query of class IN as one datagram: header of 12 bytes, labels, type, class (RFC 1035, section 4). */
export function dnsQuery(id: number, name: string, type: "A" | "SRV"): Buffer {
  const labels = name.split(".").map((l) => Buffer.from([l.length, ...Buffer.from(l)]));
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, TYPES[type]!, 0, 1])]);
}

/** Code, cut or not, and the counts of the three sections: which of the instances are told is chosen by chance in both. */
export function dnsFacts(reply: Buffer): Answer {
  if (reply.length < 12) throw new Error(`a DNS reply of ${reply.length} bytes`);
  const [flags, answers, authority, extra] = [2, 6, 8, 10].map((at) => reply.readUInt16BE(at));
  return {
    bytes: reply.length,
    items: answers!,
    digest: `rcode ${flags! & 15}${(flags! & 0x200) === 0 ? "" : " cut"}, ${answers} + ${authority} + ${extra} records`,
  };
}

export function dnsAnswer(ip: string, name: string, type: "A" | "SRV"): Promise<Answer> {
  const socket = createSocket("udp4");
  return new Promise<Answer>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} ${type} at ${ip}: no reply`)), QUERY_WITHIN_MS);
    socket.on("message", (reply) => {
      clearTimeout(late);
      try {
        resolve(dnsFacts(reply));
      } catch (error) {
        reject(error);
      }
    });
    socket.on("error", reject);
    socket.send(dnsQuery(4711, name, type), 8600, ip);
  }).finally(() => socket.close());
}

/** Why two answers are not the same, as a sentence; undefined when they are. */
export function difference(consul: Answer, tribune: Answer): string | undefined {
  if (consul.digest === tribune.digest) return undefined;
  const told = (a: Answer): string => `${a.items} items, ${a.bytes} bytes, ${a.digest}`;
  return `the answers differ: Consul ${told(consul)}; Tribune ${told(tribune)}`;
}
