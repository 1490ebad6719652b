/** Plays a case against a program: a text that says what came back, step by step, in normal form. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { exchange } from "../interop/lib/dns-exchange.ts";
import { normalForm } from "../src/dns/conformance.ts";
import type { AgentName, Case, CliStep, DnsStep, HttpStep, Step, View } from "./case.ts";
import { killGroup, leash } from "./leash.ts";
import { normalBody, normalHeaders, normalText } from "./normal-form.ts";
import { AGENTS, type World } from "./world.ts";

/** Bounds for what hangs; nothing that works comes near them, on a busy machine neither. */
const HTTP_MS = 120_000;
const CLI_MS = 120_000;
const UNTIL_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Strings kept by earlier steps of the family, and the agents' addresses by their names. */
export type Kept = Map<string, string>;

export const firstKept = (world: World): Kept => new Map(AGENTS.map((agent) => [agent, world.ip(agent)]));

const fill = (text: string, kept: Kept): string =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => kept.get(name) ?? `no-${name}`);

/** The string at a path of keys ("0.ID"), or the whole text (":text"). */
function pick(text: string, path: string): string | undefined {
  if (path === ":text") return text.trim();
  try {
    let value: unknown = JSON.parse(text);
    for (const key of path.split(".")) value = (value as Record<string, unknown> | null | undefined)?.[key];
    return value === undefined ? undefined : String(value);
  } catch {
    return undefined;
  }
}

/** A file that a step reads or writes. */
const inFolder = (world: World, name: string): string => join(world.folder, "work", name);

function bodyOf(world: World, step: HttpStep, kept: Kept): Buffer | undefined {
  if (step.bodyFile !== undefined) return readFileSync(inFolder(world, step.bodyFile));
  return step.body === undefined ? undefined : Buffer.from(fill(step.body, kept));
}

function ask(world: World, step: HttpStep, kept: Kept): Promise<Answer> {
  const host = world.ip(step.at ?? "s1");
  const body = bodyOf(world, step, kept);
  return new Promise((resolve) => {
    const req = request(
      {
        host,
        port: 8500,
        method: step.method,
        path: fill(step.path, kept),
        headers: {
          ...(body === undefined ? {} : { "Content-Length": String(body.length) }),
          ...step.headers,
        },
        agent: false,
        timeout: HTTP_MS,
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (c: Buffer) => chunks.push(c));
        const done = (): void => {
          if (step.saveAs !== undefined) writeFileSync(inFolder(world, step.saveAs), Buffer.concat(chunks));
          const headers = new Map<string, string>();
          for (let i = 0; i < res.rawHeaders.length; i += 2)
            headers.set(res.rawHeaders[i]!, res.rawHeaders[i + 1]!);
          resolve({ status: res.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString("utf8") });
        };
        if (step.endless) {
          done();
          res.destroy();
          return;
        }
        res.on("end", done);
        res.on("error", done);
      },
    );
    req.on("timeout", () => req.destroy(new Error(`no answer within ${HTTP_MS / 1000} s`)));
    req.on("error", (e: NodeJS.ErrnoException) =>
      resolve({ status: 0, headers: new Map(), body: `no answer: ${e.code ?? e.message}` }),
    );
    req.end(body);
  });
}

async function playHttp(
  world: World,
  step: HttpStep,
  kept: Kept,
  ignored: readonly string[],
): Promise<string> {
  let answer = await ask(world, step, kept);
  if (step.until !== undefined) {
    const wanted = step.until.replace(/^!/, "");
    const absent = step.until.startsWith("!");
    const deadline = performance.now() + UNTIL_MS;
    while (answer.body.includes(wanted) === absent && performance.now() < deadline) {
      await new Promise((r) => setTimeout(r, 50));
      answer = await ask(world, step, kept);
    }
    if (answer.body.includes(wanted) === absent)
      return `never ${absent ? "without" : "with"} ${wanted}:\n${normalBody(world.neutral(answer.body), "full")}`;
  }
  for (const [name, path] of Object.entries(step.keep ?? {})) {
    const value = pick(answer.body, path);
    if (value !== undefined) kept.set(name, value);
  }
  const view = step.view ?? "full";
  if (view === "none") return "";
  const headers = new Map([...answer.headers].map(([name, value]) => [name, world.neutral(value)]));
  const lines = [`status ${answer.status}`, ...normalHeaders(headers)];
  if (view === "status") lines.push(answer.body === "" ? "no body" : "body");
  else if (answer.body !== "")
    lines.push(normalBody(world.neutral(answer.body), view, [...(step.without ?? []), ...ignored]));
  return lines.join("\n");
}

