/**
 * `npm run fuzz [-- --seconds 600 --seed N]`: random bytes and mutated recorded messages at every door of a running server and a running
 * client (8300, 8301 and 8302 by UDP and TCP, 8400, 8500, 8600 by UDP and TCP). All the while: no process may end, the members must stay
 * as they are, memory and file descriptors must stay within bounds. Exits 1 with what broke and the seed.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AgentProcess, type Reply } from "../e2e/lib/agent-process.ts";
import { seededRandom } from "../src/ports/random.ts";
import { mutate, noise, recordedMessages } from "./mutate.ts";
import { hostileRaftRequest } from "./raft-messages.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  },
});
const SECONDS = Number(values.seconds);
const random = seededRandom(Number(values.seed));
/** Open attack connections at a time; more would only measure this program. */
const CONNECTIONS_MAX = 64;
/** Datagrams between two rests: the load is bounded so that honest packets still get through. */
const BURST = 20;
const BURST_PAUSE_MS = 10;
/** Resident memory an agent may grow to over what it had when the attack began, bytes. */
const GROWTH_MAX = 200e6;
const FDS_OVER_MAX = 600;
/** Time for what holds again by itself, as soon as a busy machine lets it. */
const WITHIN_MS = 60_000;

const SERVER = "127.0.0.11";
const CLIENT = "127.0.0.12";
const root = mkdtempSync(join(tmpdir(), "tribune-fuzz-"));
const server = new AgentProcess(SERVER, [
  "-server",
  "-bootstrap-expect",
  "1",
  "-node",
  "fuzzed",
  "-data-dir",
  join(root, "s"),
]);
const client = new AgentProcess(CLIENT, ["-node", "beside", "-join", SERVER, "-data-dir", join(root, "c")]);
const agents = [server, client];

const messages = recordedMessages(fileURLToPath(new URL("../src", import.meta.url)));
const HTTP_SEEDS = [
  "GET /v1/catalog/nodes HTTP/1.1\r\nHost: x\r\n\r\n",
  "PUT /v1/kv/fuzz?cas=1&flags=99999999999999999999 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  'PUT /v1/agent/service/register HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\n{"Name":"fuzz","Port":80,"Check":{}}',
  'GET /v1/health/service/web?filter=Node.Node%20%3D%3D%20"a"&index=1&wait=1s HTTP/1.1\r\nHost: x\r\n\r\n',
  'PUT /v1/txn HTTP/1.1\r\nHost: x\r\nContent-Length: 49\r\n\r\n[{"KV":{"Verb":"set","Key":"a","Value":"AAAA"}}]',
].map((t) => Buffer.from(t));
const DNS_SEEDS = [
  "web.service.consul",
  "fuzzed.node.dc1.consul",
  "1.0.0.127.in-addr.arpa",
  "_web._tcp.service.consul",
].map((name) => {
  const labels = Buffer.concat([
    ...name.split(".").map((l) => Buffer.from([l.length, ...Buffer.from(l)])),
    Buffer.from([0]),
  ]);
  return Buffer.concat([
    Buffer.from("12340100000100000000000000", "hex").subarray(0, 12),
    labels,
    Buffer.from("00ff0001", "hex"),
  ]);
});

interface Target {
  readonly name: string;
  readonly port: number;
  readonly kind: "udp" | "tcp";
  readonly seeds: readonly Buffer[];
  /** First byte that opens a connection kind; sent in front half of the time. */
  readonly prefixes: readonly number[];
}
const RAFT = "8300 raft";
const rpcPrefixes = [0x00, 0x01, 0x04, 0x05, 0x03, 0x07];
const dnsTcp = DNS_SEEDS.map((d) => Buffer.concat([Buffer.from([d.length >> 8, d.length & 0xff]), d]));
const targets: readonly Target[] = [
  { name: "8300 tcp", port: 8300, kind: "tcp", seeds: messages, prefixes: rpcPrefixes },
  { name: RAFT, port: 8300, kind: "tcp", seeds: [], prefixes: [] },
  { name: "8301 udp", port: 8301, kind: "udp", seeds: messages, prefixes: [] },
  { name: "8301 tcp", port: 8301, kind: "tcp", seeds: messages, prefixes: [] },
  { name: "8302 udp", port: 8302, kind: "udp", seeds: messages, prefixes: [] },
  { name: "8302 tcp", port: 8302, kind: "tcp", seeds: messages, prefixes: [] },
  { name: "8400 tcp", port: 8400, kind: "tcp", seeds: messages, prefixes: [] },
  { name: "8500 tcp", port: 8500, kind: "tcp", seeds: HTTP_SEEDS, prefixes: [] },
  { name: "8600 udp", port: 8600, kind: "udp", seeds: DNS_SEEDS, prefixes: [] },
  { name: "8600 tcp", port: 8600, kind: "tcp", seeds: dnsTcp, prefixes: [] },
];
const sent = new Map(targets.map((t) => [t.name, 0]));

/** Behind the byte that opens a raft connection; some as they are, some broken on top. */
function hostileRaft(): Buffer {
  const request = hostileRaftRequest(random, [`${SERVER}:8300`, `${CLIENT}:8300`, "127.0.0.13:8300"]);
  return Buffer.concat([Buffer.from([0x01]), random.int(4) === 0 ? mutate(random, request) : request]);
}

