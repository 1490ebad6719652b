/**
 * What the server makes of gossip: which servers there are, here and in other datacenters, and who must be told of a change.
 */
import type { Member, SerfEvent, SerfPool } from "../gossip/contract.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Logger } from "../ports/log.ts";
import type { Random } from "../ports/random.ts";
import { errorText, ServerError } from "./errors.ts";
import { serversOf } from "./leader.ts";
import { median, rttSeconds, sortByDistance } from "./rtt.ts";
import { ServerList } from "./server-manager.ts";
import { describeServer, hostPort, parseServer, type ServerInfo } from "./server-metadata.ts";

export interface MembershipParts {
  readonly datacenter: string;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  readonly floodIntervalMs: number;
  /** A member of the LAN pool came, went or changed. */
  readonly onMember: (member: Member, reaped: boolean) => void;
  /** A server of this datacenter joined the LAN pool. */
  readonly onServerJoin: () => void;
  /** A leader announced itself. */
  readonly onNewLeader: (name: string) => void;
}

export class Membership {
  readonly #parts: MembershipParts;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  /** LAN servers by name, for the log: a server is added once. */
  readonly #lanServers = new Map<string, ServerInfo>();
  /** Live servers of other datacenters in the order of use. */
  readonly #remote = new Map<string, ServerList<ServerInfo>>();
  readonly #stops: (() => void)[] = [];
  #floodTimer: Timer | undefined;
  #flooding: Promise<void> | undefined;
  #floodAgain = false;
  #wanStarted = false;
  #stopped = false;

  constructor(
    parts: MembershipParts,
    ports: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
  ) {
    this.#parts = parts;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#log = ports.log;
  }

  /** To be called before the pools start, so that no event is missed. */
  start(): void {
    const { lan, wan } = this.#parts;
    this.#stops.push(lan.onEvent((event) => this.#onLanEvent(event)));
    if (wan !== undefined) {
      this.#stops.push(wan.onEvent((event) => this.#onWanEvent(event)));
    }
  }

  /** The WAN pool runs: LAN servers may be joined to it, now and again and again. */
  wanStarted(): void {
    this.#wanStarted = true;
    this.#scheduleFlood();
    void this.#flood();
  }

  stop(): void {
    this.#stopped = true;
    this.#floodTimer?.cancel();
    for (const stop of this.#stops) stop();
  }

  /** Servers of this datacenter in any status. */
  servers(): readonly ServerInfo[] {
    return serversOf(this.#parts.lan.members(), this.#parts.datacenter);
  }

  /** A live server of another datacenter. */
  remoteServer(datacenter: string): { readonly address: string; readonly failed: () => void } {
    const list = this.#remote.get(datacenter);
    const server = list?.first();
    if (server === undefined) throw new ServerError(this.#knows(datacenter) ? "dcUnreachable" : "noDcPath");
    return { address: server.address, failed: () => list!.failed(server) };
  }

  /** Datacenters with a known server, nearest first as far as coordinates tell; without a WAN pool only this one. */
  datacenters(): readonly string[] {
    const { wan, datacenter } = this.#parts;
    if (wan === undefined) return [datacenter];
    const here = wan.coordinate();
    const distances = new Map<string, number[]>();
    for (const member of wan.members()) {
      const server = parseServer(member);
      if (server === undefined || (member.status !== "alive" && member.status !== "failed")) continue;
      const list = distances.get(server.datacenter) ?? [];
      distances.set(server.datacenter, list);
      const there = wan.cachedCoordinate(member.name);
      if (there !== undefined) list.push(rttSeconds(here, there));
    }
    if (!distances.has(datacenter)) distances.set(datacenter, [0]);
    return sortByDistance([...distances.keys()].sort(), (dc) => median(distances.get(dc)!));
  }

  #knows(datacenter: string): boolean {
    return (this.#parts.wan?.members() ?? []).some(
      (m) => (m.status === "alive" || m.status === "failed") && parseServer(m)?.datacenter === datacenter,
    );
  }

  #onLanEvent(event: SerfEvent): void {
    switch (event.kind) {
      case "member-join":
      case "member-update":
        for (const m of event.members) this.#addLan(m, event.kind === "member-join");
        break;
      case "member-failed":
      case "member-leave":
      case "member-reap":
        for (const m of event.members) this.#removeLan(m);
        break;
      case "user":
        if (event.name === "consul:new-leader") {
          const name = Buffer.from(event.payload).toString("utf8");
          this.#log.info(`New leader elected: ${name}`);
          this.#parts.onNewLeader(name);
        } else if (event.name.startsWith("consul:") && !event.name.startsWith("consul:event:"))
          this.#log.warn("Unhandled local event", { event: event.name });
        return;
      case "query":
        return;
      default:
        event satisfies never;
        return;
    }
    for (const m of event.members) this.#parts.onMember(m, event.kind === "member-reap");
  }

  #addLan(member: Member, joined: boolean): void {
    const server = parseServer(member);
    if (server === undefined || server.segment !== "" || server.datacenter !== this.#parts.datacenter) return;
    const known = this.#lanServers.get(server.name);
    this.#lanServers.set(server.name, server);
    if (joined || known === undefined) this.#log.info(`adding LAN server ${describeServer(server)}`);
    this.#parts.onServerJoin();
    void this.#flood();
  }

  #removeLan(member: Member): void {
    const server = this.#lanServers.get(member.name);
    if (server === undefined) return;
    this.#lanServers.delete(member.name);
    this.#log.info(`removing LAN server ${describeServer(server)}`);
  }

