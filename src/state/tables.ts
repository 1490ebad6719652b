/**
 * The tables of the replicated state, each a primary index with secondary ones beside it. Rows are frozen by convention:
 * a change puts a new object. Composite keys are joined by NUL, and names are compared in lower case, as in Consul 1.8.7.
 */
import type { ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRole, ACLToken } from "../model/acl.ts";
import type { GatewayService, HealthCheck, Node, NodeService } from "../model/catalog.ts";
import type { FederationState } from "../model/config-entry.ts";
import type { ConfigEntry } from "../model/config-entry-box.ts";
import type { CAConfiguration, CAConsulProviderState, CARoot, Intention } from "../model/connect.ts";
import type { Coordinate } from "../model/coordinate.ts";
import type { DirEntry, Session } from "../model/kv.ts";
import type { AutopilotConfig } from "../model/operator.ts";
import type { PreparedQuery } from "../model/prepared-query.ts";
import { OrderedTree } from "./ordered-tree.ts";
import { WatchSet } from "./watch-set.ts";

const SEP = "\0";
/** A composite key, or with a last part of "" the prefix of all that begin with the others. */
export const keyOf = (...parts: readonly string[]): string => parts.join(SEP);
export const lower = (text: string): string => text.toLowerCase();
/** A number as a key whose text order is its own: enough digits for Unix nanoseconds. */
export const orderedNumber = (n: number | bigint): string => n.toString().padStart(20, "0");

/** One index: its tree and those who watch it. */
export class TableIndex<R> {
  tree = new OrderedTree<R>();
  readonly watchers = new WatchSet();
}

/** Something to watch that is not a row. */
export class Topic {
  readonly watchers = new WatchSet();
}

/** The keys of a row in a secondary index; undefined keeps the row out of it. */
type KeysOf<R> = (row: R) => string | readonly string[] | undefined;

export class Table<R> {
  readonly keyOf: (row: R) => string;
  readonly rows = new TableIndex<R>();
  readonly secondaries: { readonly index: TableIndex<R>; readonly keysOf: KeysOf<R> }[] = [];

  constructor(keyOf: (row: R) => string) {
    this.keyOf = keyOf;
  }

  /** Adds a secondary index; only while the table is empty. */
  index(keysOf: KeysOf<R>): TableIndex<R> {
    const index = new TableIndex<R>();
    this.secondaries.push({ index, keysOf });
    return index;
  }

  get(key: string): R | undefined {
    return this.rows.tree.get(key);
  }

  get size(): number {
    return this.rows.tree.size;
  }

  /** Shares the other table's trees, copy-on-write. */
  adopt(other: Table<R>): void {
    this.rows.tree = other.rows.tree.clone();
    for (let i = 0; i < this.secondaries.length; i++)
      this.secondaries[i]!.index.tree = other.secondaries[i]!.index.tree.clone();
  }
}

export interface IndexRow {
  readonly Key: string;
  readonly Value: number;
}

/** A service instance; node fields are joined when read. */
export interface ServiceRow {
  /** The node's name as the registration spelled it. */
  readonly Node: string;
  readonly Service: NodeService;
}

export interface TombstoneRow {
  readonly Key: string;
  readonly Index: number;
}

/** A session hangs on a check. */
export interface SessionCheckRow {
  readonly Node: string;
  readonly CheckID: string;
  readonly Session: string;
}

export const serviceKey = (node: string, id: string): string => keyOf(lower(node), lower(id));
export const checkKey = (node: string, id: string): string => keyOf(lower(node), lower(id));
export const configEntryKey = (kind: string, name: string): string => keyOf(lower(kind), lower(name));

/** Keys of the index table. */
export const serviceIndexKey = (name: string): string => `service.${name}`;
export const kindIndexKey = (kind: string): string => `service_kind.${kind === "" ? "typical" : kind}`;
export const EXTINCTION_INDEX_KEY = "service_last_extinction";
export const ACL_BOOTSTRAP_INDEX_KEY = "acl-token-bootstrap";

/** The service that a proxy stands for, or the service itself when it speaks Connect natively. */
export function connectName(service: NodeService): string | undefined {
  if (service.Kind === "connect-proxy") return service.Proxy.DestinationServiceName;
  return service.Connect.Native ? service.Service : undefined;
}

