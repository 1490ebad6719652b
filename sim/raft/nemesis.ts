/**
 * Draws faults from the seed: crashes, pauses, clocks that nearly stand still, cuts, loss, slow, full, failing and lying disks,
 * servers that join, leave and are replaced, transfers. Times are scaled by the servers' `raft_multiplier`.
 */

import { isVoter } from "../../src/raft/core/configuration.ts";
import type { ConfigurationChange } from "../../src/raft/core/messages.ts";
import type { SimServer, World } from "./server.ts";

/** Voters that a configuration must have before one of their disks lies: a change under way may still take one out. */
const LIAR_VOTERS_MIN = 5;
const OPERATOR_LOOKS_MS = 400;

export class Nemesis {
  readonly #world: World;
  readonly #danger: number;
  #stopped = false;
  /** Whose disk lies, or who must be replaced since it did. */
  #liar: SimServer | undefined;
  #replacing = false;
  faults = 0;

  /** `danger`: share of fresh leaders that are struck down. */
  constructor(world: World, danger: number) {
    this.#world = world;
    this.#danger = danger;
    this.#plan();
  }

  #plan(): void {
    const { clock, random, multiplier } = this.#world;
    clock.timer((300 + random.float() * 5000) * multiplier, () => {
      if (this.#stopped) return;
      this.faults++;
      this.#strike();
      this.#plan();
    });
  }

  /**
   * The moment of greatest danger: a fresh leader that reaches only some servers and then dies, so that entries of its term, or
   * of earlier terms that it passes on, stay with a few (paper, figure 8).
   */
  onLeader(leader: SimServer): void {
    const { random, network, servers, clock } = this.#world;
    if (this.#stopped || random.float() >= this.#danger) return;
    this.faults++;
    const isolate = (): void => {
      if (this.#stopped) return;
      for (const s of servers) if (random.int(4) > 0) network.cut(leader.name, s.name);
      this.#after(1, 400, () => {
        leader.crash();
        network.heal();
        this.#after(10, 4000, () => leader.start());
      });
    };
    // At once, its very first entry stays with itself; a little later, the answers to some of its appends are out already.
    if (random.int(2) === 0) isolate();
    else clock.timer(random.float() * 15, isolate);
  }

  #after(lowMs: number, highMs: number, work: () => void): void {
    const { clock, random, multiplier } = this.#world;
    clock.timer((lowMs + random.float() * (highMs - lowMs)) * multiplier, () => {
      if (!this.#stopped) work();
    });
  }

