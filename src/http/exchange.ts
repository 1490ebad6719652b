/**
 * One request and its reply, as the rest of the door sees them. Two speak HTTP on the sockets: node:http (`NodeExchange`), and
 * the lane for plain requests (`plain-lane.ts`).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { contentLength, hasBody, readBody } from "./body.ts";
import type { HttpError } from "./errors.ts";

export interface Exchange {
  readonly method: string;
  /** The request's target as it was sent. */
  readonly target: string;
  /** HTTP/1.1 without a Host header, which must be refused. */
  readonly lacksHost: boolean;
  /** Value of a request header; `name` in lower case. */
  header(name: string): string | undefined;
  /** Peer's address; undefined on a unix socket. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Bytes of body that the request announces; 0 for none or for an unknown number. */
  readonly announcedLength: number;
  readonly hasBody: boolean;
  /** A part of the body may still come. */
  readonly bodyPending: boolean;
  /** The whole body; rejects with `tooLarge` beyond `max`. */
  body(max: number, tooLarge?: (size: number) => HttpError): Promise<Buffer>;
  /** Reads the body and forgets it. */
  skipBody(): void;
  /** The client is gone or has its reply: nothing more can be sent. */
  readonly over: boolean;
  /** Sends a whole reply; `headers` is name and value in turn. `length`: bytes of the body, which are told in a header. */
  send(status: number, headers: string[], body: string | Uint8Array, length: number): void;
  /** Ends the connection without a reply, or in the middle of one. */
  destroy(): void;
  /** Calls once, when the connection ends or the reply is out; `sent` tells which. */
  onOver(listener: (sent: boolean) => void): void;
  /**
   * node:http's own objects, for what is more than a whole reply. undefined: the request is now given to node:http from its
   * start, and comes again; to be asked only before anything was done about it.
   */
  asNode(): NodeExchange | undefined;
}

export class NodeExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.req = req;
    this.res = res;
  }

  get method(): string {
    return this.req.method ?? "GET";
  }
  get target(): string {
    return this.req.url ?? "/";
  }
  get lacksHost(): boolean {
    return this.req.httpVersionMinor >= 1 && this.req.headers.host === undefined;
  }
  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return typeof value === "string" ? value : value?.[0];
  }
  get remoteAddress(): string | undefined {
    return this.req.socket.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.req.socket.remotePort;
  }
  get announcedLength(): number {
    return contentLength(this.req);
  }
  get hasBody(): boolean {
    return hasBody(this.req);
  }
  get bodyPending(): boolean {
    return !this.req.complete;
  }
  body(max: number, tooLarge?: (size: number) => HttpError): Promise<Buffer> {
    return readBody(this.req, this.res, max, tooLarge);
  }
  skipBody(): void {
    this.req.resume();
  }
  get over(): boolean {
    return this.res.destroyed || this.res.headersSent;
  }
  send(status: number, headers: string[], body: string | Uint8Array, length: number): void {
    if (this.over) return;
    headers.push("Content-Length", String(length));
    this.res.writeHead(status, headers);
    if (length === 0) this.res.end();
    else this.res.end(body);
  }
  destroy(): void {
    this.res.destroy();
  }
  onOver(listener: (sent: boolean) => void): void {
    if (this.res.destroyed) listener(this.res.writableFinished);
    else this.res.once("close", () => listener(this.res.writableFinished));
  }
  asNode(): NodeExchange {
    return this;
  }
}
