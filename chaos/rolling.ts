/** Three servers restarted one after the other under load, by SIGTERM and then by SIGKILL: what clients notice, and that nothing is lost. */
import { seededRandom } from "../src/ports/random.ts";
import { availabilityText } from "./availability.ts";
import { Clients } from "./clients.ts";
import { Cluster, type ProgramName } from "./cluster.ts";
import { finalProblems } from "./final-state.ts";

export interface RollingOptions {
  readonly program: ProgramName;
  readonly rounds: number;
  readonly seed: number;
}

/** Between a server that is back and the next restart, as a careful operator would wait. */
const CALM_MS = 3000;

export async function rolling(options: RollingOptions): Promise<number> {
  const { program, rounds, seed } = options;
  let violated = false;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const cluster = await Cluster.create({
      program,
      servers: 3,
      clients: 1,
      config: 'performance { raft_multiplier = 1 }\nautopilot { server_stabilization_time = "1s" }',
    });
    const problems: string[] = [];
    try {
      await cluster.start();
      for (const node of cluster.nodes)
        node.onCrash = (code) => problems.push(`${node.name} ended by itself with ${code}`);
      // Clients of one agent that stays, as an application on its own machine would be.
      const clients = new Clients([cluster.node("c1")], seededRandom(seed), { count: 12, restMs: 20 });
      clients.start();
      let restarts = 0;
      for (let round = 0; round < rounds; round++)
        for (const server of cluster.servers) {
          await server.stop(signal);
          server.start();
          restarts++;
          await cluster.settled(90_000);
          await new Promise((resolve) => setTimeout(resolve, CALM_MS));
        }
      await clients.stop();
      const endedAt = performance.now();
      await clients.readAll(cluster.node("c1"));
      problems.push(...(await finalProblems(cluster.servers, clients.acknowledged, 30_000)));
      const verdict = clients.history.judge();
      for (const key of [...new Set([...verdict.strict, ...verdict.byDefault])])
        problems.push(`NOT LINEARIZABLE: ${key}\n${clients.history.text(key)}`);
      console.log(
        `${program}: ${restarts} restarts by ${signal}, ${clients.acknowledged.size} write-once keys`,
      );
      console.log(`  writes: ${availabilityText(clients.writes.finish(endedAt))}`);
      console.log(`  reads:  ${availabilityText(clients.reads.finish(endedAt))}`);
      for (const [text, n] of [...clients.failures].sort((a, b) => b[1] - a[1]).slice(0, 8))
        console.log(`  ${String(n).padStart(6)} x ${text.slice(0, 160)}`);
    } catch (error) {
      problems.push(`FAILED: ${(error as Error).stack}`);
    } finally {
      await cluster.destroy({ keep: problems.length > 0 });
    }
    for (const p of problems) console.log(p);
    if (problems.length > 0) console.log(`logs: ${cluster.folder}`);
    else console.log("  no acknowledged write lost; every history linearizable");
    violated ||= problems.length > 0;
  }
  return violated ? 1 : 0;
}
