/** Rows with clusters of their own: start to leader, three servers, the loss of a leader, restart with much data. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { registration } from "../fixture.ts";
import { getJson, inParallel, send } from "../http-driver.ts";
import { atRest, cpuUs, memoryMb } from "../process-facts.ts";
import { type AgentOptions, address, BenchAgent, discard, type Program } from "../programs.ts";
import type { Described, Scale, Take, Visit } from "../row.ts";
import { until } from "../until.ts";
import { putLoad } from "./writes.ts";

export const START: Described = {
  id: "start",
  title: "start to leader, one server, empty",
  unit: "ms",
  better: "less",
  target: 1 / 3,
};
export const PUT_THREE: Described = {
  id: "put-three",
  title: "KV put, 32 clients, three servers on one machine",
  unit: "req/s",
  better: "more",
  target: 1.5,
};
export const FAILOVER: Described = {
  id: "failover",
  title: "kill -9 of the leader to the next write, three servers",
  unit: "ms",
  better: "less",
  target: 1,
};
export const RESTART: Described = {
  id: "restart",
  title: "restart with much data to serving",
  unit: "ms",
  better: "less",
  target: 1,
  long: true,
};
export const RESTART_MEMORY: Described = {
  id: "restart-memory",
  title: "peak memory of that restart",
  unit: "MB RSS",
  better: "less",
  target: 1,
  long: true,
};

/** Both look whether a snapshot is due after once to twice this time: then it is certain that there is one. */
const SNAPSHOT_INTERVAL_S = 5;

const IPS = [address("3.1"), address("3.2"), address("3.3")] as const;

export async function threeServers(v: Visit, take: Take): Promise<void> {
  const servers = IPS.map(
    (ip, i) =>
      new BenchAgent({
        program: v.program,
        ip,
        name: `s${i + 1}`,
        folder: join(v.folder, `three-${i + 1}`),
        servers: 3,
        join: IPS.filter((other) => other !== ip),
      }),
  );
  try {
    for (const s of servers) await s.ready();
    const leaderIp = String(await getJson(`${servers[0]!.http}/v1/status/leader`)).split(":")[0]!;
    const leader = servers.find((s) => s.ip === leaderIp) ?? servers[0]!;
    take(
      PUT_THREE,
      await putLoad(
        leader.http,
        servers.map((s) => s.pid),
        v,
        32,
      ),
    );
    const other = servers.find((s) => s !== leader)!;
    await leader.stop("SIGKILL");
    const killed = performance.now();
    await until("a write after the loss of the leader", 60_000, () =>
      send("PUT", `${other.http}/v1/kv/bench/after`, "1").then(
        () => true,
        () => false,
      ),
    );
    take(FAILOVER, { value: performance.now() - killed });
  } finally {
    for (const s of servers) await discard(s);
  }
}

/** A server with much data that is ended and started again and again. Filled once: what it then loads is always the same. */
export class Restarted {
  readonly program: Program;
  readonly #options: AgentOptions;
  readonly #scale: Scale;

  constructor(v: Visit) {
    this.program = v.program;
    this.#scale = v.scale;
    this.#options = {
      program: v.program,
      ip: address("4.1"),
      name: "big",
      folder: join(v.folder, `big-${v.program.name}`),
      servers: 1,
      settings: { raft_snapshot_interval: `${SNAPSHOT_INTERVAL_S}s` },
    };
  }

  /** Keys by transactions of 64, instances by a registration each. */
  async fill(): Promise<void> {
    const agent = new BenchAgent(this.#options);
    try {
      await agent.ready();
      const { restartKeys, restartInstances } = this.#scale;
      const Value = Buffer.from("z".repeat(64)).toString("base64");
      await inParallel(Math.ceil(restartKeys / 64), 16, (i) =>
        send(
          "PUT",
          `${agent.http}/v1/txn`,
          JSON.stringify(
            Array.from({ length: 64 }, (_, j) => ({
              KV: { Verb: "set", Key: `big/${i % 997}/${i}/${j}`, Value },
            })),
          ),
        ),
      );
      await inParallel(restartInstances, 32, (i) =>
        send(
          "PUT",
          `${agent.http}/v1/catalog/register`,
          registration(`big-${i % 1000}`, "10.3.0.1", `service-${i % 500}`, `i-${i}`, "10.3.0.2"),
        ),
      );
      await sleep(2000 * SNAPSHOT_INTERVAL_S + 1000);
      await atRest([agent.pid]);
    } finally {
      await agent.stop();
    }
  }

  /** From the start of the process until it has taken a write; then kill -9. */
  async restart(take: Take): Promise<void> {
    const started = performance.now();
    const agent = new BenchAgent(this.#options);
    try {
      await agent.ready(300_000);
      await send("PUT", `${agent.http}/v1/kv/bench/after`, "1");
      take(RESTART, { value: performance.now() - started, cpuUs: cpuUs(agent.pid) });
      take(RESTART_MEMORY, { value: memoryMb(agent.pid, "VmHWM") });
    } finally {
      await agent.stop();
    }
  }
}
