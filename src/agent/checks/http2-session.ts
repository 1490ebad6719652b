/** One HTTP/2 connection for one probe: dialled, used, closed. */
import { type ClientHttp2Session, connect } from "node:http2";
import { type CheckTls, tlsClientOptions } from "../check-tls.ts";

export interface Http2SessionOptions {
  /** host:port */
  readonly target: string;
  readonly tls: boolean;
  readonly tlsSkipVerify: boolean;
  readonly tlsServerName: string;
  readonly trust: CheckTls | undefined;
  readonly signal: AbortSignal;
}

/** Runs `use` on a connected session and closes it. Rejects with the connection's error, or the signal's reason. */
export async function withHttp2Session<T>(
  options: Http2SessionOptions,
  use: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const { target, tls, signal } = options;
  signal.throwIfAborted();
  const session = connect(
    `${tls ? "https" : "http"}://${target}`,
    tls ? tlsClientOptions(options.trust, options.tlsSkipVerify, options.tlsServerName) : {},
  );
  const failed = new Promise<never>((_, reject) => {
    session.on("error", reject);
    session.once("close", () => reject(new Error("connection closed")));
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // It may settle when nobody waits for it any more.
  failed.catch(() => {});
  try {
    await Promise.race([failed, new Promise<void>((resolve) => session.once("connect", () => resolve()))]);
    return await Promise.race([failed, use(session)]);
  } finally {
    session.destroy();
  }
}
