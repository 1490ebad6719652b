/**
 * The watches of an agent's configuration: each one asks the agent's own HTTP door and tells a program or an HTTP endpoint. A
 * reload leaves alone those that are unchanged, so that their handlers are not run for nothing.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { RuntimeConfig } from "../agent/config/runtime-config.ts";
import type { WatchInput } from "../agent/config/schema.ts";
import { TribuneClient } from "../client/client.ts";
import type { Logger } from "../ports/log.ts";
import { runHandler } from "./watch-handler.ts";
import { type WatchPlan, type WatchReading, watchPlan } from "./watch-plan.ts";

/** Bytes of a handler's output or answer that are logged. */
const OUTPUT_BYTES_MAX = 4096;
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 180_000;

export class AgentWatches {
  readonly #log: Logger;
  readonly #running = new Map<string, AbortController>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Runs exactly the watches of `config`. One that is wrong is told in the log and left out. */
  replace(config: Pick<RuntimeConfig, "watches" | "httpAddrs" | "httpsAddrs" | "acl">): void {
    const wanted = new Map(config.watches.map((w) => [keyOf(w), w]));
    for (const [key, controller] of this.#running)
      if (!wanted.has(key)) {
        controller.abort();
        this.#running.delete(key);
      }
    for (const [key, input] of wanted) {
      if (this.#running.has(key)) continue;
      const wrong =
        watchError(input) ??
        (addressOf(config) === undefined ? "watch plans require an HTTP or HTTPS endpoint" : undefined);
      if (wrong !== undefined) {
        this.#log.error(`Failed to start watch: ${wrong}`, { type: input.type ?? "" });
        continue;
      }
      const controller = new AbortController();
      this.#running.set(key, controller);
      void this.#follow(
        watchPlan(paramsOf(input), { agent: true }),
        input,
        addressOf(config)!,
        config.acl.tokens.default,
        controller.signal,
      );
    }
  }

  stop(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
  }

  async #follow(
    plan: WatchPlan,
    input: WatchInput,
    address: string,
    token: string,
    signal: AbortSignal,
  ): Promise<void> {
    const client = new TribuneClient({ address, token: input.token ?? token, env: {} });
    let failures = 0;
    try {
      while (!signal.aborted)
        try {
          const readings = plan.run(client, {
            signal,
            failFast: true,
            onError: (error) => {
              throw error;
            },
          });
          for await (const reading of readings) {
            failures = 0;
            await this.#tell(input, reading, signal);
          }
          // What cannot be waited for is looked at from time to time.
          await delay(RETRY_MIN_MS, undefined, { signal }).catch(() => {});
        } catch (error) {
          if (signal.aborted) return;
          failures++;
          const pause = Math.min(RETRY_MIN_MS * failures ** 2, RETRY_MAX_MS);
          this.#log.error("Watch errored", {
            type: plan.type,
            error: (error as Error).message,
            retry: `${pause / 1000}s`,
          });
          await delay(pause, undefined, { signal }).catch(() => {});
        }
    } finally {
      client.close();
    }
  }

  async #tell(input: WatchInput, reading: WatchReading, signal: AbortSignal): Promise<void> {
    if (input.handler_type === "http") return this.#tellHttp(input, reading, signal);
    const shell = (input.args ?? []).length === 0;
    const argv = shell ? [input.handler ?? ""] : input.args!;
    const result = await runHandler({
      argv,
      shell,
      env: process.env,
      index: reading.index,
      json: reading.json,
      output: OUTPUT_BYTES_MAX,
      signal,
    });
    if (signal.aborted) return;
    if (result.failure !== "")
      this.#log.error("Failed to run watch handler", { handler: argv.join(" "), error: result.failure });
    const text = result.output.toString("utf8");
    const cut =
      result.outputBytes > OUTPUT_BYTES_MAX
        ? `Captured ${OUTPUT_BYTES_MAX} of ${result.outputBytes} bytes\n...\n`
        : "";
    this.#log.debug("watch handler output", { handler: argv.join(" "), output: cut + text });
  }

  async #tellHttp(input: WatchInput, reading: WatchReading, signal: AbortSignal): Promise<void> {
    const {
      path = "",
      method = "POST",
      timeout = 10_000_000_000n,
      header,
      tls_skip_verify = false,
    } = input.http_handler_config ?? {};
    try {
      const answer = await send(path, {
        method,
        timeoutMs: Number(timeout) / 1e6,
        headers: {
          "Content-Type": "application/json",
          ...Object.fromEntries([...(header ?? [])].map(([name, values]) => [name, [...values]])),
          "X-Consul-Index": reading.index.toString(),
        },
        verify: !tls_skip_verify,
        body: reading.json,
        signal,
      });
      if (answer.status < 200 || answer.status > 299)
        this.#log.error("watch handler failed with output", {
          url: path,
          status: answer.status,
          output: answer.body,
        });
      else this.#log.debug("http watch handler output", { url: path, output: answer.body });
    } catch (error) {
      if (!signal.aborted)
        this.#log.error("Failed to invoke http watch handler", {
          url: path,
          error: (error as Error).message,
        });
    }
  }
}

