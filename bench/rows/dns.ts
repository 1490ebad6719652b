/** DNS over UDP, at a server and at a client agent. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dnsAnswer } from "../answers.ts";
import { dnsperf, loaded } from "../load-tools.ts";
import type { Bench, Row, Sample } from "../row.ts";

async function load(b: Bench, at: "server" | "client", service: string, type: string): Promise<Sample> {
  const file = join(b.folder, `${service}-${type}.txt`);
  writeFileSync(file, `${service}.service.consul ${type}\n`);
  const { seconds, warmUpSeconds } = b.scale;
  if (warmUpSeconds > 0) await dnsperf(b[at].ip, file, { seconds: warmUpSeconds });
  const pids = at === "client" ? [b.server.pid, b.client.pid] : [b.server.pid];
  return loaded(pids, () => dnsperf(b[at].ip, file, { seconds }));
}

const row = (at: "server" | "client", service: "few" | "many", type: "A" | "SRV"): Row => ({
  id: `dns-${at === "client" ? "client-" : ""}${type.toLowerCase()}-${service === "few" ? 3 : 300}`,
  title: `DNS ${type}, ${service === "few" ? 3 : 300} instances${at === "client" ? ", by a client agent" : ""}`,
  unit: "queries/s",
  better: "more",
  target: 3,
  long: at === "client" && (service === "many" || type === "SRV"),
  load: "warm",
  measure: (b) => load(b, at, service, type),
  answer: (b) => dnsAnswer(b[at].ip, `${service}.service.consul`, type),
});

export const dnsRows: readonly Row[] = (["server", "client"] as const).flatMap((at) =>
  (["few", "many"] as const).flatMap((service) => [row(at, service, "A"), row(at, service, "SRV")]),
);
