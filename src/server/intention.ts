/** Intention.*: which service may connect to which. */
import type { Intention, IntentionQueryCheck, IntentionRequest } from "../model/connect.ts";
import { uuid } from "../ports/random.ts";
import {
  intentionById,
  intentionHash,
  intentionList,
  intentionMatch,
  precedence,
} from "../state/intention.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";
import { filterList } from "./filter/apply.ts";
import { intentionSelectable } from "./filter/selectable.ts";
import { multiErrorText } from "./registration.ts";

const DEFAULT_NAMESPACE = "default";
const UUID_CHARS = 36;
const NS_PER_MS = 1_000_000n;

/** What is wrong with an intention, in the original's words and order. */
export function intentionFaults(i: Intention): readonly string[] {
  const faults: string[] = [];
  if (i.SourceName === "") faults.push("SourceName must be set");
  if (i.DestinationName === "") faults.push("DestinationName must be set");
  for (const field of ["SourceName", "DestinationName"] as const)
    if (i[field] !== "*" && i[field].includes("*"))
      faults.push(`${field}: wildcard character '*' cannot be used with partial values`);
  for (const side of ["Source", "Destination"] as const)
    if (i[`${side}NS`] === "*" && i[`${side}Name`] !== "*")
      faults.push(`${side}Name: exact value cannot follow wildcard namespace`);
  if (i.Action !== "allow" && i.Action !== "deny") faults.push("Action must be set to 'allow' or 'deny'");
  if (i.SourceType !== "consul") faults.push("SourceType must be set to 'consul'");
  return faults;
}

/** Whether an intention is about this source. */
const speaksOf = (i: Intention, check: IntentionQueryCheck): boolean =>
  (i.SourceNS === "*" || i.SourceNS === (check.SourceNS || DEFAULT_NAMESPACE)) &&
  (i.SourceName === "*" || i.SourceName === check.SourceName);

export function intentionEndpoints(core: ServerCore) {
  const lookup = (id: string): Intention | undefined => {
    if (id.length !== UUID_CHARS)
      throw new InvalidRequestError("failed intention lookup: index error: UUID must be 36 characters");
    return core.store.peek((view) => intentionById(view, id)).value;
  };

  /** The one that an update or a deletion is about. */
  function existing(id: string, verb: "modify" | "delete"): Intention {
    let found: Intention | undefined;
    try {
      found = lookup(id);
    } catch (error) {
      throw new InvalidRequestError(`Intention lookup failed: ${(error as Error).message}`);
    }
    if (found === undefined) throw new InvalidRequestError(`Cannot ${verb} non-existent intention: '${id}'`);
    return found;
  }

  function normalize(request: IntentionRequest): IntentionRequest {
    const given = request.Intention;
    if (given === null) throw new InvalidRequestError("Intention must be set");
    let { ID, CreatedAt } = given;
    switch (request.Op) {
      case "create":
        if (ID !== "") throw new InvalidRequestError("ID must be empty when creating a new intention");
        do ID = uuid(core.random);
        while (lookup(ID) !== undefined);
        break;
      case "update":
        CreatedAt = existing(ID, "modify").CreatedAt;
        break;
      case "delete":
        existing(ID, "delete");
        return request;
      default:
        throw new InvalidRequestError(`Invalid Intention operation: ${request.Op}`);
    }
    const now = BigInt(core.clock.wall()) * NS_PER_MS;
    const filled: Intention = {
      ...given,
      ID,
      SourceNS: given.SourceNS || DEFAULT_NAMESPACE,
      DestinationNS: given.DestinationNS || DEFAULT_NAMESPACE,
      SourceType: given.SourceType || "consul",
      Meta: given.Meta ?? new Map(),
      CreatedAt: request.Op === "create" ? now : CreatedAt,
      UpdatedAt: now,
    };
    const faults = intentionFaults(filled);
    if (faults.length > 0) throw new InvalidRequestError(multiErrorText(faults));
    const ranked = { ...filled, Precedence: precedence(filled) };
    return { ...request, Intention: { ...ranked, Hash: intentionHash(ranked) } };
  }

  return {
    "Intention.Apply": async (request) => {
      const logged = normalize(request);
      await core.commit("intention", logged);
      return logged.Intention!.ID;
    },
    "Intention.Get": (request, call) => {
      if (request.IntentionID.length !== UUID_CHARS) lookup(request.IntentionID);
      return core.read(
        request,
        call,
        (view) => intentionById(view, request.IntentionID),
        (found) => {
          if (found === undefined) throw new InvalidRequestError("Intention not found");
          return { Intentions: [found] };
        },
      );
    },
    "Intention.List": (request, call) =>
      core.read(request, call, intentionList, (all) => ({
        Intentions: filterList(request.Filter, intentionSelectable, all),
      })),
    "Intention.Match": (request, call) => {
      const { Match: match } = request;
      if (match === null) throw new InvalidRequestError("Match must be specified on args");
      const { Type: type } = match;
      if (type !== "source" && type !== "destination")
        throw new InvalidRequestError(`'by' parameter must be one of 'source' or 'destination'`);
      const entries = (match.Entries ?? []).map((e) => ({
        Namespace: e.Namespace || DEFAULT_NAMESPACE,
        Name: e.Name,
      }));
      return core.read(
        request,
        call,
        (view) => intentionMatch(view, type, entries),
        (lists) => ({ Matches: lists.map((l) => (l.length === 0 ? null : l)) }),
      );
    },
    "Intention.Check": (request) => {
      const { Check: check } = request;
      if (check === null) throw new InvalidRequestError("Check must be specified on args");
      if (check.SourceType !== "consul")
        throw new InvalidRequestError(`unsupported SourceType: ${JSON.stringify(check.SourceType)}`);
      const entries = [{ Namespace: check.DestinationNS || DEFAULT_NAMESPACE, Name: check.DestinationName }];
      const matches = core.store.peek((view) => intentionMatch(view, "destination", entries)).value[0] ?? [];
      const decisive = matches.find((i) => speaksOf(i, check));
      // Without access control the default is to allow.
      return { Allowed: decisive === undefined || decisive.Action === "allow" };
    },
  } satisfies Partial<Handlers>;
}