  #any(): SimServer {
    const { servers, random } = this.#world;
    return servers[random.int(servers.length)]!;
  }

  #leader(): SimServer | undefined {
    // Of several that believe to lead, the newest.
    let newest: SimServer | undefined;
    let term = -1;
    for (const server of this.#world.servers) {
      const s = server.driver?.core?.state;
      if (s === undefined || s.role !== "leader" || s.term <= term) continue;
      newest = server;
      term = s.term;
    }
    return newest;
  }

  #strike(): void {
    const { random, network, servers } = this.#world;
    switch (random.int(16)) {
      case 0:
      case 1: {
        const s = random.int(2) === 0 ? (this.#leader() ?? this.#any()) : this.#any();
        s.crash();
        return this.#after(50, 6000, () => s.start());
      }
      case 2: {
        // Some at once, sometimes all: what is on disk must be enough.
        for (const s of servers)
          if (random.int(3) > 0) {
            s.crash();
            this.#after(50, 4000, () => s.start());
          }
        return;
      }
      case 3: {
        const s = random.int(2) === 0 ? (this.#leader() ?? this.#any()) : this.#any();
        s.pause();
        return this.#after(100, 5000, () => s.resume());
      }
      case 4: {
        const side = new Set(servers.filter(() => random.int(2) === 0));
        for (const a of servers)
          for (const b of servers) if (side.has(a) !== side.has(b)) network.cut(a.name, b.name);
        return this.#after(500, 8000, () => network.heal());
      }
      case 5: {
        const a = this.#any();
        const b = this.#any();
        network.cut(a.name, b.name);
        return this.#after(500, 8000, () => network.heal());
      }
      case 6: {
        // Heard by nobody, or hearing nobody.
        const a = random.int(2) === 0 ? (this.#leader() ?? this.#any()) : this.#any();
        const deaf = random.int(2) === 0;
        for (const b of servers) deaf ? network.cut(b.name, a.name) : network.cut(a.name, b.name);
        return this.#after(500, 8000, () => network.heal());
      }
      case 7:
        network.loss = random.float() * 0.3;
        network.duplication = random.float() * 0.2;
        network.delayMsMax = random.int(3) === 0 ? 300 : 30;
        return this.#after(500, 8000, () => network.heal());
      case 8: {
        const s = this.#any();
        s.disk.slowMs = 20 + random.float() * 800;
        return this.#after(500, 6000, () => {
          s.disk.slowMs = 0;
        });
      }
      case 9: {
        const s = this.#any();
        s.disk.full = true;
        return this.#after(200, 4000, () => {
          s.disk.full = false;
        });
      }
      case 10: {
        const s = this.#any();
        s.disk.readErrors = true;
        return this.#after(200, 4000, () => {
          s.disk.readErrors = false;
        });
      }
      case 11:
        return this.#lie();
      case 12: {
        if (!this.#world.wildClocks) return;
        const s = this.#any();
        s.clock.standStill();
        return this.#after(200, 4000, () => s.clock.run());
      }
      case 13:
        this.#leader()?.driver?.transfer(undefined, () => {});
        return;
      default:
        return this.#changeMembership();
    }
  }

  /**
   * A disk acknowledges what it does not write, and then the power goes. No protocol bears that on a quorum, so only one server
   * at a time may lose its log, and only where that leaves a quorum whatever changes are under way. It finds its log damaged
   * and must be replaced.
   */
  #lie(): void {
    const { random, servers } = this.#world;
    const s = this.#leader()?.driver?.core?.state;
    if (s === undefined || this.#liar !== undefined) return;
    const { latest } = s.configurations;
    const voters = latest.servers.filter(isVoter);
    if (latest.index > s.commit || voters.length < LIAR_VOTERS_MIN) return;
    const liar = servers[random.int(servers.length)]!;
    this.#liar = liar;
    liar.disk.beginToLie();
    this.#after(200, 4000, () => {
      liar.crash();
      if (liar.disk.damaged) {
        this.#replacing = true;
        return this.#replace(liar);
      }
      this.#liar = undefined;
      this.#after(50, 4000, () => liar.start());
    });
  }

  /** What an operator does about a server that does not come back: removes it, and starts another at its address. */
  #replace(lost: SimServer): void {
    const { clock } = this.#world;
    clock.timer(OPERATOR_LOOKS_MS, () => {
      const driver = this.#leader()?.driver;
      const s = driver?.core?.state;
      if (driver === undefined || s === undefined || s.configurations.latest.index > s.commit)
        return this.#replace(lost);
      if (s.configurations.latest.servers.some((m) => m.id === lost.self.id)) {
        driver.change({ kind: "remove-server", id: lost.self.id }, () => {});
        return this.#replace(lost);
      }
      if (this.#mayBeMistaken(lost)) return this.#replace(lost);
      lost.replace();
      lost.start();
      this.#replacing = false;
      this.#liar = undefined;
    });
  }

  #changeMembership(): void {
    const { random, servers } = this.#world;
    const driver = this.#leader()?.driver;
    const members = driver?.core?.state.configurations.latest.servers;
    if (driver === undefined || members === undefined) return;
    const server = servers[random.int(servers.length)]!;
    const s = server.self;
    const member = members.find((m) => m.id === s.id);
    const voters = members.filter(isVoter).length;
    let change: ConfigurationChange;
    if (server === this.#liar) return;
    if (member === undefined) change = { kind: "add-nonvoter", id: s.id, address: s.address };
    else if (!isVoter(member)) change = { kind: "add-voter", id: s.id, address: s.address };
    else if (voters <= 2 || this.#liar !== undefined) return;
    else
      change = random.int(2) === 0 ? { kind: "remove-server", id: s.id } : { kind: "demote-voter", id: s.id };
    driver.change(change, (error) => {
      // Who has left for good may come back as somebody else.
      if (error === undefined && change.kind === "remove-server" && random.int(2) === 0)
        this.#after(1, 2000, () => this.#comeAnew(server));
    });
  }

  /**
   * Whether the vote of a blank server at this address would be counted as its predecessor's: it writes no id into its headers, as
   * 1.8.7, and somebody, up or down, may still take the predecessor for a voter. That protocol has no answer to it: operators wait.
   */
  #mayBeMistaken(server: SimServer): boolean {
    const { servers, oldPeers } = this.#world;
    return (
      oldPeers.has(server.name) &&
      servers.some((s) => s !== server && s.disk.knownServers().some((m) => m.id === server.self.id))
    );
  }

  /** Only who is out by the word of a leader that still leads, and holds no vote of any other's configuration. */
  #comeAnew(server: SimServer): void {
    const s = this.#leader()?.driver?.core?.state;
    if (s === undefined || server === this.#liar || s.configurations.latest.index > s.commit) return;
    if (this.#mayBeMistaken(server)) return;
    if (s.configurations.latest.servers.some((m) => m.id === server.self.id)) return;
    server.replace();
    server.start();
  }

  /** Ends all faults. */
  stop(): void {
    this.#stopped = true;
    this.#world.network.heal();
    for (const s of this.#world.servers) {
      s.resume();
      s.disk.slowMs = 0;
      s.disk.full = false;
      s.disk.readErrors = false;
      s.disk.beHonest();
      s.clock.run();
      s.start();
    }
    if (this.#liar?.disk.damaged === true && !this.#replacing) this.#replace(this.#liar);
  }
}
