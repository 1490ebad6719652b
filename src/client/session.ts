/** /v1/session: what locks hang on. */
import { stringifyJson } from "../wire/json.ts";
import { pathEscape, type QueryOptions, type QueryReply, type WriteOptions, writeParams } from "./query.ts";
import { expectOk, jsonOf, type Requester } from "./requester.ts";
import type { Session, SessionRegistration } from "./types.ts";

export class Sessions {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }

  /** The new session's ID. */
  async create(session: SessionRegistration = {}, options: WriteOptions = {}): Promise<string> {
    return (
      await this.#r.write<{ readonly ID: string }>(
        "PUT",
        "/v1/session/create",
        options,
        stringifyJson(session),
      )
    ).ID;
  }
  async destroy(id: string, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("PUT", `/v1/session/destroy/${pathEscape(id)}`, options);
  }
  /** The session as renewed, or null when there is none any more. */
  async renew(id: string, options: WriteOptions = {}): Promise<Session | null> {
    const path = `/v1/session/renew/${pathEscape(id)}`;
    const reply = await this.#r.transport.send("PUT", path, {
      params: writeParams(this.#r.withDatacenter(options)),
      token: options.token,
      signal: options.signal,
    });
    if (reply.statusCode === 404) return null;
    return (jsonOf(expectOk(reply), path) as readonly Session[])[0] ?? null;
  }
  info(id: string, options: QueryOptions = {}): Promise<QueryReply<Session | null>> {
    return this.#r.read(`/v1/session/info/${pathEscape(id)}`, options, {
      map: (v) => ((v ?? []) as readonly Session[])[0] ?? null,
    });
  }
  node(name: string, options: QueryOptions = {}): Promise<QueryReply<readonly Session[]>> {
    return this.#r.read(`/v1/session/node/${pathEscape(name)}`, options);
  }
  list(options: QueryOptions = {}): Promise<QueryReply<readonly Session[]>> {
    return this.#r.read("/v1/session/list", options);
  }
}
