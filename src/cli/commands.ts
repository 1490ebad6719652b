/**
 * All commands by name, with one line about each. The commands themselves are loaded when they are called: a start of `version`
 * must not pay for the agent. The paths are literal, so that a bundler sees them.
 */
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly synopsis: string;
  readonly load?: () => Promise<{ readonly command: Command }>;
  /** A group: what its help says above its subcommands. */
  readonly group?: string;
  /** Accepted, not listed. */
  readonly hidden?: true;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  acl: {
    synopsis: "Manages access control",
    group: "Manages tokens, policies, roles and the ways to log in.",
  },
  "acl auth-method": {
    synopsis: "Manages auth methods",
    group: "Manages auth methods: parties whose tokens are exchanged for ours.",
  },
  "acl auth-method create": {
    synopsis: "Makes an auth method",
    load: () => import("./acl-auth-method-create.ts"),
  },
  "acl auth-method delete": {
    synopsis: "Removes an auth method",
    load: () => import("./acl-auth-method-delete.ts"),
  },
  "acl auth-method list": { synopsis: "Lists auth methods", load: () => import("./acl-auth-method-list.ts") },
  "acl auth-method read": {
    synopsis: "Shows an auth method",
    load: () => import("./acl-auth-method-read.ts"),
  },
  "acl auth-method update": {
    synopsis: "Changes an auth method",
    load: () => import("./acl-auth-method-update.ts"),
  },
  "acl binding-rule": {
    synopsis: "Manages binding rules",
    group: "Manages binding rules: what those get who log in.",
  },
  "acl binding-rule create": {
    synopsis: "Makes a binding rule",
    load: () => import("./acl-binding-rule-create.ts"),
  },
  "acl binding-rule delete": {
    synopsis: "Removes a binding rule",
    load: () => import("./acl-binding-rule-delete.ts"),
  },
  "acl binding-rule list": {
    synopsis: "Lists binding rules",
    load: () => import("./acl-binding-rule-list.ts"),
  },
  "acl binding-rule read": {
    synopsis: "Shows a binding rule",
    load: () => import("./acl-binding-rule-read.ts"),
  },
  "acl binding-rule update": {
    synopsis: "Changes a binding rule",
    load: () => import("./acl-binding-rule-update.ts"),
  },
  "acl bootstrap": {
    synopsis: "Makes the first token of a cluster",
    load: () => import("./acl-bootstrap.ts"),
  },
  "acl policy": { synopsis: "Manages policies", group: "Manages policies: sets of rules." },
  "acl policy create": { synopsis: "Makes a policy", load: () => import("./acl-policy-create.ts") },
  "acl policy delete": { synopsis: "Removes a policy", load: () => import("./acl-policy-delete.ts") },
  "acl policy list": { synopsis: "Lists policies", load: () => import("./acl-policy-list.ts") },
  "acl policy read": { synopsis: "Shows a policy", load: () => import("./acl-policy-read.ts") },
  "acl policy update": { synopsis: "Changes a policy", load: () => import("./acl-policy-update.ts") },
  "acl role": { synopsis: "Manages roles", group: "Manages roles: policies and identities under one name." },
  "acl role create": { synopsis: "Makes a role", load: () => import("./acl-role-create.ts") },
  "acl role delete": { synopsis: "Removes a role", load: () => import("./acl-role-delete.ts") },
  "acl role list": { synopsis: "Lists roles", load: () => import("./acl-role-list.ts") },
  "acl role read": { synopsis: "Shows a role", load: () => import("./acl-role-read.ts") },
  "acl role update": { synopsis: "Changes a role", load: () => import("./acl-role-update.ts") },
  "acl set-agent-token": {
    synopsis: "Gives the agent a token",
    load: () => import("./acl-set-agent-token.ts"),
  },
  "acl token": { synopsis: "Manages tokens", group: "Manages tokens." },
  "acl token clone": { synopsis: "Makes a token like another", load: () => import("./acl-token-clone.ts") },
  "acl token create": { synopsis: "Makes a token", load: () => import("./acl-token-create.ts") },
  "acl token delete": { synopsis: "Removes a token", load: () => import("./acl-token-delete.ts") },
  "acl token list": { synopsis: "Lists tokens", load: () => import("./acl-token-list.ts") },
  "acl token read": { synopsis: "Shows a token", load: () => import("./acl-token-read.ts") },
  "acl token update": { synopsis: "Changes a token", load: () => import("./acl-token-update.ts") },
  "acl translate-rules": {
    synopsis: "Shows old rules in their present form",
    load: () => import("./acl-translate-rules.ts"),
  },
  agent: { synopsis: "Runs an agent", load: () => import("./agent.ts") },
  catalog: { synopsis: "Looks into the catalog", group: "Reads what is registered in a datacenter." },
  "catalog datacenters": {
    synopsis: "Lists the known datacenters",
    load: () => import("./catalog-datacenters.ts"),
  },
  "catalog nodes": { synopsis: "Lists the nodes of a datacenter", load: () => import("./catalog-nodes.ts") },
  "catalog services": {
    synopsis: "Lists the services of a datacenter",
    load: () => import("./catalog-services.ts"),
  },
  config: {
    synopsis: "Reads and writes configuration entries",
    group: "Reads and writes configuration entries.",
  },
  "config delete": { synopsis: "Removes a configuration entry", load: () => import("./config-delete.ts") },
  "config list": {
    synopsis: "Lists configuration entries of a kind",
    load: () => import("./config-list.ts"),
  },
  "config read": { synopsis: "Shows a configuration entry", load: () => import("./config-read.ts") },
  "config write": { synopsis: "Writes a configuration entry", load: () => import("./config-write.ts") },
  configtest: {
    synopsis: "Checks configuration files (0.6 form of validate)",
    load: () => import("./configtest.ts"),
  },
  connect: { synopsis: "Manages the mesh", group: "Manages the mesh of services." },
  "connect ca": {
    synopsis: "Manages the certificate authority",
    group: "Manages the mesh's certificate authority.",
  },
  "connect ca get-config": {
    synopsis: "Shows the authority's configuration",
    load: () => import("./connect-ca-get-config.ts"),
  },
  "connect ca set-config": {
    synopsis: "Changes the authority's configuration",
    load: () => import("./connect-ca-set-config.ts"),
  },
  "connect expose": {
    synopsis: "Lets an ingress gateway serve a service",
    load: () => import("./connect-expose.ts"),
  },
  debug: { synopsis: "Records what an agent does, for later", load: () => import("./debug.ts") },
  event: { synopsis: "Fires a user event", load: () => import("./event.ts") },
  exec: { synopsis: "Runs a command on nodes of the cluster", load: () => import("./exec.ts") },
  "force-leave": {
    synopsis: "Forces a failed member into the state left",
    load: () => import("./force-leave.ts"),
  },
  help: { synopsis: "Shows the help of a command", load: () => import("./help-command.ts") },
  info: { synopsis: "Shows facts about the running agent", load: () => import("./info.ts") },
  intention: {
    synopsis: "Manages who may connect to whom",
    group: "Manages intentions: which service may connect to which.",
  },
  "intention check": {
    synopsis: "Tells whether a connection is allowed",
    load: () => import("./intention-check.ts"),
  },
  "intention create": { synopsis: "Makes intentions", load: () => import("./intention-create.ts") },
  "intention delete": { synopsis: "Removes an intention", load: () => import("./intention-delete.ts") },
  "intention get": { synopsis: "Shows an intention", load: () => import("./intention-get.ts") },
  "intention list": { synopsis: "Lists intentions", load: () => import("./intention-list.ts") },
  "intention match": {
    synopsis: "Lists the intentions of a service",
    load: () => import("./intention-match.ts"),
  },
  join: { synopsis: "Tells the agent to join a cluster", load: () => import("./join.ts") },
  keygen: { synopsis: "Makes a gossip encryption key", load: () => import("./keygen.ts") },
  keyring: { synopsis: "Manages the gossip encryption keys", load: () => import("./keyring.ts") },
  kv: {
    synopsis: "Works with the key-value store",
    group:
      'Reads and writes the key-value store.\n\nWrite the value "5" under a key, read it back, see all about it, remove it:\n\n    $ {program} kv put redis/config/connections 5\n    $ {program} kv get redis/config/connections\n    $ {program} kv get -detailed redis/config/connections\n    $ {program} kv delete redis/config/connections',
  },
  "kv delete": { synopsis: "Removes a key or a tree of keys", load: () => import("./kv-delete.ts") },
  "kv export": { synopsis: "Writes a tree of keys as JSON", load: () => import("./kv-export.ts") },
  "kv get": { synopsis: "Reads a key or lists keys", load: () => import("./kv-get.ts") },
  "kv import": { synopsis: "Writes keys from JSON", load: () => import("./kv-import.ts") },
  "kv put": { synopsis: "Writes a key", load: () => import("./kv-put.ts") },
  leave: { synopsis: "Lets the agent leave the cluster and end", load: () => import("./leave.ts") },
  lock: { synopsis: "Runs a command while holding a lock", load: () => import("./lock.ts") },
  login: { synopsis: "Exchanges a bearer token for a token", load: () => import("./login.ts") },
  logout: { synopsis: "Removes the token of a login", load: () => import("./logout.ts") },
  maint: { synopsis: "Switches maintenance of a node or a service", load: () => import("./maint.ts") },
  members: { synopsis: "Lists the members of the cluster", load: () => import("./members.ts") },
  monitor: { synopsis: "Shows the agent's log as it is written", load: () => import("./monitor.ts") },
  operator: { synopsis: "Tools for operators", group: "Tools for operators of a cluster." },
  "operator autopilot": {
    synopsis: "Shows and changes autopilot",
    group: "Shows and changes the configuration of autopilot.",
  },
  "operator autopilot get-config": {
    synopsis: "Shows autopilot's configuration",
    load: () => import("./operator-autopilot-get-config.ts"),
  },
  "operator autopilot set-config": {
    synopsis: "Changes autopilot's configuration",
    load: () => import("./operator-autopilot-set-config.ts"),
  },
  "operator autopilot state": {
    synopsis: "Shows what autopilot thinks of the servers",
    load: () => import("./operator-autopilot-state.ts"),
  },
  "operator raft": {
    synopsis: "Looks at and mends the set of servers",
    group: "Looks at and mends the set of raft servers.",
  },
  "operator raft list-peers": {
    synopsis: "Lists the raft servers",
    load: () => import("./operator-raft-list-peers.ts"),
  },
  "operator raft remove-peer": {
    synopsis: "Removes a raft server",
    load: () => import("./operator-raft-remove-peer.ts"),
  },
  "operator raft transfer-leader": {
    synopsis: "Hands the leadership to another server",
    load: () => import("./operator-raft-transfer-leader.ts"),
  },
  "operator usage": { synopsis: "Counts what is registered", group: "Counts what is registered." },
  "operator usage instances": {
    synopsis: "Counts nodes, services and their instances",
    load: () => import("./operator-usage-instances.ts"),
  },
  reload: { synopsis: "Lets the agent read its configuration again", load: () => import("./reload.ts") },
  rtt: { synopsis: "Estimates the round trip time between nodes", load: () => import("./rtt.ts") },
  services: {
    synopsis: "Registers and deregisters services",
    group: "Registers and deregisters services of the agent.",
  },
  "services deregister": {
    synopsis: "Deregisters services of the agent",
    load: () => import("./services-deregister.ts"),
  },
  "services register": {
    synopsis: "Registers services at the agent",
    load: () => import("./services-register.ts"),
  },
  snapshot: {
    synopsis: "Saves, restores and inspects the servers' state",
    group: "Saves, restores and inspects the state of the servers.",
  },
  "snapshot inspect": {
    synopsis: "Shows what a snapshot file is",
    load: () => import("./snapshot-inspect.ts"),
  },
  "snapshot restore": {
    synopsis: "Restores the servers' state from a file",
    load: () => import("./snapshot-restore.ts"),
  },
  "snapshot save": {
    synopsis: "Saves the servers' state to a file",
    load: () => import("./snapshot-save.ts"),
  },
  tls: {
    synopsis: "Makes authorities and certificates",
    group: "Makes the certificates for TLS between agents.",
  },
  "tls ca": { synopsis: "Makes an authority", group: "Makes a certificate authority." },
  "tls ca create": { synopsis: "Makes a certificate authority", load: () => import("./tls-ca-create.ts") },
  "tls cert": { synopsis: "Makes certificates", group: "Makes certificates." },
  "tls cert create": { synopsis: "Makes a certificate", load: () => import("./tls-cert-create.ts") },
  validate: { synopsis: "Checks configuration files", load: () => import("./validate.ts") },
  version: { synopsis: "Shows the program's version", load: () => import("./version.ts") },
  watch: { synopsis: "Watches for changes and tells a program", load: () => import("./watch.ts") },
};

/** The longest command that the words name. */
export function find(
  words: readonly string[],
): { readonly name: string; readonly entry: CommandEntry; readonly rest: readonly string[] } | undefined {
  for (let n = Math.min(3, words.length); n > 0; n--) {
    const name = words.slice(0, n).join(" ");
    if (Object.hasOwn(COMMANDS, name)) return { name, entry: COMMANDS[name]!, rest: words.slice(n) };
  }
  return undefined;
}
