/**
 * `npm run durability [-- --kills 50 --writes 10000 --seed N]`: is an acknowledged write ever lost? Writers put keys through
 * HTTP while the one server is killed with SIGKILL again and again at random moments; after each restart, and at the end,
 * every write that was acknowledged must be there. Exits 1 and names the keys when one is not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../src/ports/random.ts";
import { AgentProcess } from "./lib/agent-process.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    writes: { type: "string", default: "10000" },
    writers: { type: "string", default: "16" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  },
});
const KILLS = Number(values.kills);
const WRITES = Number(values.writes);
const WRITERS = Number(values.writers);
const random = seededRandom(Number(values.seed));
console.log(
  `durability: ${WRITES} writes by ${WRITERS} writers, ${KILLS} times kill -9, seed ${values.seed}`,
);

const dataDir = mkdtempSync(join(tmpdir(), "tribune-durability-"));
const server = new AgentProcess("127.0.0.10", [
  "-server",
  "-bootstrap-expect",
  "1",
  "-data-dir",
  dataDir,
  "-node",
  "durable",
]);

/** Key to the value of its newest acknowledged write. */
const acknowledged = new Map<string, number>();
let sent = 0;
let acks = 0;
let done = false;

const ready = (): Promise<unknown> =>
  server.until("PUT", "/v1/kv/ready", (r) => r.status === 200 && r.body.trim() === "true", 30_000);

/** Each writer owns one counter, which it raises, and writes keys that are new each time. */
async function writer(id: number): Promise<void> {
  let count = 0;
  while (sent < WRITES) {
    const n = sent++;
    const [key, value] = n % 2 === 0 ? [`counter/${id}`, ++count] : [`key/${n}`, n];
    for (;;) {
      try {
        const reply = await server.http("PUT", `/v1/kv/${key}`, String(value));
        if (reply.status === 200 && reply.body.trim() === "true") {
          acknowledged.set(key, value);
          acks++;
          break;
        }
      } catch {
        // The server is down: the write is not acknowledged and is sent again.
      }
      if (done) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Acknowledged writes that the server does not have. A counter may be ahead: a write can land without its answer. */
async function lost(): Promise<string[]> {
  const before = new Map(acknowledged);
  const reply = await server.http("GET", "/v1/kv/?recurse");
  const rows = JSON.parse(reply.body) as readonly { Key: string; Value: string | null }[];
  const found = new Map(rows.map((r) => [r.Key, Number(Buffer.from(r.Value ?? "", "base64").toString())]));
  return [...before]
    .filter(([key, value]) => !((found.get(key) ?? -1) >= value))
    .map(([key, value]) => `${key} >= ${value}, found ${found.get(key)}`);
}

async function main(): Promise<number> {
  const recoveries: number[] = [];
  server.start();
  await ready();
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
  for (let kill = 1; kill <= KILLS; kill++) {
    // Kills are spread over the writes; the exact moment is random, often in the middle of a disk write.
    const at = Math.floor((WRITES * kill) / (KILLS + 1));
    while (sent < at) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, random.int(20)));
    await server.kill("SIGKILL");
    const started = performance.now();
    server.start();
    await ready();
    recoveries.push(performance.now() - started);
    const missing = await lost();
    if (missing.length > 0) {
      console.log(`LOST after kill ${kill} (seed ${values.seed}):\n  ${missing.join("\n  ")}`);
      done = true;
      return 1;
    }
    if (kill % 10 === 0) console.log(`  ${kill} kills, ${acks} writes acknowledged, none lost`);
  }
  await writers;
  const missing = await lost();
  recoveries.sort((a, b) => a - b);
  console.log(
    `${KILLS} kills, ${acks} of ${WRITES} writes acknowledged, ${missing.length} lost; from start to the next accepted write: median ${recoveries[recoveries.length >> 1]?.toFixed(0)} ms, worst ${recoveries.at(-1)?.toFixed(0)} ms`,
  );
  for (const m of missing) console.log(`  LOST ${m}`);
  return missing.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  done = true;
  await server.kill();
  rmSync(dataDir, { recursive: true, force: true });
}