  #onWanEvent(event: SerfEvent): void {
    switch (event.kind) {
      case "member-join":
      case "member-update":
        for (const m of event.members) this.#addWan(m, event.kind === "member-join");
        return;
      case "member-failed":
      case "member-leave":
      case "member-reap":
        for (const m of event.members) this.#removeWan(m);
        return;
      case "user":
      case "query":
        return;
      default:
        event satisfies never;
    }
  }

  #addWan(member: Member, joined: boolean): void {
    const server = parseServer(member);
    if (server === undefined) {
      this.#log.warn("non-server in WAN gossip pool", { member: member.name });
      return;
    }
    let list = this.#remote.get(server.datacenter);
    if (list === undefined) {
      list = new ServerList<ServerInfo>(this.#random);
      this.#remote.set(server.datacenter, list);
    }
    const isNew = list.add(server);
    if (joined || isNew) this.#log.info(`adding WAN server ${describeServer(server)}`);
  }

  #removeWan(member: Member): void {
    for (const [datacenter, list] of this.#remote) {
      const server = list.all().find((s) => s.name === member.name);
      if (server === undefined) continue;
      list.remove(member.name);
      if (list.size === 0) this.#remote.delete(datacenter);
      this.#log.info(`removing WAN server ${describeServer(server)}`);
    }
  }

  #scheduleFlood(): void {
    this.#floodTimer = this.#clock.timer(this.#parts.floodIntervalMs, () => {
      void this.#flood().finally(() => {
        if (!this.#stopped) this.#scheduleFlood();
      });
    });
  }

  /** Joins to the WAN pool every live LAN server that is not in it; one round at a time. */
  #flood(): Promise<void> {
    // A server that joins during a round wants one more.
    this.#floodAgain = true;
    this.#flooding ??= (async () => {
      while (this.#floodAgain) {
        this.#floodAgain = false;
        await this.#floodOnce();
      }
    })()
      .catch((error) => this.#log.error("flood join failed", { error: errorText(error) }))
      .finally(() => {
        this.#flooding = undefined;
      });
    return this.#flooding;
  }

  async #floodOnce(): Promise<void> {
    const { wan, datacenter } = this.#parts;
    if (wan === undefined || !this.#wanStarted || this.#stopped) return;
    const known = new Set([...wan.members(), wan.localMember()].map((m) => m.name));
    for (const server of this.servers()) {
      const wanName = `${server.shortName}.${datacenter}`;
      if (server.status !== "alive" || server.wanJoinPort === 0 || known.has(wanName)) continue;
      const { joined, errors } = await wan.join([`${wanName}/${hostPort(server.ip, server.wanJoinPort)}`], {
        ignoreOld: true,
      });
      if (joined > 0)
        this.#log.debug("Successfully performed flood-join for server", { server: server.name });
      else if (!this.#stopped)
        this.#log.debug("Failed to flood-join server", {
          server: server.name,
          error: errors[0]?.message ?? "",
        });
    }
  }
}
