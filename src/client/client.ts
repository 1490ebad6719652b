/**
 * A typed client of the HTTP API, one property a family:
 *
 *   const client = new TribuneClient();
 *   for await (const { value, index } of client.health.watch("web")) console.log(index, value.length);
 *
 * Errors carry the texts of Consul's Go client (see errors.ts). Nothing is opened before the first request.
 */
import { Acl } from "./acl.ts";
import { type ClientOptions, resolveTarget } from "./address.ts";
import { Agent } from "./agent.ts";
import { Catalog } from "./catalog.ts";
import { ConfigEntries } from "./config-entry.ts";
import { Connect } from "./connect.ts";
import { Coordinates } from "./coordinate.ts";
import { Events } from "./event.ts";
import { Health } from "./health.ts";
import { Internal } from "./internal.ts";
import { Kv } from "./kv.ts";
import { Operator, Snapshots } from "./operator.ts";
import { PreparedQueries } from "./prepared-query.ts";
import { Requester } from "./requester.ts";
import { Sessions } from "./session.ts";
import { Status } from "./status.ts";
import { type Method, type RawReply, type RawRequest, type RawStream, Transport } from "./transport.ts";
import { Txn } from "./txn.ts";

export class TribuneClient {
  readonly acl: Acl;
  readonly agent: Agent;
  readonly catalog: Catalog;
  readonly config: ConfigEntries;
  readonly connect: Connect;
  readonly coordinate: Coordinates;
  readonly event: Events;
  readonly health: Health;
  readonly internal: Internal;
  readonly kv: Kv;
  readonly operator: Operator;
  readonly query: PreparedQueries;
  readonly session: Sessions;
  readonly snapshot: Snapshots;
  readonly status: Status;
  readonly txn: Txn;
  readonly #transport: Transport;

  /** Throws ClientConfigError when address, token file or certificates cannot be used. */
  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(resolveTarget(options));
    const r = new Requester(this.#transport);
    this.acl = new Acl(r);
    this.agent = new Agent(r);
    this.catalog = new Catalog(r);
    this.config = new ConfigEntries(r);
    this.connect = new Connect(r);
    this.coordinate = new Coordinates(r);
    this.event = new Events(r);
    this.health = new Health(r);
    this.internal = new Internal(r);
    this.kv = new Kv(r);
    this.operator = new Operator(r);
    this.query = new PreparedQueries(r);
    this.session = new Sessions(r);
    this.snapshot = new Snapshots(r);
    this.status = new Status(r);
    this.txn = new Txn(r);
  }

  /** Any request; the reply as it is, whatever its status. Rejects only when there is none. */
  raw(method: Method, path: string, request: RawRequest = {}): Promise<RawReply> {
    return this.#transport.send(method, path, request);
  }

  /** As {@link raw}, the body still to be read. */
  rawStream(method: Method, path: string, request: RawRequest = {}): Promise<RawStream> {
    return this.#transport.stream(method, path, request);
  }

  /** Closes kept-alive connections. A client that is not closed does not keep the process alive. */
  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
