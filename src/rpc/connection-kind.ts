/** First byte of a connection. Append only: the numbers are the protocol; 0x02 and 0x06 are taken elsewhere. */
export const CONNECTION_KIND = {
  rpc: 0x00,
  raft: 0x01,
  tls: 0x03,
  yamux: 0x04,
  snapshot: 0x05,
  tlsInsecure: 0x07,
} as const;
