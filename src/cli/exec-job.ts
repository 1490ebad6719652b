/**
 * One remote command over KV, session and event: uploads the job under a session of its own, fires the event, and turns the keys
 * that nodes write (ack, output pieces, exit) into happenings. Protocol observed in Consul 1.8.7; see the agent's remote-exec.ts
 * for the other side.
 */
import type { TribuneClient } from "../client/client.ts";
import type { Clock } from "../ports/clock.ts";
import { sleep } from "../ports/clock.ts";

export interface ExecJobOptions {
  readonly prefix: string;
  readonly command: string;
  /** Run as they are, without a shell. */
  readonly argv: readonly string[] | undefined;
  readonly script: Uint8Array | undefined;
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
  /** Silence that ends the collecting. */
  readonly waitMs: number;
  /** Pause between upload and event, so that stale reads find the job. */
  readonly replicationWaitMs: number;
  readonly stale: boolean;
  /** Datacenter as the flag names it, or "". */
  readonly datacenter: string;
  readonly signal: AbortSignal;
}

export type ExecHappening =
  | { readonly kind: "foreign"; readonly node: string; readonly datacenter: string }
  | { readonly kind: "session"; readonly id: string }
  | { readonly kind: "uploaded" }
  | { readonly kind: "fired"; readonly id: string }
  | { readonly kind: "ack"; readonly node: string }
  | { readonly kind: "output"; readonly node: string; readonly bytes: Uint8Array }
  | { readonly kind: "heartbeat"; readonly node: string }
  | { readonly kind: "exit"; readonly node: string; readonly code: number }
  | { readonly kind: "unknown"; readonly key: string };

/** What the job cannot go on without; the text stands alone. */
export class ExecError extends Error {
  override readonly name = "ExecError";
}

const SESSION_TTL = "15s";
const RENEW_EVERY_MS = 5_000;
/** An election takes seconds; the session lives through it. */
const READ_RETRIES = 40;
const READ_RETRY_PAUSE_MS = 250;
/** Bytes of a job in the KV store (its values' limit, less the envelope). */
export const EXEC_SCRIPT_BYTES_MAX = 380 * 1024;

export async function* runExecJob(
  client: TribuneClient,
  options: ExecJobOptions,
  clock: Clock,
): AsyncGenerator<ExecHappening, void, undefined> {
  if ((options.script?.byteLength ?? 0) > EXEC_SCRIPT_BYTES_MAX)
    throw new ExecError(
      `The script has ${options.script!.byteLength} bytes, more than the ${EXEC_SCRIPT_BYTES_MAX} that fit into the KV store`,
    );
  const self = await client.agent.self();
  const home = { datacenter: String(self.Config.Datacenter), node: String(self.Config.NodeName) };
  const foreign = options.datacenter !== "" && options.datacenter !== home.datacenter;
  const session = foreign ? yield* foreignSession(client, home) : await homeSession(client);
  yield { kind: "session", id: session };
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  const renewal = keepSession(client, session, clock, signal);
  const root = `${options.prefix}/${session}`;
  try {
    const job = JSON.stringify({
      Command: options.command,
      Args: options.argv ?? null,
      Script: options.script === undefined ? null : Buffer.from(options.script).toString("base64"),
      Wait: Math.round(options.waitMs * 1e6),
    });
    if (!(await client.kv.put(`${root}/job`, job, { acquire: session, signal })))
      throw new ExecError("Failed to create job file: the session could not lock its key");
    yield { kind: "uploaded" };
    await sleep(clock, options.replicationWaitMs, { signal });
    const event = await client.event.fire(
      "_rexec",
      JSON.stringify({ Prefix: options.prefix, Session: session }),
      {
        nodeFilter: options.nodeFilter,
        serviceFilter: options.serviceFilter,
        tagFilter: options.tagFilter,
        signal,
      },
    );
    yield { kind: "fired", id: event.ID };
    yield* collect(client, options, root, clock, signal, renewal);
  } finally {
    stopped.abort();
    await cleanUp(client, session, root);
  }
}

async function homeSession(client: TribuneClient): Promise<string> {
  return client.session.create({ Name: "Remote Exec", Behavior: "delete", TTL: SESSION_TTL });
}

/** In another datacenter no node of ours can hold a session: a server there does. */
async function* foreignSession(
  client: TribuneClient,
  home: { readonly datacenter: string; readonly node: string },
): AsyncGenerator<ExecHappening, string, undefined> {
  const { value: servers } = await client.health.service("consul", { passing: true });
  const server = servers[0];
  if (server === undefined) throw new ExecError("Failed to find Consul server in remote datacenter");
  yield { kind: "foreign", node: server.Node.Node, datacenter: server.Node.Datacenter };
  return client.session.create({
    Name: `Remote Exec via ${home.node}@${home.datacenter}`,
    Node: server.Node.Node,
    Checks: [],
    Behavior: "delete",
    TTL: SESSION_TTL,
  });
}

