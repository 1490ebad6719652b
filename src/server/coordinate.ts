/** Coordinate.*: network coordinates of nodes and datacenters. */
import type { Coordinate, DatacenterMap } from "../model/coordinate.ts";
import { coordinates, nodeCoordinates } from "../state/coordinate.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";
import { orNil } from "./nil.ts";
import { COORDINATE_DIMENSIONS, isFiniteCoordinate } from "./rtt.ts";
import { parseServer } from "./server-metadata.ts";

/** Coordinates of the servers of each datacenter, as the WAN pool knows them. */
export function datacenterMaps(core: ServerCore): readonly DatacenterMap[] {
  const byDatacenter = new Map<string, Coordinate[]>();
  for (const member of core.wan?.members() ?? []) {
    const server = parseServer(member);
    if (server === undefined || (member.status !== "alive" && member.status !== "failed")) continue;
    const list = byDatacenter.get(server.datacenter) ?? [];
    byDatacenter.set(server.datacenter, list);
    const Coord = core.wan!.cachedCoordinate(member.name);
    if (Coord !== undefined) list.push({ Node: server.shortName, Segment: "", Coord });
  }
  return [...byDatacenter].map(([Datacenter, Coordinates]) => ({ Datacenter, AreaID: "wan", Coordinates }));
}

export function coordinateEndpoints(core: ServerCore) {
  return {
    "Coordinate.Update": (request) => {
      const { Coord } = request;
      if (Coord === null || !isFiniteCoordinate(Coord)) throw new InvalidRequestError("invalid coordinate");
      if ((Coord.Vec ?? []).length !== COORDINATE_DIMENSIONS)
        throw new InvalidRequestError("incompatible coordinate");
      core.coordinates.add({ Node: request.Node, Segment: request.Segment, Coord });
      return {};
    },
    "Coordinate.ListDatacenters": () => datacenterMaps(core),
    "Coordinate.ListNodes": (request, call) =>
      core.read(
        request,
        call,
        (view) => coordinates(view),
        (all) => ({ Coordinates: orNil(all) }),
      ),
    "Coordinate.Node": (request, call) =>
      core.read(
        request,
        call,
        (view) => nodeCoordinates(view, request.Node),
        (all) => ({ Coordinates: orNil(all) }),
      ),
  } satisfies Partial<Handlers>;
}
