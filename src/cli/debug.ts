import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createGzip } from "node:zlib";
import type { TribuneClient } from "../client/client.ts";
import { ClientError } from "../client/errors.ts";
import type { AgentSelf } from "../client/types.ts";
import { formatDuration } from "../wire/duration.ts";
import { stringifyJson } from "../wire/json.ts";
import { goTime } from "./acl-view.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS } from "./http-options.ts";
import { indentJson } from "./watch.ts";

const TARGETS = ["metrics", "logs", "pprof", "host", "agent", "cluster"] as const;
type Target = (typeof TARGETS)[number];

const NO_PROFILES =
  "[WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.";

/** Shorter ones would measure the measuring. */
const DURATION_MS_MIN = 10_000;
const INTERVAL_MS_MIN = 5_000;

export const command: Command = {
  name: "debug",
  usage: "[options]",
  description:
    "Records what an agent does for a while (its metrics, log and profiles) together with facts about it, its host and its cluster, in an archive to look at later or to hand on.",
  groups: [
    CLIENT_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "archive",
          kind: "bool",
          fallback: "true",
          usage: "Pack the files into one archive (.tar.gz) and remove them.",
        },
        {
          name: "capture",
          kind: "strings",
          usage: `What to record: ${TARGETS.join(", ")}; without it, all. May be given several times.`,
        },
        { name: "duration", kind: "duration", fallback: "2m", usage: "How long to record." },
        { name: "interval", kind: "duration", fallback: "30s", usage: "Time between two records." },
        {
          name: "output",
          kind: "string",
          usage: "Directory (and name of the archive); default: consul-debug-<time>.",
        },
      ],
    },
  ],
  handlesInterrupt: true,
  flagErrors: "==> Error parsing flags: ",
  run: (call) =>
    withClient(call, "Error querying target agent", async (client) => {
      const asked = planOf(call);
      const self = await client.agent.self();
      const profiled = self.DebugConfig["EnableDebug"] !== false;
      if (asked.capture.includes("pprof") && !profiled) call.complain(NO_PROFILES);
      const plan = profiled
        ? asked
        : { ...asked, capture: asked.capture.filter((target) => target !== "pprof") };
      const { print } = call;
      const archive = call.flags.bool("archive");
      await refuseExisting(plan.output, archive);
      print("==> Starting debugger and capturing static information...");
      for (const [label, value] of [
        [" Agent Version", String(self.Config.Version)],
        ["      Interval", formatDuration(BigInt(plan.intervalMs) * 1_000_000n)],
        ["      Duration", formatDuration(BigInt(plan.durationMs) * 1_000_000n)],
        ["        Output", archive ? `${plan.output}.tar.gz` : plan.output],
        ["       Capture", plan.capture.join(", ")],
      ] as const)
        print(`    ${label}: '${value}'`);
      await mkdir(plan.output, { recursive: true, mode: 0o755 });
      await captureStatic(call, client, plan, self);
      print(`==> Beginning capture interval ${goTime(new Date().toISOString())} (0)`);
      await captureIntervals(call, client, plan);
      if (archive) {
        await packFolder(plan.output, `${plan.output}.tar.gz`);
        await rm(plan.output, { recursive: true, force: true });
        print(`    Saved debug archive: ${plan.output}.tar.gz`);
      } else print(`    Saved debug directory: ${plan.output}`);
      return EXIT.ok;
    }),
};

interface Plan {
  readonly durationMs: number;
  readonly intervalMs: number;
  readonly output: string;
  readonly capture: readonly Target[];
}

function planOf({ flags }: Invocation): Plan {
  const durationMs = flags.durationMs("duration");
  const intervalMs = flags.durationMs("interval");
  if (durationMs < DURATION_MS_MIN)
    throw new CommandError(
      `==> Capture validation failed: duration must be longer than ${DURATION_MS_MIN / 1000}s`,
    );
  if (intervalMs < INTERVAL_MS_MIN)
    throw new CommandError(
      `==> Capture validation failed: interval must be longer than ${INTERVAL_MS_MIN / 1000}s`,
    );
  if (durationMs < intervalMs)
    throw new CommandError(
      `==> Capture validation failed: duration (${durationMs / 1000}s) must be longer than interval (${intervalMs / 1000}s)`,
    );
  const asked = flags.strings("capture").flatMap((c) => c.split(","));
  for (const c of asked)
    if (!TARGETS.some((t) => t === c))
      throw new CommandError(`==> Capture validation failed: target not found: ${c}`);
  return {
    durationMs,
    intervalMs,
    output: flags.string("output") || `consul-debug-${Math.floor(Date.now() / 1000)}`,
    capture: asked.length === 0 ? TARGETS : TARGETS.filter((t) => asked.includes(t)),
  };
}

async function refuseExisting(output: string, archive: boolean): Promise<void> {
  for (const path of archive ? [output, `${output}.tar.gz`] : [output])
    if (
      await stat(path).then(
        () => true,
        () => false,
      )
    )
      throw new CommandError(`==> Capture validation failed: output directory already exists: ${path}`);
}

const json = (value: unknown): string => `${indentJson(stringifyJson(value), "\t")}\n`;

