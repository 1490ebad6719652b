/** /v1/catalog: what is registered in the datacenter. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { CatalogDeregistration, CatalogRegistration, Node, NodeService, ServiceNode } from "./types.ts";
import type { WatchOptions } from "./watch.ts";

export interface ServiceQueryOptions extends QueryOptions {
  /** Instances must carry all of these. */
  readonly tags?: readonly string[] | undefined;
}

export class Catalog {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  /** Known datacenters, nearest first. */
  datacenters(options: QueryOptions = {}): Promise<readonly string[]> {
    return this.#r.read<readonly string[]>("/v1/catalog/datacenters", options).then((r) => r.value);
  }
  nodes(options: QueryOptions = {}): Promise<QueryReply<readonly Node[]>> {
    return this.#r.read("/v1/catalog/nodes", options);
  }
  /** Service names with all tags in use. */
  services(options: QueryOptions = {}): Promise<QueryReply<Readonly<Record<string, readonly string[]>>>> {
    return this.#r.read("/v1/catalog/services", options);
  }
  service(name: string, options: ServiceQueryOptions = {}): Promise<QueryReply<readonly ServiceNode[]>> {
    return this.#r.read(`/v1/catalog/service/${pathEscape(name)}`, withTags(options));
  }
  connect(name: string, options: ServiceQueryOptions = {}): Promise<QueryReply<readonly ServiceNode[]>> {
    return this.#r.read(`/v1/catalog/connect/${pathEscape(name)}`, withTags(options));
  }
  /** One node with its services, or null. */
  node(
    name: string,
    options: QueryOptions = {},
  ): Promise<
    QueryReply<{ readonly Node: Node; readonly Services: Readonly<Record<string, NodeService>> } | null>
  > {
    return this.#r.read(`/v1/catalog/node/${pathEscape(name)}`, options);
  }
  nodeServices(
    name: string,
    options: QueryOptions = {},
  ): Promise<QueryReply<{ readonly Node: Node | null; readonly Services: readonly NodeService[] | null }>> {
    return this.#r.read(`/v1/catalog/node-services/${pathEscape(name)}`, options);
  }
  gatewayServices(
    gateway: string,
    options: QueryOptions = {},
  ): Promise<QueryReply<readonly Readonly<Record<string, unknown>>[] | null>> {
    return this.#r.read(`/v1/catalog/gateway-services/${pathEscape(gateway)}`, options);
  }
  /** Registers at the catalog itself. For what runs on an agent use `agent.registerService`: its agent keeps it alive. */
  async register(registration: CatalogRegistration, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/catalog/register", options, stringifyJson(registration));
  }
  async deregister(deregistration: CatalogDeregistration, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/catalog/deregister", options, stringifyJson(deregistration));
  }

  watchNodes(options: WatchOptions = {}): AsyncGenerator<QueryReply<readonly Node[]>, void, undefined> {
    return this.#r.watch((o) => this.nodes(o), options);
  }
  watchServices(
    options: WatchOptions = {},
  ): AsyncGenerator<QueryReply<Readonly<Record<string, readonly string[]>>>, void, undefined> {
    return this.#r.watch((o) => this.services(o), options);
  }
  watchService(
    name: string,
    options: WatchOptions & ServiceQueryOptions = {},
  ): AsyncGenerator<QueryReply<readonly ServiceNode[]>, void, undefined> {
    return this.#r.watch((o) => this.service(name, { tags: options.tags, ...o }), options);
  }
}

/** Tags become repeated parameters. */
export function withTags<T extends ServiceQueryOptions>(options: T): T {
  return options.tags === undefined
    ? options
    : { ...options, params: { tag: options.tags, ...options.params } };
}
