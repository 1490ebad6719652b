/** Draws faults from the seed: crashes, pauses, cuts, loss, slow, full and failing disks, membership changes, transfers. */

import { isVoter } from "../../src/raft/core/configuration.ts";
import type { ConfigurationChange } from "../../src/raft/core/messages.ts";
import type { SimServer, World } from "./server.ts";

export class Nemesis {
  readonly #world: World;
  readonly #danger: number;
  #stopped = false;
  faults = 0;

  /** `danger`: share of fresh leaders that are struck down. */
  constructor(world: World, danger: number) {
    this.#world = world;
    this.#danger = danger;
    this.#plan();
  }

  #plan(): void {
    const { clock, random } = this.#world;
    clock.timer(300 + random.float() * 5000, () => {
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
      for (const s of servers) if (random.int(4) > 0) network.cut(leader.self.id, s.self.id);
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
    const { clock, random } = this.#world;
    clock.timer(lowMs + random.float() * (highMs - lowMs), () => {
      if (!this.#stopped) work();
    });
  }

  #any(): SimServer {
    const { servers, random } = this.#world;
    return servers[random.int(servers.length)]!;
  }

  #leader(): SimServer | undefined {
    return this.#world.servers.find((s) => s.driver?.core?.state.role === "leader");
  }

  #strike(): void {
    const { random, network, servers } = this.#world;
    switch (random.int(14)) {
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
          for (const b of servers) if (side.has(a) !== side.has(b)) network.cut(a.self.id, b.self.id);
        return this.#after(500, 8000, () => network.heal());
      }
      case 5: {
        const a = this.#any();
        const b = this.#any();
        network.cut(a.self.id, b.self.id);
        return this.#after(500, 8000, () => network.heal());
      }
      case 6: {
        // Heard by nobody, or hearing nobody.
        const a = random.int(2) === 0 ? (this.#leader() ?? this.#any()) : this.#any();
        const deaf = random.int(2) === 0;
        for (const b of servers) deaf ? network.cut(b.self.id, a.self.id) : network.cut(a.self.id, b.self.id);
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
        this.#leader()?.driver?.transfer(undefined, () => {});
        return;
      default:
        return this.#changeMembership();
    }
  }

  #changeMembership(): void {
    const { random, servers } = this.#world;
    const driver = this.#leader()?.driver;
    const members = driver?.core?.state.configurations.latest.servers;
    if (driver === undefined || members === undefined) return;
    const s = servers[random.int(servers.length)]!.self;
    const member = members.find((m) => m.id === s.id);
    const voters = members.filter(isVoter).length;
    let change: ConfigurationChange;
    if (member === undefined) change = { kind: "add-nonvoter", id: s.id, address: s.address };
    else if (!isVoter(member)) change = { kind: "add-voter", id: s.id, address: s.address };
    else if (voters <= 2) return;
    else
      change = random.int(2) === 0 ? { kind: "remove-server", id: s.id } : { kind: "demote-voter", id: s.id };
    driver.change(change, () => {});
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
      s.start();
    }
  }
}
