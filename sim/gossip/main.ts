/**
 * `npm run sim -- gossip [--seed N] [--nodes N] [--loss 0..1] [--delay MS] [--seconds N]`: a whole pool in one process. Forms the
 * pool, measures its quiet traffic, an event's delivery, a crash's detection and a partition's healing, and checks that all
 * nodes agree in the end.
 */
import { parseArgs } from "node:util";
import { SimPool } from "./pool.ts";

/** Nodes on the smaller side of the partition. */
const CUT_NODES_MAX = 16;

const round = (n: number, digits: number = 2): string => n.toFixed(digits);

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Runs the simulation; 0 when every check held. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
      nodes: { type: "string", default: "32" },
      loss: { type: "string", default: "0.01" },
      delay: { type: "string", default: "2" },
      seconds: { type: "string", default: "60" },
    },
  });
  const seed = Number(values.seed);
  const count = Number(values.nodes);
  const loss = Number(values.loss);
  const seconds = Number(values.seconds);
  if (!(count >= 2 && count <= 5000) || !(loss >= 0 && loss < 1) || !Number.isInteger(seed)) {
    console.error("gossip: want --nodes 2..5000, --loss 0..1, --seed an integer");
    return 1;
  }
  const started = process.hrtime.bigint();
  const replay = `npm run sim -- gossip --seed ${seed} --nodes ${count} --loss ${loss} --delay ${values.delay} --seconds ${seconds}`;
  console.log(`gossip: seed ${seed}, ${count} nodes, loss ${loss}, delay up to ${values.delay} ms`);
  const failures: string[] = [];
  const check = (ok: boolean, what: string): void => {
    if (!ok) failures.push(what);
  };
  const pool = new SimPool({
    seed,
    keepLog: false,
    network: { delayMsMin: Number(values.delay) / 4, delayMsMax: Number(values.delay), loss },
  });
  for (let i = 0; i < count; i++) await pool.add(`n${i}`);
  const [first] = pool.nodes;
  for (const n of pool.nodes.slice(1)) await pool.settled(n.pool.join([first!.host]));
  const formed = await pool.until(() => pool.converged(), 180_000);
  check(formed !== undefined, "the pool did not form within 180 s");
  console.log(`formed: ${formed === undefined ? "no" : `${round(formed / 1000)} s after the last join`}`);

  await pool.run(10_000);
  const before = {
    packets: pool.network.packets,
    bytes: pool.network.bytes,
    stream: pool.network.streamBytes,
  };
  await pool.run(seconds * 1000);
  const rate = (n: number): string => round(n / count / seconds, 1);
  console.log(
    `quiet: ${rate(pool.network.packets - before.packets)} packets, ${rate(pool.network.bytes - before.bytes)} bytes by UDP, ` +
      `${rate(pool.network.streamBytes - before.stream)} bytes by TCP per node and second`,
  );
  check(pool.converged(), "a quiet pool fell apart");

  for (const n of pool.nodes) n.events.length = 0;
  const toldAt = pool.clock.now();
  first!.pool.userEvent("deploy", Buffer.from("sim"));
  const heard = (): number[] =>
    pool.nodes.flatMap((n) => n.events.filter((e) => e.event.kind === "user").map((e) => e.at - toldAt));
  const delivered = await pool.until(() => heard().length >= count, 120_000);
  check(delivered !== undefined, "an event did not reach every node within 120 s");
  check(heard().length === count, "an event was delivered twice");
  console.log(
    `event: mean ${round(heard().reduce((a, b) => a + b, 0) / count / 1000)} s, 99% ${round(percentile(heard(), 0.99) / 1000)} s, last ${round(Math.max(...heard()) / 1000)} s`,
  );

  const victim = pool.nodes[1 + pool.random.int(count - 1)]!;
  const crashedAt = pool.clock.now();
  await pool.crash(victim);
  const noticed = (): number[] =>
    pool.nodes
      .filter((n) => n.up)
      .flatMap((n) =>
        n.events
          .filter(
            (e) =>
              e.at >= crashedAt &&
              e.event.kind === "member-failed" &&
              e.event.members[0]!.name === victim.name,
          )
          .map((e) => e.at - crashedAt),
      );
  const all = await pool.until(() => noticed().length >= count - 1, 300_000);
  check(all !== undefined, "a crash was not noticed by all within 300 s");
  console.log(
    `crash: first noticed after ${round(Math.min(...noticed()) / 1000)} s, by all after ${round(Math.max(...noticed()) / 1000)} s`,
  );

  if (count >= 4) {
    // Half of a small pool; of a large one few, as every pair of nodes across the cut costs a suspicion.
    const cut = Math.min(count >> 1, CUT_NODES_MAX);
    const side = new Map(pool.nodes.map((n, i) => [n.host, i < cut]));
    pool.network.partition((a, b) => side.get(a) === side.get(b));
    await pool.run(120_000);
    pool.network.heal();
    const healed = await pool.until(() => pool.converged(), 600_000, 100);
    check(healed !== undefined, "a healed partition did not converge within 600 s");
    console.log(
      `partition of 120 s: healed after ${healed === undefined ? "never" : `${round(healed / 1000)} s`}`,
    );
  }
  await pool.close();
  const real = Number(process.hrtime.bigint() - started) / 1e9;
  console.log(`${round(pool.clock.now() / 1000, 0)} simulated seconds in ${round(real, 1)} s`);
  for (const f of failures) console.error(`FAIL ${f}     replay: ${replay}`);
  return failures.length === 0 ? 0 : 1;
}
