/** /v1/kv: entries by key and prefix, checked writes, locks. */
import { toBigint } from "../wire/json.ts";
import { ClientError } from "./errors.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import { expectOk, type Requester } from "./requester.ts";
import type { Body } from "./transport.ts";
import type { KvEntry } from "./types.ts";
import type { WatchOptions } from "./watch.ts";

export interface KvPutOptions extends WriteOptions {
  readonly flags?: bigint | undefined;
  /** Write only if ModifyIndex is this; 0n: only if the key is absent. */
  readonly cas?: bigint | undefined;
  /** Lock with this session. */
  readonly acquire?: string | undefined;
  /** Unlock with this session. */
  readonly release?: string | undefined;
}

export interface KvDeleteOptions extends WriteOptions {
  readonly cas?: bigint | undefined;
}

export class Kv {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  /** The entry, or null when there is none. */
  get(key: string, options: QueryOptions = {}): Promise<QueryReply<KvEntry | null>> {
    return this.#r.read(kvPath(key), options, {
      missing: () => null,
      map: (v) => toEntry((v as unknown[])[0]),
    });
  }

  /** Entries whose keys start with `prefix`, in byte order. */
  list(prefix: string, options: QueryOptions = {}): Promise<QueryReply<readonly KvEntry[]>> {
    const params = { recurse: true, ...options.params };
    return this.#r.read(
      kvPath(prefix),
      { ...options, params },
      { missing: () => [], map: (v) => ((v ?? []) as unknown[]).map(toEntry) },
    );
  }

  /** Keys that start with `prefix`, each cut after the first `separator` beyond it. */
  keys(
    prefix: string,
    options: QueryOptions & { readonly separator?: string | undefined } = {},
  ): Promise<QueryReply<readonly string[]>> {
    const params = { keys: true, separator: options.separator || undefined, ...options.params };
    return this.#r.read(
      kvPath(prefix),
      { ...options, params },
      { missing: () => [], map: (v) => (v ?? []) as readonly string[] },
    );
  }

  /** Writes `value`; false when the condition (cas, acquire, release) did not hold. */
  async put(key: string, value: Body, options: KvPutOptions = {}): Promise<boolean> {
    if (key.startsWith("/")) throw new ClientError(`Invalid key. Key must not begin with a '/': ${key}`);
    const { flags, cas, acquire, release } = options;
    const params = { flags: flags === 0n ? undefined : flags, cas, acquire, release, ...options.params };
    return (await this.#r.write<boolean>("PUT", kvPath(key), { ...options, params }, value)) === true;
  }

  /** Removes the key; false when `cas` did not hold. */
  async delete(key: string, options: KvDeleteOptions = {}): Promise<boolean> {
    return (
      (await this.#r.write<boolean>("DELETE", kvPath(key), {
        ...options,
        params: { cas: options.cas, ...options.params },
      })) === true
    );
  }

  /** Removes every key that starts with `prefix`. */
  async deleteTree(prefix: string, options: WriteOptions = {}): Promise<boolean> {
    return (
      (await this.#r.write<boolean>("DELETE", kvPath(prefix), {
        ...options,
        params: { recurse: true, ...options.params },
      })) === true
    );
  }

  /** The value's bytes, not decoded as JSON, or null. */
  async raw(key: string, options: WriteOptions = {}): Promise<Buffer | null> {
    const reply = await this.#r.transport.send("GET", kvPath(key), {
      params: {
        dc: this.#r.withDatacenter(options).datacenter || undefined,
        raw: true,
        ...options.params,
      },
      token: options.token,
      signal: options.signal,
    });
    return reply.statusCode === 404 ? null : expectOk(reply).body;
  }

  /** The entry now and after each change; null while it is absent. */
  watch(
    key: string,
    options: WatchOptions = {},
  ): AsyncGenerator<QueryReply<KvEntry | null>, void, undefined> {
    return this.#r.watch((o) => this.get(key, o), options);
  }

  watchPrefix(
    prefix: string,
    options: WatchOptions = {},
  ): AsyncGenerator<QueryReply<readonly KvEntry[]>, void, undefined> {
    return this.#r.watch((o) => this.list(prefix, o), options);
  }
}

const kvPath = (key: string): string => `/v1/kv/${pathEscape(key)}`;

/** An entry of a reply: also those inside transactions. */
export function toEntry(v: unknown): KvEntry {
  const e = v as Readonly<Record<string, unknown>>;
  return {
    Key: String(e["Key"]),
    Flags: toBigint(e["Flags"]),
    Value: typeof e["Value"] === "string" ? Buffer.from(e["Value"], "base64") : null,
    LockIndex: Number(e["LockIndex"]),
    Session: typeof e["Session"] === "string" ? e["Session"] : "",
    CreateIndex: Number(e["CreateIndex"]),
    ModifyIndex: Number(e["ModifyIndex"]),
  };
}
