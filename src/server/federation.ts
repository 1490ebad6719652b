/** FederationState.*: the mesh gateways of each datacenter, written in the primary one. */
import type { CheckServiceNode } from "../model/catalog.ts";
import { federationState, federationStates } from "../state/federation.ts";
import { TIME_ZERO } from "../wire/schema.ts";
import type { ServerCore } from "./core.ts";
import type { Handlers } from "./dispatcher.ts";
import { InvalidRequestError } from "./errors.ts";

const NS_PER_MS = 1_000_000n;

export function federationEndpoints(core: ServerCore) {
  return {
    "FederationState.Apply": async (request) => {
      const { State: state } = request;
      if (state === null || state.Datacenter === "")
        throw new InvalidRequestError("invalid request: missing federation state datacenter");
      if (request.Op !== "upsert" && request.Op !== "delete")
        throw new InvalidRequestError(`Invalid federation state operation: ${request.Op}`);
      const UpdatedAt =
        state.UpdatedAt === TIME_ZERO ? BigInt(core.clock.wall()) * NS_PER_MS : state.UpdatedAt;
      const result = await core.commit("federationState", {
        ...request,
        State: request.Op === "upsert" ? { ...state, UpdatedAt } : state,
      });
      return result === true;
    },
    "FederationState.Get": (request, call) =>
      core.read(
        request,
        call,
        (view) => federationState(view, request.Datacenter),
        (found) => ({ State: found ?? null }),
      ),
    "FederationState.List": (request, call) =>
      core.read(request, call, federationStates, (States) => ({ States })),
    "FederationState.ListMeshGateways": (request, call) =>
      core.read(request, call, federationStates, (states) => {
        const DatacenterNodes = new Map<string, readonly CheckServiceNode[]>();
        for (const s of states)
          if (s.MeshGateways !== null && s.MeshGateways.length > 0)
            DatacenterNodes.set(s.Datacenter, s.MeshGateways);
        return { DatacenterNodes };
      }),
  } satisfies Partial<Handlers>;
}
