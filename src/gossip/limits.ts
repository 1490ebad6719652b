/** Every bound of the gossip layer: value, unit and reason. */

const MIB = 1 << 20;

/** A node's meta (serf tags), bytes; the same on both ends of the protocol. */
export const META_BYTES_MAX = 512;
/** What a packet may hold before CRC and encryption, bytes: memberlist's UDPBufferSize, safe under an Ethernet MTU. */
export const PACKET_BUDGET_BYTES = 1400;
/** A received datagram, bytes: the most that UDP carries. */
export const DATAGRAM_BYTES_MAX = 65_536;
/** Wanted socket receive buffer, bytes; halved until the system grants it. Accusations must not be lost in a burst. */
export const RECEIVE_BUFFER_BYTES = 2 * MIB;
/** Parts of one compound message. memberlist 0.2 computes the length table in 8 bits and loses packets from 128 on. */
export const COMPOUND_PARTS_MAX = 127;
/** Layers inside one datagram (CRC, compress, compound, ...); real packets have at most three. */
export const LAYERS_MAX = 8;
/** All that one datagram may inflate to, bytes: a bomb must not block the event loop that DNS and HTTP share. */
export const PACKET_INFLATED_BYTES_MAX = 2 * MIB;
/** What one stream message may inflate to, bytes; the same as current memberlist. */
export const STREAM_INFLATED_BYTES_MAX = 40 * MIB;
/** An encrypted stream frame, the user state of a push/pull, a user message on a stream, bytes each. */
export const STREAM_PART_BYTES_MAX = 20 * MIB;
/** All bytes read from one plain stream. */
export const STREAM_BYTES_MAX = 40 * MIB;
/** Bytes of streams not yet decoded, all connections together: many half-sent messages must not add up. */
export const STREAMS_BUFFERED_BYTES_MAX = 128 * MIB;
/** Nodes in one push/pull. */
export const PUSH_PULL_NODES_MAX = 1_048_576;
/** Push/pulls served at a time; further connections are closed unanswered, as memberlist does. */
export const PUSH_PULLS_SERVED_MAX = 128;
/** Connections served at a time, whatever they ask. */
export const STREAMS_SERVED_MAX = 512;
/** A label, bytes: its length is one byte on the wire. */
export const LABEL_BYTES_MAX = 255;
/** Records of the pool. A peer that invents names must not fill the memory. */
export const NODES_MAX = 65_536;
/** Members that serf remembers, long gone ones included; beyond, those gone for longest are forgotten first. */
export const MEMBERS_MAX = 2 * NODES_MAX;
/** A member's name, bytes. Consul asks for a DNS label (63); `<node>.<dc>` and foreign serf members are longer. */
export const NODE_NAME_BYTES_MAX = 255;
/** Pings waiting for an answer, own and relayed; each lives for one probe interval at most. */
export const ACK_HANDLERS_MAX = 4096;
/** Slots of the event and query buffers: how far back a Lamport time may lie. */
export const EVENT_SLOTS = 512;
/** Events or query ids remembered under one Lamport time; more are dropped. Real pools have a handful. */
export const EVENTS_PER_SLOT_MAX = 512;
/** A serf message that comes from the network, bytes: none that serf writes is larger than its event cap and a head. */
export const SERF_MESSAGE_BYTES_MAX = 16 * 1024;
/** User event: name and payload, and the encoded message, bytes. */
export const USER_EVENT_BYTES = 512;
/** What a configured user event limit may be raised to, bytes; serf's hard cap. */
export const USER_EVENT_BYTES_MAX = 9 * 1024;
/** An encoded query, bytes. */
export const QUERY_BYTES_MAX = 1024;
/** An encoded query response or relay, bytes. */
export const QUERY_RESPONSE_BYTES_MAX = 1024;
/** Open queries of our own. */
export const QUERIES_OPEN_MAX = 1024;
/** Intents about members not yet known. */
export const INTENTS_MAX = 4096;
/** A regular expression in a query filter, bytes, and the tag value it runs on is at most the meta's size. */
export const FILTER_EXPRESSION_BYTES_MAX = 512;
/** Keys of a ring. */
export const KEYS_MAX = 128;
/** A snapshot file read at start, bytes; compaction keeps a real one far below. */
export const SNAPSHOT_BYTES_MAX = 64 * MIB;
/** Snapshot lines not yet written, bytes; beyond, the oldest wish to write is a compaction anyway. */
export const SNAPSHOT_PENDING_BYTES_MAX = 4 * MIB;
/** Members with cached coordinates and latency samples are those of the pool; strangers are not cached. */
export const LATENCY_SAMPLES = 3;
/** Events kept by one coalescing period; beyond, they are flushed at once. */
export const COALESCED_EVENTS_MAX = 4096;
/** Complaints about bad input per second that are logged; the rest is counted. */
export const BAD_INPUT_LOG_LINES_PER_SECOND = 5;
