/** The soak's load: a mix of what users do, by a fixed width (as fast as it goes) or at a fixed rate. */
import { dnsAnswer } from "./answers.ts";
import { send } from "./http-driver.ts";
import type { BenchAgent } from "./programs.ts";
import { percentile } from "./statistics.ts";
import { until } from "./until.ts";

/** Bounded, so that the state does not grow by the load: a state that grows would hide what leaks. */
const KEYS = 1_000;
const CHURNED = 10;
const VALUE = "v".repeat(128);
/** A rate is kept in steps of this many milliseconds. */
const STEP_MS = 10;
/** Operations under way at once; more are not begun and count as errors: the agents do not keep up. */
const UNDER_WAY_MAX = 2_000;
const CONNECTIONS = 64;
const FILL_WITHIN_MS = 60_000;

export interface Window {
  readonly done: number;
  readonly errors: number;
  /** 99th percentile, milliseconds. */
  readonly latencyMs: number;
}

export class SoakLoad {
  readonly #servers: readonly BenchAgent[];
  readonly #clients: readonly BenchAgent[];
  readonly #mix: readonly (readonly [weight: number, op: (turn: number) => Promise<unknown>])[];
  #turn = 0;
  #underWay = 0;
  #done = 0;
  #errors = 0;
  #latencies: number[] = [];
  readonly errorTexts = new Map<string, number>();

  constructor(servers: readonly BenchAgent[], clients: readonly BenchAgent[]) {
    this.#servers = servers;
    this.#clients = clients;
    const client = (turn: number): string => this.#client(turn).http;
    const server = (turn: number): string => servers[turn % servers.length]!.http;
    const key = (turn: number): string => `soak/${(turn * 7919) % KEYS}`;
    const get = (url: string): Promise<string> => send("GET", url, undefined, CONNECTIONS);
    this.#mix = [
      [35, (t) => get(`${client(t)}/v1/kv/${key(t)}?raw`)],
      [12, (t) => send("PUT", `${client(t)}/v1/kv/${key(t)}`, VALUE, CONNECTIONS)],
      [20, (t) => get(`${client(t)}/v1/health/service/web?passing`)],
      [15, (t) => get(`${server(t)}/v1/health/service/web?passing`)],
      [5, (t) => get(`${client(t)}/v1/catalog/nodes`)],
      [3, (t) => this.#churn(t)],
      [10, (t) => dnsAnswer(this.#client(t).ip, "web.service.consul", "A")],
    ];
  }

  /** Every key once: reads find them. A write that an election falls into is made again. */
  async fill(): Promise<void> {
    for (let i = 0; i < KEYS; i++)
      await until(`key ${i} written`, FILL_WITHIN_MS, () =>
        send("PUT", `${this.#servers[0]!.http}/v1/kv/soak/${i}`, VALUE).then(
          () => true,
          () => false,
        ),
      );
  }

  #client(turn: number): BenchAgent {
    return this.#clients[turn % this.#clients.length]!;
  }

  async #churn(turn: number): Promise<void> {
    const { http } = this.#client(turn);
    const id = `churn-${turn % CHURNED}`;
    const body = JSON.stringify({ ID: id, Name: "churn", Port: 1000 + (turn % 1000) });
    await send("PUT", `${http}/v1/agent/service/register`, body, CONNECTIONS);
    await send("PUT", `${http}/v1/agent/service/deregister/${id}`, undefined, CONNECTIONS).catch(
      (error: Error) => {
        // Another turn with the same name was faster.
        if (!/Unknown service/i.test(error.message)) throw error;
      },
    );
  }

  async #one(): Promise<void> {
    const turn = this.#turn++;
    let at = (turn * 37) % 100;
    const [, op] = this.#mix.find(([weight]) => {
      at -= weight;
      return at < 0;
    })!;
    const started = performance.now();
    this.#underWay++;
    try {
      await op(turn);
      this.#done++;
      this.#latencies.push(performance.now() - started);
    } catch (error) {
      this.#fail((error as Error).message);
    } finally {
      this.#underWay--;
    }
  }

  #fail(text: string): void {
    this.#errors++;
    const kind = text.replace(/\d+/g, "N").slice(0, 120);
    this.errorTexts.set(kind, (this.errorTexts.get(kind) ?? 0) + 1);
  }

  /** `width` operations at a time until `seconds` are over; operations a second. */
  async peak(seconds: number, width = 32): Promise<number> {
    const end = performance.now() + 1000 * seconds;
    this.window();
    const worker = async (): Promise<void> => {
      while (performance.now() < end) await this.#one();
    };
    await Promise.all(Array.from({ length: width }, worker));
    return this.window().done / seconds;
  }

  /** `perSecond` operations a second, however long each takes, until the returned function is called. */
  start(perSecond: number): () => void {
    let due = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      due += ((now - last) / 1000) * perSecond;
      last = now;
      for (; due >= 1; due--)
        if (this.#underWay < UNDER_WAY_MAX) void this.#one();
        else this.#fail("the agents do not keep up");
    }, STEP_MS);
    return () => clearInterval(timer);
  }

  /** What happened since the last call. */
  window(): Window {
    const w = { done: this.#done, errors: this.#errors, latencyMs: percentile(this.#latencies, 0.99) };
    this.#done = 0;
    this.#errors = 0;
    this.#latencies = [];
    return w;
  }
}
