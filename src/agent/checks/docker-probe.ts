/**
 * Runs a command in a container through the engine's API and reads its exit code, as a script check does. Calls carry no API
 * version: engines take that as their newest. Texts as observed in Consul 1.8.7.
 */
import http from "node:http";
import type { Clock } from "../../ports/clock.ts";
import { dialErrorText, splitHostPort } from "../core/go-text.ts";
import { OutputRing } from "../core/output-ring.ts";
import { DOCKER_JSON_BYTES_MAX } from "../limits.ts";
import { DockerOutput } from "./docker-output.ts";
import { critical, type Probe, type ProbeResult } from "./probe.ts";

export interface DockerProbeOptions {
  readonly containerId: string;
  readonly command: readonly string[];
  readonly engine: DockerEngine;
  readonly outputBytesMax: number;
  readonly timeoutMs: number;
}

/** Where the engine listens. */
export type DockerEngine = { readonly socketPath: string } | { readonly host: string; readonly port: number };

const ENGINE_DEFAULT = "unix:///var/run/docker.sock";

/** Reads DOCKER_HOST; a text says what is wrong with it. */
export function parseDockerHost(text: string | undefined): DockerEngine | string {
  const value = text || ENGINE_DEFAULT;
  const m = /^([a-z]+):\/\/(.+)$/.exec(value);
  if (m === null) return `unable to parse docker host \`${value}\``;
  if (m[1] === "unix" || m[1] === "npipe") return { socketPath: m[2]! };
  const at = m[1] === "tcp" ? splitHostPort(m[2]!) : "";
  return typeof at === "string" ? `unable to parse docker host \`${value}\`` : at;
}

interface Reply {
  readonly status: number;
  readonly body: OutputRing;
}

export class DockerProbe implements Probe {
  readonly #options: DockerProbeOptions;
  readonly #clock: Clock;

  constructor(options: DockerProbeOptions, ports: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = ports.clock;
  }

  async run(signal: AbortSignal): Promise<ProbeResult> {
    const { timeoutMs } = this.#options;
    const timeout = new AbortController();
    const timer = this.#clock.timer(timeoutMs, () => timeout.abort(new Error("context deadline exceeded")));
    try {
      return await this.#probe(AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      if (timeout.signal.aborted) return critical("context deadline exceeded");
      return critical((error as Error).message);
    } finally {
      timer.cancel();
    }
  }

  async #probe(signal: AbortSignal): Promise<ProbeResult> {
    const { containerId: id, command, outputBytesMax } = this.#options;
    const created = await this.#call(
      "POST",
      `/containers/${encodeURIComponent(id)}/exec`,
      DOCKER_JSON_BYTES_MAX,
      signal,
      {
        AttachStdin: false,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        Cmd: command,
      },
    );
    switch (created.status) {
      case 201:
        break;
      case 404:
        return critical(`create exec failed for unknown container ${id}`);
      case 409:
        return critical(`create exec failed since container ${id} is paused or stopped`);
      default:
        return critical(`create exec failed for container ${id} with status code ${created.status}`);
    }
    const exec = (json(created) as { Id?: unknown }).Id;
    if (typeof exec !== "string")
      return critical(`create exec response for container ${id} cannot be parsed`);
    const started = await this.#call(
      "POST",
      `/exec/${encodeURIComponent(exec)}/start`,
      outputBytesMax,
      signal,
      {
        Detach: false,
        Tty: true,
      },
    );
    if (started.status !== 200)
      return critical(
        `start exec failed for container ${id}: status code ${started.status}: ${started.body.text()}`,
      );
    const inspected = await this.#call(
      "GET",
      `/exec/${encodeURIComponent(exec)}/json`,
      DOCKER_JSON_BYTES_MAX,
      signal,
    );
    const code = (json(inspected) as { ExitCode?: unknown }).ExitCode;
    if (inspected.status !== 200 || typeof code !== "number")
      return critical(`inspect exec failed for container ${id}: status code ${inspected.status}`);
    return {
      status: code === 0 ? "passing" : code === 1 ? "warning" : "critical",
      output: started.body.text(),
    };
  }

  #call(method: string, path: string, bytesMax: number, signal: AbortSignal, body?: unknown): Promise<Reply> {
    const { engine } = this.#options;
    const text = body === undefined ? "" : JSON.stringify(body);
    const isOutput = path.endsWith("/start");
    const target = "socketPath" in engine ? engine.socketPath : `${engine.host}:${engine.port}`;
    return new Promise((resolve, reject) => {
      const request = http.request({
        ...engine,
        method,
        path,
        signal,
        headers: {
          Host: "docker",
          "Content-Type": "application/json",
          "Content-Length": String(Buffer.byteLength(text)),
        },
        agent: false,
      });
      request.on("error", (error) =>
        reject(new Error(dialErrorText(error, "socketPath" in engine ? "unix" : "tcp", target))),
      );
      request.on("response", (response) => {
        const ring = new OutputRing(bytesMax);
        const output = isOutput ? new DockerOutput(ring) : undefined;
        response.on("data", (chunk: Buffer) => (output ?? ring).write(chunk));
        response.on("end", () => {
          output?.end();
          resolve({ status: response.statusCode ?? 0, body: ring });
        });
        response.on("error", reject);
      });
      request.end(text);
    });
  }
}

function json(reply: Reply): object {
  try {
    const value: unknown = JSON.parse(reply.body.bytes().toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
