import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "../ports/random.ts";
import { MsgpackError, MsgpackReader } from "../wire/msgpack.ts";
import {
  decodeLogEntry,
  decodeRequest,
  decodeResponse,
  encodeErrorResponse,
  encodeLogEntry,
  encodeRequest,
  encodeResponse,
  RefusedRequestError,
  RPC_TYPE,
} from "./codec.ts";
import { decodeConfiguration, encodeConfiguration } from "./configuration-codec.ts";
import { LOG_TYPE } from "./contract.ts";
import type { AppendRequest, RaftRequest } from "./core/messages.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly response_hex?: string;
  readonly decoded: {
    readonly rpc_type?: number;
    readonly request?: Record<string, unknown>;
    readonly response?: Record<string, unknown>;
  };
}
const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`./testdata/${name}`, import.meta.url), "utf8")) as T;
const own = { id: "00000001-0000-0000-0000-000000000001", address: "127.3.0.1:8300" };
const vectors = [...read<Vector[]>("transport.json"), ...read<Vector[]>("interop-takeover.json")].filter(
  (v) => v.decoded.rpc_type !== undefined,
);

const wireField: Readonly<Record<string, (r: RaftRequest) => unknown>> = {
  Term: (r) => ("term" in r ? r.term : undefined),
  Leader: (r) => ("leader" in r ? r.leader : undefined),
  Candidate: (r) => ("candidate" in r ? r.candidate : undefined),
  PrevLogEntry: (r) => (r.kind === "append" ? r.prevIndex : undefined),
  PrevLogTerm: (r) => (r.kind === "append" ? r.prevTerm : undefined),
  LeaderCommitIndex: (r) => (r.kind === "append" ? r.commit : undefined),
  LastLogIndex: (r) => ("lastIndex" in r ? r.lastIndex : undefined),
  LastLogTerm: (r) => ("lastTerm" in r ? r.lastTerm : undefined),
  LeadershipTransfer: (r) => (r.kind === "vote" ? r.leadershipTransfer : undefined),
  ConfigurationIndex: (r) => (r.kind === "install" ? r.configurationIndex : undefined),
  Size: (r) => (r.kind === "install" ? r.size : undefined),
};

for (const v of vectors)
  test(`recorded request: ${v.name}`, () => {
    const bytes = Buffer.from(v.hex, "hex");
    const request = decodeRequest(bytes[0]!, bytes.subarray(1));
    const wanted = v.decoded.request!;
    let compared = 0;
    for (const [key, get] of Object.entries(wireField)) {
      if (!(key in wanted)) continue;
      assert.equal(get(request), wanted[key], key);
      compared++;
    }
    assert.ok(compared >= (request.kind === "timeout-now" ? 0 : 3), "fields compared");
    if (request.kind === "append")
      assert.equal(request.entries.length, ((wanted.Entries ?? []) as unknown[]).length);
    // What we write says the same to a reader that skips the sender's id and address, as 1.8.7 does.
    const again = encodeRequest(request, own);
    assert.equal(again[0], bytes[0]);
    const back = decodeRequest(again[0]!, again.subarray(1));
    assert.deepEqual({ ...back, from: "" }, { ...request, from: "" });
    if (v.response_hex) {
      const response = decodeResponse(request.kind, Buffer.from(v.response_hex, "hex"));
      assert.deepEqual(
        decodeResponse(request.kind, encodeResponse(response, { id: "", address: "" })),
        response,
      );
      const r = v.decoded.response!;
      if ("term" in response) assert.equal(response.term, r.Term);
      if ("success" in response) assert.equal(response.success, r.Success);
      if ("granted" in response) assert.equal(response.granted, r.Granted);
      if ("lastLog" in response) assert.equal(response.lastLog, r.LastLog);
    }
  });

