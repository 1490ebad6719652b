/**
 * Heads of RPC messages. Each direction of a stream is a sequence of MessagePack values: head, body, head, body, ...
 *
 *   request head = {Seq: uint, ServiceMethod: str}       response head = {Error: str, Seq: uint, ServiceMethod: str}
 *
 * A response whose Error is not "" has an empty map as its body.
 */
import { MsgpackWriter } from "../wire/msgpack.ts";
import { decode, encode, type Infer, str, struct, type Type, uint64 } from "../wire/schema.ts";

export const RequestHead = struct("RequestHead", { ServiceMethod: str, Seq: uint64 });
export type RequestHead = Infer<typeof RequestHead>;
export const ResponseHead = struct("ResponseHead", { ServiceMethod: str, Seq: uint64, Error: str });
export type ResponseHead = Infer<typeof ResponseHead>;

export const decodeRequestHead = (bytes: Buffer): RequestHead => decode(RequestHead, bytes);
export const decodeResponseHead = (bytes: Buffer): ResponseHead => decode(ResponseHead, bytes);

/** Head and body of a request in one buffer; the body begins at `bodyAt`. */
export function encodeRequest<Q>(
  method: string,
  seq: bigint,
  type: Type<Q>,
  request: Q,
): { readonly bytes: Buffer; readonly bodyAt: number } {
  const w = new MsgpackWriter();
  RequestHead.encode(w, { ServiceMethod: method, Seq: seq });
  const bodyAt = w.length;
  type.encode(w, request);
  return { bytes: w.finish(), bodyAt };
}

/** Head and body of a successful response in one buffer. */
export function encodeResponse<R>(head: RequestHead, type: Type<R>, reply: R): Buffer {
  const w = new MsgpackWriter();
  ResponseHead.encode(w, { ServiceMethod: head.ServiceMethod, Seq: head.Seq, Error: "" });
  type.encode(w, reply);
  return w.finish();
}

const EMPTY_MAP = 0x80;

/** Head and empty body of a refusal in one buffer. */
export function encodeErrorResponse(head: RequestHead, text: string): Buffer {
  const bytes = encode(ResponseHead, { ServiceMethod: head.ServiceMethod, Seq: head.Seq, Error: text });
  return Buffer.concat([bytes, Buffer.of(EMPTY_MAP)]);
}
