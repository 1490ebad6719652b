/**
 * The HTTP door: listens on every address of `config.httpAddrs`, finds the route, runs its handler, writes the answer. What
 * holds for every endpoint is here; what an endpoint does is in its family's file.
 */
import { chmodSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { ListenAddress } from "../agent/config/runtime-config.ts";
import type { AgentApi } from "../agent/contract.ts";
import type { Logger } from "../ports/log.ts";
import { cidrTest } from "./address-filter.ts";
import { apiRoutes } from "./api.ts";
import { Call, plainIp, type Waiting } from "./call.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import { endProfiling } from "./debug-profiles.ts";
import { HttpError, REFUSALS, statusOf } from "./errors.ts";
import { type Exchange, NodeExchange } from "./exchange.ts";
import { HEADER_BYTES_MAX, HEADERS_TIMEOUT_MS } from "./limits.ts";
import { PlainLane } from "./plain-lane.ts";
import { HTML_TYPE, JSON_TYPE, prettyJson, respond, TEXT_TYPE } from "./respond.ts";
import { type Endpoint, Router } from "./router.ts";
import type { Answer } from "./routes.ts";
import { serveUi, type UiAssets, uiFolder } from "./ui-files.ts";
import { cleanPath, escapePath, hasUnprintable, parseQuery, percentDecode } from "./url.ts";

export interface HttpDoor {
  /** Listens; rejects with the first address that cannot be had. */
  start(): Promise<void>;
  /** Ends what waits, lets replies under way go out, closes. */
  close(): Promise<void>;
  /** Where it listens: real ports where 0 was asked for. Valid after start. */
  readonly addresses: readonly ListenAddress[];
}

export interface HttpDoorOptions {
  /** The web page's files, unless `ui_dir` names others. Without either there is no page. */
  readonly ui?: UiAssets;
}

/** Milliseconds for replies under way when the door closes. */
const CLOSE_GRACE_MS = 2_000;

export function createHttpDoor(agent: AgentApi, options: HttpDoorOptions = {}): HttpDoor {
  return new Door(agent, options);
}

class Door implements HttpDoor {
  readonly #agent: AgentApi;
  readonly #log: Logger;
  readonly #router: Router;
  readonly #limit: ConnectionLimit;
  readonly #mayWrite: (ip: string) => boolean;
  readonly #ui: UiAssets | undefined;
  readonly #servers: Server[] = [];
  readonly #lanes: PlainLane[] = [];
  readonly #waiting: Waiting = new Set();
  /** `http_config.response_headers`, name and value in turn. */
  readonly #configured: readonly string[];
  /** Headers of every endpoint's reply. */
  readonly #common: readonly string[];
  #addresses: readonly ListenAddress[] = [];

  constructor(agent: AgentApi, options: HttpDoorOptions) {
    const { config } = agent;
    this.#agent = agent;
    this.#log = agent.log.named("http");
    this.#router = new Router(apiRoutes);
    this.#limit = new ConnectionLimit(config.limits.httpMaxConnsPerClient);
    this.#mayWrite = cidrTest(config.allowWriteHttpFrom);
    const ui = config.uiDir === "" ? options.ui : uiFolder(config.uiDir);
    this.#ui = config.uiEnabled || config.uiDir !== "" ? ui : undefined;
    this.#configured = [...config.httpResponseHeaders].flatMap(([name, value]) => [
      canonicalHeader(name),
      value,
    ]);
    const common = ["Vary", "Accept-Encoding", ...this.#configured];
    if (config.translateWanAddrs) common.push("X-Consul-Translate-Addresses", "true");
    this.#common = common;
  }

  get addresses(): readonly ListenAddress[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    const bound: ListenAddress[] = [];
    try {
      for (const address of this.#agent.config.httpAddrs) {
        if (address.port < 0) continue;
        bound.push(await this.#listen(address));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#addresses = bound;
  }

  async close(): Promise<void> {
    for (const abort of this.#waiting) abort.abort(new Error("agent is shutting down"));
    const servers = this.#servers.splice(0);
    const closed = servers.map((s) => new Promise<void>((resolve) => s.close(() => resolve())));
    for (const s of servers) s.closeIdleConnections();
    const lanes = this.#lanes.splice(0);
    for (const l of lanes) l.close();
    const force = this.#agent.clock.timer(CLOSE_GRACE_MS, () => {
      for (const s of servers) s.closeAllConnections();
      for (const l of lanes) l.destroyAll();
    });
    await Promise.all(closed);
    force.cancel();
    endProfiling(this.#agent);
  }

  async #listen(address: ListenAddress): Promise<ListenAddress> {
    const server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      requireHostHeader: false,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Bodies have a stall timer of their own: a restore may take longer than any fixed time.
      requestTimeout: 0,
      // As Go's server: an idle connection lives until its client closes it, so no request is lost to a race.
      keepAliveTimeout: 0,
      keepAlive: true,
      noDelay: true,
    });
    const onNodeRequest = (req: IncomingMessage, res: ServerResponse): void =>
      this.#onRequest(new NodeExchange(req, res));
    server.on("request", onNodeRequest);
    server.on("checkContinue", onNodeRequest);
    server.on("clientError", onClientError);
    const lane = new PlainLane(server, {
      clock: this.#agent.clock,
      admit: (socket) => this.#limit.admit(socket),
      onRequest: (exchange) => this.#onRequest(exchange),
      onSilent: (socket) => endWith(socket, "408 Request Timeout"),
    });
    this.#lanes.push(lane);
    const { host, port } = address;
    const unix = host.startsWith("unix://") ? host.slice("unix://".length) : undefined;
    if (unix !== undefined) await freeSocketPath(unix);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (e: NodeJS.ErrnoException) =>
        reject(new Error(listenError(e, address), { cause: e })),
      );
      server.listen(unix === undefined ? { host, port } : { path: unix }, () => resolve());
    });
    server.on("error", (e) => this.#log.error("listener failed", { error: e.message }));
    this.#servers.push(server);
    if (unix !== undefined) {
      const { mode } = this.#agent.config.unixSockets;
      if (mode !== "") chmodSync(unix, Number.parseInt(mode, 8));
      return address;
    }
    const at = server.address() as AddressInfo;
    return { host: at.address, port: at.port };
  }

  #onRequest(exchange: Exchange): void {
    const started = this.#agent.clock.now();
    const target = splitTarget(exchange.target);
    if (target === undefined || exchange.lacksHost) {
      const text = target === undefined ? "400 Bad Request" : "400 Bad Request: missing required Host header";
      return respond(exchange, 400, ["Content-Type", TEXT_TYPE, "Connection", "close"], text);
    }
    if (target.path === "*") return respond(exchange, 200, [], "");
    const { path } = target;
    if (!this.#agent.config.disableHttpUnprintableCharFilter && hasUnprintable(path))
      return respond(exchange, 400, [], "");
    const clean = cleanPath(path);
    if (clean !== path) return redirect(exchange, clean, target.queryText);

    const match = this.#router.match(path);
    if (match === "slash") return redirect(exchange, `${path}/`, target.queryText);
    if (match === undefined) return this.#onOther(exchange, path, target.queryText);
    this.#onEndpoint(exchange, match.endpoint, path, match.rest, target.queryText, started);
  }

  #onEndpoint(
    exchange: Exchange,
    endpoint: Endpoint,
    path: string,
    rest: string,
    queryText: string,
    started: number,
  ): void {
    const { method } = exchange;
    const { config } = this.#agent;
    for (const blocked of config.httpBlockEndpoints)
      if (path.startsWith(blocked)) {
        this.#measure(endpoint, method, started);
        return this.#text(exchange, 403, REFUSALS.endpointBlocked);
      }
    const found = endpoint.find(method, rest);
    if (found === undefined) {
      this.#measure(endpoint, method, started);
      const allowed = endpoint.allow(rest);
      if (method === "OPTIONS") {
        const headers = ["Allow", `OPTIONS,${allowed}`, ...this.#common];
        return endpoint.ownMethods
          ? respond(exchange, 200, ["Content-Type", JSON_TYPE, ...headers], "{}")
          : respond(exchange, 200, headers, "");
      }
      const allow = endpoint.ownMethods ? allowed : `OPTIONS,${allowed}`;
      return this.#text(exchange, 405, `method ${method} not allowed`, ["Allow", allow]);
    }
    if (found.method !== "GET" && !this.#mayWrite(exchange.remoteAddress ?? ""))
      return this.#text(exchange, 403, REFUSALS.accessRestricted);
    // A verb sent as GET could come from a picture's address on any web page: browsers say so.
    if (found.method !== method && isForeignPage(exchange))
      return this.#text(exchange, 403, REFUSALS.accessRestricted);
    if (found.streams && exchange.asNode() === undefined) return;
    const query = parseQuery(queryText);
    if (query === undefined) return respond(exchange, 500, [...this.#common], "");

    const call = new Call(this.#agent, exchange, { path, rest, query }, this.#waiting);
    let answer: Answer | Promise<Answer>;
    try {
      if (found.namespaced) call.refuseNamespace();
      answer = found.handler(call);
    } catch (error) {
      this.#fail(call, error);
      return this.#finished(call, endpoint, method, queryText, started);
    }
    if (answer instanceof Promise)
      answer.then(
        (a) => {
          this.#answer(call, a);
          this.#finished(call, endpoint, method, queryText, started);
        },
        (error: unknown) => {
          this.#fail(call, error);
          this.#finished(call, endpoint, method, queryText, started);
        },
      );
    else {
      this.#answer(call, answer);
      this.#finished(call, endpoint, method, queryText, started);
    }
  }

  #answer(call: Call, answer: Answer): void {
    const { exchange } = call;
    const headers: string[] = [];
    if (typeof answer === "string") {
      headers.push("Content-Type", JSON_TYPE);
      for (const h of this.#common) headers.push(h);
      for (const h of call.headers) headers.push(h);
      return respond(exchange, 200, headers, this.#wantsPretty(call) ? prettyJson(answer) : answer);
    }
    if (answer === undefined) return respond(exchange, 200, [...this.#common, ...call.headers], "");
    if (answer.type !== undefined) headers.push("Content-Type", answer.type);
    headers.push(...this.#common, ...call.headers);
    if (answer.stream !== undefined) {
      const { res } = call.streams();
      res.writeHead(answer.status, headers);
      // The head goes out before the first line: a watcher must know that it is connected.
      res.flushHeaders();
      const { stream } = answer;
      stream.on("error", () => res.destroy());
      res.on("close", () => stream.destroy());
      stream.pipe(res);
      return;
    }
    const body = answer.body ?? "";
    respond(
      exchange,
      answer.status,
      headers,
      answer.type === JSON_TYPE && this.#wantsPretty(call)
        ? prettyJson(typeof body === "string" ? body : Buffer.from(body).toString("utf8"))
        : body,
    );
  }

  #wantsPretty(call: Call): boolean {
    return this.#agent.config.devMode || (call.query.size > 0 && call.query.has("pretty"));
  }

  #fail(call: Call, error: unknown): void {
    const { exchange } = call;
    if (exchange.over) return exchange.destroy();
    const { status, text } = statusOf(error);
    if (status >= 500)
      this.#log.error("Request error", {
        method: exchange.method,
        url: hideSecrets(exchange.target),
        from: from(exchange),
        error: text,
      });
    if (!(error instanceof HttpError)) call.metaOfError();
    // What is left of a refused body is not read: the connection cannot be used again.
    const unread = exchange.bodyPending;
    const extra = unread ? ["Connection", "close", ...call.headers] : call.headers;
    if (text === "") return respond(exchange, status, [...this.#common, ...extra], "");
    this.#text(exchange, status, text, extra);
  }

  #text(exchange: Exchange, status: number, text: string, extra: readonly string[] = []): void {
    respond(exchange, status, ["Content-Type", TEXT_TYPE, ...this.#common, ...extra], text);
  }

  /** Milliseconds since `started`. */
  #measure(endpoint: Endpoint, method: string, started: number): number {
    const { clock, metrics } = this.#agent;
    const elapsed = clock.now() - started;
    metrics.sample(endpoint.metric(method), elapsed);
    return elapsed;
  }

  #finished(call: Call, endpoint: Endpoint, method: string, queryText: string, started: number): void {
    const elapsed = this.#measure(endpoint, method, started);
    this.#log.debug(() => {
      const url = queryText === "" ? call.path : `${call.path}?${hideSecrets(queryText)}`;
      return `Request ${method} ${url} (${formatElapsed(elapsed)}) from=${from(call.exchange)}`;
    });
  }

  #onOther(exchange: Exchange, path: string, queryText: string): void {
    const { config } = this.#agent;
    if (path === "/") {
      if (this.#ui !== undefined) return redirect(exchange, config.uiContentPath, queryText);
      return this.#text(exchange, 200, "Consul Agent");
    }
    if (this.#ui !== undefined) {
      if (`${path}/` === config.uiContentPath) return redirect(exchange, config.uiContentPath, queryText);
      if (path.startsWith(config.uiContentPath) || path === "/robots.txt")
        return this.#page(this.#ui, exchange, path);
    }
    respond(exchange, 404, [], "");
  }

  #page(ui: UiAssets, exchange: Exchange, path: string): void {
    const node = exchange.asNode();
    if (node === undefined) return;
    const file = path === "/robots.txt" ? "robots.txt" : path.slice(this.#agent.config.uiContentPath.length);
    void serveUi(ui, node, file, this.#configured);
  }
}

/** Path (decoded) and query (raw) of a request target; undefined when it is none. */
function splitTarget(url: string): { readonly path: string; readonly queryText: string } | undefined {
  let target = url;
  if (target === "*") return { path: "*", queryText: "" };
  if (!target.startsWith("/")) {
    const absolute = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*/.exec(target);
    if (absolute === null) return undefined;
    target = target.slice(absolute[0].length);
    if (!target.startsWith("/")) target = `/${target}`;
  }
  const question = target.indexOf("?");
  const path = percentDecode(question < 0 ? target : target.slice(0, question));
  return path === undefined ? undefined : { path, queryText: question < 0 ? "" : target.slice(question + 1) };
}

function redirect(exchange: Exchange, path: string, queryText: string): void {
  const location = queryText === "" ? escapePath(path) : `${escapePath(path)}?${queryText}`;
  const withBody = exchange.method === "GET" || exchange.method === "HEAD";
  const body = `<a href="${location.replaceAll("&", "&amp;").replaceAll('"', "&#34;").replaceAll("<", "&lt;")}">Moved Permanently</a>.\n\n`;
  const headers = ["Location", location];
  if (withBody) headers.push("Content-Type", HTML_TYPE);
  respond(exchange, 301, headers, withBody && exchange.method === "GET" ? body : "");
}

/** Bytes that are no request: said in Go's words, then closed. */
function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  endWith(socket, status);
}

function endWith(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: ${TEXT_TYPE}\r\nConnection: close\r\n\r\n${status}`, () =>
    socket.destroySoon(),
  );
}

/** A socket file that a dead agent left behind is removed; one that answers belongs to a living one. */
async function freeSocketPath(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (alive) return;
  try {
    unlinkSync(path);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== "ENOENT") throw e;
  }
}

function listenError(e: NodeJS.ErrnoException, at: ListenAddress): string {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "address already in use",
    EACCES: "permission denied",
    EADDRNOTAVAIL: "cannot assign requested address",
    ENOENT: "no such file or directory",
  };
  const said = reasons[e.code ?? ""] ?? e.message;
  if (at.host.startsWith("unix://")) return `listen unix ${at.host.slice(7)}: bind: ${said}`;
  return `listen tcp ${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}: bind: ${said}`;
}

const isForeignPage = (exchange: Exchange): boolean => {
  const site = exchange.header("sec-fetch-site");
  return site !== undefined && site !== "same-origin" && site !== "none";
};

const from = (exchange: Exchange): string => {
  const { remoteAddress, remotePort } = exchange;
  if (remoteAddress === undefined) return "@";
  const ip = plainIp(remoteAddress);
  return `${ip.includes(":") ? `[${ip}]` : ip}:${remotePort}`;
};

const hideSecrets = (text: string): string =>
  text.includes("token") ? text.replace(/((?:^|[?&;])token=)[^&;]*/g, "$1<hidden>") : text;

/** As Go prints a duration with three decimals. */
function formatElapsed(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(3)}µs`;
  return ms < 1000 ? `${ms.toFixed(3)}ms` : `${(ms / 1000).toFixed(3)}s`;
}

/** `x-test` to `X-Test`. */
const canonicalHeader = (name: string): string =>
  name.toLowerCase().replace(/(^|-)([a-z])/g, (_, dash: string, c: string) => dash + c.toUpperCase());
