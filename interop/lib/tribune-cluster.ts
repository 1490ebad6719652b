/** Three Tribune servers as processes of their own on loopback addresses, for clients that only know the doors. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const STARTED_WITHIN_MS = 120_000;

export interface TribuneCluster {
  /** Addresses in the order of the servers t1, t2, t3. */
  readonly ips: readonly string[];
  /** Index of the server that leads. */
  leader(): Promise<number>;
  /** Ends a server without a goodbye. */
  kill(index: number): Promise<void>;
  /** What a server printed so far. */
  output(index: number): string;
  close(): Promise<void>;
}

/** `prefix`: the first three octets; the servers are .1, .2 and .3 there, on Consul's usual ports. */
export async function startTribuneCluster(prefix: string, hcl: string = ""): Promise<TribuneCluster> {
  const folder = mkdtempSync(join(tmpdir(), "tribune-cluster-"));
  const ips = [1, 2, 3].map((n) => `${prefix}.${n}`);
  const printed = ips.map(() => "");
  const children = ips.map((ip, i) => {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        MAIN,
        "agent",
        "-server",
        "-bootstrap-expect=3",
        `-node=t${i + 1}`,
        `-bind=${ip}`,
        `-client=${ip}`,
        `-data-dir=${join(folder, `t${i + 1}`)}`,
        ...ips.map((to) => `-retry-join=${to}`),
        "-retry-interval=1s",
        `-hcl=performance { raft_multiplier = 3 } ${hcl}`,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const keep = (text: Buffer): void => {
      printed[i] += text.toString();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return child;
  });

  const kill = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  const living = (): readonly string[] =>
    ips.filter((_, i) => children[i]!.exitCode === null && children[i]!.signalCode === null);
  const leader = async (): Promise<number> => {
    for (const ip of living()) {
      const said = await fetch(`http://${ip}:8500/v1/status/leader`, { signal: AbortSignal.timeout(10_000) })
        .then((r) => r.json())
        .catch(() => "");
      const at = ips.findIndex((each) => said === `${each}:8300`);
      if (at >= 0 && living().includes(ips[at]!)) return at;
    }
    return -1;
  };
  const close = async (): Promise<void> => {
    await Promise.all(children.map(kill));
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  const deadline = performance.now() + STARTED_WITHIN_MS;
  for (;;) {
    const nodes = await fetch(`http://${ips[0]}:8500/v1/health/state/passing`, {
      signal: AbortSignal.timeout(10_000),
    })
      .then((r) => r.json() as Promise<readonly { CheckID: string }[]>)
      .catch(() => []);
    if (nodes.filter((c) => c.CheckID === "serfHealth").length === ips.length) break;
    if (performance.now() > deadline) {
      await close();
      throw new Error(`the three servers are not up after ${STARTED_WITHIN_MS / 1000} s:\n${printed[0]}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { ips, leader, kill: (i) => kill(children[i]!), output: (i) => printed[i]!, close };
}
