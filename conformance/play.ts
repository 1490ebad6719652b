/** Plays a case against a program: a text that says what came back, step by step, in normal form. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { exchange } from "../interop/lib/dns-exchange.ts";
import { normalForm } from "../src/dns/conformance.ts";
import type { Case, CliStep, DnsStep, HttpStep, Step } from "./case.ts";
import { normalBody, normalHeaders, normalText } from "./normal-form.ts";
import type { World } from "./world.ts";

const HTTP_MS = 20_000;
const CLI_MS = 12_000;
const UNTIL_MS = 15_000;

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Strings kept by earlier steps of the family. */
export type Kept = Map<string, string>;

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

function ask(host: string, step: HttpStep, kept: Kept): Promise<Answer> {
  const body = step.body === undefined ? undefined : Buffer.from(fill(step.body, kept));
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
          const headers = new Map<string, string>();
          for (let i = 0; i < res.rawHeaders.length; i += 2)
            headers.set(res.rawHeaders[i]!, res.rawHeaders[i + 1]!);
          resolve({ status: res.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString("utf8") });
        };
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
  const host = world.ip(step.at ?? "s1");
  let answer = await ask(host, step, kept);
  if (step.until !== undefined) {
    const wanted = step.until.replace(/^!/, "");
    const absent = step.until.startsWith("!");
    const deadline = performance.now() + UNTIL_MS;
    while (answer.body.includes(wanted) === absent && performance.now() < deadline) {
      await new Promise((r) => setTimeout(r, 50));
      answer = await ask(host, step, kept);
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

function playCli(world: World, step: CliStep, kept: Kept): Promise<string> {
  const folder = join(world.folder, "work");
  for (const [name, text] of Object.entries(step.files ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), fill(text, kept));
  }
  const { file, words, argv0 } = world.command();
  const address = (text: string): string =>
    fill(text, kept).replace(/@(s1|c1|t1|d1)\b/g, (_, a: "s1" | "c1" | "t1" | "d1") => world.ip(a));
  return new Promise((resolve) => {
    const child = spawn(file, [...words, ...step.words.map(address)], {
      argv0,
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        SHELL: "/bin/sh",
        CONSUL_HTTP_ADDR: `${world.ip(step.at ?? "s1")}:8500`,
        ...Object.fromEntries(Object.entries(step.env ?? {}).map(([k, v]) => [k, address(v)])),
      },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (d: Buffer) => out.push(d));
    child.stderr.on("data", (d: Buffer) => err.push(d));
    child.stdin.on("error", () => {});
    child.stdin.end(step.stdin ?? "");
    const timer = setTimeout(() => child.kill("SIGKILL"), CLI_MS);
    const interrupt =
      step.interruptMs === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), step.interruptMs);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      clearTimeout(interrupt);
      const [stdout, stderr] = [out, err].map((b) => world.neutral(Buffer.concat(b).toString("utf8"))) as [
        string,
        string,
      ];
      for (const [name, path] of Object.entries(step.keep ?? {})) {
        const value = pick(stdout, path);
        if (value !== undefined) kept.set(name, value);
      }
      const lines = [`exit ${code ?? signal}`];
      const view = step.view ?? "full";
      const shown = (stream: string, text: string): void => {
        if (text === "") return;
        const normal =
          view === "first-line"
            ? (text.split("\n")[0] ?? "")
            : view === "sorted"
              ? text.split("\n").sort().join("\n")
              : text;
        lines.push(`${stream}:`, normalText(normal));
      };
      if (view === "none") return resolve("");
      if (view === "status")
        lines.push(stdout === "" ? "no output" : "output", stderr === "" ? "no errors" : "errors");
      else {
        shown("stdout", stdout);
        shown("stderr", stderr);
      }
      resolve(lines.join("\n"));
    });
  });
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
    if (text !== "") out.push(text);
  }
  return out.join("\n--\n");
}
