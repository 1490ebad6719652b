/** /v1/operator: raft, autopilot, gossip keys. */
import { DCSpecificRequest } from "../model/catalog.ts";
import { KeyringRequest, KeyringResponse } from "../model/coordinate.ts";
import {
  AutopilotConfig,
  RaftConfigurationResponse,
  RaftRemovePeerRequest,
  TransferLeaderResponse,
} from "../model/operator.ts";
import { ptr, str, struct } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { badRequest } from "./errors.ts";
import { parseAtoi, parseBool, parseUint } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { AutopilotHealthView, shownList } from "./views.ts";

const request = (c: Call) =>
  DCSpecificRequest.make({ Datacenter: c.datacenter, Token: c.token, AllowStale: c.query.has("stale") });

async function raftConfiguration(c: Call): Promise<Answer> {
  return RaftConfigurationResponse.json(await c.rpc("Operator.RaftGetConfiguration", request(c)));
}

async function removePeer(c: Call): Promise<Answer> {
  const id = c.query.get("id");
  const address = c.query.get("address");
  const byAddress = c.query.has("address");
  if (!c.query.has("id") && !byAddress)
    throw badRequest(
      "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
    );
  if (c.query.has("id") && byAddress) throw badRequest("Must specify only one of ?id or ?address");
  const peer = RaftRemovePeerRequest.make({
    Datacenter: c.datacenter,
    ID: id,
    Address: address,
    Token: c.token,
  });
  await c.rpc(byAddress ? "Operator.RaftRemovePeerByAddress" : "Operator.RaftRemovePeerByID", peer);
  return undefined;
}

/** What a leader says that does not know the method: it was made for this, and 1.8.7 has no word for it. */
const NO_SUCH_METHOD = "rpc: can't find method Operator.TransferLeader";

async function transferLeader(c: Call): Promise<Answer> {
  const ask = { Datacenter: c.datacenter, ID: c.query.get("id"), Token: c.token };
  try {
    return TransferLeaderResponse.json(await c.rpc("Operator.TransferLeader", ask));
  } catch (error) {
    if (!(error as Error).message.includes(NO_SUCH_METHOD)) throw error;
    throw new Error(
      "the leader cannot hand its leadership over on request: it runs a version that does not know how (Consul 1.8). Stop it, and the others elect one of them",
    );
  }
}

async function autopilotConfiguration(c: Call): Promise<Answer> {
  return AutopilotConfig.json(await c.rpc("Operator.AutopilotGetConfiguration", request(c)));
}

/** The name of the type in errors is that of the API, not that of the record. */
const AUTOPILOT_BODY = { goNames: { AutopilotConfig: "AutopilotConfiguration" } };

async function setAutopilotConfiguration(c: Call): Promise<Answer> {
  const config = await c.decode(
    AutopilotConfig,
    "Error parsing autopilot config: ",
    AUTOPILOT_BODY,
    badRequest,
  );
  const cas = c.query.has("cas");
  let index = 0;
  if (cas) {
    try {
      index = Number(parseUint(c.query.get("cas")));
    } catch (e) {
      throw badRequest(`Error parsing cas value: ${(e as Error).message}`);
    }
  }
  const done = await c.rpc("Operator.AutopilotSetConfiguration", {
    Datacenter: c.datacenter,
    Config: cas ? { ...config, ModifyIndex: index } : config,
    CAS: cas,
    Token: c.token,
  });
  // Only a compare-and-set tells how it went.
  return !cas || done ? "true" : "false";
}

async function autopilotHealth(c: Call): Promise<Answer> {
  const out = await c.rpc("Operator.ServerHealth", request(c));
  return { status: out.Healthy ? 200 : 429, type: "application/json", body: AutopilotHealthView.json(out) };
}

const KeyringJson = shownList(ptr(KeyringResponse));
const KeyBody = struct("keyringArgs", { Key: str });

/** Most members that repeat an answer. */
const RELAY_FACTOR_MAX = 5;

