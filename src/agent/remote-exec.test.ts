import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SimClock, settle } from "../../sim/clock.ts";
import { NodeService } from "../model/catalog.ts";
import { systemClock } from "../ports/clock.ts";
import { formatLogLine, LogHub } from "../ports/log.ts";
import { seededRandom } from "../ports/random.ts";
import { AgentError, type UserEvent } from "./contract.ts";
import { LocalRecords } from "./core/local-records.ts";
import { FakeCatalog } from "./fake-catalog.ts";
import { EXEC_OUTPUT_BYTES_MAX } from "./limits.ts";
import { OutputSender, parseExecEvent, parseExecJob, RemoteExec } from "./remote-exec.ts";
import { decodeUserEvent, encodeUserEvent } from "./user-event-message.ts";
import { AgentUserEvents } from "./user-events.ts";

const SESSION = "7d0623c4-7370-14a4-5c0a-0805bb3037f0";
const BASE = `_rexec/${SESSION}`;

function setUp(t: TestContext, refusal?: string) {
  const catalog = new FakeCatalog();
  catalog.sessions.add(SESSION);
  const hub = new LogHub(systemClock);
  const lines: string[] = [];
  hub.attach((line) => lines.push(formatLogLine(line).slice(20)), "debug");
  const exec = new RemoteExec(
    { node: "s1.x", datacenter: "dc1", token: () => "", refusal: () => refusal },
    { clock: systemClock, log: hub.logger("agent"), rpc: catalog },
  );
  t.after(() => exec.stop());
  const event = (payload: unknown): UserEvent => ({
    ID: "e",
    Name: "_rexec",
    Payload: Buffer.from(JSON.stringify(payload)),
    NodeFilter: "",
    ServiceFilter: "",
    TagFilter: "",
    Version: 1,
    LTime: 1n,
  });
  const run = async (job: unknown): Promise<Map<string, string>> => {
    catalog.keys.set(`${BASE}/job`, Buffer.from(JSON.stringify(job)));
    exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
    await waitFor(() => catalog.keys.has(`${BASE}/s1.x/exit`));
    return answers();
  };
  const answers = (): Map<string, string> =>
    new Map(
      [...catalog.keys]
        .filter(([k]) => k.startsWith(`${BASE}/s1.x/`))
        .map(([k, v]) => [k.slice(BASE.length + "/s1.x/".length), v.toString()]),
    );
  return { catalog, lines, exec, event, run, answers };
}

async function waitFor(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "condition not met within 30 s");
    await new Promise((r) => setTimeout(r, 5));
  }
}

test("a command is acknowledged, run by the shell, and its output and code written", async (t) => {
  const { run, lines } = setUp(t);
  const answers = await run({ Command: "echo out; echo err >&2; exit 3", Script: null, Wait: 2_000_000_000 });
  assert.deepEqual(
    [...answers],
    [
      ["ack", ""],
      ["out/00000", "out\nerr\n"],
      ["exit", "3"],
    ],
  );
  assert.ok(lines.includes("[INFO] agent: remote exec 'echo out; echo err >&2; exit 3'"));
});

test("arguments run without a shell", async (t) => {
  const { run } = setUp(t);
  assert.equal(
    (await run({ Command: "", Args: ["echo", "$HOME"], Script: null, Wait: 1e9 })).get("out/00000"),
    "$HOME\n",
  );
});

test("a script runs by its own first line", async (t) => {
  const { run } = setUp(t);
  const script = Buffer.from("#!/bin/sh\necho from script $0\n").toString("base64");
  assert.match(
    (await run({ Command: "", Script: script, Wait: 1e9 })).get("out/00000")!,
    /^from script .*\/script\n$/,
  );
});

test("long output comes in numbered pieces", async (t) => {
  const { run } = setUp(t);
  const answers = await run({ Command: "head -c 100000 /dev/zero | tr '\\0' x", Wait: 1e9 });
  const pieces = [...answers].filter(([k]) => k.startsWith("out/"));
  assert.equal(pieces[24]![0], "out/00018");
  assert.equal(pieces.map(([, v]) => v).join(""), "x".repeat(100_000));
  assert.ok(pieces.slice(0, -1).every(([, v]) => v.length === 4096));
});

