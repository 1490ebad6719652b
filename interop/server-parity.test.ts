/**
 * The same calls to a server of Consul 1.8.7 and to ours, on port 8300: the same answers, errors, nil and empty lists. Indexes, IDs and
 * addresses, which must differ, are blanked out.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  ChecksInStateRequest,
  DatacentersRequest,
  DCSpecificRequest,
  DeregisterRequest,
  HealthCheck,
  HealthCheckDefinition,
  NodeService,
  NodeSpecificRequest,
  RegisterRequest,
  ServiceDumpRequest,
  ServiceSpecificRequest,
} from "../src/model/catalog.ts";
import { ConfigEntryQuery, ServiceConfigEntry, ServiceConfigRequest } from "../src/model/config-entry.ts";
import {
  Intention,
  IntentionMatchEntry,
  IntentionQueryCheck,
  IntentionQueryMatch,
  IntentionQueryRequest,
  IntentionRequest,
} from "../src/model/connect.ts";
import {
  CoordinateUpdateRequest,
  EventFireRequest,
  GossipCoordinate,
  KeyringRequest,
} from "../src/model/coordinate.ts";
import {
  DirEntry,
  KeyListRequest,
  KeyRequest,
  KVSRequest,
  Session,
  SessionRequest,
  SessionSpecificRequest,
  TxnKVOp,
  TxnNodeOp,
  TxnOp,
  TxnReadRequest,
  TxnRequest,
  TxnServiceOp,
} from "../src/model/kv.ts";
import {
  type MethodName,
  type MethodReply,
  type MethodRequest,
  type RpcMethod,
  rpcMethods,
} from "../src/model/methods.ts";
import { AutopilotConfig, AutopilotSetConfigRequest, RaftRemovePeerRequest } from "../src/model/operator.ts";
import {
  PreparedQuery,
  PreparedQueryExecuteRequest,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
  ServiceQuery,
} from "../src/model/prepared-query.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noMetrics } from "../src/ports/metrics.ts";
import { RpcPool } from "../src/rpc/pool.ts";
import { type TestServer, testServer, until } from "../src/server/test-cluster.ts";

const consul = new URL("../.peers/consul", import.meta.url).pathname;
const missing = existsSync(consul) ? false : "needs .peers/consul (run interop/setup.sh)";
if (missing && process.env["CI"]) throw new Error(missing);

const THEIR_IP = "127.5.205.1";
const OUR_IP = "127.5.205.2";
const Datacenter = "dc1";

let theirs: ChildProcess;
let ours: TestServer;
let folder: string;
const pool = new RpcPool({}, { clock: systemClock, metrics: noMetrics });

before(async () => {
  if (missing) return;
  folder = mkdtempSync(join(tmpdir(), "tribune-interop-"));
  theirs = spawn(consul, [
    "agent",
    "-server",
    "-bootstrap-expect=1",
    "-node=s1",
    `-bind=${THEIR_IP}`,
    `-client=${THEIR_IP}`,
    `-data-dir=${folder}`,
    "-hcl=performance { raft_multiplier = 1 }",
  ]);
  theirs.stdout!.resume();
  theirs.stderr!.resume();
  ours = testServer({ name: "s1", ip: OUR_IP, wan: true, override: { sessionTtlMinMs: 10_000 } });
  await ours.server.start();
  const ready = async (ip: string): Promise<boolean> => {
    const request = NodeSpecificRequest.make({ Datacenter, Node: "s1" });
    const reply = await pool.call(`${ip}:8300`, "Health.NodeChecks", request).catch(() => undefined);
    return (reply?.HealthChecks ?? []).length === 1;
  };
  await until("both servers", async () => (await ready(THEIR_IP)) && (await ready(OUR_IP)), 120_000);
});
after(async () => {
  if (missing) return;
  const ended = new Promise((resolve) => theirs.once("exit", resolve));
  if (theirs.kill("SIGKILL")) await ended;
  await pool.close();
  await ours.server.shutdown();
  rmSync(folder, { recursive: true, force: true });
});

/** IDs that each side drew, in order of their first appearance. */
type Names = Map<string, string>;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const VOLATILE = new Set([
  "Index",
  "CreateIndex",
  "ModifyIndex",
  "LastContact",
  "StableSince",
  "LastIndex",
  "LastTerm",
  "CreatedAt",
  "UpdatedAt",
  "Hash",
  "Coord",
]);

