/** /v1/connect: intentions and the certificate authority's configuration. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import type { Requester } from "./requester.ts";

/** Who may connect to whom. */
export interface Intention {
  readonly ID?: string;
  readonly Description?: string;
  readonly SourceNS?: string;
  readonly SourceName: string;
  readonly DestinationNS?: string;
  readonly DestinationName: string;
  readonly SourceType?: string;
  readonly Action: "allow" | "deny";
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Precedence?: number;
  readonly CreatedAt?: string;
  readonly UpdatedAt?: string;
  readonly CreateIndex?: number;
  readonly ModifyIndex?: number;
}
export interface CaConfiguration {
  readonly Provider: string;
  readonly Config: Readonly<Record<string, unknown>> | null;
  readonly State?: Readonly<Record<string, string>> | null;
  readonly ForceWithoutCrossSigning?: boolean;
  readonly CreateIndex?: number;
  readonly ModifyIndex?: number;
}

export interface CaRoots {
  readonly ActiveRootID: string;
  readonly TrustDomain: string;
  readonly Roots: readonly {
    readonly ID: string;
    readonly Name: string;
    readonly RootCert: string;
    readonly Active: boolean;
  }[];
}

export interface DiscoveryChainOptions extends QueryOptions {
  /** Datacenter that the chain is for, where that is not the one asked. */
  readonly compileInDatacenter?: string | undefined;
}
export interface DiscoveryChainOverrides {
  readonly OverrideConnectTimeout?: string;
  readonly OverrideProtocol?: string;
  readonly OverrideMeshGateway?: { readonly Mode: string };
}
export interface DiscoveryChain {
  readonly Chain: {
    readonly ServiceName: string;
    readonly Namespace: string;
    readonly Datacenter: string;
    readonly Protocol: string;
    readonly StartNode: string;
    readonly Nodes: Readonly<Record<string, unknown>>;
    readonly Targets: Readonly<Record<string, unknown>>;
  };
}

const inDatacenter = (o: DiscoveryChainOptions): QueryOptions =>
  o.compileInDatacenter ? { ...o, params: { "compile-dc": o.compileInDatacenter, ...o.params } } : o;

export class Connect {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  async intentions(options: QueryOptions = {}): Promise<QueryReply<readonly Intention[]>> {
    return this.#r.read("/v1/connect/intentions", options, {
      map: (v) => (v as readonly Intention[] | null) ?? [],
    });
  }
  /** Null when there is none of that ID. */
  intention(id: string, options: QueryOptions = {}): Promise<QueryReply<Intention | null>> {
    return this.#r.read(`/v1/connect/intentions/${pathEscape(id)}`, options, {
      missing: () => null,
      map: (v) => v as Intention,
    });
  }
  /** The new intention's ID. */
  async createIntention(intention: Intention, options: WriteOptions = {}): Promise<string> {
    const reply = await this.#r.write<{ readonly ID: string }>(
      "POST",
      "/v1/connect/intentions",
      options,
      stringifyJson(intention),
    );
    return reply.ID;
  }
  async updateIntention(id: string, intention: Intention, options: WriteOptions = {}): Promise<void> {
    const path = `/v1/connect/intentions/${pathEscape(id)}`;
    await this.#r.send("PUT", path, options, stringifyJson(intention));
  }
  async deleteIntention(id: string, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("DELETE", `/v1/connect/intentions/${pathEscape(id)}`, options);
  }
  /** Intentions that concern a service, by the name asked for, in the order in which they are tried. */
  matchIntentions(
    by: "source" | "destination",
    names: readonly string[],
    options: QueryOptions = {},
  ): Promise<QueryReply<Readonly<Record<string, readonly Intention[] | null>>>> {
    const params = { by, name: names, ...options.params };
    return this.#r.read("/v1/connect/intentions/match", { ...options, params });
  }
  /** Whether `source` may connect to `destination`. */
  async checkIntention(source: string, destination: string, options: QueryOptions = {}): Promise<boolean> {
    const params = { source, destination, "source-type": "consul", ...options.params };
    const reply = await this.#r.read<{ readonly Allowed: boolean }>("/v1/connect/intentions/check", {
      ...options,
      params,
    });
    return reply.value.Allowed;
  }
  /** Certificates of the authority. */
  caRoots(options: QueryOptions = {}): Promise<QueryReply<CaRoots>> {
    return this.#r.read("/v1/connect/ca/roots", options);
  }
  /** Where requests for a service go, by all config entries that have a say. */
  discoveryChain(service: string, options: DiscoveryChainOptions = {}): Promise<QueryReply<DiscoveryChain>> {
    return this.#r.read(`/v1/discovery-chain/${pathEscape(service)}`, inDatacenter(options));
  }
  /** The same, with some settings replaced by the caller's. */
  async discoveryChainWith(
    service: string,
    overrides: DiscoveryChainOverrides,
    options: DiscoveryChainOptions = {},
  ): Promise<DiscoveryChain> {
    const path = `/v1/discovery-chain/${pathEscape(service)}`;
    return this.#r.write("POST", path, inDatacenter(options), stringifyJson(overrides));
  }
  caConfiguration(options: QueryOptions = {}): Promise<QueryReply<CaConfiguration>> {
    return this.#r.read("/v1/connect/ca/configuration", options);
  }
  async setCaConfiguration(config: CaConfiguration, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", "/v1/connect/ca/configuration", options, stringifyJson(config));
  }
}
