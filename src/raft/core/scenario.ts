/**
 * Runs scenarios written as text on real cores: one command a line, what each server does below it. Messages wait until they
 * are delivered, disks write when told, time moves when told, so a scenario shows each step of the protocol on its own.
 */
import { seededRandom } from "../../ports/random.ts";
import { LOG_TYPE, type RaftServer, SUFFRAGE } from "../contract.ts";
import type { CoreEvent, Effect, HardState, Output, Persist, RaftRequest, RaftResponse } from "./messages.ts";
import { RaftCore } from "./raft-core.ts";

interface Sim {
  readonly server: RaftServer;
  core: RaftCore;
  /** Waiting for the disk. */
  readonly batches: { readonly persist: Persist | undefined; readonly after: Effect[] }[];
  hard: HardState;
}

type Mail =
  | {
      readonly kind: "request";
      readonly from: string;
      readonly to: RaftServer;
      readonly request: RaftRequest;
    }
  | {
      readonly kind: "response";
      readonly from: string;
      readonly to: string;
      readonly server: RaftServer;
      readonly request: RaftRequest;
      readonly response: RaftResponse;
    };

const typeName = Object.fromEntries(Object.entries(LOG_TYPE).map(([k, v]) => [v, k]));

export class Scenario {
  readonly #sims = new Map<string, Sim>();
  readonly #mail: Mail[] = [];
  readonly #asked = new Map<
    number,
    { readonly from: string; readonly to: RaftServer; readonly request: RaftRequest }
  >();
  readonly #isolated = new Set<string>();
  /** Sent while cut off. */
  #dropped: { readonly from: string; readonly to: RaftServer; readonly request: RaftRequest }[] = [];
  #now = 0;
  #id = 0;
  #lines: string[] = [];

  /** Runs one line; returns what happened. */
  run(line: string): string {
    this.#lines = [];
    const [verb, ...words] = line.trim().split(/\s+/);
    switch (verb) {
      case "cluster":
        this.#cluster(words);
        break;
      case "timeout":
        this.#timeout(words[0]!);
        break;
      case "advance":
        this.#advance(Number(words[0]));
        break;
      case "disk":
        for (const name of this.#names(words)) this.#disk(name);
        break;
      case "deliver":
        this.#deliver(words);
        break;
      case "settle":
        for (let i = 0; i < 100 && this.#settleOnce(); i++);
        break;
      case "propose":
        this.#step(words[0]!, {
          kind: "propose",
          items: words
            .slice(1)
            .map((w) => ({ type: LOG_TYPE.command, data: Buffer.from(w), extensions: null })),
        });
        break;
      case "isolate":
        for (const w of words) this.#isolated.add(w);
        break;
      case "heal": {
        // Who sent into the void finds out.
        this.#isolated.clear();
        const dropped = this.#dropped;
        this.#dropped = [];
        for (const { from, to, request } of dropped)
          this.#step(from, { kind: "failed", to, request, closed: false });
        break;
      }
      case "crash":
        this.#crash(words[0]!);
        break;
      case "transfer":
        this.#step(words[0]!, { kind: "transfer", to: words[1] });
        break;
      case "verify":
        this.#step(words[0]!, { kind: "verify", id: ++this.#id });
        break;
      case "change":
        this.#change(words);
        break;
      case "old-peer":
        // As one of 1.8.7, which knows no pre-votes.
        for (const sim of this.#sims.values())
          for (const w of words) {
            sim.core.state.preVoters.delete(w);
            sim.core.state.preVotesClosed.set(w, 9);
            sim.core.state.oldPeers.add(w);
          }
        break;
      case "show":
        for (const name of this.#names(words)) this.#show(name);
        break;
      default:
        throw new Error(`scenario: unknown command ${verb}`);
    }
    return this.#lines.length === 0 ? "ok" : this.#lines.join("\n");
  }

  #names(words: readonly string[]): readonly string[] {
    return words.length > 0 ? words : [...this.#sims.keys()];
  }

  #cluster(names: readonly string[]): void {
    const servers = names.map((id): RaftServer => ({ id, address: `${id}:8300`, suffrage: SUFFRAGE.voter }));
    const entry = {
      index: 1,
      term: 1,
      type: LOG_TYPE.configuration,
      data: new Uint8Array(0),
      extensions: null,
    };
    for (const server of servers) {
      const hard = { term: 1, voteTerm: 0, voteFor: "" };
      const core = this.#core(server, hard, [entry], servers);
      this.#sims.set(server.id, { server, core, batches: [], hard });
    }
    for (const sim of this.#sims.values()) sim.core.start(0);
  }

  #core(
    server: RaftServer,
    hardState: HardState,
    entries: readonly {
      readonly index: number;
      readonly term: number;
      readonly type: number;
      readonly data: Uint8Array;
      readonly extensions: null | Uint8Array;
    }[],
    servers: readonly RaftServer[],
  ): RaftCore {
    const runs: { from: number; term: number }[] = [];
    for (const e of entries) if (runs.at(-1)?.term !== e.term) runs.push({ from: e.index, term: e.term });
    return new RaftCore(
      {
        id: server.id,
        address: server.address,
        heartbeatTimeoutMs: 1000,
        electionTimeoutMs: 1000,
        leaderLeaseTimeoutMs: 500,
        trailingLogs: 100,
        appendEntriesMax: 64,
      },
      {
        hardState,
        log: { first: 1, last: entries.length, runs, recent: entries },
        snapshot: { index: 0, term: 0 },
        configurations: [
          { index: 0, servers: [] },
          { index: 1, servers },
        ],
        applied: 0,
      },
      seededRandom(1),
      this.#now,
    );
  }

  #step(name: string, event: CoreEvent): void {
    const sim = this.#sims.get(name)!;
    this.#take(name, sim.core.step(event, this.#now));
  }

