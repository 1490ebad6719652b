/** Session.*: sessions and their renewal. */
import type { SessionRequest, SessionSpecificRequest } from "../model/kv.ts";
import { uuid } from "../ports/random.ts";
import { nodeSessions, sessionGet, sessionList } from "../state/session.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";
import { orNil } from "./nil.ts";
import { checkSessionTtl } from "./session-timers.ts";

/** Session asked for; old callers send the ID in `Session`. */
function idOf(request: SessionSpecificRequest): string {
  const id = request.SessionID === "" ? request.Session : request.SessionID;
  checkUuid(id);
  return id;
}

const UUID_CHARS = 36;
function checkUuid(id: string): void {
  if (id.length !== UUID_CHARS)
    throw new InvalidRequestError("failed session lookup: index error: UUID must be 36 characters");
}

export function sessionEndpoints(core: ServerCore) {
  /** The request as it is logged. Throws what the original refuses. */
  function normalize(request: SessionRequest): SessionRequest {
    const { Op, Session: session } = request;
    if (session.ID === "" && Op === "destroy") throw new InvalidRequestError("Must provide ID");
    if (Op === "destroy") checkUuid(session.ID);
    if (session.Node === "" && Op === "create") throw new InvalidRequestError("Must provide Node");
    const Behavior = session.Behavior === "" ? "release" : session.Behavior;
    if (Behavior !== "release" && Behavior !== "delete")
      throw new InvalidRequestError(`Invalid Behavior setting '${Behavior}'`);
    checkSessionTtl(session.TTL, core.options.sessionTtlMinMs);
    let ID = session.ID;
    if (Op === "create")
      do ID = uuid(core.random);
      while (core.store.peek((view) => sessionGet(view, ID)).value !== undefined);
    return { ...request, Session: { ...session, ID, Behavior } };
  }

  return {
    "Session.Apply": async (request) => {
      const logged = normalize(request);
      const started = core.clock.now();
      const result = await core.commit("session", logged);
      core.metrics.sample("session.apply", core.clock.now() - started);
      if (logged.Op === "create") core.sessionTimers.reset(logged.Session.ID, logged.Session.TTL);
      else if (logged.Op === "destroy") core.sessionTimers.clear(logged.Session.ID);
      return typeof result === "string" ? result : "";
    },
    "Session.Get": (request, call) =>
      core.read(
        request,
        call,
        (view) => sessionGet(view, idOf(request)),
        (s) => ({ Sessions: s === undefined ? null : [s] }),
      ),
    "Session.List": (request, call) =>
      core.read(
        request,
        call,
        (view) => sessionList(view),
        (all) => ({ Sessions: orNil(all) }),
      ),
    "Session.NodeSessions": (request, call) =>
      core.read(
        request,
        call,
        (view) => nodeSessions(view, request.Node),
        (all) => ({ Sessions: orNil(all) }),
      ),
    "Session.Renew": (request) => {
      const started = core.clock.now();
      const { index, value } = core.store.peek((view) => sessionGet(view, idOf(request)));
      if (value !== undefined) core.sessionTimers.reset(value.ID, value.TTL);
      core.metrics.sample("session.renew", core.clock.now() - started);
      // Consistency fields stay zero here (observed).
      return {
        Sessions: value === undefined ? null : [value],
        Index: index,
        LastContact: 0n,
        KnownLeader: false,
        ConsistencyLevel: "",
      };
    },
  } satisfies Partial<Handlers>;
}
