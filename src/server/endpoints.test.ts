/** Every method of the table answers any request that decodes: with a reply that encodes, or with a text of the original's. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type MethodName, type RpcMethod, rpcMethods } from "../model/methods.ts";
import { decode, encode } from "../wire/schema.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

let t: TestServer;
before(async () => {
  t = testServer({ name: "s1", ip: loopback(3, 1) });
  await t.server.start();
  await until("a leader", () => t.server.isLeader);
});
after(() => t.server.shutdown());

/** What empty requests are refused with. */
const refusals: Readonly<Record<string, RegExp>> = {
  "Catalog.Register": /^Must provide node$/,
  "Catalog.Deregister": /^Must provide node$/,
  "Catalog.ServiceNodes": /^Must provide service name$/,
  "Catalog.NodeServices": /^Must provide node$/,
  "Catalog.NodeServiceList": /^Must provide node$/,
  "Health.ServiceNodes": /^Must provide service name$/,
  "KVS.Apply": /^Must provide key$/,
  "Session.Apply": /^Invalid Session operation ''$/,
  "Session.Get": /UUID must be 36 characters$/,
  "Session.Renew": /UUID must be 36 characters$/,
  "Coordinate.Update": /^invalid coordinate$/,
  "PreparedQuery.Apply": /^Must provide a prepared query$/,
  "PreparedQuery.Get": /UUID must be 36 characters$/,
  "PreparedQuery.Explain": /^Query not found$/,
  "PreparedQuery.Execute": /^Query not found$/,
  "Internal.GatewayServiceDump": /^Must provide gateway name$/,
  "Internal.KeyringOperation": /^unknown keyring operation ""$/,
  "Operator.RaftRemovePeerByAddress": /^address "" was not found in the Raft configuration$/,
  "Operator.RaftRemovePeerByID": /^id "" was not found in the Raft configuration$/,
  "Operator.TransferLeader": /^cannot find peer$/,
  "ConfigEntry.Apply": /^invalid config entry kind: $/,
  "ConfigEntry.Delete": /^invalid config entry kind: $/,
  "ConfigEntry.Get": /^invalid config entry kind: $/,
  "Intention.Apply": /^Intention must be set$/,
  "Intention.Get": /UUID must be 36 characters$/,
  "Intention.Match": /^Match must be specified on args$/,
  "Intention.Check": /^Check must be specified on args$/,
  "FederationState.Apply": /^invalid request: missing federation state datacenter$/,
  "AutoEncrypt.Sign": /^AutoEncrypt.AllowTLS must be enabled/,
  "AutoConfig.InitialConfiguration": /^Auto Config is disabled$/,
  "DiscoveryChain.Get": /^Connect must be enabled in order to use this endpoint$/,
};
const refusalOf = (method: string): RegExp | undefined => {
  if (method.startsWith("ConnectCA.")) return /^Connect must be enabled in order to use this endpoint$/;
  if (method.startsWith("ACL.") && method !== "ACL.ReplicationStatus") return /^ACL support disabled$/;
  return refusals[method];
};

for (const method of Object.keys(rpcMethods) as MethodName[])
  test(`${method} answers an empty request`, async () => {
    const declared = rpcMethods[method] as RpcMethod<unknown, unknown>;
    const zero = declared.request.zero();
    const request =
      typeof zero === "object" && zero !== null && "Datacenter" in zero
        ? { ...zero, Datacenter: "dc1", ...("TargetDatacenter" in zero ? { TargetDatacenter: "dc1" } : {}) }
        : zero;
    const wanted = refusalOf(method);
    // Methods of the insecure port have no datacenter to go by.
    const serve = () => t.server.rpc(method, request as never);
    if (wanted !== undefined) return assert.rejects(serve, { message: wanted });
    const reply = await serve();
    const bytes = encode(declared.reply, reply);
    assert.deepEqual(encode(declared.reply, decode(declared.reply, bytes)), bytes);
  });