const keyOf = (w: WatchInput): string =>
  JSON.stringify(w, (_, v: unknown) =>
    v instanceof Map ? [...v] : typeof v === "bigint" ? v.toString() : v,
  );

const paramsOf = (w: WatchInput): Parameters<typeof watchPlan>[0] => ({
  type: w.type,
  key: w.key,
  prefix: w.prefix,
  service: w.service,
  service_id: w.service_id,
  tag: w.tag,
  passingonly: w.passingonly,
  state: w.state,
  name: w.name,
  datacenter: w.datacenter,
  token: w.token,
});

/** What is wrong with a watch of the configuration; undefined when it may run. */
export function watchError(w: WatchInput): string | undefined {
  try {
    watchPlan(paramsOf(w), { agent: true });
  } catch (error) {
    return `Failed to parse watch (${w.type ?? ""}): ${(error as Error).message}`;
  }
  const kind = w.handler_type ?? "script";
  if (kind !== "script" && kind !== "http") return `Handler type '${kind}' not recognized`;
  const script = [(w.handler ?? "") !== "", (w.args ?? []).length > 0].filter(Boolean).length;
  if (script > 1) return "Only one watch handler allowed";
  if (kind === "script" && script === 0) return "Must define a watch handler";
  if (kind === "http" && (w.http_handler_config?.path ?? "") === "")
    return "Requires 'path' to be set for http_handler_config";
  return undefined;
}

/** The agent's own HTTP door as an address for a client. */
function addressOf(config: Pick<RuntimeConfig, "httpAddrs" | "httpsAddrs">): string | undefined {
  const [http] = config.httpAddrs;
  const listen = http ?? config.httpsAddrs[0];
  if (listen === undefined) return undefined;
  if (listen.host.startsWith("unix://")) return listen.host;
  const host = listen.host === "0.0.0.0" ? "127.0.0.1" : listen.host === "::" ? "::1" : listen.host;
  return `${http === undefined ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${listen.port}`;
}

interface HttpCall {
  readonly method: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly verify: boolean;
  readonly body: string;
  readonly signal: AbortSignal;
}

function send(url: string, call: HttpCall): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const request = (target.protocol === "https:" ? httpsRequest : httpRequest)(target, {
      method: call.method,
      headers: { ...call.headers, "Content-Length": Buffer.byteLength(call.body) },
      signal: AbortSignal.any([call.signal, AbortSignal.timeout(Math.ceil(call.timeoutMs))]),
      rejectUnauthorized: call.verify,
    });
    request.on("error", reject);
    request.on("response", (response) => {
      let body = Buffer.alloc(0);
      response.on("data", (chunk: Buffer) => {
        if (body.byteLength < OUTPUT_BYTES_MAX)
          body = Buffer.concat([body, chunk]).subarray(0, OUTPUT_BYTES_MAX);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: body.toString("utf8") }));
    });
    request.end(call.body);
  });
}
