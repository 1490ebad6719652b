/** Started by raft.test.ts and killed: a single server that writes numbers and prints each when it is acknowledged. */
import { writeSync } from "node:fs";
import { SUFFRAGE } from "../contract.ts";
import { eventually, startServer } from "../testing.ts";

const [dataDir, from, count] = process.argv.slice(2);
const server = { id: "00000001-0000-0000-0000-000000000001", address: "127.3.1.1:8300", suffrage: SUFFRAGE.voter };
const s = await startServer(server, { dataDir, snapshotThreshold: 100, snapshotIntervalMs: 20, trailingLogs: 20 });
if (!s.node.hasState) await s.node.bootstrap({ servers: [server] });
await eventually("leader", () => s.node.role === "leader");
await s.node.barrier();
const end = count === undefined ? Number.POSITIVE_INFINITY : Number(from) + Number(count);
for (let i = Number(from) + 1; i <= end; i++) {
  await s.node.apply(Buffer.from(`w${i}`));
  writeSync(1, `${i}\n`);
}
await s.stop();