const blankOut = (key: string): string | undefined => (key === "" ? undefined : lower(key));

export class Tables {
  /** Keys in any case are one, spelled as last written (observed). */
  readonly indexes = new Table<IndexRow>((r) => lower(r.Key));

  readonly nodes = new Table<Node>((r) => lower(r.Node));
  readonly nodesById = this.nodes.index((r) => blankOut(r.ID));

  readonly services = new Table<ServiceRow>((r) => serviceKey(r.Node, r.Service.ID));
  /** name, node, id */
  readonly servicesByName = this.services.index((r) =>
    keyOf(lower(r.Service.Service), serviceKey(r.Node, r.Service.ID)),
  );
  /** kind, node, id */
  readonly servicesByKind = this.services.index((r) =>
    keyOf(r.Service.Kind, serviceKey(r.Node, r.Service.ID)),
  );
  /** name that Connect clients ask for, node, id */
  readonly servicesByConnect = this.services.index((r) => {
    const name = connectName(r.Service);
    return name === undefined ? undefined : keyOf(lower(name), serviceKey(r.Node, r.Service.ID));
  });

  readonly checks = new Table<HealthCheck>((r) => checkKey(r.Node, r.CheckID));
  /** node, service id ("" for checks of the node), check id */
  readonly checksByService = this.checks.index((r) =>
    keyOf(lower(r.Node), lower(r.ServiceID), lower(r.CheckID)),
  );
  /** service name, node, check id; checks of services only */
  readonly checksByServiceName = this.checks.index((r) =>
    r.ServiceName === "" ? undefined : keyOf(lower(r.ServiceName), checkKey(r.Node, r.CheckID)),
  );
  /** status, node, check id */
  readonly checksByStatus = this.checks.index((r) => keyOf(r.Status, checkKey(r.Node, r.CheckID)));

  /** "Something in the health of service NAME changed": nodes, instances or checks. Named in lower case. */
  readonly serviceHealth = new Topic();

  readonly kvs = new Table<DirEntry>((r) => r.Key);
  /** session, key */
  readonly kvsBySession = this.kvs.index((r) =>
    r.Session === "" ? undefined : keyOf(lower(r.Session), r.Key),
  );
  readonly tombstones = new Table<TombstoneRow>((r) => r.Key);
  readonly tombstonesByIndex = this.tombstones.index((r) => keyOf(orderedNumber(r.Index), r.Key));

  readonly sessions = new Table<Session>((r) => lower(r.ID));
  readonly sessionsByNode = this.sessions.index((r) => keyOf(lower(r.Node), lower(r.ID)));
  readonly sessionChecks = new Table<SessionCheckRow>((r) =>
    keyOf(checkKey(r.Node, r.CheckID), lower(r.Session)),
  );
  readonly sessionChecksBySession = this.sessionChecks.index((r) =>
    keyOf(lower(r.Session), checkKey(r.Node, r.CheckID)),
  );

  /** node, segment */
  readonly coordinates = new Table<Coordinate>((r) => keyOf(lower(r.Node), lower(r.Segment)));

  readonly preparedQueries = new Table<PreparedQuery>((r) => lower(r.ID));
  readonly preparedQueriesByName = this.preparedQueries.index((r) => blankOut(r.Name));
  /** Templates by the prefix that they answer for; the key keeps case and may be "". */
  readonly preparedQueryTemplates = this.preparedQueries.index((r) =>
    r.Template.Type === "" ? undefined : r.Name,
  );
  readonly preparedQueriesBySession = this.preparedQueries.index((r) =>
    r.Session === "" ? undefined : keyOf(lower(r.Session), lower(r.ID)),
  );

  /** One row at most, key "". */
  readonly autopilot = new Table<AutopilotConfig>(() => "");

  readonly intentions = new Table<Intention>((r) => lower(r.ID));
  readonly intentionsBySource = this.intentions.index((r) =>
    keyOf(lower(r.SourceNS), lower(r.SourceName), lower(r.ID)),
  );
  readonly intentionsByDestination = this.intentions.index((r) =>
    keyOf(lower(r.DestinationNS), lower(r.DestinationName), lower(r.ID)),
  );
  readonly intentionsByPair = this.intentions.index((r) =>
    keyOf(lower(r.SourceNS), lower(r.SourceName), lower(r.DestinationNS), lower(r.DestinationName)),
  );

