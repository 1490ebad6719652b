/**
 * Who is in the pool: applies alive, suspect and dead claims, from gossip, from push/pulls and from oneself, and refutes
 * those about oneself. Claims are ordered by incarnation, which only their subject raises (SWIM, section 4.2).
 *
 * Source: SWIM section 4; Lifeguard section III; details as observed in memberlist 0.2.2 and its current successor.
 */
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Random } from "../../ports/random.ts";
import { hostPort, ipText } from "../address.ts";
import type { Deadlines } from "../deadlines.ts";
import { GossipError } from "../errors.ts";
import { META_BYTES_MAX, NODE_NAME_BYTES_MAX, NODES_MAX } from "../limits.ts";
import type { GossipTimings } from "../profile.ts";
import { Awareness } from "./awareness.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import type { NodeView, SwimDelegate } from "./effects.ts";
import {
  type Alive,
  alive,
  type Claim,
  claim,
  encodeMessage,
  MESSAGE,
  NODE_STATE,
  type PushPullNode,
} from "./messages.ts";
import { isGone, type NodeRecord, NodeTable } from "./node-table.ts";
import { retransmitLimit, suspicionBounds } from "./scaling.ts";
import { Suspicion } from "./suspicion.ts";

const NO_BYTES = Buffer.alloc(0);
const NO_VERSIONS = Buffer.alloc(6);
const U32 = 0x1_0000_0000;

export interface MembershipOptions {
  readonly name: string;
  readonly timings: GossipTimings;
  /** pmin, pmax, pcur, dmin, dmax, dcur of the local node. */
  readonly vsn: Buffer;
}

export interface MembershipPorts {
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly deadlines: Deadlines;
  /** The pool's own broadcast with this token is done. */
  readonly broadcastDone: (token: number) => void;
}

export class Membership {
  readonly nodes: NodeTable;
  readonly queue: BroadcastQueue;
  readonly awareness: Awareness;
  readonly #options: MembershipOptions;
  readonly #ports: MembershipPorts;
  readonly #delegate: SwimDelegate;
  #incarnation = 0;
  #leaving = false;

  constructor(options: MembershipOptions, ports: MembershipPorts, delegate: SwimDelegate) {
    this.#options = options;
    this.#ports = ports;
    this.#delegate = delegate;
    this.nodes = new NodeTable(ports.random);
    this.awareness = new Awareness(options.timings.awarenessMaxMultiplier, (score) =>
      ports.metrics.gauge("memberlist.health.score", score),
    );
    this.queue = new BroadcastQueue(
      () => retransmitLimit(options.timings.retransmitMult, this.nodes.size),
      ports.broadcastDone,
    );
  }

