/** /v1/status: who leads, who votes. */
import { DCSpecificRequest } from "../model/catalog.ts";
import { jsonString } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { type Answer, route } from "./routes.ts";
import { StringsJson } from "./views.ts";

const request = (c: Call) => DCSpecificRequest.make({ Datacenter: c.datacenter, Token: c.token });

async function leader(c: Call): Promise<Answer> {
  return jsonString(await c.rpc("Status.Leader", request(c)));
}

async function peers(c: Call): Promise<Answer> {
  return StringsJson.json(await c.rpc("Status.Peers", request(c)));
}

export const statusRoutes = [
  route(
    "GET",
    "/v1/status/leader",
    { summary: 'RPC address of the leader, "" for none.', acl: "none", options: "dc" },
    leader,
  ),
  route(
    "GET",
    "/v1/status/peers",
    { summary: "RPC addresses of the raft peers.", acl: "none", options: "dc" },
    peers,
  ),
];
