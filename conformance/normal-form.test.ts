import assert from "node:assert/strict";
import { test } from "node:test";
import { normalBody, normalHeaders, normalText } from "./normal-form.ts";

const A = "aaaaaaaa-0000-1111-2222-333333333333";
const B = "bbbbbbbb-0000-1111-2222-333333333333";

test("drawn IDs are numbered by their first appearance, addresses and times blanked", () => {
  assert.equal(
    normalText(`${B} ${A} ${B} at 127.12.0.3:8300 2026-11-24T22:00:00.123Z`),
    "<id 1> <id 2> <id 1> at 127.12.0.3:8300 <time>",
  );
  assert.equal(normalText("79fd6d74-055e-36ac-dbc7-4e1c648bc164"), "79fd6d74-055e-36ac-dbc7-4e1c648bc164");
});

test("an index is told by how it relates to the CreateIndex beside it", () => {
  const body = (create: number, modify: number): string =>
    normalBody(`{"Key":"a","CreateIndex":${create},"ModifyIndex":${modify}}`, "full");
  assert.equal(body(7, 7), body(12, 12));
  assert.equal(body(7, 9), body(12, 40));
  assert.notEqual(body(7, 7), body(7, 8));
});

test("integers beyond 2^53 stay what they are", () => {
  assert.notEqual(
    normalBody('{"Flags":9007199254740993}', "full"),
    normalBody('{"Flags":9007199254740992}', "full"),
  );
});

test("null, empty and absent are three things; field order is none", () => {
  const forms = ['{"Tags":null}', '{"Tags":[]}', "{}"].map((b) => normalBody(b, "full"));
  assert.equal(new Set(forms).size, 3);
  assert.equal(normalBody('{"a":1,"b":2}', "full"), normalBody('{"b":2,"a":1}', "full"));
});

test("lists in the order of drawn IDs compare whatever was drawn", () => {
  const list = (x: string, y: string): string =>
    normalBody(`[{"ID":"${x}","Name":"q"},{"ID":"${y}","Name":"r"}]`, "full");
  assert.equal(list(A, B), normalBody(`[{"ID":"${B}","Name":"r"},{"ID":"${A}","Name":"q"}]`, "full"));
});

test("headers: canonical spelling stays, numbers of the index go", () => {
  assert.deepEqual(
    normalHeaders(
      new Map([
        ["X-Consul-Index", "12"],
        ["Date", "x"],
        ["Vary", "Accept-Encoding"],
      ]),
    ),
    ["Vary: Accept-Encoding", "X-Consul-Index: <index>"],
  );
  assert.deepEqual(normalHeaders(new Map([["X-Consul-Index", "1"]])), ["X-Consul-Index: 1"]);
});
