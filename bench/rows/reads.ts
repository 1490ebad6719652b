/** Reads by HTTP: at a server (answered in its process) and at a client agent (by its RPC to the server). */
import { httpAnswer } from "../answers.ts";
import { loaded, wrk } from "../load-tools.ts";
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

type At = "server" | "client";

async function load(b: Bench, at: At, path: string, connections: number, warm: boolean): Promise<Sample> {
  const url = b[at].http + path;
  const { seconds, warmUpSeconds } = b.scale;
  if (warm && warmUpSeconds > 0) await wrk(url, { connections, seconds: warmUpSeconds });
  const pids = at === "client" ? [b.server.pid, b.client.pid] : [b.server.pid];
  return loaded(pids, () => wrk(url, { connections, seconds }));
}

/** Wide rows repeat what the narrow ones have warmed up. Quick runs take the cheapest and the dearest of them. */
const read = (at: At, connections: 32 | 256, { id, title, path }: (typeof READS)[number]): Row => ({
  id: `${at === "client" ? "client-" : ""}${id}-c${connections}`,
  title: `${title}${at === "client" ? ", by a client agent" : ""}, ${connections} connections`,
  unit: "req/s",
  better: "more",
  target: at === "client" ? 1.5 : 2,
  latency: true,
  load: connections === 32 ? "warm" : "cold",
  long:
    at === "client"
      ? connections === 256 || !["kv-get", "health-3", "health-300"].includes(id)
      : connections === 256
        ? id !== "kv-get" && id !== "health-300"
        : id.endsWith("-passing"),
  measure: (b) => load(b, at, path, connections, connections === 32),
  answer: (b) => httpAnswer(b[at].http + path),
});

const reads = (at: At, connections: 32 | 256): readonly Row[] => READS.map((r) => read(at, connections, r));

export const readRows: readonly Row[] = [...reads("server", 32), ...reads("client", 32)];
/** Wide rows leave much undone behind them in a slow program: they come after all others. */
export const wideReadRows: readonly Row[] = [...reads("server", 256), ...reads("client", 256)];