  #take(name: string, output: Output): void {
    const sim = this.#sims.get(name)!;
    if (output.persist !== undefined)
      sim.batches.push({ persist: output.persist, after: [...output.afterPersist] });
    else if (output.afterPersist.length > 0) {
      const last = sim.batches.at(-1);
      if (last !== undefined) last.after.push(...output.afterPersist);
      else for (const e of output.afterPersist) this.#effect(name, e);
    }
    if (output.persist !== undefined) {
      const { hardState, ops } = output.persist;
      const parts = ops.map((op) =>
        op.kind === "append"
          ? `append ${op.entries.map((e) => `${e.index}/${e.term}:${typeName[e.type]}`).join(" ")}`
          : op.kind === "truncate"
            ? `truncate ${op.from}`
            : "reset",
      );
      if (hardState !== undefined)
        parts.unshift(
          `term=${hardState.term}${hardState.voteTerm === hardState.term ? ` vote=${hardState.voteFor.split(":")[0]}` : ""}`,
        );
      this.#lines.push(`${name} to disk: ${parts.join(", ")}`);
    }
    for (const e of output.effects) this.#effect(name, e);
  }

  #effect(name: string, e: Effect): void {
    switch (e.kind) {
      case "send": {
        const dropped = this.#isolated.has(name) || this.#isolated.has(e.to.id);
        if (!dropped) this.#mail.push({ kind: "request", from: name, to: e.to, request: e.request });
        else this.#dropped.push({ from: name, to: e.to, request: e.request });
        if (e.lane === "heartbeat") return;
        this.#lines.push(`${name} -> ${e.to.id} ${describeRequest(e.request)}${dropped ? " (dropped)" : ""}`);
        return;
      }
      case "reply": {
        const asked = this.#asked.get(e.id)!;
        this.#asked.delete(e.id);
        const dropped = this.#isolated.has(name) || this.#isolated.has(asked.from);
        if (!dropped)
          this.#mail.push({
            kind: "response",
            from: name,
            to: asked.from,
            server: asked.to,
            request: asked.request,
            response: e.response,
          });
        if (
          asked.request.kind === "append" &&
          asked.request.term > 0 &&
          asked.request.prevIndex === 0 &&
          asked.request.entries.length === 0
        )
          return;
        this.#lines.push(
          `${name} answers ${asked.from} ${describeResponse(e.response)}${dropped ? " (dropped)" : ""}`,
        );
        return;
      }
      case "log":
        return;
      case "role":
        this.#lines.push(
          `${name} is ${e.role}, term ${this.#sims.get(name)!.core.state.term}, leader ${e.leader?.id ?? "none"}`,
        );
        return;
      default:
        this.#lines.push(
          `${name} ${Object.values(e)
            .filter((v) => typeof v !== "object")
            .join(" ")}`,
        );
    }
  }

  #timeout(name: string): void {
    const sim = this.#sims.get(name)!;
    this.#now = Math.max(this.#now, sim.core.deadline());
    this.#step(name, { kind: "tick" });
  }

  #advance(ms: number): void {
    this.#now += ms;
    for (const [name, sim] of this.#sims)
      if (sim.core.deadline() <= this.#now) this.#step(name, { kind: "tick" });
  }

  #disk(name: string): boolean {
    const sim = this.#sims.get(name)!;
    const batch = sim.batches.shift();
    if (batch === undefined) return false;
    if (batch.persist?.hardState !== undefined) sim.hard = batch.persist.hardState;
    for (const e of batch.after) this.#effect(name, e);
    if (batch.persist !== undefined)
      this.#step(name, { kind: "persisted", ...batch.persist.last, hardTerm: sim.hard.term });
    return true;
  }

  #deliver(words: readonly string[]): void {
    const now = this.#mail.splice(0);
    for (const m of now) {
      const to = m.kind === "request" ? m.to.id : m.to;
      if (words.length > 0 && !words.includes(to)) this.#mail.push(m);
      else this.#handOver(m);
    }
  }

  #handOver(m: Mail): void {
    if (m.kind === "response")
      return this.#step(m.to, { kind: "response", to: m.server, request: m.request, response: m.response });
    const id = ++this.#id;
    this.#asked.set(id, { from: m.from, to: m.to, request: m.request });
    this.#step(m.to.id, {
      kind: "request",
      id,
      request: {
        ...m.request,
        ...(m.request.kind === "append" ? { context: undefined } : {}),
      } as RaftRequest,
    });
  }

  #settleOnce(): boolean {
    let moved = false;
    for (const name of this.#sims.keys()) while (this.#disk(name)) moved = true;
    if (this.#mail.length > 0) {
      this.#deliver([]);
      moved = true;
    }
    return moved;
  }

  /** What was not written is gone; the server begins again as follower. */
  #crash(name: string): void {
    const sim = this.#sims.get(name)!;
    const s = sim.core.state;
    const unwritten = sim.batches.splice(0);
    const cut = Math.min(
      ...unwritten.flatMap(
        (b) => b.persist?.ops.flatMap((op) => (op.kind === "append" ? [op.entries[0]!.index] : [])) ?? [],
      ),
      s.log.last + 1,
    );
    const entries = (s.log.slice(1, cut - 1, 1e9) ?? []).slice(0, cut - 1);
    const { servers } = s.configurations.latest;
    sim.core = this.#core(sim.server, sim.hard, entries, servers);
    sim.core.start(this.#now);
    for (const [id, asked] of this.#asked) if (asked.to.id === name) this.#asked.delete(id);
    for (let i = this.#mail.length - 1; i >= 0; i--)
      if (this.#mail[i]!.kind === "response" && this.#mail[i]!.to === name) this.#mail.splice(i, 1);
    this.#show(name);
  }

  #change([name, kind, id]: readonly string[]): void {
    const address = `${id}:8300`;
    const change =
      kind === "add-voter" || kind === "add-nonvoter"
        ? ({ kind, id: id!, address } as const)
        : ({ kind: kind as "demote-voter" | "remove-server", id: id! } as const);
    this.#step(name!, { kind: "change", id: ++this.#id, change });
  }

  #show(name: string): void {
    const s = this.#sims.get(name)!.core.state;
    const log = (s.log.slice(1, 100, 1e9) ?? []).map((e) => e.term).join(",");
    this.#lines.push(
      `${name} ${s.role} term=${s.term} commit=${s.commit} log terms ${log} leader=${s.leader?.id ?? "none"} servers=${s.configurations.latest.servers.map((x) => x.id).join(",")}`,
    );
  }
}

function describeRequest(r: RaftRequest): string {
  switch (r.kind) {
    case "append":
      return `append term=${r.term} after ${r.prevIndex}/${r.prevTerm} entries=[${r.entries.map((e) => `${e.index}/${e.term}`).join(" ")}] commit=${r.commit}`;
    case "vote":
      return `vote term=${r.term} last=${r.lastIndex}/${r.lastTerm}${r.leadershipTransfer ? " by transfer" : ""}`;
    case "pre-vote":
      return `pre-vote term=${r.term} last=${r.lastIndex}/${r.lastTerm}`;
    default:
      return r.kind;
  }
}

function describeResponse(r: RaftResponse): string {
  switch (r.kind) {
    case "append-response":
      return `${r.success ? "appended" : "refused"} term=${r.term} last-before=${r.lastLog}`;
    case "vote-response":
    case "pre-vote-response":
      return `${r.granted ? "yes" : "no"} term=${r.term}`;
    default:
      return r.kind;
  }
}
