/**
 * One HTTP request: 2xx passing, 429 warning, anything else critical. Redirects, proxies from the environment and texts as
 * Go's client has them (observed in Consul 1.8.7).
 */
import http from "node:http";
import https from "node:https";
import type { Clock } from "../../ports/clock.ts";
import { type CheckTls, certificateErrorText, tlsClientOptions } from "../check-tls.ts";
import { dialErrorText, joinHostPort } from "../core/go-text.ts";
import { OutputRing } from "../core/output-ring.ts";
import { HTTP_CHECK_BODY_BYTES_MAX, HTTP_CHECK_REDIRECTS_MAX } from "../limits.ts";
import { critical, type Probe, type ProbeResult } from "./probe.ts";

export interface HttpProbeOptions {
  readonly url: string;
  /** "" is GET. */
  readonly method: string;
  readonly header: ReadonlyMap<string, readonly string[] | null> | null;
  readonly body: string;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  readonly tlsSkipVerify: boolean;
  readonly tlsServerName: string;
  /** undefined trusts what the system trusts. */
  readonly trust: CheckTls | undefined;
  readonly disableRedirects: boolean;
}

const USER_AGENT = "Consul Health Check";
const ACCEPT = "text/plain, text/*, */*";

/** A request that failed, with Go's words after `Get "url": `. */
class ExchangeError extends Error {}

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || /^127\./.test(host);

/** `Get "http://h/": cause` */
const requestErrorText = (method: string, url: string, cause: string): string =>
  `${method[0]}${method.slice(1).toLowerCase()} ${JSON.stringify(url)}: ${cause}`;

export class HttpProbe implements Probe {
  readonly #options: HttpProbeOptions;
  readonly #clock: Clock;

  constructor(options: HttpProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { timeoutMs } = this.#options;
    const asked = this.#options.method || "GET";
    const timeout = new AbortController();
    const timer = this.#clock.timer(timeoutMs, () => timeout.abort());
    let method = asked;
    let url = this.#options.url;
    let body = this.#options.body;
    try {
      for (let hops = 0; ; hops++) {
        const answer = await this.#exchange(
          method,
          url,
          body,
          AbortSignal.any([signal, timeout.signal]),
          timeout.signal,
        );
        const next = this.#redirect(answer, url);
        if (next === undefined) return this.#verdict(asked, answer);
        if (hops >= HTTP_CHECK_REDIRECTS_MAX)
          throw new ExchangeError(`stopped after ${HTTP_CHECK_REDIRECTS_MAX} redirects`);
        if (answer.status < 307) {
          if (method !== "HEAD") method = "GET";
          body = "";
        }
        url = next;
      }
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      return critical(requestErrorText(method, url, error.message));
    } finally {
      timer.cancel();
    }
  }

  #redirect(answer: Answer, url: string): string | undefined {
    if (this.#options.disableRedirects || ![301, 302, 303, 307, 308].includes(answer.status))
      return undefined;
    if (answer.location === undefined) return undefined;
    const target = URL.parse(answer.location, url);
    if (target === null)
      throw new ExchangeError(`failed to parse Location header ${JSON.stringify(answer.location)}`);
    return target.href;
  }

  #verdict(method: string, answer: Answer): ProbeResult {
    const reason = answer.reason === "" ? "" : ` ${answer.reason}`;
    // The text names what was configured, also when the answer came after redirects.
    const output = `HTTP ${method} ${this.#options.url}: ${answer.status}${reason} Output: ${answer.body}`;
    const status =
      answer.status >= 200 && answer.status <= 299
        ? "passing"
        : answer.status === 429
          ? "warning"
          : "critical";
    return { status, output };
  }

  #exchange(
    method: string,
    url: string,
    body: string,
    stop: AbortSignal,
    timeout: AbortSignal,
  ): Promise<Answer> {
    const target = URL.parse(url);
    if (target === null) return Promise.reject(new ExchangeError("invalid URL"));
    const tls = target.protocol === "https:";
    if (!tls && target.protocol !== "http:")
      return Promise.reject(
        new ExchangeError(`unsupported protocol scheme ${JSON.stringify(target.protocol.slice(0, -1))}`),
      );
    const headers: Record<string, string | string[]> = { "User-Agent": USER_AGENT, Accept: ACCEPT };
    for (const [name, values] of this.#options.header ?? []) {
      const wanted = Object.keys(headers).find((h) => h.toLowerCase() === name.toLowerCase());
      if (wanted !== undefined) delete headers[wanted];
      const list = values ?? [];
      headers[name] = name.toLowerCase() === "host" ? (list[0] ?? "") : [...list];
    }
    if (body !== "") headers["Content-Length"] = String(Buffer.byteLength(body));
    // No proxy stands between us and our own host.
    const proxyEnv = isLoopback(target.hostname) ? {} : { proxyEnv: process.env };
    const tlsOptions = tls
      ? tlsClientOptions(this.#options.trust, this.#options.tlsSkipVerify, this.#options.tlsServerName)
      : {};
    return new Promise((resolve, reject) => {
      const timedOut = (waitingFor: string): ExchangeError =>
        new ExchangeError(`context deadline exceeded (Client.Timeout ${waitingFor})`);
      const fail = (error: unknown): void => {
        if (timeout.aborted) reject(timedOut("exceeded while awaiting headers"));
        else reject(new ExchangeError(failureText(error, target)));
      };
      let request: http.ClientRequest;
      try {
        request = (tls ? https : http).request(target, {
          method,
          headers,
          signal: stop,
          agent: tls
            ? new https.Agent({ keepAlive: false, ...proxyEnv, ...tlsOptions })
            : new http.Agent({ keepAlive: false, ...proxyEnv }),
        });
      } catch (error) {
        // A method or header that no request may carry.
        fail(error);
        return;
      }
      request.on("error", fail);
      request.on("response", (response) => {
        const ring = new OutputRing(this.#options.outputBytesMax);
        const answer = (): Answer => ({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? "",
          location: response.headers.location,
          body: ring.bytes().toString("utf8"),
        });
        response.on("data", (chunk: Buffer) => {
          ring.write(chunk);
          if (ring.total > HTTP_CHECK_BODY_BYTES_MAX) {
            resolve(answer());
            response.destroy();
          }
        });
        response.on("end", () => resolve(answer()));
        // The head is what counts: what came of the body is shown.
        response.on("error", () =>
          timeout.aborted
            ? reject(timedOut("or context cancellation while reading body"))
            : resolve(answer()),
        );
      });
      request.end(body);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly location: string | undefined;
  readonly body: string;
}

function failureText(error: unknown, target: URL): string {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const host = target.hostname.replace(/^\[|\]$/g, "");
  const port = target.port || (target.protocol === "https:" ? "443" : "80");
  if (code === "ECONNRESET" && syscall === undefined) return "EOF";
  const inner = (error as AggregateError).errors?.[0] as NodeJS.ErrnoException | undefined;
  if ((inner ?? (error as NodeJS.ErrnoException)).syscall !== undefined)
    return dialErrorText(error, "tcp", joinHostPort(host, port));
  return certificateErrorText(error) ?? message;
}
