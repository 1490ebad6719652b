/**
 * Queries that serf answers itself, before the application sees them: reachability, name conflicts and the keyring.
 * Source: observed in serf 0.9.4.
 */
import { errorText, GossipDecodeError } from "../errors.ts";
import { QUERY_RESPONSE_BYTES_MAX } from "../limits.ts";
import type { Keyring } from "../memberlist/security.ts";
import type { SerfContext } from "./context.ts";
import { wireMember } from "./members.ts";
import {
  conflictResponse,
  decodeSerf,
  encodeSerf,
  type KeyAnswer,
  keyAnswer,
  keyRequest,
  SERF_MESSAGE,
} from "./messages.ts";
import type { PendingQuery } from "./queries.ts";
import type { Serf } from "./serf.ts";

const INTERNAL_PREFIX = "_serf_";
export const CONFLICT_QUERY = "_serf_conflict";
const PING_QUERY = "_serf_ping";
export const KEY_QUERIES = {
  install: "_serf_install-key",
  use: "_serf_use-key",
  remove: "_serf_remove-key",
  list: "_serf_list-keys",
} as const;

/** Bytes of a base64 key of 16 bytes in the answer, about: where truncation of a long key list starts. */
const LISTED_KEY_BYTES = 25;

export const isInternalQuery = (name: string): boolean => name.startsWith(INTERNAL_PREFIX);

export class InternalQueries {
  readonly #context: SerfContext;
  readonly #serf: Serf;
  readonly #keyring: Keyring;
  /** Stores the ring; returns what went wrong. */
  readonly #keysChanged: () => string | undefined;

  constructor(context: SerfContext, serf: Serf, keyring: Keyring, keysChanged: () => string | undefined) {
    this.#context = context;
    this.#serf = serf;
    this.#keyring = keyring;
    this.#keysChanged = keysChanged;
  }

  answer(q: PendingQuery, now: number): void {
    try {
      switch (q.name) {
        case PING_QUERY:
          // Its acknowledgement is the answer.
          return;
        case CONFLICT_QUERY:
          return this.#conflict(q, now);
        case KEY_QUERIES.install:
          return this.#change(q, now, (key) => this.#keyring.add(key));
        case KEY_QUERIES.use:
          return this.#change(q, now, (key) => this.#keyring.use(key));
        case KEY_QUERIES.remove:
          return this.#change(q, now, (key) => this.#keyring.remove(key));
        case KEY_QUERIES.list:
          return this.#list(q, now);
      }
      this.#context.log.warn(`Unhandled internal query '${q.name}'`);
    } catch (error) {
      this.#context.log.error(`Failed to respond to query '${q.name}': ${errorText(error)}`);
    }
  }

  #conflict(q: PendingQuery, now: number): void {
    const name = q.payload.toString("utf8");
    // The claimants do not vote.
    if (name === this.#context.name) return;
    const m = this.#serf.members.get(name);
    const answer = encodeSerf(
      SERF_MESSAGE.conflictResponse,
      conflictResponse,
      m === undefined ? null : wireMember(m),
    );
    this.#serf.respond(q, answer, now);
  }

  #change(q: PendingQuery, now: number, apply: (key: Buffer) => void): void {
    let result = false;
    let message = "";
    const key = this.#requestedKey(q);
    if (key !== undefined) {
      if (this.#keyring.primary === undefined) message = "No keyring to modify (encryption not enabled)";
      else {
        try {
          apply(key);
          const failure = this.#keysChanged();
          result = failure === undefined;
          message = failure ?? "";
        } catch (error) {
          message = errorText(error);
        }
      }
    }
    if (!result) this.#context.log.error(`Failed to handle ${q.name}: ${message}`);
    this.#serf.respond(
      q,
      encodeAnswer({ Result: result, Message: message, Keys: null, PrimaryKey: "" }),
      now,
    );
  }

  #requestedKey(q: PendingQuery): Buffer | undefined {
    if (q.payload[0] !== SERF_MESSAGE.keyRequest) return undefined;
    try {
      return decodeSerf("key request", keyRequest, q.payload).Key ?? Buffer.alloc(0);
    } catch (error) {
      if (!(error instanceof GossipDecodeError)) throw error;
      return undefined;
    }
  }

  #list(q: PendingQuery, now: number): void {
    const primary = this.#keyring.primary;
    if (primary === undefined) {
      const message = "Keyring is empty (encryption not enabled)";
      this.#serf.respond(
        q,
        encodeAnswer({ Result: false, Message: message, Keys: null, PrimaryKey: "" }),
        now,
      );
      return;
    }
    const keys = this.#keyring.keys.map((k) => k.toString("base64"));
    const base = { Result: true, PrimaryKey: primary.toString("base64") };
    let payload = encodeAnswer({ ...base, Message: "", Keys: keys });
    for (
      let n = Math.min(keys.length, Math.floor(QUERY_RESPONSE_BYTES_MAX / LISTED_KEY_BYTES));
      n > 0 && this.#serf.queries.responseSize(q, payload) > QUERY_RESPONSE_BYTES_MAX;
      n--
    )
      payload = encodeAnswer({
        ...base,
        Message: `truncated key list response, showing first ${n} of ${keys.length} keys`,
        Keys: keys.slice(0, n),
      });
    this.#serf.respond(q, payload, now);
  }
}

const encodeAnswer = (a: KeyAnswer): Buffer => encodeSerf(SERF_MESSAGE.keyResponse, keyAnswer, a);
