/**
 * Log lines. A logger is named after its part ("serf", "raft", "agent"); the hub gives each line its time and level, keeps
 * the newest lines for late readers (`monitor`), and hands it to every sink whose level asks for it.
 */
import type { Clock } from "./clock.ts";

/** Ascending weight; the names are those of `-log-level` and of the lines. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "err"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values are printed as `key=value`, text with white space quoted. Never put a secret here. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

export interface Logger {
  trace(message: string, fields?: LogFields): void;
  /** Functions are called only when a sink reads this level; else there is no line, also not for a later reader. */
  debug(message: string | (() => string), fields?: LogFields | (() => LogFields)): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger of the same hub under another name. */
  named(name: string): Logger;
}

export interface LogLine {
  readonly wallMs: number;
  readonly level: LogLevel;
  /** The part that speaks, "" for none. */
  readonly name: string;
  readonly message: string;
  readonly fields: LogFields;
}

export type LogSink = (line: LogLine) => void;

/** Lines kept for a reader that comes later; Consul keeps 512. */
export const LOG_LINES_KEPT = 512;

export const levelWeight = (level: LogLevel): number => LOG_LEVELS.indexOf(level);

/** The level that a user wrote: any case, "error" and "warning" too; undefined for none of them. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const t = text.toLowerCase();
  if (t === "error") return "err";
  if (t === "warning") return "warn";
  return LOG_LEVELS.find((l) => l === t);
}

const two = (n: number): string => String(n).padStart(2, "0");

/** `2016/04/03 22:55:30 [INFO] serf: EventMemberJoin: s1 192.168.33.11`, in local time. */
export function formatLogLine(line: LogLine): string {
  const d = new Date(line.wallMs);
  const when = `${d.getFullYear()}/${two(d.getMonth() + 1)}/${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  let text = `${when} [${line.level.toUpperCase()}] ${line.name === "" ? "" : `${line.name}: `}${line.message}`;
  for (const [key, value] of Object.entries(line.fields)) {
    if (value === undefined) continue;
    const v = String(value);
    text += ` ${key}=${/^[^\s"=]+$/.test(v) ? v : JSON.stringify(v)}`;
  }
  // One line is one line: what peers or users named must not forge another.
  return text.replace(/[\r\n]+/g, "\\n");
}

export class LogHub {
  readonly #clock: Clock;
  readonly #sinks = new Map<LogSink, number>();
  readonly #kept: LogLine[] = [];
  /** Weight of the lowest level that a sink reads. */
  #lowest = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends lines of `level` and above to `sink`, first those that were kept if asked. Returns the way to stop it. */
  attach(sink: LogSink, level: LogLevel, options: { readonly replay?: boolean } = {}): () => void {
    const weight = levelWeight(level);
    if (options.replay) for (const line of this.#kept) if (levelWeight(line.level) >= weight) sink(line);
    this.#sinks.set(sink, weight);
    this.#lowest = Math.min(...this.#sinks.values());
    return () => {
      this.#sinks.delete(sink);
      this.#lowest = Math.min(...this.#sinks.values());
    };
  }

  write(line: LogLine): void {
    this.#kept.push(line);
    if (this.#kept.length > LOG_LINES_KEPT) this.#kept.shift();
    const weight = levelWeight(line.level);
    for (const [sink, wanted] of this.#sinks) if (weight >= wanted) sink(line);
  }

  logger(name: string): Logger {
    const at = (level: LogLevel) => {
      const weight = levelWeight(level);
      return (message: string | (() => string), fields: LogFields | (() => LogFields) = {}): void => {
        if (typeof message === "function" || typeof fields === "function") {
          if (weight < this.#lowest) return;
          if (typeof message === "function") message = message();
          if (typeof fields === "function") fields = fields();
        }
        this.write({ wallMs: this.#clock.wall(), level, name, message, fields });
      };
    };
    return {
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("err"),
      named: (other) => this.logger(other),
    };
  }
}

const nothing = (): void => {};
/** Says nothing: for tools and tests that do not look at the log. */
export const silentLogger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  named: () => silentLogger,
};
