/**
 * Snapshot archives go both ways by the command line: `snapshot save` of either program from either server, `snapshot inspect` by both,
 * `snapshot restore` into the other's server. Skipped, with the reason, where the original is not there.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { command, consulMissing, ProgramAgent, type ProgramName, until } from "./lib/program.ts";

const skip = consulMissing();
const IP: Readonly<Record<ProgramName, string>> = { consul: "127.11.2.1", tribune: "127.11.2.2" };

let folder = "";
let agents: Readonly<Record<ProgramName, ProgramAgent>>;

const server = (program: ProgramName): ProgramAgent =>
  new ProgramAgent(program, IP[program], [
    "-server",
    "-bootstrap-expect=1",
    `-node=node-of-${program}`,
    `-data-dir=${join(folder, program)}`,
    "-hcl=performance { raft_multiplier = 1 }",
  ]);

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "interop-snapshot-"));
  agents = { consul: server("consul"), tribune: server("tribune") };
  for (const agent of Object.values(agents))
    await until("a leader", async () => (await agent.http("/v1/status/leader")).includes(":8300"));
});
after(async () => {
  if (skip) return;
  for (const agent of Object.values(agents)) await agent.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Records of every kind that a user makes by the API. */
async function fill(agent: ProgramAgent): Promise<void> {
  const who = agent.program;
  for (let i = 0; i < 200; i++)
    await agent.http(`/v1/kv/${who}/${i}?flags=${2n ** 63n + BigInt(i)}`, "PUT", `value ${i} of ${who}`);
  await agent.http(`/v1/kv/${who}/7`, "DELETE");
  await agent.http(
    "/v1/catalog/register",
    "PUT",
    JSON.stringify({
      Node: `external-${who}`,
      Address: "10.1.2.3",
      NodeMeta: { "external-node": "true" },
      Service: { Service: `shop-${who}`, Port: 80, Tags: ["v1"], Meta: { k: "v" }, Weights: { Passing: 3 } },
      Check: { Name: "alive", Status: "passing", ServiceID: `shop-${who}`, Output: "fine" },
    }),
  );
  // Of a node that is no member: a restored server takes members it does not see out of the catalog, and their sessions go too.
  await agent.http(
    "/v1/session/create",
    "PUT",
    `{"Node":"external-${who}","Checks":[],"Name":"held","TTL":"1h","LockDelay":"5s"}`,
  );
  await agent.http("/v1/query", "POST", `{"Name":"q-${who}","Service":{"Service":"shop-${who}"}}`);
  await agent.http("/v1/config", "PUT", `{"Kind":"service-defaults","Name":"shop-${who}","Protocol":"http"}`);
}

/** What a client sees of those records, told by `agent`; the nodes of the two servers themselves aside. */
async function shown(agent: ProgramAgent): Promise<Readonly<Record<string, unknown>>> {
  const out: Record<string, unknown> = {};
  for (const who of ["consul", "tribune"])
    for (const path of [
      `/v1/kv/${who}/?recurse`,
      `/v1/catalog/node/external-${who}`,
      `/v1/health/service/shop-${who}`,
      `/v1/config/service-defaults/shop-${who}`,
    ]) {
      const text = await agent.http(path);
      // What is not there is answered by a sentence, or by nothing.
      out[path] = /^[[{]/.test(text) ? JSON.parse(text) : null;
    }
  out["sessions"] = (JSON.parse(await agent.http("/v1/session/list")) as { ID: string; Name: string }[])
    .filter((s) => s.Name === "held")
    .map((s) => s.ID);
  out["queries"] = (JSON.parse(await agent.http("/v1/query")) as { ID: string; Name: string }[]).map((q) => [
    q.ID,
    q.Name,
  ]);
  return out;
}

/** A server that was just restored may have to become leader anew before it answers. */
async function showsAgain(agent: ProgramAgent, wanted: Readonly<Record<string, unknown>>): Promise<void> {
  let found: unknown;
  const same = async (): Promise<boolean> => {
    found = await shown(agent);
    return isDeepStrictEqual(found, wanted);
  };
  await until("the records", same).catch((error: Error) => {
    if (found !== undefined) assert.deepEqual(found, wanted);
    throw error;
  });
}

for (const [from, to] of [
  ["consul", "tribune"],
  ["tribune", "consul"],
] as const)
  test(`an archive saved by ${from} is inspected by both programs and restored into ${to}`, {
    skip,
  }, async () => {
    await fill(agents[from]);
    const file = join(folder, `${from}.snap`);
    const saved = await agents[from].command(from, "snapshot", "save", file);
    assert.match(saved, /^Saved and verified snapshot to index \d+$/m);
    const wanted = await shown(agents[from]);
    assert.equal((wanted[`/v1/kv/${from}/?recurse`] as unknown[]).length, 199);
    const inspected = [];
    for (const program of ["consul", "tribune"] as const)
      inspected.push((await command(program, ["snapshot", "inspect", file])).trim());
    const fields = inspected.map((text) => text.split("\n").map((l) => l.trim().split(/\s+/)));
    assert.deepEqual(fields[1], fields[0]);
    assert.deepEqual(
      fields[0]!.map(([name]) => name),
      ["ID", "Size", "Index", "Term", "Version"],
    );
    console.log(`${from}: ${saved.trim()}, ${statSync(file).size} bytes\n${inspected[0]}`);
    assert.match(await agents[to].command(to, "snapshot", "restore", file), /Restored snapshot/);
    await until("a leader after the restore", async () =>
      (await agents[to].http("/v1/status/leader")).includes(":8300"),
    );
    await showsAgain(agents[to], wanted);
    // It goes on from there.
    await until(
      "a write",
      async () => (await agents[to].http(`/v1/kv/after-${from}`, "PUT", "x")) === "true",
    );
  });

test("each program's save asked of the other's server, and its restore", { skip }, async () => {
  for (const [program, at] of [
    ["consul", "tribune"],
    ["tribune", "consul"],
  ] as const) {
    const file = join(folder, `${program}-at-${at}.snap`);
    assert.match(await agents[at].command(program, "snapshot", "save", file), /Saved and verified/);
    const before = await shown(agents[at]);
    await agents[at].http("/v1/kv/consul/?recurse", "DELETE");
    assert.match(await agents[at].command(program, "snapshot", "restore", file), /Restored snapshot/);
    await until("a leader after the restore", async () =>
      (await agents[at].http("/v1/status/leader")).includes(":8300"),
    );
    await showsAgain(agents[at], before);
  }
});

test("an archive with one changed bit is refused by both, each way", { skip }, async () => {
  for (const from of ["consul", "tribune"] as const) {
    const bytes = readFileSync(join(folder, `${from}.snap`));
    bytes[bytes.length >> 1]! ^= 4;
    const file = join(folder, `${from}-broken.snap`);
    writeFileSync(file, bytes);
    for (const program of ["consul", "tribune"] as const) {
      await assert.rejects(command(program, ["snapshot", "inspect", file]), /Error verifying snapshot/);
      await assert.rejects(
        agents[program].command(program, "snapshot", "restore", file),
        /Error (verifying|restoring) snapshot/,
      );
    }
  }
});
