/** /v1/txn: several operations, all or none. Transactions that only read skip the log. */
import { HealthCheck, Node, NodeService } from "../model/catalog.ts";
import { DirEntry, TxnError, TxnOp, TxnReadResponse, TxnResponse, type TxnResult } from "../model/kv.ts";
import { bytes, type Infer, list, ptr, str, struct, uint, uint64 } from "../wire/schema.ts";
import { TXN_BODY } from "./body-rules.ts";
import type { Call } from "./call.ts";
import { decodeValue } from "./decode/decode-body.ts";
import { parseGoJson } from "./decode/json-parser.ts";
import { decodeFailure, HttpError } from "./errors.ts";
import { TXN_OPS_MAX } from "./limits.ts";
import { JSON_TYPE } from "./respond.ts";
import { type Answer, route } from "./routes.ts";

const KvOpBody = struct("KVTxnOp", {
  Verb: str,
  Key: str,
  Value: bytes,
  Flags: uint64,
  Index: uint,
  Session: str,
});
const NodeOpBody = struct("NodeTxnOp", { Verb: str, Node: Node });
const ServiceOpBody = struct("ServiceTxnOp", { Verb: str, Node: str, Service: NodeService });
const CheckOpBody = struct("CheckTxnOp", { Verb: str, Check: HealthCheck });
const TxnBody = list(
  ptr(
    struct("TxnOp", {
      KV: ptr(KvOpBody),
      Node: ptr(NodeOpBody),
      Service: ptr(ServiceOpBody),
      Check: ptr(CheckOpBody),
    }),
  ),
);
type OpBody = Exclude<NonNullable<Infer<typeof TxnBody>>[number], null>;

/** KV verbs that change something; every other verb, known or not, is a read. */
const KV_WRITES: ReadonlySet<string> = new Set([
  "set",
  "delete",
  "delete-cas",
  "delete-tree",
  "cas",
  "lock",
  "unlock",
]);

const HINT = "See https://www.consul.io/docs/agent/options.html#txn_max_req_len.";

interface Prepared {
  readonly ops: readonly TxnOp[];
  readonly writes: boolean;
}

async function prepare(c: Call): Promise<Prepared> {
  const { limits } = c.agent.config;
  const max = Math.max(limits.txnMaxReqLen, limits.kvMaxValueSize);
  const announced = c.exchange.announcedLength;
  const raw = await c.body(
    max,
    (size) =>
      new HttpError(
        413,
        announced > 0
          ? `Request body(${size} bytes) too large, max size: ${max} bytes. ${HINT}`
          : `Request body too large, max size: ${max} bytes. ${HINT}`,
      ),
  );
  let given: Infer<typeof TxnBody>;
  try {
    given = decodeValue(TxnBody, parseGoJson(raw.toString("utf8")), TXN_BODY);
  } catch (e) {
    throw decodeFailure(e, "Failed to parse body: ");
  }
  const bodies = given ?? [];
  if (bodies.length > TXN_OPS_MAX)
    throw new HttpError(413, `Transaction contains too many operations (${bodies.length} > ${TXN_OPS_MAX})`);
  const ops: TxnOp[] = [];
  let writes = false;
  for (const body of bodies) {
    if (body === null) continue;
    const op = toOp(body, limits.kvMaxValueSize, c.datacenter);
    if (op === undefined) continue;
    if (isWrite(op)) writes = true;
    ops.push(op);
  }
  return { ops, writes };
}

const isWrite = (op: TxnOp): boolean => {
  if (op.KV !== null) return KV_WRITES.has(op.KV.Verb);
  return (op.Node ?? op.Service ?? op.Check)?.Verb !== "get";
};

function toOp(body: OpBody, valueMax: number, datacenter: string): TxnOp | undefined {
  const none = TxnOp.zero();
  if (body.KV !== null) {
    const { Verb, Key, Value, Flags, Index, Session } = body.KV;
    const size = Value?.length ?? 0;
    if (size > valueMax)
      throw new HttpError(
        413,
        `Value for key ${JSON.stringify(Key)} is too large (${size} > ${valueMax} bytes)`,
      );
    return {
      ...none,
      KV: { Verb: Verb, DirEnt: { ...DirEntry.zero(), Key, Value, Flags, Session, ModifyIndex: Index } },
    };
  }
  if (body.Node !== null) {
    const { Node, Verb } = body.Node;
    return { ...none, Node: { Verb, Node: { ...Node, Datacenter: Node.Datacenter || datacenter } } };
  }
  if (body.Service !== null) {
    const { Service } = body.Service;
    // Kind, proxy and mesh fields are not taken over (observed).
    const plain = {
      ...NodeService.zero(),
      ID: Service.ID,
      Service: Service.Service,
      Tags: Service.Tags,
      Address: Service.Address,
      Meta: Service.Meta,
      Port: Service.Port,
      Weights: Service.Weights ?? { Passing: 1, Warning: 1 },
      EnableTagOverride: Service.EnableTagOverride,
      ModifyIndex: Service.ModifyIndex,
    };
    return { ...none, Service: { Verb: body.Service.Verb, Node: body.Service.Node, Service: plain } };
  }
  if (body.Check !== null) return { ...none, Check: { ...body.Check, Verb: body.Check.Verb } };
  return undefined;
}

const ResultsJson = TxnResponse.fields.Results;
const ErrorsJson = list(ptr(TxnError));

const shownResults = (results: readonly (TxnResult | null)[] | null, failed: boolean): string =>
  failed ? "null" : ResultsJson.json(results ?? []);

async function apply(c: Call): Promise<Answer> {
  const { ops, writes } = await prepare(c);
  if (!writes) return read(c, ops);
  const out = await c.rpc("Txn.Apply", { Datacenter: c.datacenter, Ops: ops, Token: c.token });
  const failed = out.Errors !== null && out.Errors.length > 0;
  const body = `{"Results":${shownResults(out.Results, failed)},"Errors":${ErrorsJson.json(failed ? out.Errors : null)}}`;
  return { status: failed ? 409 : 200, type: JSON_TYPE, body };
}

async function read(c: Call, ops: readonly TxnOp[]): Promise<Answer> {
  const o = c.readOptions();
  c.noMetaOnError();
  const out = await c.rpc("Txn.Read", { ...o, Ops: ops });
  c.header("X-Consul-Knownleader", out.KnownLeader ? "true" : "false");
  c.header("X-Consul-Lastcontact", String(out.LastContact / 1_000_000n));
  const failed = out.Errors !== null && out.Errors.length > 0;
  const shown: TxnReadResponse = {
    ...out,
    Results: failed ? null : (out.Results ?? []),
    Errors: failed ? out.Errors : null,
  };
  return { status: failed ? 409 : 200, type: JSON_TYPE, body: TxnReadResponse.json(shown) };
}

export const txnRoutes = [
  route(
    "PUT",
    "/v1/txn",
    {
      summary: "Applies operations on keys, nodes, services and checks, all or none.",
      acl: "as the single operations",
      options: "query",
      body: "[TxnOp]",
    },
    apply,
  ),
];
