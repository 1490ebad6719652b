/** What filter expressions can select, per element type (observed in Consul 1.8.7). */

export type Selectable =
  | { readonly kind: "string" | "bool" | "int" }
  | { readonly kind: "list" | "map"; readonly of: Selectable }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, Selectable> };

const text: Selectable = { kind: "string" };
const bool: Selectable = { kind: "bool" };
const int: Selectable = { kind: "int" };
const list = (of: Selectable): Selectable => ({ kind: "list", of });
const map = (of: Selectable): Selectable => ({ kind: "map", of });
const struct = (fields: Readonly<Record<string, Selectable>>): Selectable => ({
  kind: "struct",
  fields: new Map(Object.entries(fields)),
});

const address = struct({ Address: text, Port: int });
const weights = struct({ Passing: int, Warning: int });
const mode = struct({ Mode: text });
const connect = struct({ Native: bool });

const upstream = struct({
  DestinationType: text,
  DestinationNamespace: text,
  DestinationName: text,
  Datacenter: text,
  LocalBindAddress: text,
  LocalBindPort: int,
  MeshGateway: mode,
});

const exposePath = struct({ ListenerPort: int, Path: text, LocalPathPort: int, Protocol: text });

const proxy = struct({
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: int,
  MeshGateway: mode,
  Expose: struct({ Checks: bool, Paths: list(exposePath) }),
  Upstreams: list(upstream),
});

export const nodeSelectable = struct({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  Meta: map(text),
});

export const serviceSelectable = struct({
  Kind: text,
  ID: text,
  Service: text,
  Tags: list(text),
  Address: text,
  TaggedAddresses: map(address),
  Meta: map(text),
  Port: int,
  Weights: weights,
  EnableTagOverride: bool,
  Connect: connect,
  Proxy: proxy,
});

export const serviceNodeSelectable = struct({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  NodeMeta: map(text),
  ServiceKind: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  ServiceAddress: text,
  ServiceTaggedAddresses: map(address),
  ServiceWeights: weights,
  ServiceMeta: map(text),
  ServicePort: int,
  ServiceEnableTagOverride: bool,
  ServiceProxy: proxy,
  ServiceConnect: connect,
});

export const checkSelectable = struct({
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  Type: text,
});

export const checkServiceNodeSelectable = struct({
  Node: nodeSelectable,
  Service: serviceSelectable,
  Checks: list(checkSelectable),
});

export const nodeInfoSelectable = struct({
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: map(text),
  Meta: map(text),
  Services: list(serviceSelectable),
  Checks: list(checkSelectable),
});

export const intentionSelectable = struct({
  ID: text,
  Description: text,
  SourceNS: text,
  SourceName: text,
  DestinationNS: text,
  DestinationName: text,
  SourceType: text,
  Action: text,
  DefaultAddr: text,
  DefaultPort: int,
  Meta: map(text),
  Precedence: int,
});