  get self(): NodeRecord | undefined {
    return this.nodes.get(this.#options.name);
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  /** Whether any other node is neither dead nor left. */
  anyOther(): boolean {
    return this.nodes.all().some((n) => n.name !== this.#options.name && !isGone(n));
  }

  /** Makes the local node alive with these properties and tells the pool; also how its meta changes. */
  announce(
    own: { readonly addr: Buffer; readonly port: number; readonly meta: Buffer },
    now: number,
    token: number = 0,
  ): void {
    if (own.meta.length > META_BYTES_MAX)
      throw new GossipError(`node meta of ${own.meta.length} bytes, most is ${META_BYTES_MAX}`);
    this.#incarnation = (this.#incarnation + 1) % U32;
    const a: Alive = {
      Incarnation: this.#incarnation,
      Node: this.#options.name,
      Addr: own.addr,
      Port: own.port,
      Meta: own.meta,
      Vsn: this.#options.vsn,
    };
    this.applyAlive(a, now, { bootstrap: true, token });
  }

  #broadcast(message: Buffer, name: string, token: number = 0): void {
    this.queue.queue(message, { name, token });
  }

  applyAlive(
    a: Alive,
    now: number,
    options: { readonly bootstrap?: boolean; readonly token?: number } = {},
  ): void {
    const { bootstrap = false, token = 0 } = options;
    const { log, metrics } = this.#ports;
    const local = a.Node === this.#options.name;
    if (this.#leaving && local && !bootstrap) return;
    const addr = a.Addr ?? NO_BYTES;
    const vsn = a.Vsn ?? NO_BYTES;
    const meta = a.Meta ?? NO_BYTES;
    if (addr.length !== 4 && addr.length !== 16)
      return this.#ignore("its address is neither IPv4 nor IPv6", a.Node);
    if (a.Port === 0) return this.#ignore("it has no port", a.Node);
    if (a.Node === "" || Buffer.byteLength(a.Node) > NODE_NAME_BYTES_MAX)
      return this.#ignore("its name is empty or too long", a.Node.slice(0, 64));
    if (meta.length > META_BYTES_MAX) return this.#ignore("its meta is too large", a.Node);
    if (vsn.length >= 3 && (vsn[0] === 0 || vsn[1] === 0 || vsn[0]! > vsn[1]!))
      return this.#ignore("its protocol versions make no sense", a.Node);
    const host = ipText(addr);
    if (!bootstrap && this.#delegate.guards) {
      if (vsn.length < 6) return this.#ignore("its version vector is short", a.Node);
      const reason = this.#delegate.refuseAlive({
        name: a.Node,
        addr,
        host,
        port: a.Port,
        meta,
        vsn,
        state: "alive",
      });
      if (reason !== undefined) return this.#ignore(reason, a.Node);
    }
    let node = this.nodes.get(a.Node);
    let moves = false;
    if (node === undefined) {
      if (this.nodes.size >= NODES_MAX) {
        metrics.count("memberlist.node.dropped");
        return this.#ignore(`the pool already has ${NODES_MAX} nodes`, a.Node);
      }
      node = {
        name: a.Node,
        addr: Buffer.from(addr),
        host,
        port: a.Port,
        meta: Buffer.from(meta),
        vsn: vsn.length >= 6 ? Buffer.from(vsn.subarray(0, 6)) : NO_VERSIONS,
        incarnation: 0,
        state: "dead",
        stateChange: Number.NEGATIVE_INFINITY,
        suspicion: undefined,
      };
      this.nodes.add(node);
    } else if (!node.addr.equals(addr) || node.port !== a.Port) {
      const reclaim = this.#options.timings.deadNodeReclaimMs;
      const free =
        node.state === "left" || (node.state === "dead" && reclaim > 0 && now - node.stateChange > reclaim);
      if (!free) {
        log.error(`Conflicting address for ${a.Node}`, {
          ours: hostPort(node.host, node.port),
          theirs: hostPort(host, a.Port),
          state: node.state,
        });
        this.#delegate.onConflict(node, { host, port: a.Port }, now);
        return;
      }
      log.info(`Updating address for ${node.state} node ${a.Node}`, {
        from: hostPort(node.host, node.port),
        to: hostPort(host, a.Port),
      });
      moves = true;
    }
    if (local ? a.Incarnation < node.incarnation : a.Incarnation <= node.incarnation && !moves) return;
    metrics.count("memberlist.msg.alive");
    node.suspicion?.cancel();
    node.suspicion = undefined;
    if (local && !bootstrap) {
      if (a.Incarnation === node.incarnation && meta.equals(node.meta) && vsn.equals(node.vsn)) return;
      log.warn("Refuting an alive message about this node", { incarnation: a.Incarnation });
      return this.#refute(node, a.Incarnation);
    }
    this.#broadcast(encodeMessage(MESSAGE.alive, alive, a), a.Node, token);
    const wasGone = isGone(node);
    const metaChanged = !meta.equals(node.meta);
    if (vsn.length >= 6 && !vsn.equals(node.vsn)) node.vsn = Buffer.from(vsn.subarray(0, 6));
    node.incarnation = a.Incarnation;
    if (metaChanged) node.meta = Buffer.from(meta);
    if (moves) {
      node.addr = Buffer.from(addr);
      node.host = host;
      node.port = a.Port;
    }
    if (node.state !== "alive") {
      node.state = "alive";
      node.stateChange = now;
    }
    if (wasGone) this.#delegate.onJoin(node, now);
    else if (metaChanged) this.#delegate.onUpdate(node, now);
  }

  #ignore(why: string, node: string): void {
    this.#ports.metrics.count("memberlist.msg.alive.ignored");
    this.#ports.log.warn(`Ignoring an alive message for '${node}': ${why}`);
  }

