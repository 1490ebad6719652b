/** The load: clients that do one operation after the other at random agents, and write down what they asked and heard. */

import { INITIAL, type RegisterOp } from "../sim/raft/linearizability.ts";
import type { Random } from "../src/ports/random.ts";
import { Availability } from "./availability.ts";
import type { ChaosNode, Reply } from "./cluster.ts";
import { History, type ReadMode } from "./history.ts";
import { neverSent, outcomeOf } from "./outcome.ts";

/** Registers are changed for this long and then left: histories stay short enough to be checked. */
const KEY_LIFE_MS = 10_000;
const KEYS_AT_ONCE = 5;

export interface ClientsOptions {
  readonly count: number;
  /** A client rests up to this long between two operations. */
  readonly restMs: number;
}

interface Seen {
  readonly value: string;
  readonly index: number;
}

interface Entry {
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

const now = (): number => performance.now();

export class Clients {
  readonly history = new History();
  readonly writes: Availability;
  readonly reads: Availability;
  /** Write-once keys whose write was acknowledged, with their value. */
  readonly acknowledged = new Map<string, string>();
  /** How often each kind of failure was heard. */
  readonly failures = new Map<string, number>();
  readonly #nodes: readonly ChaosNode[];
  readonly #random: Random;
  readonly #options: ClientsOptions;
  readonly #startedAt = now();
  readonly #running: Promise<void>[] = [];
  /** What a client read last of each register: what its compare-and-sets build on. */
  readonly #seen = new Map<string, Seen>();
  #value = 0;
  #stopped = false;

  constructor(nodes: readonly ChaosNode[], random: Random, options: ClientsOptions) {
    this.#nodes = nodes;
    this.#random = random;
    this.#options = options;
    this.writes = new Availability(this.#startedAt);
    this.reads = new Availability(this.#startedAt);
  }

  start(): void {
    for (let i = 0; i < this.#options.count; i++) this.#running.push(this.#client());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** One last consistent read of every register through `node`, for the record. */
  async readAll(node: ChaosNode): Promise<void> {
    for (const key of [...this.history.keys]) await this.#read(node, key, "consistent");
  }

  async #client(): Promise<void> {
    while (!this.#stopped) {
      const node = this.#nodes[this.#random.int(this.#nodes.length)]!;
      const window = Math.floor((now() - this.#startedAt) / KEY_LIFE_MS);
      const key = `register/${window}/${this.#random.int(KEYS_AT_ONCE)}`;
      const kind = this.#random.int(10);
      if (kind < 2) await this.#put(node, key);
      else if (kind < 4) await this.#cas(node, key);
      else if (kind < 6) await this.#putOnce(node);
      else await this.#read(node, key, kind < 8 ? "default" : "consistent");
      await new Promise((resolve) => setTimeout(resolve, this.#random.float() * this.#options.restMs));
    }
  }

  #note(availability: Availability, reply: Reply | Error, call: number, ok: boolean): void {
    const refused = reply instanceof Error && neverSent(reply);
    availability.record(ok ? "ok" : refused ? "refused" : "failed", now(), now() - call);
    if (ok || refused) return;
    const text = reply instanceof Error ? reply.message : `${reply.status} ${reply.body.trim()}`;
    const kind = text.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, "A").replace(/\/dev\/shm\S+/, "S");
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
  }

  async #write(node: ChaosNode, key: string, path: string, value: string): Promise<[Reply | Error, number]> {
    const call = now();
    const reply = await node.http("PUT", `/v1/kv/${key}${path}`, value);
    this.#note(this.writes, reply, call, !(reply instanceof Error) && reply.status === 200);
    return [reply, call];
  }

  async #put(node: ChaosNode, key: string): Promise<void> {
    const value = `v${++this.#value}`;
    const [reply, call] = await this.#write(node, key, "", value);
    const outcome = outcomeOf(reply);
    const op: RegisterOp = { kind: "write", value };
    if (outcome !== "no")
      this.history.record(key, node.name, op, call, outcome === "yes" ? now() : undefined);
  }

  async #putOnce(node: ChaosNode): Promise<void> {
    const value = `v${++this.#value}`;
    const key = `once/${value}`;
    const [reply] = await this.#write(node, key, "", value);
    if (outcomeOf(reply) === "yes") this.acknowledged.set(key, value);
  }

  async #cas(node: ChaosNode, key: string): Promise<void> {
    const value = `v${++this.#value}`;
    const seen = this.#seen.get(key) ?? { value: INITIAL, index: 0 };
    const [reply, call] = await this.#write(node, key, `?cas=${seen.index}`, value);
    const outcome = outcomeOf(reply);
    if (outcome === "no") return;
    const result = outcome === "yes" && !(reply instanceof Error) ? reply.body.trim() === "true" : undefined;
    const op: RegisterOp = { kind: "cas", expect: seen.value, value, result };
    this.history.record(key, node.name, op, call, outcome === "yes" ? now() : undefined);
  }

  async #read(node: ChaosNode, key: string, mode: ReadMode): Promise<void> {
    const call = now();
    const reply = await node.http("GET", `/v1/kv/${key}${mode === "consistent" ? "?consistent" : ""}`);
    const ok = !(reply instanceof Error) && (reply.status === 200 || reply.status === 404);
    this.#note(this.reads, reply, call, ok);
    if (!ok) return;
    let result = INITIAL;
    if (reply.status === 200) {
      const entry = (JSON.parse(reply.body) as readonly Entry[])[0]!;
      result = Buffer.from(entry.Value ?? "", "base64").toString();
      const seen = this.#seen.get(key);
      if (seen === undefined || seen.index < entry.ModifyIndex)
        this.#seen.set(key, { value: result, index: entry.ModifyIndex });
    }
    this.history.record(key, node.name, { kind: "read", result }, call, now(), mode);
  }
}
