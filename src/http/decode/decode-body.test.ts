import assert from "node:assert/strict";
import { test } from "node:test";
import { RegisterRequest } from "../../model/catalog.ts";
import { any, bytes, dur, int, list, map, str, struct, time, uint, uint64 } from "../../wire/schema.ts";
import { CheckBody, ServiceBody } from "../agent-bodies.ts";
import { CATALOG_BODY, DEFINITION_BODY } from "../body-rules.ts";
import { BodyError, decodeBase64, decodeBody } from "./decode-body.ts";

const Sample = struct("Sample", {
  Name: str,
  Flags: uint64,
  Port: int,
  Wait: dur,
  Tags: list(str),
  Meta: map(str),
  Value: bytes,
  Index: uint,
  When: time,
  Free: any,
});

const refused = [
  { name: "an unknown field", text: '{"Bogus":1}', error: 'json: unknown field "Bogus"' },
  { name: "an underscore where no alias is", text: '{"na_me":"x"}', error: 'json: unknown field "na_me"' },
  {
    name: "a text for a number",
    text: '{"Port":"80"}',
    error: "json: cannot unmarshal string into Go struct field Sample.Port of type int",
  },
  {
    name: "a fraction for an integer",
    text: '{"Port":1.5}',
    error: "json: cannot unmarshal number 1.5 into Go struct field Sample.Port of type int",
  },
  {
    name: "a number for a text",
    text: '{"Name":1}',
    error: "json: cannot unmarshal number into Go struct field Sample.Name of type string",
  },
  {
    name: "an object for a list",
    text: '{"Tags":{}}',
    error: "json: cannot unmarshal object into Go struct field Sample.Tags of type []string",
  },
  {
    name: "a number inside a list",
    text: '{"Tags":["a",1]}',
    error: "json: cannot unmarshal number into Go struct field Sample.Tags of type string",
  },
  {
    name: "a list for a map",
    text: '{"Meta":[]}',
    error: "json: cannot unmarshal array into Go struct field Sample.Meta of type map[string]string",
  },
  {
    name: "a list for the whole",
    text: "[]",
    error: "json: cannot unmarshal array into Go value of type structs.Sample",
  },
  {
    name: "a negative count",
    text: '{"Flags":-1}',
    error: "json: cannot unmarshal number -1 into Go struct field Sample.Flags of type uint64",
  },
  {
    name: "more than 64 bits",
    text: '{"Flags":18446744073709551616}',
    error:
      "json: cannot unmarshal number 18446744073709551616 into Go struct field Sample.Flags of type uint64",
  },
  { name: "a duration without a unit", text: '{"Wait":"10"}', error: 'time: missing unit in duration "10"' },
  { name: "base64 that is none", text: '{"Value":"!!"}', error: "illegal base64 data at input byte 0" },
];
for (const { name, text, error } of refused)
  test(`refuses ${name}`, () => {
    assert.throws(
      () => decodeBody(Sample, text),
      (e: unknown) => e instanceof BodyError && e.message === error,
    );
  });

test("names in any case, the last of two wins, null is unset", () => {
  const v = decodeBody(
    Sample,
    '{"NAME":"a","name":"b","Port":null,"flags":18446744073709551615,"tags":null,"wait":"1m30s","index":9007199254740993}',
  );
  assert.deepEqual(
    [v.Name, v.Port, v.Flags, v.Tags, v.Wait],
    ["b", 0, 18_446_744_073_709_551_615n, null, 90_000_000_000n],
  );
  assert.equal(v.Index, Number.MAX_SAFE_INTEGER, "an index that no server can have reached");
  assert.deepEqual(decodeBody(Sample, "null"), Sample.zero());
});

test("a whole number for a duration is nanoseconds; other kinds are passed over", () => {
  assert.equal(decodeBody(Sample, '{"Wait":10}').Wait, 10n);
  assert.equal(decodeBody(Sample, '{"Wait":true}').Wait, 0n);
  assert.throws(() => decodeBody(Sample, '{"Port":1e999}'), BodyError);
  assert.equal(decodeBody(Sample, '{"Wait":1e999}').Wait, 0n);
});

test("aliases of a check: the field's own name, then args, then script_args", () => {
  const of = (text: string): readonly string[] | null =>
    decodeBody(CheckBody, text, DEFINITION_BODY).ScriptArgs;
  assert.deepEqual(of('{"args":["a"]}'), ["a"]);
  assert.deepEqual(of('{"ScriptArgs":["x"],"args":["a"]}'), ["x"]);
  assert.deepEqual(of('{"args":["a"],"ScriptArgs":["x"]}'), ["x"]);
  const check = decodeBody(
    CheckBody,
    '{"deregister_critical_service_after":"90m","docker_container_id":"d","tls_skip_verify":true,"service_id":"s","script":"true"}',
    DEFINITION_BODY,
  );
  assert.deepEqual(
    [
      check.DeregisterCriticalServiceAfter,
      check.DockerContainerID,
      check.TLSSkipVerify,
      check.ServiceID,
      check.Script,
    ],
    [5_400_000_000_000n, "d", true, "s", "true"],
  );
});

test("aliases of a service and its proxy; mesh_gateway is none", () => {
  const service = decodeBody(
    ServiceBody,
    '{"enable_tag_override":true,"Proxy":{"destination_service_name":"db","Upstreams":[{"local_bind_port":9}]},"Connect":{"sidecar_service":{},"unknown":1}}',
    DEFINITION_BODY,
  );
  assert.equal(service.EnableTagOverride, true);
  assert.equal(service.Proxy?.DestinationServiceName, "db");
  assert.equal(service.Proxy?.Upstreams?.[0]?.LocalBindPort, 9);
  assert.throws(() => decodeBody(ServiceBody, '{"Proxy":{"mesh_gateway":{}}}', DEFINITION_BODY), {
    message: 'json: unknown field "mesh_gateway"',
  });
});

test("what is unknown in a check's definition is passed over, elsewhere in the body it is not", () => {
  const { Check } = decodeBody(
    RegisterRequest,
    '{"Check":{"Definition":{"Interval":"10s","UDP":"x"}}}',
    CATALOG_BODY,
  );
  assert.equal(Check?.Definition.Interval, 10_000_000_000n);
  assert.throws(() => decodeBody(RegisterRequest, '{"Check":{"Bogus":1}}', CATALOG_BODY), {
    message: 'json: unknown field "Bogus"',
  });
});

test("base64: line feeds are passed over, empty is nothing", () => {
  assert.equal(decodeBase64("aGVs\nbG8=")?.toString(), "hello");
  assert.equal(decodeBase64(""), null);
  assert.throws(() => decodeBase64("abc"), { message: "illegal base64 data at input byte 0" });
});