  applySuspect(s: Claim, now: number): void {
    const node = this.nodes.get(s.Node);
    if (node === undefined || s.Incarnation < node.incarnation) return;
    if (node.suspicion !== undefined) {
      if (node.suspicion.confirm(s.From, now))
        this.#broadcast(encodeMessage(MESSAGE.suspect, claim, s), s.Node);
      return;
    }
    if (node.state !== "alive") return;
    if (node.name === this.#options.name) {
      this.#ports.log.warn(`Refuting a suspect message (from: ${s.From})`);
      // Nobody refutes on the way out.
      if (!this.#leaving) this.#refute(node, s.Incarnation);
      return;
    }
    this.#ports.metrics.count("memberlist.msg.suspect");
    this.#broadcast(encodeMessage(MESSAGE.suspect, claim, s), s.Node);
    node.incarnation = s.Incarnation;
    node.state = "suspect";
    node.stateChange = now;
    const change = now;
    node.suspicion = new Suspicion(
      {
        deadlines: this.#ports.deadlines,
        bounds: suspicionBounds(this.#options.timings, this.nodes.size),
        accuser: s.From,
        expired: (at, confirmations) => {
          if (node.state !== "suspect" || node.stateChange !== change) return;
          this.#ports.log.info(
            `Marking ${node.name} as failed, suspect timeout reached (${confirmations} peer confirmations)`,
          );
          this.applyDead({ Incarnation: node.incarnation, Node: node.name, From: this.#options.name }, at);
        },
      },
      now,
    );
  }

  applyDead(d: Claim, now: number, token: number = 0): void {
    const node = this.nodes.get(d.Node);
    if (node === undefined || d.Incarnation < node.incarnation) return;
    node.suspicion?.cancel();
    node.suspicion = undefined;
    if (isGone(node)) return;
    if (node.name === this.#options.name && !this.#leaving) {
      this.#ports.log.warn(`Refuting a dead message (from: ${d.From})`);
      return this.#refute(node, d.Incarnation);
    }
    this.#ports.metrics.count("memberlist.msg.dead");
    this.#broadcast(encodeMessage(MESSAGE.dead, claim, d), d.Node, token);
    node.incarnation = d.Incarnation;
    node.state = d.Node === d.From ? "left" : "dead";
    node.stateChange = now;
    this.#delegate.onLeave(node, now);
  }

  /** Outbids `accused` and says so. */
  #refute(node: NodeRecord, accused: number): void {
    let inc = this.#incarnation + 1;
    if (accused >= inc) inc = accused + 1;
    // At the end of the range there is nothing left to outbid with; stay at the last number.
    this.#incarnation = Math.min(inc, U32 - 1);
    node.incarnation = this.#incarnation;
    this.awareness.apply(1);
    const a: Alive = {
      Incarnation: node.incarnation,
      Node: node.name,
      Addr: node.addr,
      Port: node.port,
      Meta: node.meta,
      Vsn: node.vsn,
    };
    this.#broadcast(encodeMessage(MESSAGE.alive, alive, a), node.name);
  }

  /** Says farewell: from now on accusations are not refuted. */
  leave(now: number, token: number): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const self = this.self;
    if (self === undefined) return;
    this.applyDead({ Incarnation: self.incarnation, Node: self.name, From: self.name }, now, token);
  }

  /** Every record as a push/pull sends it. */
  localNodes(): PushPullNode[] {
    return this.nodes.all().map((n) => ({
      Name: n.name,
      Addr: n.addr,
      Port: n.port,
      Meta: n.meta.length > 0 ? n.meta : null,
      Incarnation: n.incarnation,
      State: NODE_STATE[n.state],
      Vsn: n.vsn,
    }));
  }

  /** Applies a peer's whole state. Throws {@link GossipError}, changing nothing, when it must not be merged. */
  merge(remote: readonly PushPullNode[], join: boolean, now: number): void {
    this.#verifyVersions(remote);
    if (join && this.#delegate.guards) {
      const reason = this.#delegate.refuseMerge(remote.map(viewOf));
      if (reason !== undefined) throw new GossipError(reason);
    }
    for (const r of remote) {
      switch (r.State) {
        case NODE_STATE.alive:
          this.applyAlive(
            {
              Incarnation: r.Incarnation,
              Node: r.Name,
              Addr: r.Addr,
              Port: r.Port,
              Meta: r.Meta,
              Vsn: r.Vsn,
            },
            now,
          );
          break;
        case NODE_STATE.left:
          this.applyDead({ Incarnation: r.Incarnation, Node: r.Name, From: r.Name }, now);
          break;
        case NODE_STATE.dead:
        case NODE_STATE.suspect:
          // A death by hearsay is only a suspicion: the accused gets its chance to refute.
          this.applySuspect({ Incarnation: r.Incarnation, Node: r.Name, From: this.#options.name }, now);
          break;
        default:
          this.#ports.log.warn(
            `Ignoring a push/pull entry for '${r.Name}': its state ${r.State} is not known`,
          );
      }
    }
  }

  /** Everyone must speak a version that every living node understands; one bad entry blocks the merge. */
  #verifyVersions(remote: readonly PushPullNode[]): void {
    let [pLo, pHi, dLo, dHi] = [0, 255, 0, 255];
    const narrow = (v: Buffer): void => {
      pLo = Math.max(pLo, v[0]!);
      pHi = Math.min(pHi, v[1]!);
      dLo = Math.max(dLo, v[3]!);
      dHi = Math.min(dHi, v[4]!);
    };
    for (const r of remote)
      if (r.State === NODE_STATE.alive && r.Vsn !== null && r.Vsn.length >= 5) narrow(r.Vsn);
    for (const n of this.nodes.all()) if (n.state === "alive") narrow(n.vsn);
    const check = (name: string, v: Buffer | null): void => {
      const pCur = v !== null && v.length >= 6 ? v[2]! : 0;
      const dCur = v !== null && v.length >= 6 ? v[5]! : 0;
      if (pCur < pLo || pCur > pHi)
        throw new GossipError(`Node '${name}' protocol version (${pCur}) is incompatible: [${pLo}, ${pHi}]`);
      if (dCur < dLo || dCur > dHi)
        throw new GossipError(
          `Node '${name}' delegate protocol version (${dCur}) is incompatible: [${dLo}, ${dHi}]`,
        );
    };
    for (const r of remote) check(r.Name, r.Vsn);
    for (const n of this.nodes.all()) check(n.name, n.vsn);
  }

  /** Forgets those gone for long and reshuffles; called at the end of each probe round. */
  reap(now: number): void {
    this.nodes.reset(
      (n) =>
        isGone(n) &&
        now - n.stateChange > this.#options.timings.gossipToTheDeadMs &&
        n.name !== this.#options.name,
    );
  }
}

function viewOf(r: PushPullNode): NodeView {
  const addr = r.Addr ?? NO_BYTES;
  return {
    name: r.Name,
    addr,
    host: ipText(addr),
    port: r.Port,
    meta: r.Meta ?? NO_BYTES,
    vsn: r.Vsn !== null && r.Vsn.length >= 6 ? r.Vsn : NO_VERSIONS,
    state: r.State === NODE_STATE.left ? "left" : r.State === NODE_STATE.alive ? "alive" : "dead",
  };
}
