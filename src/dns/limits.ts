/** Bounds of the DNS door, each with unit and reason. */

/** Bytes of a message (RFC 1035 4.2.2: a 16-bit length). */
export const MESSAGE_BYTES_MAX = 65_535;
/** Bytes of a UDP answer to a client that has not said more (RFC 1035 4.2.1). */
export const PLAIN_UDP_BYTES = 512;
/** Bytes of a name on the wire, and of a label (RFC 1035 2.3.4). */
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
/** Pointers followed in one name: more than labels fit in a name are never needed. */
export const POINTERS_MAX = 127;
/** Queries being answered at once over UDP; a flood beyond it is dropped, as a full socket buffer would. */
export const UDP_IN_FLIGHT_MAX = 4_096;
/** Open TCP connections; the excess is closed at once. */
export const TCP_CONNECTIONS_MAX = 1_024;
/** Queries on one TCP connection, after which it is closed (as 1.8 does). */
export const TCP_QUERIES_MAX = 128;
/** A TCP client's time for its first query, and between later ones. */
export const TCP_FIRST_QUERY_MS = 2_000;
export const TCP_IDLE_MS = 8_000;
/** Answer records over TCP before sizes are looked at: all types, and SRV. */
export const TCP_ANSWERS_MAX = 4_096;
export const TCP_SRV_ANSWERS_MAX = 1_024;
/** Bytes of a TCP answer with room for what is added after trimming. */
export const TCP_BYTES = 65_523;
/** `udp_answer_limit` cannot ask for more than this. */
export const UDP_ANSWER_LIMIT_MAX = 8;
/** Bytes kept free below the client's UDP size. */
export const UDP_MARGIN_BYTES = 7;
/** CNAMEs inside the domain followed one after another. */
export const CNAME_DEPTH_MAX = 3;
/** Records that a chased CNAME may add to a service answer of a client without EDNS. */
export const CNAME_RECORDS_PLAIN = 5;
/** Name servers named in an answer. */
export const NAME_SERVERS_MAX = 3;
/** Datacenter replies older than this are counted as stale, in milliseconds. */
export const STALE_COUNTED_MS = 5_000;

/** Ports tried when any will do (port 0) and TCP cannot have the one that UDP was given. */
export const ANY_PORT_TRIES = 10;

/** Answers kept for one question over one list of instances: enough for some variety, and a bound for long lists. */
export const KEPT_VARIANTS_MIN = 24;
export const KEPT_VARIANTS_MAX = 1024;
/** Bytes of a query whose answers are kept: the usual ones; what is longer carries rare options. */
export const KEPT_QUERY_BYTES_MAX = 300;
/** Bytes of kept answers after which all are forgotten and made anew. */
export const KEPT_ANSWER_BYTES_MAX = 16 << 20;
