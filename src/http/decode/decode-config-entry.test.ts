import assert from "node:assert/strict";
import { test } from "node:test";
import { AnyConfigEntry } from "../../model/config-entry-box.ts";
import { decodeConfigEntry } from "./decode-config-entry.ts";
import { parseGoJson } from "./json-parser.ts";

const refused = [
  {
    name: "no kind",
    text: '{"Name":"x"}',
    error: "Payload does not contain a kind/Kind key at the top level",
  },
  { name: "a kind that is no text", text: '{"Kind":1}', error: "Kind value in payload is not a string" },
  { name: "an unknown kind", text: '{"Kind":"bogus"}', error: "invalid config entry kind: bogus" },
  {
    name: "an unknown key",
    text: '{"Kind":"service-defaults","Bogus":1}',
    error: '1 error occurred:\n\t* invalid config key "Bogus"\n\n',
  },
  {
    name: "an unknown key further down",
    text: '{"Kind":"service-splitter","Splits":[{"Bogus":1}]}',
    error: '1 error occurred:\n\t* invalid config key "Splits[0].Bogus"\n\n',
  },
  {
    name: "a bad duration",
    text: '{"Kind":"service-resolver","ConnectTimeout":"zz"}',
    error: "1 error(s) decoding:\n\n* error decoding 'ConnectTimeout': time: invalid duration \"zz\"",
  },
];
for (const { name, text, error } of refused)
  test(`refuses ${name}`, () =>
    assert.throws(() => decodeConfigEntry(parseGoJson(text)), { message: error }));

test("keys in any spelling, kinds that fit are converted", () => {
  const entry = decodeConfigEntry(
    parseGoJson(
      '{"kind":"service-resolver","name":"web","connect_timeout":"10s","defaultsubset":"v1","Subsets":{"v1":{"filter":"a","only_passing":"true"}}}',
    ),
  );
  assert.equal(
    AnyConfigEntry.json(entry),
    '{"ConnectTimeout":"10s","Kind":"service-resolver","Name":"web","DefaultSubset":"v1","Subsets":{"v1":{"Filter":"a","OnlyPassing":true}},"CreateIndex":0,"ModifyIndex":0}',
  );
  assert.match(
    AnyConfigEntry.json(
      decodeConfigEntry(parseGoJson('{"Kind":"service-defaults","Name":5,"Protocol":"http"}')),
    ),
    /"Name":"5"/,
  );
});
