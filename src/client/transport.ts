/** One kept-alive connection pool to one agent, on node:http: requests in, whole replies or streams out. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Target } from "./address.ts";
import { dialReason, RequestError } from "./errors.ts";
import { encodeParams, type Params } from "./query.ts";

export type Method = "GET" | "PUT" | "POST" | "DELETE" | "HEAD" | "OPTIONS";
/** Text, bytes, or a stream of them (sent chunked). */
export type Body = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface RawRequest {
  readonly params?: Params | undefined;
  readonly body?: Body | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RawReply {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RawStream {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: IncomingMessage;
}

export class Transport {
  readonly target: Target;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor(target: Target) {
    this.target = target;
    if (target.scheme === "https") {
      const { ca, cert, key, serverName, verify } = target.tls;
      // TLS takes longer to load than everything else here: plain HTTP, the usual case, does not wait for it.
      const https = process.getBuiltinModule("node:https");
      this.#agent = new https.Agent({
        keepAlive: true,
        rejectUnauthorized: verify,
        ...(ca === undefined ? {} : { ca: [...ca] }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      });
      this.#request = https.request;
    } else {
      this.#agent = new HttpAgent({ keepAlive: true });
      this.#request = httpRequest;
    }
  }

  /** URL as messages show it. */
  url(path: string, params: Params = {}): string {
    const query = encodeParams(params);
    return `${this.target.scheme}://${this.target.urlHost}${path}${query === "" ? "" : `?${query}`}`;
  }

  /** The whole reply, whatever its status. Rejects with RequestError, or the signal's reason. */
  async send(method: Method, path: string, request: RawRequest = {}): Promise<RawReply> {
    const { statusCode, headers, stream } = await this.stream(method, path, request);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of stream) chunks.push(chunk as Buffer);
    } catch (e) {
      request.signal?.throwIfAborted();
      const code = (e as NodeJS.ErrnoException).code;
      throw new RequestError(
        method,
        this.url(path, request.params),
        code === "ECONNRESET" ? "unexpected EOF" : (e as Error).message,
        { code, cause: e },
      );
    }
    return { statusCode, headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
  }

  /** The reply's head, its body still to be read (or destroyed). Rejects as {@link send}. */
  stream(method: Method, path: string, request: RawRequest = {}): Promise<RawStream> {
    return this.#attempt(method, path, request, true);
  }

  /** Closes idle connections; requests under way end as they would. */
  close(): void {
    this.#agent.destroy();
  }

  #attempt(method: Method, path: string, request: RawRequest, mayRetry: boolean): Promise<RawStream> {
    const { target } = this;
    const { signal, body } = request;
    const query = encodeParams(request.params ?? {});
    const headers: Record<string, string | number> = { Host: target.urlHost, ...request.headers };
    const token = request.token || target.token;
    if (token !== "") headers["X-Consul-Token"] = token;
    if (target.authorization !== undefined) headers["Authorization"] = target.authorization;
    if (typeof body === "string") headers["Content-Length"] = Buffer.byteLength(body);
    else if (body instanceof Uint8Array) headers["Content-Length"] = body.byteLength;
    else if (body === undefined && method !== "GET" && method !== "HEAD") headers["Content-Length"] = 0;

    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      let settled = false;
      let timer: NodeJS.Timeout | undefined;
      const req: ClientRequest = this.#request({
        agent: this.#agent,
        method,
        path: query === "" ? path : `${path}?${query}`,
        headers,
        // Without it Node asks whether the host is an IPv6 address even where no TLS is: 5 ms for compiling that expression.
        ...(target.scheme === "http" ? { servername: "" } : {}),
        ...(target.socketPath === undefined
          ? { host: target.host, port: target.port }
          : { socketPath: target.socketPath }),
      });
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        if (settled) return;
        settled = true;
        if (signal?.aborted) return reject(signal.reason);
        const { code } = error as NodeJS.ErrnoException;
        // The agent closed an idle connection just as it was taken again: nothing was read, so a read can be asked anew.
        if (mayRetry && req.reusedSocket && code === "ECONNRESET" && (method === "GET" || method === "HEAD"))
          return resolve(this.#attempt(method, path, request, false));
        reject(
          new RequestError(method, this.url(path, request.params), dialReason(error, target), {
            code,
            cause: error,
          }),
        );
      };
      const onAbort = (): void =>
        void req.destroy(signal!.reason instanceof Error ? signal!.reason : new Error("aborted"));
      req.on("error", fail);
      req.on("socket", (socket: Socket) => {
        if (!socket.connecting) return;
        timer = setTimeout(() => {
          const error: NodeJS.ErrnoException = new Error("connection timed out");
          error.code = "ETIMEDOUT";
          req.destroy(error);
        }, target.connectTimeoutMs);
        socket.once("connect", () => clearTimeout(timer));
      });
      req.on("response", (stream) => {
        settled = true;
        resolve({ statusCode: stream.statusCode ?? 0, headers: stream.headers, stream });
      });
      req.on("close", () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      if (body === undefined || typeof body === "string" || body instanceof Uint8Array) req.end(body);
      else {
        const source = Readable.from(body);
        source.on("error", (e) => req.destroy(e));
        source.pipe(req);
      }
    });
  }
}
