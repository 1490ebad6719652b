import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MsgpackError } from "../wire/msgpack.ts";
import { decodeUserEvent, encodeUserEvent } from "./user-event-message.ts";

interface Recorded {
  readonly name: string;
  readonly hex: string;
  readonly decoded: {
    readonly ID: string;
    readonly n: string;
    readonly nf?: string;
    readonly sf?: string;
    readonly tf?: string;
    readonly p?: { readonly $bytes: string };
    readonly v: number;
  };
}

const recorded = JSON.parse(
  readFileSync(new URL("testdata/user-events.json", import.meta.url), "utf8"),
) as Recorded[];

for (const { name, hex, decoded } of recorded)
  test(`recorded ${name}: read, and written the same`, () => {
    const message = decodeUserEvent(Buffer.from(hex, "hex"));
    assert.deepEqual(
      { ...message, payload: message.payload === null ? null : Buffer.from(message.payload).toString("hex") },
      {
        id: decoded.ID,
        name: decoded.n,
        payload: decoded.p?.$bytes ?? null,
        nodeFilter: decoded.nf ?? "",
        serviceFilter: decoded.sf ?? "",
        tagFilter: decoded.tf ?? "",
        version: decoded.v,
      },
    );
    assert.equal(encodeUserEvent(message).toString("hex"), hex);
  });

test("every truncation is an error, never a crash", () => {
  for (const { hex } of recorded) {
    const bytes = Buffer.from(hex, "hex");
    for (let n = 0; n < bytes.length; n++)
      assert.throws(() => decodeUserEvent(bytes.subarray(0, n)), MsgpackError);
  }
});

test("sizes around the forms' limits survive", () => {
  for (const n of [1, 31, 32, 255, 256, 5000]) {
    const message = {
      id: "i".repeat(n),
      name: "n".repeat(n),
      payload: Buffer.alloc(n, 7),
      nodeFilter: "f".repeat(n),
      serviceFilter: "",
      tagFilter: "",
      version: 1,
    };
    assert.deepEqual(decodeUserEvent(encodeUserEvent(message)), message);
  }
});
