/** Reads by HTTP: at a server (answered in its process) and at a client agent (by its RPC to the server). */
import { wrk } from "../load-tools.ts";
import { cpuUs } from "../process-facts.ts";
import type { Bench, Row, Sample } from "../row.ts";

const FILTER = encodeURIComponent('"v1" in Service.Tags');
const READS = [
  { id: "kv-get", title: "KV get", path: "/v1/kv/bench/one" },
  { id: "kv-prefix", title: "KV get, prefix of 100 keys", path: "/v1/kv/bench/prefix/?recurse" },
  { id: "nodes", title: "catalog nodes (101)", path: "/v1/catalog/nodes" },
  { id: "health-3", title: "health, 3 instances", path: "/v1/health/service/few" },
  { id: "health-3-passing", title: "health, 3 instances, passing", path: "/v1/health/service/few?passing" },
  { id: "health-300", title: "health, 300 instances", path: "/v1/health/service/many" },
  {
    id: "health-300-passing",
    title: "health, 300 instances, passing",
    path: "/v1/health/service/many?passing",
  },
  {
    id: "health-300-filter",
    title: "health, 300 instances, filter",
    path: `/v1/health/service/many?filter=${FILTER}`,
  },
] as const;

async function load(b: Bench, at: "server" | "client", path: string, connections: number): Promise<Sample> {
  const url = b[at].http + path;
  const { seconds, warmUpSeconds } = b.scale;
  if (warmUpSeconds > 0) await wrk(url, { connections, seconds: warmUpSeconds });
  const cpu = (): number => cpuUs(b.server.pid) + (at === "client" ? cpuUs(b.client.pid) : 0);
  const before = cpu();
  const result = await wrk(url, { connections, seconds });
  return { value: result.perSecond, cpuUs: (cpu() - before) / result.count, latencyMs: result.latencyMs };
}

const atServer = (connections: 32 | 256): readonly Row[] =>
  READS.map(
    ({ id, title, path }): Row => ({
      id: `${id}-c${connections}`,
      title: `${title}, ${connections} connections`,
      unit: "req/s",
      better: "more",
      target: 2,
      // The quick run takes the wide form of the cheapest and the dearest read only.
      long: connections === 256 ? id !== "kv-get" && id !== "health-300" : id.endsWith("-passing"),
      measure: (b) => load(b, "server", path, connections),
    }),
  );

/** Wide rows leave much undone behind them in a slow program: they come after all others. */
export const wideReadRows: readonly Row[] = atServer(256);

export const readRows: readonly Row[] = [
  ...atServer(32),
  ...READS.map(
    ({ id, title, path }): Row => ({
      id: `client-${id}`,
      title: `${title}, by a client agent`,
      unit: "req/s",
      better: "more",
      target: 1.5,
      long: id !== "kv-get" && id !== "health-3" && id !== "health-300",
      measure: (b) => load(b, "client", path, 32),
    }),
  ),
];
