import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../gossip/contract.ts";
import { memoryDisk } from "../ports/disk.ts";
import { silentLogger } from "../ports/log.ts";
import { loadKeyring } from "./keyring-file.ts";
import { allowedNetworks } from "./pools.ts";

const member = (addr: string): Member => ({
  name: "n",
  addr,
  port: 8301,
  tags: new Map(),
  status: "alive",
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
});

test("allowed networks", () => {
  const allowed = allowedNetworks(["10.0.0.0/8", "fd00::/8"]);
  allowed([member("10.9.9.9"), member("fd00::1")]);
  assert.throws(
    () => allowed([member("10.0.0.1"), member("11.0.0.1")]),
    /Member 'n' has address 11\.0\.0\.1/,
  );
  assert.throws(() => allowed([member("fe80::1")]));
  allowedNetworks([])([member("1.2.3.4")]);
});

const KEY = Buffer.alloc(16, 1).toString("base64");
const OTHER = Buffer.alloc(16, 2).toString("base64");

test("keyring: the configured key is stored, a stored ring counts more, damage is named", async () => {
  const disk = memoryDisk();
  const ports = { disk, log: silentLogger };
  const load = (encrypt: string) =>
    loadKeyring({ dataDir: "/d", pool: "local", encrypt, disableFile: false }, ports);
  assert.deepEqual((await load("")).keys, []);
  assert.equal(await disk.read("/d/serf/local.keyring"), undefined);
  assert.equal((await load(KEY)).keys.length, 1);
  assert.equal((await disk.read("/d/serf/local.keyring"))?.toString(), JSON.stringify([KEY]));
  assert.equal(Buffer.from((await load(OTHER)).keys[0]!).toString("base64"), KEY);
  await disk.writeAtomic("/d/serf/local.keyring", Buffer.from("{"));
  await assert.rejects(load(KEY), /cannot read the keyring \/d\/serf\/local\.keyring/);
  await assert.rejects(
    loadKeyring({ dataDir: undefined, pool: "local", encrypt: "AAAA", disableFile: false }, ports),
    /key size must be 16, 24 or 32 bytes, found 3/,
  );
});
