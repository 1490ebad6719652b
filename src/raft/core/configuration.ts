/**
 * Who is in the cluster. A configuration is in force as soon as it is appended (dissertation, section 4.1), so the history of
 * those not yet known to be committed is kept: a cut of the log falls back to the one before.
 */
import type { RaftConfiguration, RaftServer } from "../contract.ts";
import { SUFFRAGE } from "../contract.ts";
import type { ConfigurationChange } from "./messages.ts";

export interface IndexedConfiguration {
  /** Log index of the entry, 0 for none yet. */
  readonly index: number;
  readonly servers: readonly RaftServer[];
}

export const isVoter = (s: RaftServer): boolean => s.suffrage === SUFFRAGE.voter;
/** Configurations never change in place, and their voters are asked for with every message. */
const knownVoters = new WeakMap<readonly RaftServer[], readonly RaftServer[]>();
export function votersOf(servers: readonly RaftServer[]): readonly RaftServer[] {
  let voters = knownVoters.get(servers);
  if (voters === undefined) {
    voters = servers.filter(isVoter);
    knownVoters.set(servers, voters);
  }
  return voters;
}
export const quorumOf = (voters: number): number => Math.floor(voters / 2) + 1;

/** The highest value that a quorum has at least; `none` without voters. Sorts `values` in place. */
export function heldByQuorum(values: number[], none: number): number {
  // Insertion: seven values at most in practice, and this runs for every message.
  for (let i = 1; i < values.length; i++) {
    const v = values[i]!;
    let j = i;
    for (; j > 0 && values[j - 1]! < v; j--) values[j] = values[j - 1]!;
    values[j] = v;
  }
  return values[quorumOf(values.length) - 1] ?? none;
}

/** Why a configuration must not be used, or undefined when it may. */
export function configurationFault(configuration: RaftConfiguration): string | undefined {
  const ids = new Set<string>();
  const addresses = new Set<string>();
  for (const s of configuration.servers) {
    if (s.id === "") return `empty ID in configuration: ${describe(configuration)}`;
    if (s.address === "") return `empty address in configuration: server ${s.id}`;
    if (ids.has(s.id)) return `found duplicate ID in configuration: ${s.id}`;
    if (addresses.has(s.address)) return `found duplicate address in configuration: ${s.address}`;
    ids.add(s.id);
    addresses.add(s.address);
  }
  if (!configuration.servers.some(isVoter)) return "need at least one voter in configuration";
  return undefined;
}

const describe = (c: RaftConfiguration): string => c.servers.map((s) => `${s.id}@${s.address}`).join(", ");

/** The configuration after a change, by the rules of the original's AddVoter, AddNonvoter, DemoteVoter, RemoveServer. */
export function changed(servers: readonly RaftServer[], change: ConfigurationChange): readonly RaftServer[] {
  switch (change.kind) {
    case "add-voter":
    case "add-nonvoter": {
      const suffrage = change.kind === "add-voter" ? SUFFRAGE.voter : SUFFRAGE.nonvoter;
      const server: RaftServer = { id: change.id, address: change.address, suffrage };
      const at = servers.findIndex((s) => s.id === change.id);
      if (at < 0) return [...servers, server];
      // A voter stays one: only its address may change this way.
      return servers.with(at, isVoter(servers[at]!) ? { ...servers[at]!, address: change.address } : server);
    }
    case "demote-voter":
      return servers.map((s) => (s.id === change.id ? { ...s, suffrage: SUFFRAGE.nonvoter } : s));
    case "remove-server":
      return servers.filter((s) => s.id !== change.id);
  }
}

export class ConfigurationHistory {
  /** Ascending by index; the first is committed, the last in force. */
  #list: IndexedConfiguration[];

  constructor(known: readonly IndexedConfiguration[]) {
    this.#list = known.length > 0 ? [...known] : [{ index: 0, servers: [] }];
  }

  get latest(): IndexedConfiguration {
    return this.#list.at(-1)!;
  }

  /** The newest that is committed at `commit`. */
  committed(commit: number): IndexedConfiguration {
    for (let i = this.#list.length - 1; i > 0; i--) if (this.#list[i]!.index <= commit) return this.#list[i]!;
    return this.#list[0]!;
  }

  append(index: number, configuration: RaftConfiguration): void {
    this.#list.push({ index, servers: configuration.servers });
  }

  /** Entries from `from` on are gone. Tells whether the one in force changed. */
  truncate(from: number): boolean {
    let cut = false;
    while (this.#list.length > 1 && this.#list.at(-1)!.index >= from) {
      this.#list.pop();
      cut = true;
    }
    return cut;
  }

  /** Forgets what came before the newest committed one. */
  settle(commit: number): void {
    while (this.#list.length > 1 && this.#list[1]!.index <= commit) this.#list.shift();
  }

  reset(index: number, configuration: RaftConfiguration): void {
    this.#list = [{ index, servers: configuration.servers }];
  }

  /** A snapshot's configuration; appended ones that the log still has stay in force. */
  rebase(index: number, configuration: RaftConfiguration): void {
    this.#list = [{ index, servers: configuration.servers }, ...this.#list.filter((c) => c.index > index)];
  }
}