test("a request differs from the recorded one only by the sender's header", () => {
  const v = vectors.find((x) => x.name === "AppendEntries noop")!;
  const bytes = Buffer.from(v.hex, "hex");
  const ours = encodeRequest(decodeRequest(0, bytes.subarray(1)), own);
  const keys = (b: Buffer): string[] => {
    const r = new MsgpackReader(b, 1);
    return Array.from({ length: r.map()! }, () => {
      const key = r.str();
      r.skip();
      return key;
    });
  };
  assert.deepEqual(keys(ours), ["Addr", ...keys(bytes).slice(0, 1), "ID", ...keys(bytes).slice(1)]);
});

for (const e of read<{ name: string; index: number; term: number; type: string; hex: string }[]>(
  "log-entries.json",
))
  test(`log entry, both ways: ${e.name}`, () => {
    const bytes = Buffer.from(e.hex, "hex");
    const entry = decodeLogEntry(bytes);
    assert.deepEqual([entry.index, entry.term], [e.index, e.term]);
    assert.equal(entry.type, LOG_TYPE[e.type.toLowerCase() as keyof typeof LOG_TYPE]);
    assert.equal(encodeLogEntry(entry).toString("hex"), e.hex);
    if (entry.type === LOG_TYPE.configuration)
      assert.deepEqual(encodeConfiguration(decodeConfiguration(entry.data)), Buffer.from(entry.data));
  });

test("protocol versions outside 2 and 3 are refused with the original's text", () => {
  for (const version of [0, 1, 4]) {
    const w = Buffer.concat([
      Buffer.from([0x81, 0xaf]),
      Buffer.from("ProtocolVersion"),
      Buffer.from([version]),
    ]);
    assert.throws(() => decodeRequest(RPC_TYPE.timeoutNow, w), {
      name: "RefusedRequestError",
      message: "operation not supported with current protocol version",
    });
  }
});

test("entries of an append must follow its previous entry without a gap, with terms that never fall", () => {
  const entry = (index: number, term: number) => ({
    index,
    term,
    type: LOG_TYPE.noop,
    data: new Uint8Array(0),
    extensions: null,
  });
  const append = (entries: readonly ReturnType<typeof entry>[]): Buffer =>
    encodeRequest(
      {
        kind: "append",
        term: 5,
        leader: "a",
        from: "",
        prevIndex: 3,
        prevTerm: 2,
        entries,
        commit: 0,
        context: undefined,
      },
      own,
    ).subarray(1);
  assert.equal((decodeRequest(0, append([entry(4, 2), entry(5, 5)])) as AppendRequest).entries.length, 2);
  for (const bad of [
    [entry(5, 2)],
    [entry(4, 1)],
    [entry(4, 6)],
    [entry(4, 4), entry(5, 3)],
    [entry(4, 4), entry(4, 4)],
  ])
    assert.throws(() => decodeRequest(0, append(bad)), MsgpackError);
});

test("an error answer carries its text", () => {
  assert.throws(
    () => decodeResponse("append", encodeErrorResponse("no")),
    (e) => e instanceof RefusedRequestError && e.message === "no",
  );
});

test("cut and changed bytes give a typed error or a value, never another failure", () => {
  const seed = Number(process.env.SEED ?? 7);
  const random = seededRandom(seed);
  const attempt = (type: number, b: Buffer): void => {
    try {
      decodeRequest(type, b);
    } catch (error) {
      if (!(error instanceof MsgpackError || error instanceof RefusedRequestError))
        throw new Error(`seed ${seed}: ${b.toString("hex")}`, { cause: error });
    }
  };
  for (const v of vectors) {
    const b = Buffer.from(v.hex, "hex").subarray(1);
    const type = Buffer.from(v.hex, "hex")[0]!;
    for (let cut = 0; cut < b.length; cut += 1 + random.int(40)) attempt(type, b.subarray(0, cut));
    for (let i = 0; i < 60; i++) {
      const changed = Buffer.from(b);
      changed[random.int(b.length)] = random.int(256);
      attempt(type, changed);
    }
  }
});