function hostile(target: Target): Buffer {
  if (target.name === RAFT) return hostileRaft();
  const seed = target.seeds[random.int(target.seeds.length)]!;
  // One in eight is the recorded message as it is: it must be handled, not only survived.
  const body = random.int(4) === 0 ? noise(random) : random.int(8) === 0 ? seed : mutate(random, seed);
  const prefix =
    target.prefixes.length > 0 && random.int(2) === 0
      ? [target.prefixes[random.int(target.prefixes.length)]!]
      : [];
  return Buffer.concat([Buffer.from(prefix), body]);
}

let open = 0;
function tcp(address: string, target: Target): void {
  if (open >= CONNECTIONS_MAX) return;
  open++;
  const socket = connect({ host: address, port: target.port });
  const timer = setTimeout(() => socket.destroy(), 200 + random.int(1500));
  socket.on("connect", () => {
    for (let n = 1 + random.int(3); n > 0; n--) socket.write(hostile(target));
    if (random.int(2) === 0) socket.end();
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    open--;
  });
}

const rss = (agent: AgentProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
const fds = (agent: AgentProcess): number => readdirSync(`/proc/${agent.pid}/fd`).length;

class Broken extends Error {}

/** The members' list shows both agents alive. */
function seesBoth(reply: Reply): boolean {
  if (reply.status !== 200) return false;
  const members = JSON.parse(reply.body) as readonly { Name: string; Status: number }[];
  return ["beside", "fuzzed"].every((name) => members.some((m) => m.Name === name && m.Status === 1));
}

/** Waits until `holds`, but not for ever. */
async function soon(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + WITHIN_MS; !holds() && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 100));
}

/** What must hold at any moment of the attack. */
async function inspect(base: ReadonlyMap<AgentProcess, { rss: number; fds: number }>): Promise<string> {
  const parts: string[] = [];
  for (const agent of agents) {
    if (agent.exitCode !== undefined)
      throw new Broken(`${agent.address} ended with ${agent.exitCode}\n${agent.output}`);
    const { rss: baseRss, fds: baseFds } = base.get(agent)!;
    // Garbage and closing connections pass: what does not, with the attack standing still meanwhile, is a leak.
    await soon(() => rss(agent) <= baseRss + GROWTH_MAX && fds(agent) <= baseFds + FDS_OVER_MAX);
    const memory = rss(agent);
    const handles = fds(agent);
    if (memory > baseRss + GROWTH_MAX)
      throw new Broken(
        `${agent.address} grew from ${(baseRss / 1e6).toFixed(0)} to ${(memory / 1e6).toFixed(0)} MB`,
      );
    if (handles > baseFds + FDS_OVER_MAX)
      throw new Broken(`${agent.address} holds ${handles} file descriptors, ${baseFds} at first`);
    parts.push(`${agent.address}: ${(memory / 1e6).toFixed(0)} MB, ${handles} fds`);
    // On a machine so busy that probes come late, a member may be taken for failed until it refutes that.
    await agent.until("GET", "/v1/agent/members", seesBoth, WITHIN_MS);
  }
  const value = String(random.int(1e9));
  await client.until("PUT", `/v1/kv/alive?x=${value}`, (r) => r.status === 200, WITHIN_MS);
  return parts.join("; ");
}

async function main(): Promise<void> {
  console.log(`fuzz: ${SECONDS} s, seed ${values.seed}, ${messages.length} recorded messages`);
  server.start();
  await server.until("GET", "/v1/status/leader", (r) => r.body.includes(":8300"), WITHIN_MS);
  client.start();
  await client.until("GET", "/v1/catalog/nodes", (r) => r.body.includes('"beside"'), WITHIN_MS);
  const base = new Map(agents.map((a) => [a, { rss: rss(a), fds: fds(a) }]));
  const udp: UdpSocket = createSocket("udp4");
  udp.on("error", () => {});
  const end = performance.now() + SECONDS * 1000;
  let nextLook = performance.now() + 5000;
  let nextWord = performance.now();
  try {
    while (performance.now() < end) {
      for (let i = 0; i < BURST; i++) {
        const target = targets[random.int(targets.length)]!;
        const address = random.int(2) === 0 ? SERVER : CLIENT;
        sent.set(target.name, sent.get(target.name)! + 1);
        if (target.kind === "tcp") tcp(address, target);
        else udp.send(hostile(target), target.port, address, () => {});
      }
      await new Promise((resolve) => setTimeout(resolve, BURST_PAUSE_MS));
      if (performance.now() > nextLook) {
        const state = await inspect(base);
        nextLook = performance.now() + 5000;
        if (performance.now() > nextWord) {
          console.log(`  ${((SECONDS * 1000 - (end - performance.now())) / 1000).toFixed(0)} s: ${state}`);
          nextWord = performance.now() + 30_000;
        }
      }
    }
    // The attack is over: what it opened must go.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    console.log(`  after: ${await inspect(base)}`);
  } finally {
    udp.close();
  }
  console.log(
    `ok: ${[...sent].map(([name, n]) => `${name} ${n}`).join(", ")} messages; no crash, members unaffected`,
  );
}

try {
  await main();
} catch (error) {
  console.log(
    `FAIL (replay: npm run fuzz -- --seed ${values.seed}): ${error instanceof Error ? error.message : error}`,
  );
  process.exitCode = 1;
} finally {
  for (const agent of agents) await agent.kill();
  rmSync(root, { recursive: true, force: true });
}
process.exit();
