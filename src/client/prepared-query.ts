/** /v1/query: prepared queries. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions } from "./query.ts";
import type { Requester } from "./requester.ts";
import type { PreparedQuery, PreparedQueryDefinition, PreparedQueryResult } from "./types.ts";

export class PreparedQueries {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  /** The new query's ID. */
  async create(query: PreparedQueryDefinition, options: WriteOptions = {}): Promise<string> {
    return (await this.#r.write<{ readonly ID: string }>("POST", "/v1/query", options, stringifyJson(query)))
      .ID;
  }
  list(options: QueryOptions = {}): Promise<QueryReply<readonly PreparedQuery[]>> {
    return this.#r.read("/v1/query", options);
  }
  get(id: string, options: QueryOptions = {}): Promise<QueryReply<PreparedQuery | null>> {
    return this.#r.read(`/v1/query/${pathEscape(id)}`, options, {
      missing: () => null,
      map: (v) => ((v ?? []) as readonly PreparedQuery[])[0] ?? null,
    });
  }
  async update(id: string, query: PreparedQueryDefinition, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", `/v1/query/${pathEscape(id)}`, options, stringifyJson(query));
  }
  async delete(id: string, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("DELETE", `/v1/query/${pathEscape(id)}`, options);
  }
  execute(
    idOrName: string,
    options: QueryOptions & {
      readonly limit?: number | undefined;
      readonly connect?: boolean | undefined;
    } = {},
  ): Promise<QueryReply<PreparedQueryResult>> {
    const params = {
      limit: options.limit || undefined,
      connect: options.connect ? "true" : undefined,
      ...options.params,
    };
    return this.#r.read(`/v1/query/${pathEscape(idOrName)}/execute`, { ...options, params });
  }
  explain(
    idOrName: string,
    options: QueryOptions = {},
  ): Promise<QueryReply<{ readonly Query: PreparedQuery }>> {
    return this.#r.read(`/v1/query/${pathEscape(idOrName)}/explain`, options);
  }
}
