/**
 * The standard gRPC health question, `grpc.health.v1.Health/Check`: SERVING is passing.
 * Wire: gRPC over HTTP/2 (one length-prefixed message each way), protobuf with one field each.
 */
import type { Clock } from "../../ports/clock.ts";
import type { CheckTls } from "../check-tls.ts";
import { dialErrorText } from "../core/go-text.ts";
import { GRPC_ANSWER_BYTES_MAX } from "../limits.ts";
import { withHttp2Session } from "./http2-session.ts";
import { critical, type Probe, type ProbeResult, passing } from "./probe.ts";

export interface GrpcProbeOptions {
  /** host:port or host:port/service; no service asks for the whole server. */
  readonly target: string;
  readonly tls: boolean;
  readonly tlsSkipVerify: boolean;
  readonly tlsServerName: string;
  /** undefined trusts what the system trusts. */
  readonly trust: CheckTls | undefined;
  readonly timeoutMs: number;
}

/** Status numbers of gRPC, by their names in error texts. Append only: the numbers are the protocol. */
const GRPC_CODES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

const SERVING = 1;

class GrpcStatusError extends Error {
  constructor(code: number, description: string) {
    super(`rpc error: code = ${GRPC_CODES[code] ?? `Code(${code})`} desc = ${description}`);
  }
}

/** HealthCheckRequest{service = 1} in a gRPC frame. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = service === "" ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(n: number): number[] {
  const out: number[] = [];
  let rest = n;
  for (; rest > 0x7f; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
  return out;
}

/** HealthCheckResponse{status = 1}: the status number, undefined when the bytes are no such message. */
export function decodeHealthResponse(frame: Buffer): number | undefined {
  if (frame.length < 5 || frame[0] !== 0) return undefined;
  const message = frame.subarray(5, 5 + frame.readUInt32BE(1));
  if (message.length !== frame.readUInt32BE(1)) return undefined;
  let at = 0;
  const readVarint = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = message[at++];
      if (b === undefined) return undefined;
      value += (b & 0x7f) * 2 ** shift;
      if (b < 0x80) return value;
    }
    return undefined;
  };
  // proto3 leaves out a zero: no field means UNKNOWN.
  let status = 0;
  while (at < message.length) {
    const key = readVarint();
    if (key === undefined) return undefined;
    const value = (key & 7) === 0 || (key & 7) === 2 ? readVarint() : undefined;
    if (value === undefined) return undefined;
    if ((key & 7) === 2) at += value;
    else if (key >> 3 === 1) status = value;
  }
  return at === message.length ? status : undefined;
}

export class GrpcProbe implements Probe {
  readonly #options: GrpcProbeOptions;
  readonly #clock: Clock;

  constructor(options: GrpcProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { target, timeoutMs } = this.#options;
    const slash = target.indexOf("/");
    const server = slash < 0 ? target : target.slice(0, slash);
    const service = slash < 0 ? "" : target.slice(slash + 1);
    const timeout = new AbortController();
    const timer = this.#clock.timer(timeoutMs, () => timeout.abort());
    let connected = false;
    try {
      const status = await withHttp2Session(
        { ...this.#options, target: server, signal: AbortSignal.any([signal, timeout.signal]) },
        (session) => {
          connected = true;
          return this.#ask(session, server, service);
        },
      );
      if (status === SERVING) return passing(`gRPC check ${target}: success`);
      return critical("gRPC application didn't report service healthy");
    } catch (error) {
      if (error instanceof GrpcStatusError) return critical(error.message);
      if (timeout.signal.aborted) return critical("context deadline exceeded");
      const text = connected
        ? (error as Error).message
        : `connection error: desc = "transport: Error while dialing ${dialErrorText(error, "tcp", server)}"`;
      return critical(new GrpcStatusError(14, text).message);
    } finally {
      timer.cancel();
    }
  }

  #ask(session: import("node:http2").ClientHttp2Session, server: string, service: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": server,
        "content-type": "application/grpc",
        "user-agent": "grpc-go-compatible",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      let code: number | undefined;
      let message = "";
      const takeStatus = (headers: Record<string, unknown>): void => {
        if (headers["grpc-status"] === undefined) return;
        code = Number(headers["grpc-status"]);
        message = percentDecoded(String(headers["grpc-message"] ?? ""));
      };
      stream.on("response", (headers) => {
        takeStatus(headers);
        if (headers[":status"] !== 200 && code === undefined) {
          code = headers[":status"] === 404 ? 12 : 14;
          message = `unexpected HTTP status code received from server: ${headers[":status"]}`;
        }
      });
      stream.on("trailers", takeStatus);
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > GRPC_ANSWER_BYTES_MAX)
          stream.destroy(new GrpcStatusError(8, "received message larger than max"));
        else chunks.push(chunk);
      });
      stream.on("error", reject);
      stream.on("end", () => {
        if (code !== 0) return reject(new GrpcStatusError(code ?? 2, message));
        const status = decodeHealthResponse(Buffer.concat(chunks));
        if (status === undefined) reject(new GrpcStatusError(13, "the answer is no HealthCheckResponse"));
        else resolve(status);
      });
      stream.end(encodeHealthRequest(service));
    });
  }
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
