/** /v1/agent/monitor: the log as it is written, until the client goes away. A slow reader loses lines, never holds up the agent. */
import { Readable } from "node:stream";
import { formatLogLine, type LogLine, parseLogLevel } from "../ports/log.ts";
import type { Call } from "./call.ts";
import { badRequest } from "./errors.ts";
import { MONITOR_LINES_MAX } from "./limits.ts";
import type { Reply } from "./routes.ts";

/** One line as JSON, with the names that the original's has. */
export function jsonLogLine(line: LogLine): string {
  const fields: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(line.fields))
    if (v !== undefined) fields[k] = typeof v === "bigint" ? v.toString() : v;
  return JSON.stringify({
    "@level": line.level === "err" ? "error" : line.level,
    "@message": line.message,
    ...(line.name === "" ? {} : { "@module": `agent.${line.name}`.replace(/^agent\.agent$/, "agent") }),
    "@timestamp": new Date(line.wallMs).toISOString(),
    ...fields,
  });
}

export function monitor(c: Call): Reply {
  const asked = c.query.get("loglevel");
  const level = asked === "" ? "info" : parseLogLevel(asked);
  if (level === undefined) throw badRequest(`Unknown log level: ${asked}`);
  const format = c.query.has("logjson") ? jsonLogLine : formatLogLine;
  // Counted in lines: `push` answers false once this many wait for the socket.
  const stream = new Readable({ highWaterMark: MONITOR_LINES_MAX, objectMode: true, read: () => {} });
  const detach = c.agent.logHub.attach((line) => {
    // Readers of the log must not be fed by their own reading of it.
    if (stream.readableLength < MONITOR_LINES_MAX) stream.push(`${format(line)}\n`);
  }, level);
  stream.once("close", detach);
  return { status: 200, stream };
}
