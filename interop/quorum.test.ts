/**
 * A quorum of both programs, as an operator sees it: `operator raft list-peers` of either program, asked at either kind of server, under
 * a leader of either kind, prints the same; so do their KV listings. Skipped, with the reason, where the original is not there.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { consulMissing, ProgramAgent, type ProgramName, until } from "./lib/program.ts";

const skip = consulMissing();
const IPS = ["127.11.1.1", "127.11.1.2", "127.11.1.3"] as const;
const PROGRAMS: readonly ProgramName[] = ["consul", "tribune", "tribune"];

/** For what takes a second where nothing else runs. */
const PATIENCE_MS = 90_000;

let folder = "";
let servers: readonly ProgramAgent[] = [];
let writes = 0;

const leader = (): Promise<ProgramAgent> =>
  until(
    "one leader for all",
    async () => {
      const answers = await Promise.all(servers.map((s) => s.http("/v1/status/leader")));
      return servers.find((s) => answers.every((a) => a === `"${s.ip}:8300"`));
    },
    PATIENCE_MS,
  );

before(() => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "interop-quorum-"));
  servers = IPS.map(
    (ip, i) =>
      new ProgramAgent(PROGRAMS[i]!, ip, [
        "-server",
        "-bootstrap-expect=3",
        `-node=${PROGRAMS[i]}-${i + 1}`,
        `-data-dir=${join(folder, String(i))}`,
        ...IPS.map((to) => `-retry-join=${to}`),
        "-retry-interval=1s",
        '-hcl=performance { raft_multiplier = 1 } autopilot { server_stabilization_time = "1s" cleanup_dead_servers = false }',
      ]),
  );
});
after(async () => {
  await Promise.all(servers.map((s) => s.end()));
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

/** Lets a server of `program` lead: ours by holding theirs still while the others elect, theirs by a request to ours. */
async function makeLead(program: ProgramName): Promise<ProgramAgent> {
  return until(
    `a server of ${program} leads`,
    async () => {
      const now = await leader();
      if (now.program === program) return now;
      if (program === "consul") {
        const { Servers } = JSON.parse(await now.http("/v1/operator/raft/configuration")) as {
          readonly Servers: readonly { readonly ID: string; readonly Node: string }[];
        };
        const id = Servers.find((s) => s.Node.startsWith("consul"))!.ID;
        await now.http(`/v1/operator/raft/transfer-leader?id=${id}`, "PUT");
        return undefined;
      }
      const others = servers.filter((s) => s !== now);
      now.signal("SIGSTOP");
      try {
        await until(
          "the others have a leader of their own",
          async () => {
            const answers = await Promise.all(others.map((s) => s.http("/v1/status/leader")));
            return others.some((o) => answers.every((a) => a === `"${o.ip}:8300"`));
          },
          PATIENCE_MS,
        );
      } finally {
        now.signal("SIGCONT");
      }
      return undefined;
    },
    10 * PATIENCE_MS,
  );
}

/** Under a leader of `program`; once more when another has come to lead meanwhile, as it may on a busy machine. */
async function agreeUnder(program: ProgramName): Promise<void> {
  for (let tries = 1; ; tries++) {
    const lead = await makeLead(program);
    try {
      await agree(lead);
      assert.equal((await leader()).ip, lead.ip, "the leader stayed");
      return;
    } catch (error) {
      if (tries === 10 || (await leader()).ip === lead.ip) throw error;
    }
  }
}

/** Each server takes writes; then all lists of peers and of keys are compared. */
async function agree(lead: ProgramAgent): Promise<void> {
  for (const s of servers) {
    writes++;
    // To the same key with the same value: it may be asked again when an election comes in between.
    await until(
      "the write",
      async () => (await s.http(`/v1/kv/led-by-${lead.program}/${writes}`, "PUT", s.ip)) === "true",
    );
    await until("the original's command writes", () =>
      s.command("consul", "kv", "put", `consul-cli/${writes}`, "from the original's command"),
    );
    await until("our command writes", () =>
      s.command("tribune", "kv", "put", `tribune-cli/${writes}`, "from our command"),
    );
  }
  const peers: string[] = [];
  for (const s of servers)
    for (const program of ["consul", "tribune"] as const)
      peers.push(await s.command(program, "operator", "raft", "list-peers"));
  const rows = peers.map((p) =>
    p
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).join(" ")),
  );
  for (const r of rows) assert.deepEqual(r, rows[0]);
  assert.equal(rows[0]!.length, 4, peers[0]!);
  const name = `${lead.program}-${IPS.indexOf(lead.ip as (typeof IPS)[number]) + 1}`;
  assert.match(peers[0]!, new RegExp(`${name}\\s+\\S+\\s+${lead.ip}:8300\\s+leader\\s+true\\s+3`));
  assert.equal(peers[0]!.match(/follower\s+true\s+3/g)?.length, 2);
  console.log(`under ${name}:\n${peers[0]}`);
  const listings = await until(
    "the same keys everywhere",
    async () => {
      const found = await Promise.all(servers.map((s) => s.http("/v1/kv/?recurse&stale")));
      return found.every((f) => JSON.stringify(JSON.parse(f)) === JSON.stringify(JSON.parse(found[0]!)))
        ? found
        : false;
    },
    PATIENCE_MS,
  );
  assert.ok((JSON.parse(listings[0]!) as unknown[]).length >= 9);
  const exports = await Promise.all([
    servers[0]!.command("consul", "kv", "export"),
    servers[1]!.command("tribune", "kv", "export"),
  ]);
  assert.equal(exports[0].trim(), exports[1].trim());
}

test("three servers of two programs elect a leader, all with a vote", { skip }, async () => {
  await until(
    "three votes",
    async () => {
      const raft = JSON.parse(await servers[0]!.http("/v1/operator/raft/configuration")) as {
        readonly Servers: readonly { readonly Voter: boolean; readonly Leader: boolean }[];
      };
      return (
        raft.Servers.length === 3 && raft.Servers.every((s) => s.Voter) && raft.Servers.some((s) => s.Leader)
      );
    },
    2 * PATIENCE_MS,
  );
});

test("led by ours, both programs show and hold the same", { skip }, async () => agreeUnder("tribune"));

test("led by theirs, both programs show and hold the same", { skip }, async () => agreeUnder("consul"));

test("and by ours once more", { skip }, async () => agreeUnder("tribune"));