test("what cannot start tells why and ends with 255", async (t) => {
  const { run } = setUp(t);
  const answers = await run({ Command: "", Args: ["nosuchprogram"], Wait: 1e9 });
  assert.equal(answers.get("exit"), "255");
  assert.match(answers.get("out/00000")!, /executable file not found/);
});

test("death by a signal is -1", async (t) => {
  const { run } = setUp(t);
  assert.equal((await run({ Command: "kill -9 $$", Wait: 1e9 })).get("exit"), "-1");
});

test("a command that is silent sends heartbeats", async (t) => {
  const { run } = setUp(t);
  const answers = await run({ Command: "sleep 0.5", Wait: 100_000_000 });
  const beats = [...answers].filter(([k]) => k.startsWith("out/"));
  assert.ok(beats.length >= 2, `${beats.length} heartbeats`);
  assert.ok(beats.every(([, v]) => v === ""));
});

test("switched off: nothing is read, and the log says why", async (t) => {
  const { exec, event, catalog, lines } = setUp(t, "an HTTP address is not loopback");
  exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
  await settle();
  assert.deepEqual(catalog.calls, []);
  assert.match(lines.join("\n"), /ignoring remote exec event, disabled: an HTTP address is not loopback/);
});

test("without job, or without the caller's session, nothing runs", async (t) => {
  const { exec, event, catalog, lines, answers } = setUp(t);
  exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
  await waitFor(() => lines.some((l) => l.includes("remote exec job not found")));
  assert.equal(catalog.count("KVS.Get"), 2);
  catalog.sessions.clear();
  catalog.keys.set(`${BASE}/job`, Buffer.from('{"Command":"true"}'));
  exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
  await waitFor(() => lines.some((l) => l.includes("the session of the caller is gone")));
  assert.equal(answers().size, 0);
});

test("when the caller goes, the command is no longer waited for", async (t) => {
  const { exec, event, catalog, lines } = setUp(t);
  catalog.keys.set(`${BASE}/job`, Buffer.from('{"Command":"echo a; sleep 60","Wait":50000000}'));
  exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
  await waitFor(() => catalog.keys.has(`${BASE}/s1.x/out/00000`));
  catalog.sessions.clear();
  await waitFor(() => lines.some((l) => l.includes("failed to write the exit code")));
});

test("stopping kills what runs", async (t) => {
  const { exec, event, catalog } = setUp(t);
  catalog.keys.set(`${BASE}/job`, Buffer.from('{"Command":"sleep 60"}'));
  exec.onEvent(event({ Prefix: "_rexec", Session: SESSION }));
  await waitFor(() => catalog.keys.has(`${BASE}/s1.x/ack`));
  const began = performance.now();
  await exec.stop();
  assert.ok(performance.now() - began < 30_000);
});

test("what is no event or job is told apart", () => {
  assert.equal(typeof parseExecEvent(Buffer.from("{}")), "string");
  assert.equal(typeof parseExecEvent(null), "string");
  assert.equal(typeof parseExecJob(Buffer.from("[")), "string");
  assert.equal(typeof parseExecJob(Buffer.from("null")), "string");
  const job = parseExecJob(Buffer.from('{"Command":"x","Wait":500000000}'));
  assert.ok(typeof job !== "string" && job.waitMs === 500);
});

test("sender: pieces wait half a second for more, a stuck receiver holds the writer back, too much is cut", async () => {
  const clock = new SimClock();
  const sent: Buffer[] = [];
  let release: (() => void) | undefined;
  const sender = new OutputSender({ waitMs: 60_000, clock }, async (_n, chunk) => {
    sent.push(chunk);
    if (release !== undefined) await new Promise<void>((r) => (release = r));
    return true;
  });
  await sender.write(Buffer.from("a"));
  clock.advance(499);
  assert.equal(sent.length, 0);
  await sender.write(Buffer.from("b"));
  clock.advance(500);
  await settle();
  assert.deepEqual(sent.map(String), ["ab"]);
  release = () => {};
  let free = false;
  void sender.write(Buffer.alloc(300 * 1024)).then(() => {
    free = true;
  });
  await settle();
  assert.equal(free, false);
  const resume = release;
  release = undefined;
  resume();
  await settle();
  assert.equal(free, true);
  await sender.write(Buffer.alloc(EXEC_OUTPUT_BYTES_MAX));
  await sender.write(Buffer.from("never sent"));
  assert.equal(await sender.end(), true);
  const all = Buffer.concat(sent).toString();
  assert.match(all, /\[output cut after \d+ bytes\]\n$/);
});

