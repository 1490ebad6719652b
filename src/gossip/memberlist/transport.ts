/** The network as the driver sees it. socket-transport.ts is the real one, sim/gossip/network.ts the simulated one. */

/** Both directions of one stream. Reading is pulled, so a slow reader holds a fast peer back. */
export interface Stream {
  /** `ip:port` of the other end, for logs. */
  readonly remote: string;
  /** Resolves when the bytes are handed over. Rejects when the stream is closed. */
  write(bytes: Buffer): Promise<void>;
  /** The next bytes; undefined at the end. Rejects on an error. One read at a time. */
  read(): Promise<Buffer | undefined>;
  /** Ends the stream; what was written is still delivered. Reads and writes under way fail. */
  close(): void;
}

export interface TransportHandlers {
  /** `receivedAt` is monotonic ms, taken before anything else. The bytes belong to the handler. */
  onDatagram(bytes: Buffer, host: string, port: number, receivedAt: number): void;
  onStream(stream: Stream): void;
}

export interface Transport {
  /** Binds datagrams and streams to one port. Resolves with the address others should use. Rejects if it is taken. */
  open(handlers: TransportHandlers): Promise<{ readonly host: string; readonly port: number }>;
  /** Sends one datagram from the listening socket; may get lost without a word. */
  send(bytes: Buffer, host: string, port: number): void;
  /** Rejects when there is no connection within `timeoutMs`. */
  dial(host: string, port: number, timeoutMs: number): Promise<Stream>;
  /** IP addresses of a host name or literal. Rejects when there are none. */
  resolve(host: string): Promise<readonly string[]>;
  close(): Promise<void>;
}