  readonly caRoots = new Table<CARoot>((r) => lower(r.ID));
  readonly caProviderStates = new Table<CAConsulProviderState>((r) => r.ID);
  /** One row at most, key "". */
  readonly caConfig = new Table<CAConfiguration>(() => "");

  /** kind, name */
  readonly configEntries = new Table<ConfigEntry>((r) => configEntryKey(r.Kind, r.Name));
  /** gateway, service, port */
  readonly gatewayServices = new Table<GatewayService>((r) =>
    keyOf(lower(r.Gateway.Name), lower(r.Service.Name), String(r.Port)),
  );
  /** service, gateway, port */
  readonly gatewayServicesByService = this.gatewayServices.index((r) =>
    keyOf(lower(r.Service.Name), lower(r.Gateway.Name), String(r.Port)),
  );

  readonly federationStates = new Table<FederationState>((r) => lower(r.Datacenter));

  /** by secret */
  readonly tokens = new Table<ACLToken>((r) => r.SecretID);
  readonly tokensByAccessor = this.tokens.index((r) => blankOut(r.AccessorID));
  readonly tokensByPolicy = this.tokens.index((r) => r.Policies?.map((p) => keyOf(lower(p.ID), r.SecretID)));
  readonly tokensByRole = this.tokens.index((r) => r.Roles?.map((p) => keyOf(lower(p.ID), r.SecretID)));
  readonly tokensByAuthMethod = this.tokens.index((r) =>
    r.AuthMethod === "" ? undefined : keyOf(lower(r.AuthMethod), r.SecretID),
  );
  /** local or global, expiration time */
  readonly tokensByExpiration = this.tokens.index((r) =>
    r.ExpirationTime === null
      ? undefined
      : keyOf(r.Local ? "local" : "global", orderedNumber(r.ExpirationTime), r.SecretID),
  );
  readonly policies = new Table<ACLPolicy>((r) => lower(r.ID));
  readonly policiesByName = this.policies.index((r) => lower(r.Name));
  readonly roles = new Table<ACLRole>((r) => lower(r.ID));
  readonly rolesByName = this.roles.index((r) => lower(r.Name));
  readonly rolesByPolicy = this.roles.index((r) => r.Policies?.map((p) => keyOf(lower(p.ID), lower(r.ID))));
  readonly bindingRules = new Table<ACLBindingRule>((r) => lower(r.ID));
  readonly bindingRulesByAuthMethod = this.bindingRules.index((r) => keyOf(lower(r.AuthMethod), lower(r.ID)));
  readonly authMethods = new Table<ACLAuthMethod>((r) => lower(r.Name));

  /** Every table. */
  all(): readonly Table<unknown>[] {
    const out: Table<unknown>[] = [];
    for (const member of Object.values(this)) if (member instanceof Table) out.push(member);
    return out;
  }

  /** Every set of watchers. */
  watchSets(): readonly WatchSet[] {
    const out: WatchSet[] = [this.serviceHealth.watchers];
    for (const table of this.all()) {
      out.push(table.rows.watchers);
      for (const { index } of table.secondaries) out.push(index.watchers);
    }
    return out;
  }

  /** A frozen copy: costs the same for any size, and later writes to either side are not seen by the other. */
  clone(): Tables {
    const copy = new Tables();
    const from = this.all();
    const to = copy.all();
    for (let i = 0; i < from.length; i++) to[i]!.adopt(from[i]!);
    return copy;
  }

  /** A value of the index table, 0 when absent. */
  lastChange(key: string): number {
    return this.indexes.get(lower(key))?.Value ?? 0;
  }
}

/** Tables whose index-table entry counts for the highest index of the state (observed in Consul 1.8.7). */
export const STATE_TABLES: readonly string[] = [
  "nodes",
  "services",
  "checks",
  "coordinates",
  "kvs",
  "tombstones",
  "sessions",
  "prepared-queries",
  "autopilot-config",
  "connect-intentions",
  "connect-ca-config",
  "connect-ca-roots",
  "connect-ca-builtin",
  "config-entries",
  "gateway-services",
  "federation-states",
  "acl-tokens",
  "acl-policies",
  "acl-roles",
  "acl-binding-rules",
  "acl-auth-methods",
];