/** Parameters first, then the body, then the operation: the original looks at them in this order. */
async function keyring(c: Call, operation: "list" | "install" | "use" | "remove"): Promise<Answer> {
  const { query } = c;
  let key = "";
  if (operation !== "list") key = (await c.decode(KeyBody, "Request decode failed: ", {}, badRequest)).Key;
  let relayFactor = 0;
  const relay = query.get("relay-factor");
  if (relay !== "") {
    try {
      relayFactor = parseAtoi(relay);
    } catch (e) {
      throw badRequest(`Error parsing relay factor: ${(e as Error).message}`);
    }
    if (relayFactor < 0 || relayFactor > RELAY_FACTOR_MAX)
      throw badRequest("Invalid relay-factor: Relay factor must be in range: [0, 5]");
  }
  let localOnly = false;
  const local = query.get("local-only");
  if (local !== "") {
    try {
      localOnly = parseBool(local);
    } catch (e) {
      throw badRequest(`Error parsing local-only: ${(e as Error).message}`);
    }
    if (localOnly && operation !== "list")
      throw badRequest("Invalid use of local-only: local-only can only be set for list requests");
  }
  if (!c.agent.config.server) throw new Error("keyring operations must run against a server node");
  const out = await c.rpc("Internal.KeyringOperation", {
    ...KeyringRequest.zero(),
    Operation: operation,
    Key: key,
    Datacenter: c.agent.config.datacenter,
    RelayFactor: relayFactor,
    LocalOnly: localOnly,
    Token: c.token,
  });
  const failures = (out.Responses ?? []).flatMap((r) =>
    r === null || r.Error === "" ? [] : keyringErrors(r),
  );
  if (failures.length > 0) throw new Error(multiError(failures));
  return operation === "list" ? KeyringJson.json(out.Responses) : undefined;
}

/** One text for the pool, one for each node that said something. */
function keyringErrors(r: KeyringResponse): readonly string[] {
  const pool = r.WAN ? "WAN" : `${r.Datacenter} (LAN)`;
  const out = [`${pool} error: ${r.Error}`];
  for (const [node, message] of r.Messages ?? []) out.push(`${node}: ${message}`);
  return out;
}

/** Several errors as Go's go-multierror prints them. */
function multiError(texts: readonly string[]): string {
  const head = texts.length === 1 ? "1 error occurred:" : `${texts.length} errors occurred:`;
  return `${head}\n${texts.map((t) => `\t* ${t}\n`).join("")}\n`;
}

const read = { acl: "operator:read", options: "dc", params: { stale: "Any server may answer." } } as const;
const write = { acl: "operator:write", options: "dc" } as const;
const relay = { "relay-factor": "Members that repeat each answer, 0 to 5." };

export const operatorRoutes = [
  route("GET", "/v1/operator/raft/configuration", { summary: "The raft peers.", ...read }, raftConfiguration),
  route(
    "DELETE",
    "/v1/operator/raft/peer",
    {
      summary: "Removes a raft peer.",
      ...write,
      params: { id: "The server's ID.", address: "Its ip:port." },
    },
    removePeer,
  ),
  ...(["PUT", "POST"] as const).map((verb) =>
    route(
      verb,
      "/v1/operator/raft/transfer-leader",
      {
        summary: "Hands raft's leadership to another voter. As in Consul 1.15 and later.",
        ...write,
        params: { id: "The next leader's ID; without one the voter that is furthest." },
      },
      transferLeader,
    ),
  ),
  route(
    "GET",
    "/v1/operator/autopilot/configuration",
    { summary: "Autopilot's configuration.", ...read },
    autopilotConfiguration,
  ),
  route(
    "PUT",
    "/v1/operator/autopilot/configuration",
    {
      summary: "Replaces autopilot's configuration.",
      ...write,
      body: "AutopilotConfig",
      params: { cas: "Only if ModifyIndex is this." },
    },
    setAutopilotConfiguration,
  ),
  route(
    "GET",
    "/v1/operator/autopilot/health",
    { summary: "Health of the servers.", acl: "operator:read", options: "dc" },
    autopilotHealth,
  ),
  route(
    "GET",
    "/v1/operator/keyring",
    {
      summary: "Gossip keys in use.",
      acl: "keyring:read",
      params: { ...relay, "local-only": "Only this datacenter's LAN pool." },
    },
    (c) => keyring(c, "list"),
  ),
  route(
    "POST",
    "/v1/operator/keyring",
    { summary: "Installs a gossip key.", acl: "keyring:write", body: "{Key}", params: relay },
    (c) => keyring(c, "install"),
  ),
  route(
    "PUT",
    "/v1/operator/keyring",
    { summary: "Makes a gossip key the primary one.", acl: "keyring:write", body: "{Key}", params: relay },
    (c) => keyring(c, "use"),
  ),
  route(
    "DELETE",
    "/v1/operator/keyring",
    { summary: "Removes a gossip key.", acl: "keyring:write", body: "{Key}", params: relay },
    (c) => keyring(c, "remove"),
  ),
];
