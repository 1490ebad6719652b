/**
 * Which services stand behind which gateways: a table derived from the ingress and terminating gateways' config entries,
 * in which "*" expands to the typical services there are. Rules as observed in Consul 1.8.7.
 */
import type { GatewayService, NodeService } from "../model/catalog.ts";
import { GatewayService as GatewayServiceType } from "../model/catalog.ts";
import type { IngressGatewayConfigEntry, TerminatingGatewayConfigEntry } from "../model/config-entry.ts";
import { same, sameExcept } from "./equal.ts";
import { keyOf, lower } from "./tables.ts";
import type { WriteTxn } from "./write-txn.ts";

export const WILDCARD = "*";
/** The servers' own service is never behind a gateway. */
const SERVER_SERVICE = "consul";

type GatewayEntry = IngressGatewayConfigEntry | TerminatingGatewayConfigEntry;

const isIngress = (entry: GatewayEntry): entry is IngressGatewayConfigEntry =>
  entry.Kind === "ingress-gateway";

function wantedMappings(entry: GatewayEntry): GatewayService[] {
  const Gateway = { Name: entry.Name };
  if (isIngress(entry))
    return (entry.Listeners ?? []).flatMap((listener) =>
      (listener.Services ?? []).map((service) =>
        GatewayServiceType.make({
          Gateway,
          Service: { Name: service.Name },
          GatewayKind: entry.Kind,
          Hosts: service.Hosts,
          Port: listener.Port,
          Protocol: listener.Protocol,
        }),
      ),
    );
  return (entry.Services ?? []).map((service) =>
    GatewayServiceType.make({
      Gateway,
      Service: { Name: service.Name },
      GatewayKind: entry.Kind,
      CAFile: service.CAFile,
      CertFile: service.CertFile,
      KeyFile: service.KeyFile,
      SNI: service.SNI,
    }),
  );
}

const routes = (entry: GatewayEntry): unknown => (isIngress(entry) ? entry.Listeners : entry.Services);

/** Makes the table follow a gateway's config entry. */
export function mapGateway(tx: WriteTxn, before: GatewayEntry | undefined, entry: GatewayEntry): void {
  if (before !== undefined && same(routes(before), routes(entry))) return;
  dropMappings(tx, entry.Name);
  for (const mapping of wantedMappings(entry)) {
    if (mapping.Service.Name === WILDCARD) expandWildcard(tx, mapping);
    putMapping(tx, mapping);
  }
  tx.bump("gateway-services");
}

/** The gateway is configured no more. */
export function unmapGateway(tx: WriteTxn, gateway: string): void {
  dropMappings(tx, gateway);
  tx.bump("gateway-services");
}

function dropMappings(tx: WriteTxn, gateway: string): void {
  const { gatewayServices } = tx.tables;
  for (const row of gatewayServices.rows.tree.list(keyOf(lower(gateway), "")))
    tx.remove(gatewayServices, gatewayServices.keyOf(row));
}

function expandWildcard(tx: WriteTxn, wildcard: GatewayService): void {
  const { gatewayServices } = tx.tables;
  const seen = new Set<string>();
  for (const { Service } of tx.tables.servicesByKind.tree.list(keyOf("", ""))) {
    if (Service.Service === SERVER_SERVICE || seen.has(Service.Service)) continue;
    seen.add(Service.Service);
    const mapping = { ...wildcard, Service: { Name: Service.Service }, FromWildcard: true };
    // A service that is named itself keeps its own mapping.
    if (gatewayServices.get(gatewayServices.keyOf(mapping)) === undefined) putMapping(tx, mapping);
  }
}

function putMapping(tx: WriteTxn, mapping: GatewayService): void {
  const { gatewayServices } = tx.tables;
  const before = gatewayServices.get(gatewayServices.keyOf(mapping));
  if (before !== undefined && sameExcept(mapping, before, "CreateIndex", "ModifyIndex")) return;
  tx.put(gatewayServices, {
    ...mapping,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("gateway-services");
}

/** A service instance appears: gateways with a wildcard take it up. */
export function mapNewService(tx: WriteTxn, service: NodeService): void {
  if (service.Kind !== "" || service.Service === SERVER_SERVICE) return;
  const { gatewayServices, gatewayServicesByService } = tx.tables;
  for (const wildcard of gatewayServicesByService.tree.list(keyOf(WILDCARD, ""))) {
    const mapping = { ...wildcard, Service: { Name: service.Service }, FromWildcard: true };
    const before = gatewayServices.get(gatewayServices.keyOf(mapping));
    if (before === undefined || before.FromWildcard) putMapping(tx, mapping);
  }
}

/** The last instance of a service is gone: what a wildcard brought goes too. */
export function dropWildcardMappings(tx: WriteTxn, service: string): void {
  const { gatewayServices, gatewayServicesByService } = tx.tables;
  for (const row of gatewayServicesByService.tree.list(keyOf(lower(service), ""))) {
    if (!row.FromWildcard) continue;
    tx.remove(gatewayServices, gatewayServices.keyOf(row));
    tx.bump("gateway-services");
  }
}
