/** The probe against a server that speaks the engine's API on a unix socket as Docker documents it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../ports/clock.ts";
import { OutputRing } from "../core/output-ring.ts";
import { DockerOutput } from "./docker-output.ts";
import { DockerProbe } from "./docker-probe.ts";
import type { ProbeResult } from "./probe.ts";

const folder = mkdtempSync(join(tmpdir(), "docker-"));
const socketPath = join(folder, "docker.sock");

interface Run {
  readonly output: readonly (readonly [stream: number, text: string])[];
  readonly exitCode: number;
  readonly tty?: boolean;
  readonly hangs?: boolean;
}
/** What the commands of a container do. */
const containers = new Map<string, Run>();
const execs = new Map<string, Run>();
const seen: { readonly method: string; readonly path: string; readonly body: unknown }[] = [];

const frame = (stream: number, text: string): Buffer => {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of request) text += chunk;
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  seen.push({ method: request.method!, path: request.url!, body });
  const json = (status: number, value: object): void => {
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  };
  const [, what, id, verb] = request.url!.split("/");
  if (request.method === "POST" && what === "containers" && verb === "exec") {
    const run = containers.get(decodeURIComponent(id!));
    if (id === "paused") return json(409, { message: `container ${id} is paused` });
    if (run === undefined) return json(404, { message: `No such container: ${id}` });
    const exec = `exec${execs.size}`;
    execs.set(exec, run);
    return json(201, { Id: exec });
  }
  const run = execs.get(id!);
  if (what !== "exec" || run === undefined) return json(404, { message: "page not found" });
  if (request.method === "GET" && verb === "json")
    return json(200, { ID: id, Running: false, ExitCode: run.exitCode });
  if (request.method !== "POST" || verb !== "start") return json(404, { message: "page not found" });
  response.writeHead(200, {
    "Content-Type": run.tty
      ? "application/vnd.docker.raw-stream"
      : "application/vnd.docker.multiplexed-stream",
  });
  if (run.hangs) return void response.flushHeaders();
  const bytes = Buffer.concat(run.output.map(([s, t]) => (run.tty ? Buffer.from(t) : frame(s, t))));
  // In pieces that keep to no boundary.
  for (let at = 0; at < bytes.length; at += 5) response.write(bytes.subarray(at, at + 5));
  response.end();
}

const engine = createServer((request, response) => void answer(request, response));
before(async () => {
  engine.listen(socketPath);
  await once(engine, "listening");
});
after(() => {
  engine.closeAllConnections();
  engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const probe = (
  containerId: string,
  more: { readonly timeoutMs?: number; readonly outputBytesMax?: number; readonly socketPath?: string } = {},
): Promise<ProbeResult> =>
  new DockerProbe(
    {
      containerId,
      command: ["/check", "--fast"],
      engine: { socketPath: more.socketPath ?? socketPath },
      outputBytesMax: more.outputBytesMax ?? 4096,
      timeoutMs: more.timeoutMs ?? 30_000,
    },
    { clock: systemClock },
  ).run(new AbortController().signal);

test("a command runs in the container: three calls, its output without frames, its exit code", async () => {
  containers.set("web", {
    output: [
      [1, "all "],
      [2, "well\n"],
      [1, ""],
    ],
    exitCode: 0,
  });
  seen.length = 0;
  assert.deepEqual(await probe("web"), { status: "passing", output: "all well\n" });
  const exec = [...execs.keys()].at(-1);
  assert.deepEqual(seen, [
    {
      method: "POST",
      path: "/containers/web/exec",
      body: {
        AttachStdin: false,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        Cmd: ["/check", "--fast"],
      },
    },
    { method: "POST", path: `/exec/${exec}/start`, body: { Detach: false, Tty: true } },
    { method: "GET", path: `/exec/${exec}/json`, body: undefined },
  ]);
});

for (const [exitCode, status] of [
  [1, "warning"],
  [2, "critical"],
  [137, "critical"],
] as const)
  test(`exit code ${exitCode} is ${status}`, async () => {
    containers.set("c", { output: [[1, "x"]], exitCode });
    assert.deepEqual(await probe("c"), { status, output: "x" });
  });

test("output of a terminal comes as it is; of a long one the end is kept", async () => {
  containers.set("tty", { output: [[1, "plain\r\n"]], exitCode: 0, tty: true });
  assert.equal((await probe("tty")).output, "plain\r\n");
  containers.set("long", {
    output: [
      [1, "a".repeat(50)],
      [2, "b".repeat(10)],
    ],
    exitCode: 0,
  });
  assert.equal(
    (await probe("long", { outputBytesMax: 16 })).output,
    `Captured 16 of 60 bytes\n...\n${"a".repeat(6)}${"b".repeat(10)}`,
  );
});

test("containers that are not there or paused, an engine that is not there, a command that hangs", async () => {
  assert.deepEqual(await probe("nope"), {
    status: "critical",
    output: "create exec failed for unknown container nope",
  });
  assert.equal(
    (await probe("paused")).output,
    "create exec failed since container paused is paused or stopped",
  );
  const away = await probe("web", { socketPath: join(folder, "none.sock") });
  assert.equal(away.status, "critical");
  assert.match(away.output, /^dial unix .*none\.sock: connect: no such file or directory$/);
  containers.set("hang", { output: [], exitCode: 0, hangs: true });
  assert.deepEqual(await probe("hang", { timeoutMs: 1_000 }), {
    status: "critical",
    output: "context deadline exceeded",
  });
});

test("frames are recognised in whatever pieces they come; what is none stays", () => {
  const read = (bytes: Buffer, step: number): string => {
    const ring = new OutputRing(4096);
    const output = new DockerOutput(ring);
    for (let at = 0; at < bytes.length; at += step) output.write(bytes.subarray(at, at + step));
    output.end();
    return ring.text();
  };
  const framed = Buffer.concat([frame(1, "one"), frame(2, ""), frame(1, "two")]);
  for (const step of [1, 2, 3, 7, 8, 9, 100]) assert.equal(read(framed, step), "onetwo", `pieces of ${step}`);
  for (const plain of ["hello", "", "\x01", "\x01\0\0", "\x01\0\0x"])
    for (const step of [1, 100]) assert.equal(read(Buffer.from(plain), step), plain);
});
