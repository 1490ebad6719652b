/** How long a cluster of three accepts no write after kill -9 of its leader: the program, and the original with the same timings. */
import { quantile } from "./availability.ts";
import { type ChaosNode, Cluster, type ProgramName, programAvailable } from "./cluster.ts";

/** A survivor is asked anew this often; each request waits for its answer by itself. */
const ASK_EVERY_MS = 25;
const GIVE_UP_MS = 60_000;

/** Milliseconds from the kill to the first answer to a write sent after it. */
async function nextWrite(survivors: readonly ChaosNode[], round: number): Promise<number> {
  const killedAt = performance.now();
  let n = 0;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (performance.now() - killedAt > GIVE_UP_MS) {
        clearInterval(timer);
        reject(new Error(`no write was accepted within ${GIVE_UP_MS / 1000} s`));
      }
      const node = survivors[n++ % survivors.length]!;
      void node.http("PUT", `/v1/kv/failover/${round}`, String(n)).then((reply) => {
        if (reply instanceof Error || reply.status !== 200 || reply.body.trim() !== "true") return;
        clearInterval(timer);
        resolve(performance.now() - killedAt);
      });
    }, ASK_EVERY_MS);
  });
}

async function measure(program: ProgramName, rounds: number): Promise<readonly number[]> {
  const cluster = await Cluster.create({
    program,
    servers: 3,
    config: 'performance { raft_multiplier = 1 }\nautopilot { server_stabilization_time = "1s" }',
  });
  const took: number[] = [];
  let failed = true;
  try {
    await cluster.start();
    for (let round = 0; round < rounds; round++) {
      const name = await cluster.leader();
      if (name === undefined) throw new Error("no leader");
      const leader = cluster.node(name);
      leader.signal("SIGKILL");
      took.push(
        await nextWrite(
          cluster.servers.filter((s) => s !== leader),
          round,
        ),
      );
      await leader.stop();
      leader.start();
      await cluster.settled(90_000);
    }
    failed = false;
  } finally {
    await cluster.destroy({ keep: failed });
  }
  return took;
}

export async function failover(rounds: number): Promise<number> {
  console.log(`failover: 3 servers, raft_multiplier 1, ${rounds} times kill -9 of the leader`);
  for (const program of ["tribune", "consul"] as const) {
    if (!programAvailable(program)) {
      console.log(`${program}: not here (interop/setup.sh brings the original)`);
      continue;
    }
    const took = [...(await measure(program, rounds))].sort((a, b) => a - b);
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
    console.log(
      `${program.padEnd(8)} next accepted write: median ${seconds(quantile(took, 0.5))}, worst ${seconds(took.at(-1)!)}, best ${seconds(took[0]!)}   [${took.map((t) => (t / 1000).toFixed(2)).join(" ")}]`,
    );
  }
  return 0;
}
