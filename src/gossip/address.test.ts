import assert from "node:assert/strict";
import { test } from "node:test";
import { hostPort, ipBytes, ipText, parseJoinTarget } from "./address.ts";

const texts = [
  ["127.0.0.1", "7f000001", "127.0.0.1"],
  ["::1", "00000000000000000000000000000001", "::1"],
  ["::", "00000000000000000000000000000000", "::"],
  ["2001:DB8:0:0:1:0:0:1", "20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  ["fe80::1%eth0", "fe800000000000000000000000000001", "fe80::1"],
  ["::ffff:10.0.0.1", "0a000001", "10.0.0.1"],
  ["1:0:2:3:4:5:6:7", "00010000000200030004000500060007", "1:0:2:3:4:5:6:7"],
] as const;
for (const [text, hex, canonical] of texts)
  test(`address: ${text}`, () => {
    const bytes = ipBytes(text);
    assert.equal(bytes?.toString("hex"), hex);
    assert.equal(ipText(bytes!), canonical);
  });

for (const text of [
  "",
  "1.2.3",
  "256.1.1.1",
  "1:2:3",
  ":::",
  "1::2::3",
  "12345::",
  "g::",
  "host",
  "1:2:3:4:5:6:7:8:9",
])
  test(`address: "${text}" is none`, () => assert.equal(ipBytes(text), undefined));

const targets = [
  ["host", "", "host", 7946],
  ["host:1", "", "host", 1],
  ["10.0.0.1:8301", "", "10.0.0.1", 8301],
  ["[::1]:8301", "", "::1", 8301],
  ["[::1]", "", "::1", 7946],
  ["::1", "", "::1", 7946],
  ["n1/10.0.0.1:5", "n1", "10.0.0.1", 5],
  ["n1.dc1/[2001:db8::1]:5", "n1.dc1", "2001:db8::1", 5],
] as const;
for (const [text, nodeName, host, port] of targets)
  test(`join target: ${text}`, () => assert.deepEqual(parseJoinTarget(text, 7946), { nodeName, host, port }));

for (const text of ["", ":80", "host:0", "host:99999", "host:x", "/host", "[::1", "n1/"])
  test(`join target: "${text}" is refused`, () =>
    assert.throws(() => parseJoinTarget(text, 7946), { name: "GossipError" }));

for (const [text, wanted] of [
  ["", "lookup : no such host"],
  ["10.0.0.1:bad", 'strconv.ParseUint: parsing "bad": invalid syntax'],
  ["[::1", "address [::1: missing ']' in address"],
] as const)
  test(`join target: "${text}" is refused in Go's words`, () =>
    assert.throws(() => parseJoinTarget(text, 7946), { message: wanted }));

test("hostPort brackets IPv6", () => {
  assert.equal(hostPort("10.0.0.1", 1), "10.0.0.1:1");
  assert.equal(hostPort("::1", 1), "[::1]:1");
});
