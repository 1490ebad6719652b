/** Writes: keys by 1, 32 and 256 clients, and registrations until health shows them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { registration } from "../fixture.ts";
import { getJson, inParallel, send } from "../http-driver.ts";
import { loaded, wrk } from "../load-tools.ts";
import { cpuUs } from "../process-facts.ts";
import type { BenchAgent } from "../programs.ts";
import type { Bench, Row, Sample } from "../row.ts";
import { until } from "../until.ts";

/** Ten thousand keys, in turn, a value of 64 bytes. */
export function putScript(folder: string): string {
  const file = join(folder, "put.lua");
  writeFileSync(
    file,
    `wrk.method = "PUT"
wrk.body = string.rep("y", 64)
local i = 0
request = function()
  i = (i + 1) % 10000
  return wrk.format(nil, "/v1/kv/bench/put/" .. i)
end
`,
  );
  return file;
}

export async function putLoad(
  url: string,
  pids: readonly number[],
  b: Pick<Bench, "folder" | "scale">,
  connections: number,
): Promise<Sample> {
  const script = putScript(b.folder);
  const { seconds, warmUpSeconds } = b.scale;
  if (warmUpSeconds > 0) await wrk(url, { connections, seconds: warmUpSeconds, script });
  return loaded(pids, () => wrk(url, { connections, seconds, script }));
}

const put = (connections: number, target: number): Row => ({
  id: `put-c${connections}`,
  title: `KV put, ${connections} client${connections === 1 ? "" : "s"}, one server`,
  unit: "req/s",
  better: "more",
  target,
  load: "warm",
  measure: (b) => putLoad(b.server.http, [b.server.pid], b, connections),
});

/**
 * Milliseconds and CPU an instance until the last of `count` is in health; the driver shares the machine, so its own cost is in
 * both programs' figures.
 */
export async function registered(
  { http, pid }: BenchAgent,
  service: string,
  path: string,
  options: { readonly count: number; readonly width: number },
  body: (i: number) => string,
): Promise<{ readonly ms: number; readonly cpuUs: number }> {
  const { count, width } = options;
  const before = cpuUs(pid);
  const started = performance.now();
  await inParallel(count, width, (i) => send("PUT", http + path, body(i)));
  await until("registrations in health", 60_000, async () => {
    const all = (await getJson(`${http}/v1/health/service/${service}`)) as unknown[];
    return all.length === count;
  });
  return { ms: (performance.now() - started) / count, cpuUs: (cpuUs(pid) - before) / count };
}

async function register(
  { server, scale }: Bench,
  service: string,
  path: string,
  body: (i: number) => string,
): Promise<Sample> {
  const options = { count: scale.registrations, width: 32 };
  const { ms, cpuUs } = await registered(server, service, path, options, body);
  return { value: 1000 / ms, cpuUs };
}

export const writeRows: readonly Row[] = [
  put(1, 1.5),
  put(32, 2),
  put(256, 2),
  {
    id: "register-catalog",
    title: "registrations by catalog until in health, 32 clients",
    unit: "per s",
    better: "more",
    target: 1.5,
    measure: (b) =>
      register(b, "reg-catalog", "/v1/catalog/register", (i) =>
        registration(`reg-${i % 100}`, "10.2.0.1", "reg-catalog", `reg-catalog-${i}`, "10.2.0.2"),
      ),
  },
  {
    id: "register-agent",
    title: "registrations by agent until in health, 32 clients",
    unit: "per s",
    better: "more",
    target: 1.5,
    measure: (b) =>
      register(b, "reg-agent", "/v1/agent/service/register", (i) =>
        JSON.stringify({ ID: `reg-agent-${i}`, Name: "reg-agent", Port: 8080, Tags: ["v1"] }),
      ),
  },
];
