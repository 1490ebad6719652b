/** What the leader reads from the state store, and what it writes through the log. */
import { CheckServiceNode } from "../model/catalog.ts";
import { FederationState } from "../model/config-entry.ts";
import type { AutopilotConfig } from "../model/operator.ts";
import type { Clock } from "../ports/clock.ts";
import { autopilotConfig } from "../state/autopilot.ts";
import { getNode, getNodeById, nodeServices } from "../state/catalog.ts";
import { federationState } from "../state/federation.ts";
import { checksInState, nodeCheck } from "../state/health.ts";
import { serviceDump } from "../state/internal.ts";
import { sessionList } from "../state/session.ts";
import type { StateStore } from "../state/state-store.ts";
import { list } from "../wire/schema.ts";
import type { Committer } from "./committer.ts";
import type { LeaderView, LeaderWriter } from "./leader.ts";
import { CONSUL_SERVICE_ID, SERF_CHECK_ID } from "./reconcile.ts";
import { hostPort } from "./server-metadata.ts";

const NS_PER_MS = 1_000_000n;
const Gateways = list(CheckServiceNode);

export const currentAutopilotConfig = (store: StateStore): AutopilotConfig | null =>
  store.peek(autopilotConfig).value ?? null;

export function leaderView(store: StateStore): LeaderView {
  return {
    member: (name) => ({
      node: store.peek((view) => getNode(view, name)).value ?? null,
      consulService:
        store.peek((view) => nodeServices(view, name)).value?.Services?.get(CONSUL_SERVICE_ID) ?? undefined,
      serfHealth: store.peek((view) => nodeCheck(view, name, SERF_CHECK_ID)).value,
    }),
    serfChecks: () =>
      store.peek((view) => checksInState(view, "any")).value.filter((c) => c.CheckID === SERF_CHECK_ID),
    serverOf: (name) => {
      const found = store.peek((view) => nodeServices(view, name)).value;
      const service = found?.Services?.get(CONSUL_SERVICE_ID);
      if (found?.Node == null || service == null) return undefined;
      return { id: found.Node.ID, address: hostPort(found.Node.Address, service.Port) };
    },
    sessions: () => store.peek(sessionList).value,
    autopilotConfig: () => currentAutopilotConfig(store),
    federationStateStored: (datacenter) => {
      const stored = store.peek((view) => federationState(view, datacenter)).value;
      return stored !== undefined && gatewaysText(stored.MeshGateways) === gatewaysText(meshGateways(store));
    },
  };
}

const meshGateways = (store: StateStore): readonly CheckServiceNode[] =>
  store.peek((view) => serviceDump(view, "mesh-gateway")).value;

const gatewaysText = (all: readonly CheckServiceNode[] | null): string => Gateways.json(all ?? []);

export function leaderWriter(
  committer: Committer,
  store: StateStore,
  ports: { readonly clock: Clock },
): LeaderWriter {
  return {
    storeFederationState: async (Datacenter) =>
      void (await committer.commit("federationState", {
        Datacenter,
        Op: "upsert",
        State: FederationState.make({
          Datacenter,
          MeshGateways: meshGateways(store),
          UpdatedAt: BigInt(ports.clock.wall()) * NS_PER_MS,
        }),
        Token: "",
      })),
    register: async (request) => void (await committer.commit("register", request)),
    deregister: async (request) => void (await committer.commit("deregister", request)),
    setAutopilotConfig: async (Config) =>
      void (await committer.commit("autopilot", { Datacenter: "", Config, CAS: false, Token: "" })),
  };
}

/** Raft version of a server that gossip does not show, from the metadata of its `consul` service; "" when unknown. */
export function raftVersionInCatalog(store: StateStore, id: string): string {
  const node = store.peek((view) => getNodeById(view, id)).value;
  if (node === undefined) return "";
  const services = store.peek((view) => nodeServices(view, node.Node)).value?.Services;
  return services?.get(CONSUL_SERVICE_ID)?.Meta?.get("raft_version") ?? "";
}