function events() {
  const catalog = new FakeCatalog();
  const records = new LocalRecords();
  const commands: UserEvent[] = [];
  const hub = new LogHub(systemClock);
  const own = new AgentUserEvents(
    { node: "s1", datacenter: "dc1", onRemoteExec: (e) => commands.push(e) },
    { random: seededRandom(5), log: hub.logger("agent"), rpc: catalog, records },
  );
  const receive = (
    id: string,
    more: Partial<{ name: string; node: string; service: string; tag: string }> = {},
  ): void =>
    own.onSerfEvent({
      name: `consul:event:${more.name ?? "deploy"}`,
      ltime: 3n,
      payload: encodeUserEvent({
        id,
        name: more.name ?? "deploy",
        payload: Buffer.from("p"),
        nodeFilter: more.node ?? "",
        serviceFilter: more.service ?? "",
        tagFilter: more.tag ?? "",
        version: 1,
      }),
    });
  return { catalog, records, commands, own, receive };
}

test("events: each id once, the newest 256, in order", () => {
  const { own, receive } = events();
  let woken = 0;
  own.onChange(() => woken++);
  for (let i = 0; i < 300; i++) {
    receive(`id${i}`);
    receive(`id${i}`);
  }
  assert.equal(woken, 300);
  assert.deepEqual(
    own.list().map((e) => e.ID),
    Array.from({ length: 256 }, (_, i) => `id${i + 44}`),
  );
  assert.equal(own.list()[0]!.LTime, 3n);
});

const filters = [
  { name: "node matches", node: "^s", service: "", tag: "", ours: true },
  { name: "node does not", node: "x", service: "", tag: "", ours: false },
  { name: "service matches", node: "", service: "we", tag: "", ours: true },
  { name: "service does not", node: "", service: "db", tag: "", ours: false },
  { name: "tag matches", node: "", service: "web", tag: "v1", ours: true },
  { name: "tag does not", node: "", service: "web", tag: "v2", ours: false },
  { name: "a pattern that is none", node: "(", service: "", tag: "", ours: false },
];
for (const { name, ours, ...filter } of filters)
  test(`events: ${name}`, () => {
    const { own, records, receive } = events();
    records.setService(NodeService.make({ ID: "w", Service: "web", Tags: ["v1"] }), "", "local");
    receive("1", filter);
    assert.equal(own.list().length, ours ? 1 : 0);
  });

test("events: a hostile filter costs nothing", () => {
  const { own, records, receive } = events();
  records.setService(NodeService.make({ ID: "w", Service: `${"a".repeat(60)}!` }), "", "local");
  const began = performance.now();
  receive("1", { service: "^(a+)+$" });
  // Backtracking would take ages.
  assert.ok(performance.now() - began < 20_000);
  assert.equal(own.list().length, 0);
});

test("events: commands and foreign events are not in the list", () => {
  const { own, commands, receive } = events();
  receive("1", { name: "_rexec" });
  receive("1", { name: "_rexec" });
  own.onSerfEvent({ name: "other", ltime: 1n, payload: Buffer.from("x") });
  own.onSerfEvent({ name: "consul:event:x", ltime: 1n, payload: Buffer.from("x") });
  assert.equal(commands.length, 1);
  assert.equal(own.list().length, 0);
});

test("events: fired through a server, with an id of its own", async () => {
  const { own, catalog } = events();
  const event = {
    name: "deploy",
    payload: Buffer.from("x"),
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    datacenter: "",
    token: "t",
  };
  const fired = await own.fire(event);
  const [request] = catalog.fired;
  assert.equal(request?.Name, "deploy");
  assert.equal(request?.Token, "t");
  assert.equal(decodeUserEvent(request!.Payload!).id, fired.ID);
  await assert.rejects(own.fire({ ...event, tagFilter: "v" }), AgentError);
  await assert.rejects(own.fire({ ...event, nodeFilter: "(" }), AgentError);
});
