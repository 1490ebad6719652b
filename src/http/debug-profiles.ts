/** /debug/pprof: profiles of this process, where `enable_debug` allows it. */
import type { AgentApi } from "../agent/contract.ts";
import type { Call } from "./call.ts";
import { HttpError, REFUSALS } from "./errors.ts";
import { PROFILE_SECONDS_MAX } from "./limits.ts";
import { encodePprof } from "./profiles/pprof-encoder.ts";
import { BusyError, Profiler } from "./profiles/profiler.ts";
import { profileText, type StackProfile } from "./profiles/stack-profile.ts";
import { type Reply, route } from "./routes.ts";

const TEXT = "text/plain; charset=utf-8";

const profilers = new WeakMap<AgentApi, Profiler>();

function profilerOf(agent: AgentApi): Profiler {
  let profiler = profilers.get(agent);
  if (profiler === undefined) {
    profiler = new Profiler(agent.clock);
    profilers.set(agent, profiler);
  }
  return profiler;
}

/** The agent's door has closed: nothing goes on being recorded. */
export function endProfiling(agent: AgentApi): void {
  profilers.get(agent)?.close();
  profilers.delete(agent);
}

const KINDS: Readonly<Record<string, string>> = {
  cmdline: "The command line, arguments separated by zero bytes.",
  goroutine: "What is open and keeps the process busy (sockets, timers, requests), by kind.",
  heap: "Memory in use by the stack that took it, since the first such request; that one waits for ?seconds (1).",
  profile: "Where CPU time goes, for ?seconds (30).",
  trace: "Events of Node and V8 for ?seconds (1): JSON for Perfetto.",
};

/** Go reads a bad or negative number as its default. */
function seconds(c: Call, fallback: number): number {
  const asked = Number(c.query.get("seconds") || "NaN");
  return asked > 0 ? Math.min(asked, PROFILE_SECONDS_MAX) : fallback;
}

function answer(c: Call, name: string, p: StackProfile): Reply {
  if (Number(c.query.get("debug") || "0") > 0) return { status: 200, type: TEXT, body: profileText(name, p) };
  return attachment(c, name, "application/octet-stream", encodePprof(p));
}

function attachment(c: Call, name: string, type: string, body: string | Uint8Array): Reply {
  c.header("Content-Disposition", `attachment; filename="${name}"`);
  return { status: 200, type, body };
}

const index = (): string =>
  `<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/<br>\n<table>\n${Object.entries(
    KINDS,
  )
    .map(([name, what]) => `<tr><td><a href="${name}?debug=1">${name}</a></td><td>${what}</td></tr>\n`)
    .join("")}</table>\n</body>\n</html>\n`;

async function debugProfile(c: Call): Promise<Reply> {
  // Without ACLs there is nobody whose token could allow it (the original's answer).
  if (!c.agent.config.enableDebug) throw new HttpError(401, REFUSALS.aclDisabled);
  c.header("X-Content-Type-Options", "nosniff");
  const profiler = profilerOf(c.agent);
  const name = c.rest;
  try {
    switch (name) {
      case "":
        return { status: 200, type: "text/html; charset=utf-8", body: index() };
      case "cmdline":
        return { status: 200, type: TEXT, body: process.argv.join("\0") };
      case "symbol":
        // Names are in the profiles.
        return { status: 200, type: TEXT, body: "num_symbols: 0\n" };
      case "profile":
        return answer(c, name, await profiler.cpu(seconds(c, 30), c.signal));
      case "heap":
        return answer(c, name, await profiler.heap(seconds(c, 1), c.signal));
      case "goroutine":
        return answer(c, name, profiler.resources());
      case "trace":
        return attachment(c, name, "application/json", await profiler.trace(seconds(c, 1), c.signal));
      default:
        c.header("X-Go-Pprof", "1");
        return { status: 404, type: TEXT, body: "Unknown profile\n" };
    }
  } catch (error) {
    if (!(error instanceof BusyError)) throw error;
    c.header("X-Go-Pprof", "1");
    return { status: 500, type: TEXT, body: `${error.message}\n` };
  }
}

export const debugRoutes = [
  route(
    "GET",
    "/debug/pprof/{profile}",
    {
      summary: "Profiles of the agent's process: cmdline, goroutine, heap, profile, trace.",
      acl: "operator:read",
      params: { seconds: "How long to record.", debug: "1: as text." },
    },
    debugProfile,
  ),
];