async function playDns(world: World, step: DnsStep): Promise<string> {
  const answer = await exchange(world.ip(step.at ?? "s1"), 8600, step.ask).catch((e: Error) => e);
  if (answer instanceof Error) return normalText(world.neutral(answer.message));
  return normalText(world.neutral(normalForm(answer, step.ask).join("\n")));
}

interface Ended {
  readonly exit: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line of the program in its folder. */
function run(world: World, step: CliStep, kept: Kept): Promise<Ended> {
  const folder = join(world.folder, "work");
  for (const [name, text] of Object.entries(step.files ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), fill(text, kept));
  }
  const { file, words, argv0 } = world.command();
  const address = (text: string): string =>
    fill(text, kept).replace(/@(s1|c1|t1|d1)\b/g, (_, a: AgentName) => world.ip(a));
  return new Promise((resolve) => {
    const child = spawn(file, [...words, ...step.words.map(address)], {
      argv0,
      cwd: folder,
      detached: true,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        SHELL: "/bin/sh",
        // Ours starts from its sources: kept compiled, a command takes a third of the time.
        NODE_COMPILE_CACHE: join(world.folder, "compiled"),
        CONSUL_HTTP_ADDR: `${world.ip(step.at ?? "s1")}:8500`,
        ...Object.fromEntries(Object.entries(step.env ?? {}).map(([k, v]) => [k, address(v)])),
      },
    });
    const group = child.pid;
    if (group !== undefined) leash.hold(group);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let interrupted = false;
    child.stdout.on("data", (d: Buffer) => {
      out.push(d);
      if (step.interruptOn === undefined || interrupted || !text(out).includes(step.interruptOn)) return;
      interrupted = true;
      child.kill("SIGINT");
    });
    child.stderr.on("data", (d: Buffer) => err.push(d));
    child.stdin.on("error", () => {});
    child.stdin.end(step.stdin ?? "");
    const timer = setTimeout(() => group !== undefined && killGroup(group), CLI_MS);
    child.on("error", (e) => resolve({ exit: e.message, stdout: "", stderr: "" }));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (group !== undefined) {
        // What a command leaves behind must not outlive it.
        killGroup(group);
        leash.release(group);
      }
      resolve({ exit: String(code ?? signal), stdout: text(out), stderr: text(err) });
    });
  });
}

const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");

function viewed(view: View, stream: string): string {
  if (view === "first-line") return stream.split("\n")[0] ?? "";
  return view === "sorted" ? stream.split("\n").sort().join("\n") : stream;
}

async function playCli(world: World, step: CliStep, kept: Kept): Promise<string> {
  const { exit, stdout, stderr } = await run(world, step, kept);
  for (const [name, path] of Object.entries(step.keep ?? {})) {
    const value = pick(stdout, path);
    if (value !== undefined) kept.set(name, value);
  }
  const view = step.view ?? "full";
  if (view === "none") return "";
  const lines = [`exit ${exit}`];
  if (view === "status")
    lines.push(stdout === "" ? "no output" : "output", stderr === "" ? "no errors" : "errors");
  else
    for (const [name, stream] of Object.entries({ stdout, stderr }))
      if (stream !== "") lines.push(`${name}:`, normalText(viewed(view, world.neutral(stream))));
  return lines.join("\n");
}

function playStep(world: World, step: Step, kept: Kept, ignored: readonly string[]): Promise<string> {
  switch (step.kind) {
    case "http":
      return playHttp(world, step, kept, ignored);
    case "dns":
      return playDns(world, step);
    case "cli":
      return playCli(world, step, kept);
    default:
      return step satisfies never;
  }
}

/** `ignored`: fields that are not compared in any JSON body. */
export async function play(world: World, c: Case, kept: Kept, ignored: readonly string[]): Promise<string> {
  const out: string[] = [];
  for (const step of c.steps) {
    const text = await playStep(world, step, kept, ignored);
    if (text !== "") out.push(step.hide === undefined ? text : text.replaceAll(step.hide, "<any>"));
  }
  return out.join("\n--\n");
}
