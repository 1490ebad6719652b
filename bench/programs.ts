/**
 * The two programs under the bench, each as a user would run it: a process, a configuration file, a data folder on disk.
 * Both get the same file; what it does not name is each program's own default (both sync every commit to disk).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { getJson } from "./http-driver.ts";
import { until } from "./until.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Arguments that start a file of the project from source. */
export const fromSource = (file: string, ...flags: readonly string[]): readonly string[] => [
  "--disable-warning=ExperimentalWarning",
  ...flags,
  join(root, file),
];

/** First two numbers of every address that the bench uses. */
const BLOCK = process.env["TRIBUNE_BENCH_BLOCK"] ?? "127.14";
/** An address of the bench: `address("3.1")` is 127.14.3.1. */
export const address = (rest: string): string => `${BLOCK}.${rest}`;

export interface Program {
  readonly name: "consul" | "tribune";
  readonly path: string;
  /** Arguments before the program's own, for an agent with this folder: how a runtime is started instead of an executable. */
  readonly before?: (folder: string) => readonly string[];
}

export type Programs = Readonly<Record<Program["name"], Program>>;

export const PROGRAMS = {
  consul: { name: "consul", path: join(root, ".peers", "consul") },
  tribune: { name: "tribune", path: join(root, "build", "tribune") },
} as const satisfies Programs;

/** What is missing to run, as a sentence; undefined when all is there. */
export function missing(): string | undefined {
  if (!existsSync(PROGRAMS.consul.path))
    return `Consul 1.8.7 is not at ${PROGRAMS.consul.path}: run sh interop/setup.sh`;
  if (!existsSync(PROGRAMS.tribune.path))
    return `the executable is not at ${PROGRAMS.tribune.path}: run npm run build`;
  return undefined;
}

export interface AgentOptions {
  readonly program: Program;
  /** Loopback address of its own; every port is the default one. */
  readonly ip: string;
  readonly name: string;
  readonly folder: string;
  /** Number of servers that form the cluster; 0: a client agent. */
  readonly servers: number;
  readonly join?: readonly string[];
  /** Settings beside or instead of the usual ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Agents that run: a bench that is interrupted leaves none behind. */
const running = new Set<ChildProcess>();

function endWithBench(child: ChildProcess): void {
  if (running.size === 0 && process.listenerCount("SIGTERM") === 0) {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => process.exit(1));
    process.once("exit", () => {
      for (const each of running) each.kill("SIGKILL");
    });
  }
  running.add(child);
  child.once("exit", () => running.delete(child));
}

export class BenchAgent {
  readonly options: AgentOptions;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  constructor(options: AgentOptions) {
    this.options = options;
    const { program, ip, name, folder, servers, join: peers = [], settings = {} } = options;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "agent.json");
    writeFileSync(
      file,
      JSON.stringify({
        node_name: name,
        datacenter: "dc1",
        data_dir: join(folder, "data"),
        bind_addr: ip,
        client_addr: ip,
        server: servers > 0,
        ...(servers > 0 ? { bootstrap_expect: servers } : {}),
        retry_join: peers,
        retry_interval: "1s",
        disable_update_check: true,
        log_level: "warn",
        performance: { raft_multiplier: 1 },
        // Above the connections that the rows open from one address.
        limits: { http_max_conns_per_client: 15_000 },
        ...settings,
      }),
    );
    const log = openSync(this.log, "a");
    const before = program.before?.(folder) ?? [];
    this.#child = spawn(program.path, [...before, "agent", "-config-file", file], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    endWithBench(this.#child);
    this.#exit = new Promise((done) => this.#child.on("exit", () => done()));
  }

  get log(): string {
    return join(this.options.folder, "log");
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get ip(): string {
    return this.options.ip;
  }

  get http(): string {
    return `http://${this.options.ip}:8500`;
  }

  /** Resolves once the cluster has a leader as this agent sees it and its own node is in the catalog. */
  async ready(timeoutMs = 30_000): Promise<void> {
    await until(`${this.options.name} ready`, timeoutMs, async () => {
      if (this.ended)
        throw new Error(
          `${this.options.program.name} ${this.options.name} exited: ${readFileSync(this.log, "utf8").slice(-2000)}`,
        );
      const nodes = await getJson(`${this.http}/v1/catalog/nodes`).catch(() => undefined);
      return Array.isArray(nodes) && nodes.some((n: { Node?: string }) => n.Node === this.options.name);
    });
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    await this.#exit;
  }
}

/** The cluster of most rows, filled by fixture.ts: a server, and a client agent of it. */
export const usualServer = (program: Program, folder: string): BenchAgent =>
  new BenchAgent({
    program,
    ip: address("1.1"),
    name: "server",
    folder: join(folder, "server"),
    servers: 1,
  });
export const usualClient = (program: Program, folder: string, server: BenchAgent): BenchAgent =>
  new BenchAgent({
    program,
    ip: address("2.1"),
    name: "client",
    folder: join(folder, "client"),
    servers: 0,
    join: [server.ip],
  });

/** Ends an agent and removes what it wrote. */
export async function discard(agent: BenchAgent): Promise<void> {
  await agent.stop();
  rmSync(agent.options.folder, { recursive: true, force: true });
}
