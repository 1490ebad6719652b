/**
 * yamux frames: twelve bytes of header, big-endian, then the payload of DATA.
 *
 *   frame  = version u8 (0), type u8, flags u16, stream id u32, length u32, payload (DATA only: length bytes)
 *   type   = 0 DATA, 1 WINDOW_UPDATE (length = credit), 2 PING (length = opaque), 3 GO_AWAY (length = code)
 *   flags  = 1 SYN, 2 ACK, 4 FIN, 8 RST
 *
 * Source: the yamux specification.
 */

/** Append only: the numbers are the protocol. */
export const FRAME_TYPE = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export const FLAG = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
export const GO_AWAY = { normal: 0, protocolError: 1, internalError: 2 } as const;
export const HEADER_BYTES = 12;

/** A frame without its payload. */
export function frame(type: number, flags: number, id: number, length: number): Buffer {
  const b = Buffer.allocUnsafe(HEADER_BYTES);
  b[0] = 0;
  b[1] = type;
  b.writeUInt16BE(flags, 2);
  b.writeUInt32BE(id, 4);
  b.writeUInt32BE(length, 8);
  return b;
}
