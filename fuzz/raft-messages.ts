/** Raft requests in perfect form with hostile content: terms beyond belief, forged senders, logs and snapshots of nobody's cluster. */
import type { Random } from "../src/ports/random.ts";
import { encodeRequest } from "../src/raft/codec.ts";
import { LOG_TYPE, type LogEntry, SUFFRAGE } from "../src/raft/contract.ts";
import type { RaftRequest } from "../src/raft/core/messages.ts";

const TERMS = [0, 1, 2, 3, 1000, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER] as const;
const INDEXES = [0, 1, 2, 10, 1000, 2 ** 32, Number.MAX_SAFE_INTEGER - 10] as const;

/** `addresses`: whom the sender may claim to be, among others the victim itself. One request with its type byte. */
export function hostileRaftRequest(random: Random, addresses: readonly string[]): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!;
  const address = pick(addresses);
  const from = pick(["", "5f0e6d5c-0000-0000-0000-000000000000", address]);
  const term = pick(TERMS);
  const prevIndex = pick(INDEXES);
  const entries: LogEntry[] = Array.from({ length: random.int(3) }, (_, i) => ({
    index: prevIndex + 1 + i,
    term,
    type: pick([LOG_TYPE.command, LOG_TYPE.noop, LOG_TYPE.barrier]),
    data: random.bytes(random.int(64) + 1),
    extensions: null,
  }));
  const requests: readonly RaftRequest[] = [
    {
      kind: "append",
      term,
      leader: address,
      from,
      prevIndex,
      prevTerm: Math.min(term, pick(TERMS)),
      entries,
      commit: pick(INDEXES),
      context: undefined,
    },
    {
      kind: "vote",
      term,
      candidate: address,
      from,
      lastIndex: pick(INDEXES),
      lastTerm: pick(TERMS),
      leadershipTransfer: random.int(2) === 0,
    },
    { kind: "pre-vote", term, candidate: address, from, lastIndex: pick(INDEXES), lastTerm: pick(TERMS) },
    { kind: "timeout-now", from },
    {
      kind: "install",
      term,
      leader: address,
      from,
      lastIndex: pick(INDEXES),
      lastTerm: pick(TERMS),
      configuration: { servers: [{ id: "x", address, suffrage: SUFFRAGE.voter }] },
      configurationIndex: pick(INDEXES),
      size: 0,
    },
  ];
  return encodeRequest(pick(requests), { id: from, address });
}
