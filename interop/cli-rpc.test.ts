/** The 8400 door of a real agent of ours: asked by the real serf program, and by our own command line. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import test, { after, before } from "node:test";
import { promisify } from "node:util";

const HOST = "127.2.7.1";
const ADDRESS = `${HOST}:8400`;
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const run = promisify(execFile);
const skip = ((): string | false => {
  try {
    execFileSync("serf", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "no serf in PATH: run interop/setup.sh";
  }
})();

let agent: ChildProcess | undefined;
let log = "";
const serf = async (command: string, ...args: readonly string[]): Promise<string> =>
  (await run("serf", [command, `-rpc-addr=${ADDRESS}`, ...args])).stdout;
const ours = async (command: string, ...args: readonly string[]): Promise<string> =>
  (await run(process.execPath, [MAIN, command, `-rpc-addr=${ADDRESS}`, ...args])).stdout;

async function until(what: string, ok: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 90_000; !(await ok()); await new Promise((r) => setTimeout(r, 100)))
    assert.ok(Date.now() < deadline, `waited too long for ${what}\n${log}`);
}

before(async () => {
  if (skip !== false) return;
  agent = spawn(process.execPath, [MAIN, "agent", "-dev", "-bind", HOST, "-client", HOST, "-node", "door1"]);
  agent.stdout!.on("data", (c: Buffer) => {
    log += c.toString();
  });
  await until("a leader", async () =>
    (
      await fetch(`http://${HOST}:8500/v1/status/leader`).then(
        (r) => r.text(),
        () => "",
      )
    ).includes("8300"),
  );
});
after(() => agent?.kill("SIGKILL"));

test("serf members lists our pool, filters too", { skip }, async () => {
  assert.match(await serf("members"), /^door1\s+127\.2\.7\.1:8301\s+alive\s+.*role=consul/);
  assert.match(await serf("members", "-status=alive", "-name=door.*", "-tag=role=consul"), /^door1/);
  assert.equal((await serf("members", "-status=failed")).trim(), "");
});

test("serf info, rtt, force-leave, join", { skip }, async () => {
  assert.match(await serf("info"), /serf_lan:/);
  assert.match(await serf("rtt", "door1", "door1"), /Estimated door1 <-> door1 rtt/);
  await serf("force-leave", "nobody");
  assert.match(await serf("join", `${HOST}:8301`), /Successfully joined cluster by contacting 1 nodes/);
  await assert.rejects(serf("join", "127.2.7.99:1"), (error) => {
    assert.match(
      (error as { stdout: string; stderr: string }).stdout + (error as { stderr: string }).stderr,
      /connection refused/,
    );
    return true;
  });
});

test("serf monitor follows the log, and an event sent by serf is Consul's", { skip }, async () => {
  const monitor = spawn("serf", ["monitor", `-rpc-addr=${ADDRESS}`, "-log-level=DEBUG"]);
  let seen = "";
  monitor.stdout.on("data", (c: Buffer) => {
    seen += c.toString();
  });
  try {
    await until("the backlog", () => seen.includes("EventMemberJoin: door1"));
    await serf("event", "deploy", "v2");
    const list = async (): Promise<readonly { Name: string; Payload: string }[]> =>
      (await (await fetch(`http://${HOST}:8500/v1/event/list`)).json()) as never;
    await until("the event", async () =>
      (await list()).some((e) => e.Name === "deploy" && Buffer.from(e.Payload, "base64").toString() === "v2"),
    );
  } finally {
    monitor.kill();
  }
});

test("what serf could do to nodes without a token stays closed", { skip }, async () => {
  await assert.rejects(serf("query", "load"));
  await assert.rejects(serf("tags", "-set", "a=b"));
});

test("our command line over 8400", { skip }, async () => {
  assert.match(
    await ours("members"),
    /^Node\s+Address\s+Status\s+Type\s+Build\s+Protocol\s+DC\ndoor1\s+127\.2\.7\.1:8301\s+alive\s+server/,
  );
  assert.match(await ours("members", "-wan"), /door1\.dc1/);
  assert.match(await ours("info"), /^agent:\n/);
  assert.match(await ours("join", `${HOST}:8301`), /Successfully joined cluster by contacting 1 nodes\./);
  assert.equal(await ours("force-leave", "nobody"), "");
  assert.match(await ours("reload"), /Configuration reload triggered/);
  await assert.rejects(run(process.execPath, [MAIN, "members", "-rpc-addr=127.2.7.1:1"]), (error) => {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    assert.equal(code, 1);
    assert.match(
      stdout + stderr,
      /Error connecting to Consul agent: dial tcp 127\.2\.7\.1:1: connect: connection refused/,
    );
    return true;
  });
});

test("our monitor over 8400, then leave ends the agent with code 0", { skip }, async () => {
  const monitor = spawn(process.execPath, [MAIN, "monitor", `-rpc-addr=${ADDRESS}`]);
  let seen = "";
  monitor.stdout.on("data", (c: Buffer) => {
    seen += c.toString();
  });
  const ended = new Promise<number | null>((resolve) => agent!.once("exit", (code) => resolve(code)));
  await until("the backlog", () => seen.includes("EventMemberJoin: door1"));
  assert.match(await ours("leave"), /Graceful leave complete/);
  assert.equal(await ended, 0);
  await until("the monitor to end", () => monitor.exitCode !== null || monitor.signalCode !== null);
  await until("what it printed last", () => seen.includes("Graceful leave triggered"));
});
