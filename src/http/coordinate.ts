/** /v1/coordinate: network coordinates. */

import { DCSpecificRequest } from "../model/catalog.ts";
import { Coordinate, CoordinateUpdateRequest, DatacenterMap, GossipCoordinate } from "../model/coordinate.ts";
import { ptr, str, struct } from "../wire/schema.ts";
import type { Call } from "./call.ts";
import { HttpError, plainBadRequest, REFUSALS } from "./errors.ts";
import { type Answer, type Handler, type Reply, route } from "./routes.ts";
import { shownList } from "./views.ts";

const CoordinatesJson = shownList(ptr(Coordinate));
const DatacentersJson = shownList(
  struct("DatacenterMap", { ...DatacenterMap.fields, Coordinates: CoordinatesJson }),
);
const NOT_FOUND: Reply = { status: 404 };

/** Refuses where coordinates are switched off. */
const enabled =
  (handler: Handler): Handler =>
  (c) => {
    if (c.agent.config.disableCoordinates) throw new HttpError(401, REFUSALS.coordinateDisabled);
    return handler(c);
  };

/** Those of the wanted segment: `?segment=` with any value, also the empty one, filters. */
function inSegment(c: Call, all: readonly (Coordinate | null)[] | null): readonly (Coordinate | null)[] {
  const entries = all ?? [];
  if (!c.query.has("segment")) return entries;
  const segment = c.query.get("segment");
  return entries.filter((e) => e?.Segment === segment);
}

async function datacenters(c: Call): Promise<Answer> {
  return DatacentersJson.json(await c.rpc("Coordinate.ListDatacenters", {}));
}

async function nodes(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.read("Coordinate.ListNodes", { ...DCSpecificRequest.zero(), ...o });
  return CoordinatesJson.json(inSegment(c, out.Coordinates));
}

async function node(c: Call): Promise<Answer> {
  const o = c.readOptions();
  const out = await c.agent.rpc(
    "Coordinate.Node",
    { ...o, Node: c.rest },
    o.MinQueryIndex > 0 ? { signal: c.signal } : undefined,
  );
  const found = inSegment(c, out.Coordinates);
  if (found.length === 0) return NOT_FOUND;
  c.meta(out);
  // The name as it was asked for (observed).
  return CoordinatesJson.json(found.map((f) => f && { ...f, Node: c.rest }));
}

const UpdateBody = struct("CoordinateUpdateRequest", {
  Datacenter: str,
  Node: str,
  Segment: str,
  Coord: ptr(GossipCoordinate),
});

async function update(c: Call): Promise<Answer> {
  const body = await c.decode(UpdateBody, "Request decode failed: ");
  if (body.Coord === null) throw plainBadRequest("Request decode failed: Coord is missing");
  await c.rpc(
    "Coordinate.Update",
    CoordinateUpdateRequest.make({ ...body, Datacenter: c.datacenter, Token: c.token }),
  );
  return undefined;
}

export const coordinateRoutes = [
  route(
    "GET",
    "/v1/coordinate/datacenters",
    { summary: "Coordinates of the servers of all datacenters.", acl: "none" },
    enabled(datacenters),
  ),
  route(
    "GET",
    "/v1/coordinate/nodes",
    {
      summary: "Coordinates of all nodes.",
      acl: "node:read",
      options: "query",
      blocking: true,
      params: { segment: "Only this segment." },
    },
    enabled(nodes),
  ),
  route(
    "GET",
    "/v1/coordinate/node/{node}",
    {
      summary: "Coordinates of a node.",
      acl: "node:read",
      options: "query",
      blocking: true,
      params: { segment: "Only this segment." },
    },
    enabled(node),
  ),
  route(
    "PUT",
    "/v1/coordinate/update",
    {
      summary: "Sets a node's coordinate.",
      acl: "node:write",
      options: "dc",
      body: "{Node, Segment, Coord}",
    },
    enabled(update),
  ),
];
