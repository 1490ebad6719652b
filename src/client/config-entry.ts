/** /v1/config: centrally stored configuration. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { ConfigEntry } from "./types.ts";

export class ConfigEntries {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  get(kind: string, name: string, options: QueryOptions = {}): Promise<QueryReply<ConfigEntry | null>> {
    return this.#r.read(`/v1/config/${pathEscape(kind)}/${pathEscape(name)}`, options, {
      missing: () => null,
      map: (v) => v as ConfigEntry,
    });
  }
  list(kind: string, options: QueryOptions = {}): Promise<QueryReply<readonly ConfigEntry[]>> {
    return this.#r.read(`/v1/config/${pathEscape(kind)}`, options);
  }
  /** False when `cas` did not hold. */
  set(
    entry: ConfigEntry,
    options: WriteOptions & { readonly cas?: bigint | undefined } = {},
  ): Promise<boolean> {
    return this.#r.write(
      "PUT",
      "/v1/config",
      { ...options, params: { cas: options.cas, ...options.params } },
      stringifyJson(entry),
    );
  }
  async delete(kind: string, name: string, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("DELETE", `/v1/config/${pathEscape(kind)}/${pathEscape(name)}`, options);
  }
}