async function captureStatic(
  call: Invocation,
  client: TribuneClient,
  plan: Plan,
  self: AgentSelf,
): Promise<void> {
  const write = (name: string, value: unknown): Promise<void> =>
    writeFile(join(plan.output, name), json(value));
  await write("index.json", {
    Version: 1,
    AgentVersion: self.Config.Version,
    Interval: formatDuration(BigInt(plan.intervalMs) * 1_000_000n),
    Duration: formatDuration(BigInt(plan.durationMs) * 1_000_000n),
    Targets: plan.capture,
  });
  const facts: Partial<Record<Target, readonly [string, () => Promise<unknown>]>> = {
    agent: ["agent.json", async () => self],
    host: ["host.json", () => client.agent.host()],
    cluster: ["cluster.json", () => client.agent.members({ wan: true })],
  };
  for (const target of plan.capture) {
    const fact = facts[target];
    if (fact === undefined) continue;
    try {
      await write(fact[0], await fact[1]());
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      call.complain(`Error retrieving ${target}: ${error.message}`);
    }
  }
}

async function captureIntervals(call: Invocation, client: TribuneClient, plan: Plan): Promise<void> {
  const signal = call.io.interrupt;
  const ends = performance.now() + plan.durationMs;
  let profiles = plan.capture.includes("pprof");
  for (let n = 0; performance.now() < ends && !signal.aborted; n++) {
    const started = performance.now();
    const stamp = Math.floor(Date.now() / 1000);
    const folder = join(plan.output, String(stamp));
    await mkdir(folder, { recursive: true });
    const lengthMs = Math.min(plan.intervalMs, ends - started);
    const work: Promise<void>[] = [];
    if (plan.capture.includes("metrics"))
      work.push(client.agent.metrics().then((m) => writeFile(join(folder, "metrics.json"), json(m))));
    if (plan.capture.includes("logs"))
      work.push(captureLog(client, join(folder, "consul.log"), lengthMs, signal));
    if (profiles && !(await captureProfiles(client, folder, lengthMs))) {
      profiles = false;
      call.complain(NO_PROFILES);
    }
    for (const result of await Promise.allSettled(work))
      if (result.status === "rejected" && !signal.aborted)
        call.complain(`Error capturing: ${(result.reason as Error).message}`);
    call.print(
      `==> Capture successful ${goTime(new Date(stamp * 1000).toISOString().replace(".000", ""))} (${n + 1})`,
    );
    const left = lengthMs - (performance.now() - started);
    if (left > 0) await delay(left, undefined, { signal }).catch(() => {});
  }
}

async function captureLog(
  client: TribuneClient,
  path: string,
  lengthMs: number,
  signal: AbortSignal,
): Promise<void> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(lengthMs))]);
  const file = createWriteStream(path);
  try {
    for await (const line of client.agent.monitor({ logLevel: "debug", signal: until }))
      file.write(`${line}\n`);
  } catch (error) {
    if (!until.aborted) throw error;
  } finally {
    await new Promise((resolve) => file.end(resolve));
  }
}

/** False when the agent gives no profiles. */
async function captureProfiles(client: TribuneClient, folder: string, lengthMs: number): Promise<boolean> {
  const seconds = String(Math.max(1, Math.floor(lengthMs / 1000) - 1));
  const wanted: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
    ["heap.prof", "/debug/pprof/heap", {}],
    ["goroutine.prof", "/debug/pprof/goroutine", {}],
    ["profile.prof", "/debug/pprof/profile", { seconds }],
    ["trace.out", "/debug/pprof/trace", { seconds }],
  ];
  // At once: together they take no longer than the interval.
  const given = await Promise.all(
    wanted.map(async ([name, path, params]) => {
      const reply = await client.raw("GET", path, { params });
      if (reply.statusCode !== 200) return false;
      await writeFile(join(folder, name), reply.body);
      return true;
    }),
  );
  return given.some((g) => g);
}

/** A gzip tar of a folder's files (ustar), names below the folder's own. */
async function packFolder(folder: string, path: string): Promise<void> {
  const name = folder.split("/").at(-1)!;
  async function* blocks(at: string, below: string): AsyncGenerator<Uint8Array> {
    for (const entry of (await readdir(at, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const inner = join(at, entry.name);
      if (entry.isDirectory()) yield* blocks(inner, `${below}/${entry.name}`);
      else {
        const bytes = await readFile(inner);
        yield tarHeader(
          `${below}/${entry.name}`,
          bytes.byteLength,
          Math.floor((await stat(inner)).mtimeMs / 1000),
        );
        yield bytes;
        yield Buffer.alloc((512 - (bytes.byteLength % 512)) % 512);
      }
    }
  }
  async function* archive(): AsyncGenerator<Uint8Array> {
    yield* blocks(folder, name);
    yield Buffer.alloc(1024);
  }
  await pipeline(Readable.from(archive()), createGzip(), createWriteStream(path, { mode: 0o600 }));
}

function tarHeader(name: string, size: number, mtime: number): Buffer {
  const h = Buffer.alloc(512);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, "0")}\0`;
  h.write(name.slice(-100), 0);
  h.write(octal(0o644, 8), 100);
  h.write(octal(0, 8), 108);
  h.write(octal(0, 8), 116);
  h.write(octal(size, 12), 124);
  h.write(octal(mtime, 12), 136);
  h.write("        ", 148);
  h.write("0", 156);
  h.write("ustar\0" + "00", 257);
  h.write(
    octal(
      h.reduce((sum, b) => sum + b, 0),
      7,
    ),
    148,
  );
  return h;
}
