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
  debug: { synopsis: "Records what an agent does, for later", load: () => import("./debug.ts") },
  event: { synopsis: "Fires a user event", load: () => import("./event.ts") },
  exec: { synopsis: "Runs a command on nodes of the cluster", load: () => import("./exec.ts") },
  "force-leave": {
    synopsis: "Forces a failed member into the state left",
    load: () => import("./force-leave.ts"),
  },
  help: { synopsis: "Shows the help of a command", load: () => import("./help-command.ts") },
  info: { synopsis: "Shows facts about the running agent", load: () => import("./info.ts") },
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
