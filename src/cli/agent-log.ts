/**
 * Where the agent's log lines go: the terminal (held back until the banner has been printed, then indented by four), a file
 * that is renewed by size and age, the system's log. JSON lines where asked for.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { RuntimeConfig } from "../agent/config/runtime-config.ts";
import type { Clock } from "../ports/clock.ts";
import { formatLogLine, type LogHub, type LogLevel, type LogLine } from "../ports/log.ts";

/** Lines held back before the banner; a start that says more is in trouble, and its newest lines say which. */
const HELD_LINES_MAX = 2_000;

const LEVEL_NAMES: Readonly<Record<LogLevel, string>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  err: "error",
};

export function jsonLogLine(line: LogLine): string {
  const fields = Object.fromEntries(
    Object.entries(line.fields)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, typeof v === "bigint" ? v.toString() : v]),
  );
  return JSON.stringify({
    "@level": LEVEL_NAMES[line.level],
    "@message": line.message,
    ...(line.name === "" ? {} : { "@module": line.name }),
    "@timestamp": new Date(line.wallMs).toISOString().replace(/Z$/, "000Z"),
    ...fields,
  });
}

export interface AgentLogOptions {
  readonly write: (text: string) => void;
  /** Called with each line before it is shown; true keeps it off the terminal. */
  readonly intercept?: (line: LogLine) => boolean;
}

/** The terminal's side. */
export class TerminalLog {
  readonly #hub: LogHub;
  readonly #options: AgentLogOptions;
  readonly #json: boolean;
  #held: LogLine[] | undefined = [];
  #stop: () => void;

  constructor(hub: LogHub, config: Pick<RuntimeConfig, "logJson" | "logLevel">, options: AgentLogOptions) {
    this.#hub = hub;
    this.#options = options;
    this.#json = config.logJson;
    this.#stop = hub.attach(this.#sink, config.logLevel);
  }

  readonly #sink = (line: LogLine): void => {
    if (this.#options.intercept?.(line)) return;
    if (this.#held === undefined) this.#show(line);
    else if (this.#held.push(line) > HELD_LINES_MAX) this.#held.shift();
  };

  #show(line: LogLine): void {
    this.#options.write(this.#json ? `${jsonLogLine(line)}\n` : `    ${formatLogLine(line)}\n`);
  }

  /** Lets the lines through, first those that were held back. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const line of held) this.#show(line);
  }

  setLevel(level: LogLevel): void {
    this.#stop();
    this.#stop = this.#hub.attach(this.#sink, level);
  }
}

/** `consul.log` becomes `consul-<unix nanoseconds>.log`, renewed by size and age; old files are pruned. */
export class FileLog {
  readonly #folder: string;
  readonly #stem: string;
  readonly #suffix: string;
  readonly #config: Pick<
    RuntimeConfig,
    "logRotateBytes" | "logRotateDurationMs" | "logRotateMaxFiles" | "logJson"
  >;
  readonly #clock: Clock;
  #fd: number;
  #bytes = 0;
  #openedAt = 0;

  /** Throws when the file cannot be made. */
  constructor(
    path: string,
    config: Pick<RuntimeConfig, "logRotateBytes" | "logRotateDurationMs" | "logRotateMaxFiles" | "logJson">,
    clock: Clock,
  ) {
    this.#folder = path.endsWith("/") ? path : dirname(path);
    const name = path.endsWith("/") ? "consul.log" : basename(path);
    this.#suffix = extname(name) || ".log";
    this.#stem = name.slice(0, name.length - extname(name).length);
    this.#config = config;
    this.#clock = clock;
    if (path.endsWith("/")) mkdirSync(this.#folder, { recursive: true });
    this.#fd = this.#open();
  }

  readonly sink = (line: LogLine): void => {
    const { logRotateBytes, logRotateDurationMs, logJson } = this.#config;
    const text = Buffer.from(`${logJson ? jsonLogLine(line) : formatLogLine(line)}\n`);
    const full = logRotateBytes > 0 && this.#bytes > 0 && this.#bytes + text.byteLength > logRotateBytes;
    const old = logRotateDurationMs > 0 && this.#clock.now() - this.#openedAt >= logRotateDurationMs;
    try {
      if (full || old) {
        closeSync(this.#fd);
        this.#fd = this.#open();
        this.#prune();
      }
      writeSync(this.#fd, text);
      this.#bytes += text.byteLength;
    } catch {
      // A full disk must not end the agent; the other outputs still tell.
    }
  };

  #open(): number {
    this.#openedAt = this.#clock.now();
    this.#bytes = 0;
    const nanoseconds = BigInt(Math.round(this.#clock.wall() * 1000)) * 1000n;
    return openSync(join(this.#folder, `${this.#stem}-${nanoseconds}${this.#suffix}`), "a", 0o640);
  }

  #prune(): void {
    const max = this.#config.logRotateMaxFiles;
    if (max === 0) return;
    const mine = readdirSync(this.#folder)
      .filter((n) => n.startsWith(`${this.#stem}-`) && n.endsWith(this.#suffix))
      .sort();
    // The file being written is the newest and stays.
    for (const name of mine.slice(0, Math.max(0, mine.length - 1 - Math.max(max, 0))))
      rmSync(join(this.#folder, name), { force: true });
  }
}
