/** /v1/session: what locks hang on. */
import { ServiceCheck, Session, SessionSpecificRequest } from "../model/kv.ts";
import { dur, jsonString, list, str, struct } from "../wire/schema.ts";
import { SESSION_BODY } from "./body-rules.ts";
import type { Call } from "./call.ts";
import { memberNames } from "./decode/decode-body.ts";
import { HttpError, plainBadRequest } from "./errors.ts";
import { type Answer, route } from "./routes.ts";
import { SessionsJson } from "./views.ts";

const SessionBody = struct("Session", {
  Name: str,
  Node: str,
  LockDelay: dur,
  Behavior: str,
  TTL: str,
  NodeChecks: list(str),
  ServiceChecks: list(ServiceCheck),
  Checks: list(str),
});

const SESSION_LOCK_DELAY_NS = 15_000_000_000n;
const SERF_HEALTH = "serfHealth";
const DECODE_FAILED = "Request decode failed: ";

async function create(c: Call): Promise<Answer> {
  const base: Session = {
    ...Session.zero(),
    Node: c.agent.config.nodeName,
    NodeChecks: [SERF_HEALTH],
    Behavior: "release",
    LockDelay: SESSION_LOCK_DELAY_NS,
  };
  let session = base;
  if (c.exchange.hasBody) {
    const body = await c.json(DECODE_FAILED);
    if (body !== undefined) {
      const given = c.decodeValue(SessionBody, body, DECODE_FAILED, SESSION_BODY);
      const names = memberNames(body);
      session = {
        ...base,
        Name: given.Name,
        TTL: given.TTL,
        ServiceChecks: given.ServiceChecks,
        Node: given.Node || base.Node,
        Behavior: given.Behavior || base.Behavior,
        LockDelay: names.has("lockdelay") ? given.LockDelay : base.LockDelay,
        // Two names for one thing; an empty list means none, its absence the default.
        NodeChecks: names.has("nodechecks")
          ? given.NodeChecks
          : names.has("checks")
            ? given.Checks
            : base.NodeChecks,
      };
    }
  }
  const id = await c.rpc("Session.Apply", {
    Datacenter: c.datacenter,
    Op: "create",
    Session: session,
    Token: c.token,
  });
  return `{"ID":${jsonString(id)}}`;
}

function sessionId(c: Call): string {
  if (c.rest === "") throw plainBadRequest("Missing session");
  return c.rest;
}

async function destroy(c: Call): Promise<Answer> {
  await c.rpc("Session.Apply", {
    Datacenter: c.datacenter,
    Op: "destroy",
    Session: { ...Session.zero(), ID: sessionId(c) },
    Token: c.token,
  });
  return "true";
}

async function renew(c: Call): Promise<Answer> {
  const id = sessionId(c);
  const out = await c.rpc("Session.Renew", {
    ...SessionSpecificRequest.zero(),
    Datacenter: c.datacenter,
    SessionID: id,
    Session: id,
    Token: c.token,
  });
  if (out.Sessions === null || out.Sessions.length === 0)
    throw new HttpError(404, `Session id '${id}' not found`);
  return SessionsJson.json(out.Sessions);
}

async function info(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const id = sessionId(c);
  const out = await c.read("Session.Get", { ...o, SessionID: id, Session: id });
  return SessionsJson.json(out.Sessions);
}

async function sessions(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("Session.List", { ...o, SessionID: "", Session: "" });
  return SessionsJson.json(out.Sessions);
}

async function ofNode(c: Call): Promise<Answer> {
  const o = c.readOptions();
  if (c.rest === "") throw plainBadRequest("Missing node name");
  const out = await c.read("Session.NodeSessions", { ...o, Node: c.rest });
  return SessionsJson.json(out.Sessions);
}

const write = { acl: "session:write", options: "dc", namespaced: true } as const;
const read = { acl: "session:read", options: "query", blocking: true, namespaced: true } as const;

export const sessionRoutes = [
  route("PUT", "/v1/session/create", { summary: "Makes a session.", ...write, body: "Session" }, create),
  route("PUT", "/v1/session/destroy/{id}", { summary: "Ends a session.", ...write }, destroy),
  route("PUT", "/v1/session/renew/{id}", { summary: "Renews a session's TTL.", ...write }, renew),
  route("GET", "/v1/session/info/{id}", { summary: "One session.", ...read }, info),
  route("GET", "/v1/session/node/{node}", { summary: "Sessions of a node.", ...read }, ofNode),
  route("GET", "/v1/session/list", { summary: "All sessions.", ...read }, sessions),
];
