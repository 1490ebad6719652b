/** Makes an answer fit: by number where nothing is known of the client, by size always (observed in Consul 1.8.7). */

import { encodeReply } from "./encode.ts";
import {
  PLAIN_UDP_BYTES,
  TCP_ANSWERS_MAX,
  TCP_BYTES,
  TCP_SRV_ANSWERS_MAX,
  UDP_ANSWER_LIMIT_MAX,
  UDP_MARGIN_BYTES,
} from "./limits.ts";
import { ednsBytes, type Reply, type ResourceRecord, TYPE } from "./message.ts";

export interface TrimOptions {
  readonly network: "udp" | "tcp";
  readonly compress: boolean;
  readonly udpAnswerLimit: number;
  /** Set TC when something was cut. */
  readonly enableTruncate: boolean;
}

/** The reply with as many answers as fit, its additional section kept in step with them. */
export function trimReply(reply: Reply, options: TrimOptions): Reply {
  const whole = reply.answers.length;
  if (whole === 0) return reply;
  let keep = whole;
  let compress = options.compress;
  let bytesMax: number;
  if (options.network === "tcp") {
    keep = Math.min(keep, reply.query.type === TYPE.SRV ? TCP_SRV_ANSWERS_MAX : TCP_ANSWERS_MAX);
    bytesMax = TCP_BYTES;
  } else {
    const client = Math.max(PLAIN_UDP_BYTES, reply.query.edns?.udpBytes ?? 0);
    const limit = Math.min(UDP_ANSWER_LIMIT_MAX, options.udpAnswerLimit);
    if (client === PLAIN_UDP_BYTES && keep > limit) {
      keep = limit;
      compress = false;
    }
    // The OPT record comes on top: the whole must not be larger than the client can take.
    bytesMax = client - Math.max(UDP_MARGIN_BYTES, ednsBytes(reply.edns));
  }
  // Most answers fit by far: no need to encode them to know.
  if (keep === whole && bytesAtMost(reply) <= bytesMax) return reply;
  const byName = firstByName(reply.additional);
  const cut = (n: number): Reply => {
    if (n === whole) return reply;
    const answers = reply.answers.slice(0, n);
    return { ...reply, answers, additional: additionalFor(answers, byName) };
  };
  const fits = (n: number): boolean =>
    encodeReply({ ...cut(n), edns: undefined }, { compress }).length <= bytesMax;
  if (keep > 1 && !fits(keep)) {
    // Largest number that fits; one answer is kept however large it is.
    let low = 1;
    let high = keep - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (fits(middle)) low = middle;
      else high = middle - 1;
    }
    keep = low;
  }
  if (keep === whole) return reply;
  return { ...cut(keep), truncated: options.enableTruncate };
}

/** No fewer bytes than the reply has, without OPT. */
function bytesAtMost(reply: Reply): number {
  let bytes = 12 + reply.query.question.length;
  for (const section of [reply.answers, reply.authority, reply.additional])
    for (const { name, data } of section) {
      bytes += Buffer.byteLength(name) + 2 + 10;
      switch (data.kind) {
        case "address":
          bytes += 16;
          break;
        case "name":
        case "srv":
          bytes += 6 + Buffer.byteLength(data.target) + 2;
          break;
        case "txt":
          bytes += Math.ceil((Buffer.byteLength(data.text) * 256) / 255) + 1;
          break;
        case "soa":
          bytes += 20 + Buffer.byteLength(data.mname) + Buffer.byteLength(data.rname) + 4;
          break;
        case "raw":
          bytes += data.bytes.length;
      }
    }
  return bytes;
}

function firstByName(records: readonly ResourceRecord[]): ReadonlyMap<string, ResourceRecord> {
  const out = new Map<string, ResourceRecord>();
  for (const r of records) if (!out.has(r.name) && r.data.kind !== "txt") out.set(r.name, r);
  return out;
}

/** For each SRV target its record, CNAMEs followed. */
function additionalFor(
  answers: readonly ResourceRecord[],
  byName: ReadonlyMap<string, ResourceRecord>,
): readonly ResourceRecord[] {
  const out = new Set<ResourceRecord>();
  for (const { data } of answers) {
    if (data.kind !== "srv") continue;
    let record = byName.get(data.target);
    for (let depth = 0; record !== undefined && !out.has(record) && depth < byName.size; depth++) {
      out.add(record);
      record = record.data.kind === "name" ? byName.get(record.data.target) : undefined;
    }
  }
  return [...out];
}