/** Renews until `signal`; rejects when the session is gone. */
async function keepSession(
  client: TribuneClient,
  session: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await sleep(clock, RENEW_EVERY_MS, { signal });
    let renewed: unknown;
    try {
      renewed = await client.session.renew(session, { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      // An election may swallow one renewal; the TTL leaves room for the next.
      continue;
    }
    if (renewed === null) throw new ExecError("Session renew failed: the session is gone");
  }
}

async function* collect(
  client: TribuneClient,
  options: ExecJobOptions,
  root: string,
  clock: Clock,
  signal: AbortSignal,
  renewal: Promise<never>,
): AsyncGenerator<ExecHappening, void, undefined> {
  const seen = new Set<string>();
  const acked = new Set<string>();
  const exited = new Set<string>();
  let index = 0n;
  let failures = 0;
  let lastNews = clock.now();
  // Whoever awaits a read hears of a lost session too; until then its rejection is nobody's.
  renewal.catch(() => {});
  for (;;) {
    const patience = acked.size > exited.size ? 2 * options.waitMs : options.waitMs;
    const left = lastNews + patience - clock.now();
    if (left <= 0) return;
    let keys: readonly string[];
    try {
      const reply = await Promise.race([
        client.kv.keys(`${root}/`, {
          index,
          wait: Math.max(1, Math.ceil(left)),
          stale: options.stale,
          signal,
        }),
        renewal,
      ]);
      keys = reply.value;
      index = reply.index < index ? 0n : reply.index;
      failures = 0;
    } catch (error) {
      if (error instanceof ExecError || signal.aborted) throw error;
      // No leader for a moment: the session lives through it, so does the job.
      if (++failures > READ_RETRIES) throw error;
      index = 0n;
      // Silence that is the servers' fault is not the nodes'.
      lastNews = clock.now();
      await sleep(clock, READ_RETRY_PAUSE_MS, { signal });
      continue;
    }
    const fresh = keys.filter((k) => !seen.has(k));
    if (fresh.length > 0) lastNews = clock.now();
    for (const key of fresh) seen.add(key);
    const parsed = fresh.map((key) => parseKey(key, root)).sort((a, b) => ORDER[a.kind] - ORDER[b.kind]);
    for (const k of parsed) {
      switch (k.kind) {
        case "job":
          break;
        case "unknown":
          yield { kind: "unknown", key: k.key };
          break;
        case "ack":
          acked.add(k.node);
          yield { kind: "ack", node: k.node };
          break;
        case "output": {
          const bytes = await readValue(client, k.key, clock, signal);
          yield bytes.byteLength === 0
            ? { kind: "heartbeat", node: k.node }
            : { kind: "output", node: k.node, bytes };
          break;
        }
        case "exit": {
          const text = Buffer.from(await readValue(client, k.key, clock, signal)).toString("utf8");
          exited.add(k.node);
          yield { kind: "exit", node: k.node, code: /^-?\d+$/.test(text) ? Number(text) : 255 };
          break;
        }
      }
    }
  }
}

/** Within one answer: what a node wrote first comes first, though the store sorts "exit" before "out". */
const ORDER = { job: 0, ack: 1, output: 2, exit: 3, unknown: 4 } as const;

type ParsedKey =
  | { readonly kind: "job" }
  | { readonly kind: "unknown"; readonly key: string }
  | { readonly kind: "ack" | "output" | "exit"; readonly key: string; readonly node: string };

/** `<root>/<node>/ack`, `/exit`, `/out/<5 hex digits>`; read from the right, as node names may hold anything. */
export function parseKey(key: string, root: string): ParsedKey {
  const rest = key.startsWith(`${root}/`) ? key.slice(root.length + 1) : key;
  if (rest === "job") return { kind: "job" };
  const m = /^(.+)\/(?:(ack)|(exit)|out\/[0-9a-f]{5,})$/.exec(rest);
  if (m === null) return { kind: "unknown", key };
  return { kind: m[2] !== undefined ? "ack" : m[3] !== undefined ? "exit" : "output", key, node: m[1]! };
}

async function readValue(
  client: TribuneClient,
  key: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let failures = 0; ; failures++) {
    try {
      return (await client.kv.raw(key, { signal })) ?? new Uint8Array();
    } catch (error) {
      if (signal.aborted || failures >= READ_RETRIES) throw error;
      await sleep(clock, READ_RETRY_PAUSE_MS, { signal });
    }
  }
}

/** The session's end removes the keys that it holds; the tree's removal what others wrote late. */
async function cleanUp(client: TribuneClient, session: string, root: string): Promise<void> {
  try {
    await client.session.destroy(session);
    await client.kv.deleteTree(root);
    await client.session.destroy(session);
  } catch {
    // The session's TTL does the same within half a minute.
  }
}
