/** `npm run chaos [-- failover|rolling] [options]`. See README.md. */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { hostsUnavailable } from "../e2e/lib/hosts.ts";
import { PROGRAMS, type ProgramName, programAvailable } from "./cluster.ts";
import { failover } from "./failover.ts";
import { rolling } from "./rolling.ts";
import { storm } from "./storm.ts";

const USAGE = `usage: npm run chaos [-- options]                 five servers under random faults
       npm run chaos -- failover [--rounds 10]     kill -9 of the leader to the next accepted write
       npm run chaos -- rolling [--rounds 1]       restart of three servers under load
options: --where-possible (no namespaces here: say so, exit 0)  --keep-logs  --minutes 15  --seed N  --servers 5  --clients 12  --program ${Object.keys(PROGRAMS).join("|")}`;

/** Root of a container may list namespaces and not make any. */
function namespacesForbidden(): string | undefined {
  const name = `tribune-probe-${process.pid}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: ["ignore", "ignore", "pipe"] });
    execFileSync("ip", ["netns", "delete", name], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    const said = (error as { readonly stderr?: Buffer }).stderr?.toString().trim() ?? "";
    return `ip netns add failed: ${said === "" ? (error as Error).message : said}`;
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: "string", default: "15" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      servers: { type: "string", default: "5" },
      clients: { type: "string", default: "12" },
      rounds: { type: "string" },
      program: { type: "string", default: "tribune" },
      "keep-logs": { type: "boolean", default: false },
      "where-possible": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const number = (name: string, text: string): number => {
    const n = Number(text);
    if (!(n > 0)) throw new Error(`--${name} ${text}: must be a number above 0`);
    return n;
  };
  const unavailable = hostsUnavailable() ?? namespacesForbidden();
  if (unavailable !== undefined && values["where-possible"]) {
    console.log(`chaos: skipped, it needs several hosts on this machine: ${unavailable}`);
    return 0;
  }
  if (unavailable !== undefined) throw new Error(`chaos needs several hosts on this machine: ${unavailable}`);
  if (!Object.hasOwn(PROGRAMS, values.program)) throw new Error(`--program ${values.program}: unknown`);
  const program = values.program as ProgramName;
  if (!programAvailable(program)) throw new Error(`${PROGRAMS[program]} is missing`);
  const seed = number("seed", values.seed);
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new Error(USAGE);
  switch (command) {
    case undefined:
      return storm({
        program,
        seed,
        minutes: number("minutes", values.minutes),
        servers: number("servers", values.servers),
        clients: number("clients", values.clients),
        keepLogs: values["keep-logs"],
      });
    case "failover":
      return failover(number("rounds", values.rounds ?? "10"));
    case "rolling":
      return rolling({ program, seed, rounds: number("rounds", values.rounds ?? "1") });
    default:
      throw new Error(USAGE);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
