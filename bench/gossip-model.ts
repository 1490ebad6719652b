/**
 * What the rules of gossip say about a pool of n nodes on a LAN: traffic at rest, time to detect a crash, time to spread a message.
 * Sources: SWIM (DSN 2002) for probing, Bailey's logistic epidemic for spreading, the scaling rules of memberlist and serf as observed
 * in serf 0.9.4. Pure.
 */

/** The LAN profile: seconds between probes, between rounds of gossip, between exchanges of the whole state; nodes told a round. */
const PROBE_S = 1;
const GOSSIP_S = 0.2;
const GOSSIP_FANOUT = 3;
const PUSH_PULL_S = 30;
const PUSH_PULL_SCALES_ABOVE = 32;
const SUSPICION_MULT = 4;

/** Bytes of a ping and of an ack with its coordinate when names have 2 characters; a ping carries two names. */
const PING_BYTES = 61;
const ACK_BYTES = 150;
/** Bytes of a node in an exchange of states, beside name and meta, before compression; of its clock in serf's part. */
const RECORD_BYTES = 61;
const RECORD_CLOCK_BYTES = 3;

export interface Expected {
  /** Sent by a node a second at rest: a ping, and an ack for the one ping that comes. */
  readonly datagrams: number;
  readonly datagramBytes: number;
  /** By streams, without compression: more than this never. */
  readonly streamBytesMax: number;
  readonly pushPullSeconds: number;
  readonly suspicionSeconds: number;
  /** Mean seconds from a crash until the first node declares it, and the least and most that are likely. */
  readonly detectSeconds: number;
  readonly detectSecondsMin: number;
  readonly detectSecondsMax: number;
  /** Seconds until the last node has a message. */
  readonly spreadSeconds: number;
}

/** Chance that a given node is probed in a period by at least one of the n - 1 others, each of which picks one. */
const probed = (n: number): number => 1 - (1 - 1 / (n - 1)) ** (n - 1);

export function expectedOf(n: number, nameLength: number, metaBytes: number): Expected {
  const doublings = n <= PUSH_PULL_SCALES_ABOVE ? 1 : Math.ceil(Math.log2(n / PUSH_PULL_SCALES_ABOVE)) + 1;
  const pushPullSeconds = PUSH_PULL_S * doublings;
  const suspicionSeconds = SUSPICION_MULT * Math.max(1, Math.log10(n)) * PROBE_S;
  // A probe fails at the end of its period; a crash falls into the middle of one on average.
  const wait = PROBE_S / probed(n) - PROBE_S / 2;
  return {
    datagrams: 2 / PROBE_S,
    datagramBytes: (PING_BYTES + 2 * (nameLength - 2) + ACK_BYTES) / PROBE_S,
    streamBytesMax:
      (2 * n * (RECORD_BYTES + metaBytes + nameLength + RECORD_CLOCK_BYTES + nameLength)) / pushPullSeconds,
    pushPullSeconds,
    suspicionSeconds,
    detectSeconds: wait + PROBE_S + suspicionSeconds,
    detectSecondsMin: PROBE_S + suspicionSeconds,
    detectSecondsMax: wait + 2 * PROBE_S + suspicionSeconds,
    spreadSeconds: (2 * Math.log(n) * GOSSIP_S) / GOSSIP_FANOUT,
  };
}
