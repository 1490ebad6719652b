/** /v1/event: user events, as this agent has seen them. */
import type { UserEvent } from "../agent/contract.ts";
import { bytes, int, str, struct, uint64 } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { plainBadRequest } from "./errors.ts";
import { EVENT_BODY_BYTES_MAX } from "./limits.ts";
import { parseIndex, parseWait } from "./query-options.ts";
import { type Answer, route } from "./routes.ts";
import { waitUntil } from "./wait.ts";

const UserEventJson = struct("UserEvent", {
  ID: str,
  Name: str,
  Payload: bytes,
  NodeFilter: str,
  ServiceFilter: str,
  TagFilter: str,
  Version: int,
  LTime: uint64,
});

/** Longest and default wait of the list, milliseconds (observed: no jitter here). */
const LIST_WAIT_MS = 600_000;

async function fire(c: Call): Promise<Answer> {
  if (c.rest === "") throw plainBadRequest("Missing name");
  const payload = await c.body(EVENT_BODY_BYTES_MAX);
  const event = await c.agent.events.fire({
    name: c.rest,
    payload: payload.length === 0 ? null : payload,
    nodeFilter: c.query.get("node"),
    serviceFilter: c.query.get("service"),
    tagFilter: c.query.get("tag"),
    datacenter: c.datacenter,
    token: c.token,
  });
  return UserEventJson.json(event);
}

async function list(c: Call): Promise<Answer> {
  const { query } = c;
  const wait = query.get("wait");
  const waitMs = wait === "" ? 0 : Number(parseWait(wait) / 1_000_000n);
  const index = query.get("index");
  const wanted = index === "" ? 0n : parseIndex(index);
  const name = query.get("name");
  const find = (): { readonly events: readonly UserEvent[]; readonly index: bigint } => {
    const all = c.agent.events.list();
    const events = name === "" ? all : all.filter((e) => e.Name === name);
    const last = events[events.length - 1];
    return { events, index: last === undefined ? 1n : eventIndex(last.ID) };
  };
  let found = find();
  if (wanted !== 0n && found.index === wanted) {
    const limit = waitMs > 0 && waitMs < LIST_WAIT_MS ? waitMs : LIST_WAIT_MS;
    await waitUntil(c.agent.clock, c.agent.events.onChange, () => find().index !== wanted, limit, c.signal);
    found = find();
  }
  c.header("X-Consul-Index", String(found.index));
  return `[${found.events.map((e) => UserEventJson.json(e)).join(",")}]`;
}

/** The index that stands for an event: both 64-bit halves of its ID, combined by XOR. */
export function eventIndex(id: string): bigint {
  const hex = id.replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) return 1n;
  return BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`);
}

export const eventRoutes = [
  route(
    "PUT",
    "/v1/event/fire/{name}",
    {
      summary: "Fires a user event.",
      acl: "event:write",
      options: "dc",
      body: "the payload's bytes",
      params: {
        node: "Regular expression of node names.",
        service: "Regular expression of service names.",
        tag: "Regular expression of tags; with service only.",
      },
    },
    fire,
  ),
  route(
    "GET",
    "/v1/event/list",
    {
      summary: "The newest events that this agent has seen.",
      acl: "event:read",
      blocking: true,
      params: {
        name: "Only events of this name.",
        index: "Wait for another newest event.",
        wait: "Longest wait.",
      },
    },
    list,
  ),
];
