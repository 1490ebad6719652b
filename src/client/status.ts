/** /v1/status: who leads, who votes. */
import type { RequestOptions } from "./query.ts";
import type { Requester } from "./requester.ts";

export class Status {
  readonly #r: Requester;
  constructor(requester: Requester) {
    this.#r = requester;
  }
  /** `ip:port` of the leader, "" for none. */
  leader(options: RequestOptions = {}): Promise<string> {
    return this.#r.get("/v1/status/leader", options);
  }
  peers(options: RequestOptions = {}): Promise<readonly string[]> {
    return this.#r.get("/v1/status/peers", options);
  }
}
