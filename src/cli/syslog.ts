/**
 * The system's log. Node has no datagram unix sockets, so lines go through the system's own `logger`, one process that lives
 * as long as the agent (util-linux and BSD have it).
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { formatLogLine, type LogLevel, type LogLine } from "../ports/log.ts";

/** As Consul maps them. */
const SEVERITY: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 5, warn: 4, err: 3 };
const FACILITIES = [
  ..."kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split(" "),
  ...["", "", "", ""],
  ..."local0 local1 local2 local3 local4 local5 local6 local7".split(" "),
];

/** Throws when the facility is none. `onError` hears of a `logger` that cannot be started or ends. */
export function syslogSink(facility: string, onError: (error: Error) => void): (line: LogLine) => void {
  const code = FACILITIES.indexOf(facility.toLowerCase());
  if (code === -1 || facility === "")
    throw new Error(
      `invalid syslog facility: ${facility}; use one of ${FACILITIES.filter((f) => f !== "").join(", ")}`,
    );
  const child: ChildProcessByStdio<Writable, null, null> = spawn(
    "logger",
    ["--prio-prefix", "-t", "consul"],
    {
      stdio: ["pipe", "ignore", "ignore"],
    },
  );
  child.on("error", onError);
  child.stdin.on("error", onError);
  child.unref();
  return (line) => {
    if (!child.stdin.writable) return;
    // The system's log has its own time.
    const message = formatLogLine(line).replace(/^\S+ \S+ /, "");
    child.stdin.write(`<${code * 8 + SEVERITY[line.level]}>${message}\n`);
  };
}
