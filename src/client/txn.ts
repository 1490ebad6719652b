/** /v1/txn: several operations, all or none. */
import { stringifyJson } from "../wire/json.ts";
import { toEntry } from "./kv.ts";
import { type WriteOptions, writeParams } from "./query.ts";
import { expectOk, jsonOf, type Requester } from "./requester.ts";
import type { TxnOp, TxnReply, TxnResult } from "./types.ts";

export class Txn {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  async apply(
    ops: readonly TxnOp[],
    options: WriteOptions & { readonly stale?: boolean; readonly consistent?: boolean } = {},
  ): Promise<TxnReply> {
    const body = ops.map((op) =>
      op.KV === undefined ? op : { KV: { ...op.KV, Value: base64(op.KV.Value) } },
    );
    const reply = await this.#r.transport.send("PUT", "/v1/txn", {
      params: {
        stale: options.stale,
        consistent: options.consistent,
        ...writeParams(this.#r.withDatacenter(options)),
      },
      token: options.token,
      signal: options.signal,
      body: stringifyJson(body),
    });
    const ok = reply.statusCode !== 409;
    const parsed = jsonOf(ok ? expectOk(reply) : reply, "/v1/txn") as {
      readonly Results: readonly TxnResult[] | null;
      readonly Errors: TxnReply["Errors"] | null;
    };
    return {
      ok,
      Results: (parsed.Results ?? []).map((r) => (r.KV === undefined ? r : { ...r, KV: toEntry(r.KV) })),
      Errors: parsed.Errors ?? [],
    };
  }
}

const base64 = (v: Uint8Array | string | null | undefined): string | undefined =>
  v === null || v === undefined ? undefined : Buffer.from(v as Uint8Array).toString("base64");
