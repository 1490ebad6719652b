import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressReader } from "./addresses.ts";
import { Issues } from "./issues.ts";

/** What an agent that is bound to every address advertises on a host with these addresses; undefined when it does not know. */
function advertised(...addresses: readonly string[]): string | undefined {
  const issues = new Issues(new Map());
  const host = {
    addresses: [
      { name: "lo", address: "127.0.0.1", prefix: 8, loopback: true },
      ...addresses.map((address, i) => ({ name: `eth${i}`, address, prefix: 24, loopback: false })),
    ],
    defaultInterface: undefined,
  };
  const found = new AddressReader(host, issues).advertised("0.0.0.0");
  return issues.error() === undefined ? found : undefined;
}

test("the one private address is advertised; what is private was asked of the original, address by address", () => {
  for (const address of [
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.1",
    "127.5.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.2",
    "192.168.0.1",
  ]) {
    assert.equal(advertised(address), address);
    assert.equal(advertised("8.8.8.8", address), address);
  }
  for (const address of [
    "0.1.2.3",
    "8.8.8.8",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.5",
    "240.0.0.1",
  ])
    assert.equal(advertised(address), undefined, address);
});

test("loopback counts where there is nothing else", () => {
  assert.equal(advertised(), "127.0.0.1");
  assert.equal(advertised("fe80::1"), undefined);
});