function blank(given: unknown, names: Names): unknown {
  let value = given;
  if (typeof value === "string")
    return value
      .replaceAll(UUID, (id) => {
        if (!names.has(id)) names.set(id, `<id ${names.size + 1}>`);
        return names.get(id)!;
      })
      .replaceAll(THEIR_IP, "<ip>")
      .replaceAll(OUR_IP, "<ip>");
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString("hex")}`;
  // A service's tags come in no order there.
  if (
    value instanceof Map &&
    [...value.values()].every((v) => Array.isArray(v) && v.every((t) => typeof t === "string"))
  )
    value = new Map([...value].map(([k, v]) => [k, [...(v as string[])].sort()]));
  if (Array.isArray(value)) return value.map((v) => blank(v, names));
  if (value instanceof Map)
    return Object.fromEntries(
      [...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [blank(k, names), blank(v, names)]),
    );
  if (
    typeof value === "object" &&
    value !== null &&
    (value as { Node?: unknown }).Node === "s1" &&
    "TaggedAddresses" in value
  )
    // Their server has an agent that writes these; ours is alone in this test.
    return blank(
      {
        ...value,
        Node: "<self>",
        TaggedAddresses: null,
        ...("Meta" in value ? { Meta: null } : {}),
        ...("NodeMeta" in value ? { NodeMeta: null } : {}),
      },
      names,
    );
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [
        k,
        VOLATILE.has(k) ? (v === null ? null : "<volatile>") : blank(v, names),
      ]),
    );
  return value;
}

/** Both sides' replies to one call, or their error texts. */
async function both<M extends MethodName>(
  method: M,
  request: (reply: (name: string) => string) => MethodRequest<M>,
  save?: string,
): Promise<readonly [unknown, unknown]> {
  const ask = async (ip: string, side: 0 | 1): Promise<unknown> => {
    try {
      const reply = await pool.call(
        `${ip}:8300`,
        method,
        request((name) => saved[side].get(name) ?? ""),
      );
      if (save !== undefined) saved[side].set(save, reply as string);
      // What was decoded from nil and from an empty list differs.
      void (rpcMethods[method] as unknown as RpcMethod<unknown, MethodReply<M>>);
      return blank(reply, names[side]);
    } catch (error) {
      return { error: blank((error as Error).message, names[side]) };
    }
  };
  return [await ask(THEIR_IP, 0), await ask(OUR_IP, 1)];
}
const saved = [new Map<string, string>(), new Map<string, string>()] as const;
const names: readonly [Names, Names] = [new Map(), new Map()];

const kv = (Op: string, Key: string, more: Partial<DirEntry> = {}) =>
  KVSRequest.make({ Datacenter, Op, DirEnt: DirEntry.make({ Key, Value: Buffer.from("v"), ...more }) });
const dc = DCSpecificRequest.make({ Datacenter });
const node = (Node: string, more: Partial<NodeSpecificRequest> = {}) =>
  NodeSpecificRequest.make({ Datacenter, Node, ...more });
const service = (ServiceName: string, more: Partial<ServiceSpecificRequest> = {}) =>
  ServiceSpecificRequest.make({ Datacenter, ServiceName, ...more });
const register = (r: Partial<RegisterRequest>) => RegisterRequest.make({ Datacenter, ...r });
const session = (Op: string, s: Partial<Session>) =>
  SessionRequest.make({ Datacenter, Op, Session: Session.make(s) });
const ofSession = (id: string) => SessionSpecificRequest.make({ Datacenter, SessionID: id, Session: id });
const txn = (...Ops: TxnOp[]) => TxnRequest.make({ Datacenter, Ops });
const txnKv = (Verb: string, Key: string, more: Partial<DirEntry> = {}) =>
  TxnOp.make({ KV: TxnKVOp.make({ Verb, DirEnt: DirEntry.make({ Key, ...more }) }) });
const intention = (Op: string, i: Partial<Intention>) =>
  IntentionRequest.make({
    Datacenter,
    Op,
    Intention: Intention.make({ SourceName: "web", DestinationName: "db", Action: "allow", ...i }),
  });
const query = (Op: string, q: Partial<PreparedQuery>) =>
  PreparedQueryRequest.make({
    Datacenter,
    Op,
    Query: PreparedQuery.make({ Name: "q", Service: ServiceQuery.make({ Service: "web" }), ...q }),
  });
const web = NodeService.make({ Service: "web", Port: 80, Tags: ["A", "b"], Meta: new Map([["v", "1"]]) });

type Reply = (name: string) => string;
type Step = {
  [M in MethodName]: readonly [string, M, (reply: Reply) => MethodRequest<M>, string?];
}[MethodName];
/** Check definitions from which the kind is read, or not. */
const second = 1_000_000_000n;
const definitions: readonly (readonly [string, Partial<HealthCheckDefinition>])[] = [
  ["nothing", {}],
  ["http", { HTTP: "http://x", Interval: second }],
  ["http once", { HTTP: "http://x" }],
  ["tcp", { TCP: "x:1", Interval: second }],
  ["tcp once", { TCP: "x:1" }],
  ["grpc", { GRPC: "x:1", Interval: second }],
  ["grpc once", { GRPC: "x:1" }],
  ["ttl", { TTL: second }],
  ["alias of a node", { AliasNode: "x" }],
  ["alias of a service", { AliasService: "x" }],
  ["script", { ScriptArgs: ["x"], Interval: second }],
  ["script once", { ScriptArgs: ["x"] }],
  ["docker", { DockerContainerID: "x", ScriptArgs: ["x"], Interval: second }],
  ["docker once", { DockerContainerID: "x", ScriptArgs: ["x"] }],
  ["docker alone", { DockerContainerID: "x", Interval: second }],
  ["ttl and http", { TTL: second, HTTP: "x", Interval: second }],
  ["tcp and http", { TCP: "x", HTTP: "x", Interval: second }],
];

const steps: readonly Step[] = [
  ["ping", "Status.Ping", () => ({})],
  ["leader", "Status.Leader", () => dc],
  ["peers", "Status.Peers", () => dc],
  ["datacenters", "Catalog.ListDatacenters", () => DatacentersRequest.zero()],
  ["raft configuration", "Operator.RaftGetConfiguration", () => dc],
  [
    "remove unknown peer",
    "Operator.RaftRemovePeerByID",
    () => RaftRemovePeerRequest.make({ Datacenter, ID: "x" }),
  ],
  [
    "set autopilot",
    "Operator.AutopilotSetConfiguration",
    () =>
      AutopilotSetConfigRequest.make({
        Datacenter,
        Config: AutopilotConfig.make({
          CleanupDeadServers: true,
          MaxTrailingLogs: 9,
          LastContactThreshold: 200_000_000n,
        }),
      }),
  ],
  [
    "set autopilot by cas",
    "Operator.AutopilotSetConfiguration",
    () =>
      AutopilotSetConfigRequest.make({
        Datacenter,
        CAS: true,
        Config: AutopilotConfig.make({ ModifyIndex: 1 }),
      }),
  ],
  ["get autopilot", "Operator.AutopilotGetConfiguration", () => dc],

  ["consul's instances", "Catalog.ServiceNodes", () => service("consul")],
  ["consul's health", "Health.ServiceNodes", () => service("consul")],
  ["register nothing", "Catalog.Register", () => register({})],
  ["register a bad ID", "Catalog.Register", () => register({ Node: "n", ID: "x".repeat(36) })],
  [
    "register an ID with a letter",
    "Catalog.Register",
    () => register({ Node: "n", ID: "0000000g-0000-0000-0000-000000000000" }),
  ],
  ["register no address", "Catalog.Register", () => register({ Node: "n" })],
  [
    "register an anonymous service",
    "Catalog.Register",
    () => register({ Node: "n", Address: "10.0.0.1", Service: NodeService.make({ ID: "x" }) }),
  ],
  [
    "register on every address",
    "Catalog.Register",
    () =>
      register({
        Node: "n",
        Address: "10.0.0.1",
        Service: NodeService.make({ Service: "x", Address: "::" }),
      }),
  ],
  [
    "register a bad proxy",
    "Catalog.Register",
    () =>
      register({
        Node: "n",
        Address: "10.0.0.1",
        Service: NodeService.make({ Kind: "connect-proxy", Service: "x" }),
      }),
  ],
  [
    "register a bad gateway",
    "Catalog.Register",
    () =>
      register({
        Node: "n",
        Address: "10.0.0.1",
        Service: NodeService.make({ Kind: "mesh-gateway", Service: "x" }),
      }),
  ],
  [
    "register a check of nothing",
    "Catalog.Register",
    () =>
      register({ Node: "n", Address: "10.0.0.1", Check: HealthCheck.make({ Name: "c", ServiceID: "none" }) }),
  ],
  [
    "register reserved metadata",
    "Catalog.Register",
    () =>
      register({
        Node: "n",
        Address: "10.0.0.1",
        Service: NodeService.make({ Service: "x", Meta: new Map([["consul-x", "1"]]) }),
      }),
  ],
  [
    "register a node",
    "Catalog.Register",
    () => register({ Node: "ext", Address: "10.0.0.1", NodeMeta: new Map([["rack", "r1"]]) }),
  ],
  [
    "register a service",
    "Catalog.Register",
    () =>
      register({
        Node: "ext",
        Address: "10.0.0.1",
        NodeMeta: new Map([["rack", "r1"]]),
        Service: web,
        Check: HealthCheck.make({
          Name: "up",
          ServiceID: "web",
          Status: "passing",
          Definition: HealthCheckDefinition.make({ HTTP: "http://x" }),
        }),
      }),
  ],
  [
    "register a bare service",
    "Catalog.Register",
    () => register({ Node: "ext2", Address: "10.0.0.3", Service: NodeService.make({ Service: "plain" }) }),
  ],
  ["bare instances", "Catalog.ServiceNodes", () => service("plain")],
  ["health of bare instances", "Health.ServiceNodes", () => service("plain")],
  ["services of the bare service's node", "Catalog.NodeServices", () => node("ext2")],
  ...definitions.map(
    ([name, definition], i): Step => [
      `check of kind ${name}`,
      "Catalog.Register",
      () =>
        register({
          Node: "kinds",
          Address: "10.0.0.4",
          Check: HealthCheck.make({
            CheckID: `c${i}`,
            Name: name,
            Definition: HealthCheckDefinition.make(definition),
          }),
        }),
    ],
  ),
  ["kinds of checks", "Health.NodeChecks", () => node("kinds")],
  ["no more kinds", "Catalog.Deregister", () => DeregisterRequest.make({ Datacenter, Node: "kinds" })],
  ["register a bare node", "Catalog.Register", () => register({ Node: "bare", Address: "10.0.0.2" })],
  ["nodes", "Catalog.ListNodes", () => dc],
  ["nodes by metadata", "Catalog.ListNodes", () => ({ ...dc, NodeMetaFilters: new Map([["rack", "r1"]]) })],
  [
    "no nodes by metadata",
    "Catalog.ListNodes",
    () => ({ ...dc, NodeMetaFilters: new Map([["rack", "none"]]) }),
  ],
  ["nodes by filter", "Catalog.ListNodes", () => ({ ...dc, Filter: "Node == ext" })],
  ["no nodes by filter", "Catalog.ListNodes", () => ({ ...dc, Filter: "Node == none" })],
  ["a bad selector", "Catalog.ListNodes", () => ({ ...dc, Filter: "Bogus == none" })],
  ["a bad operator", "Catalog.ListNodes", () => ({ ...dc, Filter: "Meta == none" })],
  ["services", "Catalog.ListServices", () => dc],
  [
    "no services by metadata",
    "Catalog.ListServices",
    () => ({ ...dc, NodeMetaFilters: new Map([["rack", "none"]]) }),
  ],
  ["instances", "Catalog.ServiceNodes", () => service("web")],
  [
    "instances by tags",
    "Catalog.ServiceNodes",
    () => service("web", { TagFilter: true, ServiceTags: ["a", "B"] }),
  ],
  [
    "no instances by tag",
    "Catalog.ServiceNodes",
    () => service("web", { TagFilter: true, ServiceTag: "none" }),
  ],
  ["no instances", "Catalog.ServiceNodes", () => service("none")],
  ["instances of nothing", "Catalog.ServiceNodes", () => service("")],
  [
    "instances by an unknown address",
    "Catalog.ServiceNodes",
    () => service("", { ServiceAddress: "1.2.3.4" }),
  ],
  ["connect instances", "Catalog.ServiceNodes", () => service("web", { Connect: true })],
  ["services of a node", "Catalog.NodeServices", () => node("ext")],
  ["services of a bare node", "Catalog.NodeServices", () => node("bare")],
  ["services of a node by filter", "Catalog.NodeServices", () => node("ext", { Filter: "Port == 81" })],
  ["services of an unknown node", "Catalog.NodeServices", () => node("none")],
  ["service list of a node", "Catalog.NodeServiceList", () => node("ext")],
  ["service list of a bare node", "Catalog.NodeServiceList", () => node("bare")],
  [
    "service list of a node by filter",
    "Catalog.NodeServiceList",
    () => node("ext", { Filter: "Port == 81" }),
  ],
  ["service list of an unknown node", "Catalog.NodeServiceList", () => node("none")],
  ["service list of nobody", "Catalog.NodeServiceList", () => node("")],
  ["gateway services", "Catalog.GatewayServices", () => service("gw")],
  ["gateway services of nothing", "Catalog.GatewayServices", () => service("")],
  ["health", "Health.ServiceNodes", () => service("web")],
  [
    "health by filter",
    "Health.ServiceNodes",
    () => service("web", { Filter: "Checks.Status == passing and Service.Meta.v == 1" }),
  ],
  [
    "no health by filter",
    "Health.ServiceNodes",
    () => service("web", { Filter: "Checks.Status == warning" }),
  ],
  [
    "no health by metadata",
    "Health.ServiceNodes",
    () => service("web", { NodeMetaFilters: new Map([["rack", "none"]]) }),
  ],
  [
    "no health by tag",
    "Health.ServiceNodes",
    () => service("web", { TagFilter: true, ServiceTags: ["none"] }),
  ],
  ["health of an unknown service", "Health.ServiceNodes", () => service("none")],
  ["ingress health", "Health.ServiceNodes", () => service("web", { Ingress: true })],
  ["connect health", "Health.ServiceNodes", () => service("web", { Connect: true })],
  ["checks of a node", "Health.NodeChecks", () => node("ext")],
  ["checks of an unknown node", "Health.NodeChecks", () => node("none")],
  ["checks of a service", "Health.ServiceChecks", () => service("web")],
  ["checks of a service by tag", "Health.ServiceChecks", () => service("web", { TagFilter: true })],
  [
    "passing checks",
    "Health.ChecksInState",
    () => ChecksInStateRequest.make({ Datacenter, State: "passing" }),
  ],
  [
    "warning checks",
    "Health.ChecksInState",
    () => ChecksInStateRequest.make({ Datacenter, State: "warning" }),
  ],
  [
    "checks by filter",
    "Health.ChecksInState",
    () => ChecksInStateRequest.make({ Datacenter, State: "any", Filter: "CheckID == none" }),
  ],
  ["node info", "Internal.NodeInfo", () => node("ext")],
  ["node info of a bare node", "Internal.NodeInfo", () => node("bare")],
  ["node info of an unknown node", "Internal.NodeInfo", () => node("none")],
  ["node dump", "Internal.NodeDump", () => dc],
  ["node dump by filter", "Internal.NodeDump", () => ({ ...dc, Filter: "Node == none" })],
  ["service dump", "Internal.ServiceDump", () => ServiceDumpRequest.make({ Datacenter })],
  [
    "service dump of a kind",
    "Internal.ServiceDump",
    () => ServiceDumpRequest.make({ Datacenter, UseServiceKind: true, ServiceKind: "mesh-gateway" }),
  ],
  ["gateway dump", "Internal.GatewayServiceDump", () => service("gw")],
  ["gateway dump of nothing", "Internal.GatewayServiceDump", () => service("")],
  [
    "event",
    "Internal.EventFire",
    () => EventFireRequest.make({ Datacenter, Name: "x", Payload: Buffer.from("p"), AllowStale: true }),
  ],
  [
    "event too large",
    "Internal.EventFire",
    () => EventFireRequest.make({ Datacenter, Name: "x", Payload: Buffer.alloc(600) }),
  ],
  ["keyring", "Internal.KeyringOperation", () => KeyringRequest.make({ Datacenter, Operation: "list" })],
  [
    "keyring local use",
    "Internal.KeyringOperation",
    () => KeyringRequest.make({ Datacenter, Operation: "use", LocalOnly: true }),
  ],

  ["put", "KVS.Apply", () => kv("set", "a/b")],
  ["put nothing", "KVS.Apply", () => kv("set", "")],
  ["put flags", "KVS.Apply", () => kv("set", "a/flags", { Flags: 0xffff_ffff_ffff_fff1n, Value: null })],
  ["cas of a new key", "KVS.Apply", () => kv("cas", "a/c")],
  ["cas of an old key", "KVS.Apply", () => kv("cas", "a/c")],
  ["bad operation", "KVS.Apply", () => kv("bogus", "a/c")],
  ["get", "KVS.Get", () => KeyRequest.make({ Datacenter, Key: "a/b" })],
  ["get flags", "KVS.Get", () => KeyRequest.make({ Datacenter, Key: "a/flags", RequireConsistent: true })],
  ["get none", "KVS.Get", () => KeyRequest.make({ Datacenter, Key: "none" })],
  ["list", "KVS.List", () => KeyRequest.make({ Datacenter, Key: "a/" })],
  ["list none", "KVS.List", () => KeyRequest.make({ Datacenter, Key: "none" })],
  ["keys", "KVS.ListKeys", () => KeyListRequest.make({ Datacenter, Prefix: "", Seperator: "/" })],
  ["keys none", "KVS.ListKeys", () => KeyListRequest.make({ Datacenter, Prefix: "none" })],
  ["lock without session", "KVS.Apply", () => kv("lock", "l")],
  ["lock with a bad session", "KVS.Apply", () => kv("lock", "l", { Session: "x" })],
  [
    "lock with an unknown session",
    "KVS.Apply",
    () => kv("lock", "l", { Session: "00000000-0000-0000-0000-000000000000" }),
  ],

  ["session for nobody", "Session.Apply", () => session("create", {})],
  ["session for an unknown node", "Session.Apply", () => session("create", { Node: "none" })],
  [
    "session with an unknown check",
    "Session.Apply",
    () => session("create", { Node: "ext", NodeChecks: ["none"] }),
  ],
  ["session with bad behavior", "Session.Apply", () => session("create", { Node: "ext", Behavior: "x" })],
  ["session with bad TTL", "Session.Apply", () => session("create", { Node: "ext", TTL: "10" })],
  ["session with short TTL", "Session.Apply", () => session("create", { Node: "ext", TTL: "1s" })],
  ["session with long TTL", "Session.Apply", () => session("create", { Node: "ext", TTL: "25h" })],
  [
    "session",
    "Session.Apply",
    () =>
      session("create", {
        Node: "ext",
        Name: "n",
        TTL: "900s",
        LockDelay: 60_000_000_000n,
        NodeChecks: ["up"],
      }),
    "session",
  ],
  ["session info", "Session.Get", (r) => ofSession(r("session"))],
  ["session info of a bad ID", "Session.Get", () => ofSession("x")],
  ["session info of an unknown ID", "Session.Get", () => ofSession("00000000-0000-0000-0000-000000000000")],
  ["session list", "Session.List", () => ofSession("")],
  ["sessions of a node", "Session.NodeSessions", () => node("ext")],
  ["sessions of an unknown node", "Session.NodeSessions", () => node("none")],
  ["renew", "Session.Renew", (r) => ofSession(r("session"))],
  ["renew an unknown one", "Session.Renew", () => ofSession("00000000-0000-0000-0000-000000000000")],
  ["lock", "KVS.Apply", (r) => kv("lock", "l", { Session: r("session") })],
  ["locked", "KVS.Get", () => KeyRequest.make({ Datacenter, Key: "l" })],
  ["destroy nothing", "Session.Apply", () => session("destroy", {})],
  ["destroy a bad ID", "Session.Apply", () => session("destroy", { ID: "x" })],
  [
    "destroy an unknown one",
    "Session.Apply",
    () => session("destroy", { ID: "00000000-0000-0000-0000-000000000000" }),
  ],
  ["destroy", "Session.Apply", (r) => session("destroy", { ID: r("session") })],
  ["no sessions", "Session.List", () => ofSession("")],
  ["session again", "Session.Apply", () => session("create", { Node: "ext" }), "second"],
  ["lock within the delay", "KVS.Apply", (r) => kv("lock", "l", { Session: r("second") })],
  ["bad session operation", "Session.Apply", () => session("bogus", { Node: "ext" })],

  [
    "txn",
    "Txn.Apply",
    () => txn(txnKv("set", "t", { Value: Buffer.from("1") }), txnKv("get", "t"), txnKv("delete", "none")),
  ],
  [
    "txn fails",
    "Txn.Apply",
    () => txn(txnKv("cas", "t", { ModifyIndex: 1 }), txnKv("get", "none"), txnKv("bogus", "t")),
  ],
  ["txn without keys", "Txn.Apply", () => txn(txnKv("get", ""), txnKv("set", ""))],
  ["txn within the lock delay", "Txn.Apply", (r) => txn(txnKv("lock", "l", { Session: r("second") }))],
  ["txn of an empty operation", "Txn.Apply", () => txn(TxnOp.zero())],
  ["txn of nothing", "Txn.Apply", () => txn()],
  [
    "txn of catalog",
    "Txn.Apply",
    () =>
      txn(
        TxnOp.make({
          Node: TxnNodeOp.make({ Verb: "get", Node: { ...TxnNodeOp.zero().Node, Node: "ext" } }),
        }),
        TxnOp.make({
          Service: TxnServiceOp.make({
            Verb: "set",
            Node: "ext",
            Service: NodeService.make({ Service: "db" }),
          }),
        }),
      ),
  ],
  [
    "txn of a bad service",
    "Txn.Apply",
    () =>
      txn(
        TxnOp.make({
          Service: TxnServiceOp.make({ Verb: "set", Node: "ext", Service: NodeService.make({ ID: "db" }) }),
        }),
      ),
  ],
  [
    "txn read",
    "Txn.Read",
    () => TxnReadRequest.make({ Datacenter, Ops: [txnKv("get", "t"), txnKv("get-tree", "a/")] }),
  ],
  ["txn read fails", "Txn.Read", () => TxnReadRequest.make({ Datacenter, Ops: [txnKv("get", "none")] })],

  [
    "coordinate of nothing",
    "Coordinate.Update",
    () => CoordinateUpdateRequest.make({ Datacenter, Node: "ext", Coord: GossipCoordinate.zero() }),
  ],
  [
    "coordinate not finite",
    "Coordinate.Update",
    () =>
      CoordinateUpdateRequest.make({
        Datacenter,
        Node: "ext",
        Coord: GossipCoordinate.make({ Vec: [Number.NaN, 0, 0, 0, 0, 0, 0, 0] }),
      }),
  ],
  ["coordinates of an unknown node", "Coordinate.Node", () => node("none")],

  ["intention", "Intention.Apply", () => intention("create", {}), "intention"],
  ["intention twice", "Intention.Apply", () => intention("create", {})],
  ["intention with ID", "Intention.Apply", () => intention("create", { ID: "x" })],
  [
    "intention with faults",
    "Intention.Apply",
    () => intention("create", { SourceName: "", Action: "", SourceType: "x" }),
  ],
  ["intention with a part wildcard", "Intention.Apply", () => intention("create", { SourceName: "a*" })],
  [
    "intention unknown",
    "Intention.Apply",
    () => intention("update", { ID: "00000000-0000-0000-0000-000000000000" }),
  ],
  ["intention of a bad ID", "Intention.Apply", () => intention("delete", { ID: "x" })],
  [
    "intention deny",
    "Intention.Apply",
    () => intention("create", { SourceName: "*", DestinationName: "*", Action: "deny" }),
  ],
  ["intentions", "Intention.List", () => dc],
  ["intentions by filter", "Intention.List", () => ({ ...dc, Filter: "SourceName == none" })],
  [
    "intention get",
    "Intention.Get",
    (r) => IntentionQueryRequest.make({ Datacenter, IntentionID: r("intention") }),
  ],
  [
    "intention get unknown",
    "Intention.Get",
    () => IntentionQueryRequest.make({ Datacenter, IntentionID: "00000000-0000-0000-0000-000000000000" }),
  ],
  ["intention get bad", "Intention.Get", () => IntentionQueryRequest.make({ Datacenter, IntentionID: "x" })],
  [
    "intention match",
    "Intention.Match",
    () =>
      IntentionQueryRequest.make({
        Datacenter,
        Match: IntentionQueryMatch.make({
          Type: "destination",
          Entries: [
            IntentionMatchEntry.make({ Namespace: "default", Name: "db" }),
            IntentionMatchEntry.make({ Namespace: "default", Name: "none" }),
          ],
        }),
      }),
  ],
  [
    "intention check",
    "Intention.Check",
    () =>
      IntentionQueryRequest.make({
        Datacenter,
        Check: IntentionQueryCheck.make({
          SourceNS: "default",
          SourceName: "web",
          DestinationNS: "default",
          DestinationName: "db",
          SourceType: "consul",
        }),
      }),
  ],
  [
    "intention check by wildcard",
    "Intention.Check",
    () =>
      IntentionQueryRequest.make({
        Datacenter,
        Check: IntentionQueryCheck.make({
          SourceNS: "default",
          SourceName: "x",
          DestinationNS: "default",
          DestinationName: "y",
          SourceType: "consul",
        }),
      }),
  ],
  [
    "intention check of a bad type",
    "Intention.Check",
    () => IntentionQueryRequest.make({ Datacenter, Check: IntentionQueryCheck.make({ SourceType: "x" }) }),
  ],
  ["intention delete", "Intention.Apply", (r) => intention("delete", { ID: r("intention") })],

  ["query", "PreparedQuery.Apply", () => query("create", {}), "query"],
  ["query with ID", "PreparedQuery.Apply", () => query("create", { ID: "x" })],
  ["query unbound", "PreparedQuery.Apply", () => query("create", { Name: "" })],
  [
    "query without service",
    "PreparedQuery.Apply",
    () => query("create", { Name: "z", Service: ServiceQuery.zero() }),
  ],
  ["query with a bad TTL", "PreparedQuery.Apply", () => query("create", { Name: "z", DNS: { TTL: "x" } })],
  ["query of a known name", "PreparedQuery.Apply", () => query("create", {})],
  [
    "query unknown",
    "PreparedQuery.Apply",
    () => query("update", { ID: "00000000-0000-0000-0000-000000000000" }),
  ],
  [
    "query with a bad session",
    "PreparedQuery.Apply",
    () => query("create", { Name: "z", Session: "00000000-0000-0000-0000-000000000000" }),
  ],
  ["queries", "PreparedQuery.List", () => dc],
  [
    "query get",
    "PreparedQuery.Get",
    (r) => PreparedQuerySpecificRequest.make({ Datacenter, QueryID: r("query") }),
  ],
  [
    "query get unknown",
    "PreparedQuery.Get",
    () => PreparedQuerySpecificRequest.make({ Datacenter, QueryID: "00000000-0000-0000-0000-000000000000" }),
  ],
  [
    "query execute",
    "PreparedQuery.Execute",
    () => PreparedQueryExecuteRequest.make({ Datacenter, QueryIDOrName: "q" }),
  ],
  [
    "query execute unknown",
    "PreparedQuery.Execute",
    () => PreparedQueryExecuteRequest.make({ Datacenter, QueryIDOrName: "none" }),
  ],
  [
    "query of a service without instances",
    "PreparedQuery.Apply",
    () => query("create", { Name: "empty", Service: ServiceQuery.make({ Service: "none" }) }),
  ],
  [
    "query execute to nobody",
    "PreparedQuery.Execute",
    () => PreparedQueryExecuteRequest.make({ Datacenter, QueryIDOrName: "empty" }),
  ],
  [
    "query explain",
    "PreparedQuery.Explain",
    () => PreparedQueryExecuteRequest.make({ Datacenter, QueryIDOrName: "q" }),
  ],
  ["query delete", "PreparedQuery.Apply", (r) => query("delete", { ID: r("query") })],

  [
    "config entry",
    "ConfigEntry.Apply",
    () => ({
      Datacenter,
      Token: "",
      Op: "upsert",
      Entry: ServiceConfigEntry.make({ Kind: "service-defaults", Name: "web", Protocol: "HTTP" }),
    }),
  ],
  [
    "config entry unnamed",
    "ConfigEntry.Apply",
    () => ({
      Datacenter,
      Token: "",
      Op: "upsert",
      Entry: ServiceConfigEntry.make({ Kind: "service-defaults" }),
    }),
  ],
  [
    "config entry get",
    "ConfigEntry.Get",
    () => ConfigEntryQuery.make({ Datacenter, Kind: "service-defaults", Name: "web" }),
  ],
  [
    "config entry get none",
    "ConfigEntry.Get",
    () => ConfigEntryQuery.make({ Datacenter, Kind: "service-defaults", Name: "none" }),
  ],
  [
    "config entry get bad",
    "ConfigEntry.Get",
    () => ConfigEntryQuery.make({ Datacenter, Kind: "bogus", Name: "none" }),
  ],
  [
    "config entries",
    "ConfigEntry.List",
    () => ConfigEntryQuery.make({ Datacenter, Kind: "service-defaults" }),
  ],
  [
    "config entries none",
    "ConfigEntry.List",
    () => ConfigEntryQuery.make({ Datacenter, Kind: "service-router" }),
  ],
  ["config entries all", "ConfigEntry.ListAll", () => dc],
  [
    "service config",
    "ConfigEntry.ResolveServiceConfig",
    () =>
      ServiceConfigRequest.make({ Datacenter, Name: "web", UpstreamIDs: [{ ID: "web" }, { ID: "none" }] }),
  ],
  [
    "service config by names",
    "ConfigEntry.ResolveServiceConfig",
    () => ServiceConfigRequest.make({ Datacenter, Name: "web", Upstreams: ["web", "none"] }),
  ],
  [
    "service config of none",
    "ConfigEntry.ResolveServiceConfig",
    () => ServiceConfigRequest.make({ Datacenter, Name: "none" }),
  ],
  [
    "config entry delete",
    "ConfigEntry.Delete",
    () => ({
      Datacenter,
      Token: "",
      Op: "delete",
      Entry: ServiceConfigEntry.make({ Kind: "service-defaults", Name: "web" }),
    }),
  ],
  [
    "config entry delete again",
    "ConfigEntry.Delete",
    () => ({
      Datacenter,
      Token: "",
      Op: "delete",
      Entry: ServiceConfigEntry.make({ Kind: "service-defaults", Name: "web" }),
    }),
  ],

  [
    "ACL tokens",
    "ACL.TokenList",
    () => ({ ...dc, IncludeLocal: true, IncludeGlobal: true, Policy: "", Role: "", AuthMethod: "" }),
  ],
  ["ACL policies", "ACL.PolicyList", () => dc],
  ["ACL roles", "ACL.RoleList", () => ({ ...dc, Policy: "" })],
  ["ACL bootstrap", "ACL.BootstrapTokens", () => dc],
  ["ACL replication", "ACL.ReplicationStatus", () => dc],
  ["ACL list", "ACL.List", () => dc],
  ["CA roots", "ConnectCA.Roots", () => dc],
  ["CA configuration", "ConnectCA.ConfigurationGet", () => dc],

  ["deregister nobody", "Catalog.Deregister", () => DeregisterRequest.make({ Datacenter })],
  [
    "deregister an unknown service",
    "Catalog.Deregister",
    () => DeregisterRequest.make({ Datacenter, Node: "ext", ServiceID: "none" }),
  ],
  [
    "deregister a check",
    "Catalog.Deregister",
    () => DeregisterRequest.make({ Datacenter, Node: "ext", CheckID: "up" }),
  ],
  ["deregister a node", "Catalog.Deregister", () => DeregisterRequest.make({ Datacenter, Node: "ext" })],
  ["instances of what is gone", "Catalog.ServiceNodes", () => service("web")],
  ["another datacenter", "KVS.Get", () => KeyRequest.make({ Datacenter: "dc9", Key: "a" })],
  ["no datacenter", "KVS.Get", () => KeyRequest.make({ Key: "a" })],
];

for (const [name, method, request, save] of steps)
  test(`${method}: ${name}`, { skip: missing }, async () => {
    const [their, our] = await both(method, request as never, save);
    assert.deepEqual(our, their);
  });
