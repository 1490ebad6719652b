/**
 * `translate_wan_addrs`: what another datacenter's nodes and services are told to be reached at from here is their address tagged `wan`
 * (observed in Consul 1.8.7). Values that stay the same are handed back as they are.
 */
import type { CheckServiceNode, Node, NodeService, ServiceNode } from "../model/catalog.ts";
import type { Call } from "./call.ts";

const WAN = "wan";

const foreign = (c: Call, datacenter: string): boolean =>
  c.agent.config.translateWanAddrs && datacenter !== c.agent.config.datacenter;

export function translatedNode<T extends Node | null>(c: Call, node: T): T {
  if (node === null || !foreign(c, node.Datacenter)) return node;
  const Address = node.TaggedAddresses?.get(WAN);
  return Address === undefined ? node : { ...node, Address };
}

/** A service on a node of `datacenter`. */
export function translatedService<T extends NodeService | null>(c: Call, datacenter: string, service: T): T {
  if (service === null || !foreign(c, datacenter)) return service;
  const at = service.TaggedAddresses?.get(WAN);
  return at === undefined ? service : { ...service, Address: at.Address, Port: at.Port };
}

export function translatedInstance<T extends ServiceNode | null>(c: Call, s: T): T {
  if (s === null || !foreign(c, s.Datacenter)) return s;
  const Address = s.TaggedAddresses?.get(WAN) ?? s.Address;
  const at = s.ServiceTaggedAddresses?.get(WAN);
  return at === undefined
    ? { ...s, Address }
    : { ...s, Address, ServiceAddress: at.Address, ServicePort: at.Port };
}

export function translatedHealth(c: Call, s: CheckServiceNode): CheckServiceNode {
  const datacenter = s.Node?.Datacenter ?? c.agent.config.datacenter;
  if (!foreign(c, datacenter)) return s;
  return { ...s, Node: translatedNode(c, s.Node), Service: translatedService(c, datacenter, s.Service) };
}

/** A list through `one`; the same list where this agent does not translate. */
export function translatedList<T>(
  c: Call,
  all: readonly T[] | null,
  one: (c: Call, item: T) => T,
): readonly T[] | null {
  return all === null || !c.agent.config.translateWanAddrs ? all : all.map((item) => one(c, item));
}
