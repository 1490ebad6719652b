/** Request bodies, read whole up to a limit. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpError } from "./errors.ts";
import { BODY_STALL_MS } from "./limits.ts";

const EMPTY = Buffer.alloc(0);

/** Bytes that the request announces; 0 for none or chunked. */
export function contentLength(req: IncomingMessage): number {
  const text = req.headers["content-length"];
  return text === undefined ? 0 : Number(text);
}

/** Whether a body may follow. */
export const hasBody = (req: IncomingMessage): boolean =>
  contentLength(req) > 0 || req.headers["transfer-encoding"] !== undefined;

/** The refusal of a body beyond `max`, for endpoints without words of their own. */
export const bodyTooLarge =
  (max: number) =>
  (size: number): HttpError =>
    new HttpError(413, `Request body(${size} bytes) too large, max size: ${max} bytes.`);

/** The whole body. A longer one is refused before it is read where its length is announced, else as soon as it is too long. */
export function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  max: number,
  tooLarge: (size: number) => HttpError = bodyTooLarge(max),
): Promise<Buffer> {
  const announced = contentLength(req);
  if (announced > max) return Promise.reject(tooLarge(announced));
  if (!hasBody(req)) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (): void => {
      req.off("data", onData);
      req.off("end", onEnd);
      req.off("error", onError);
      req.off("close", onClose);
      req.setTimeout(0);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > max) {
        stop();
        reject(tooLarge(size));
      } else chunks.push(chunk);
    };
    const onEnd = (): void => {
      stop();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
    };
    const onError = (e: Error): void => {
      stop();
      reject(e);
    };
    const onClose = (): void => onError(new Error("client went away"));
    req.on("data", onData);
    req.on("end", onEnd);
    req.on("error", onError);
    req.on("close", onClose);
    req.setTimeout(BODY_STALL_MS, () => req.destroy(new Error("request body stalled")));
    // A client that waits for leave to send gets it only now: a refusal before this point spares it the upload.
    if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
  });
}
