/** Agents of one program, each a process on a host of its own, asked through Unix sockets that no cut of the network touches. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { request, Agent as Sockets } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Host, type HostProcess, Hosts, quote, SHARED_FOLDER } from "../e2e/lib/hosts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

export const PROGRAMS = {
  tribune: join(root, "build/tribune"),
  consul: join(root, ".peers/consul"),
} as const;
export type ProgramName = keyof typeof PROGRAMS;

export const programAvailable = (name: ProgramName): boolean => existsSync(PROGRAMS[name]);

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface ClusterOptions {
  readonly program: ProgramName;
  readonly servers: number;
  readonly clients?: number;
  /** More configuration of every agent, HCL. */
  readonly config?: string;
  /** The last server gets a disk of this size, which can be filled. */
  readonly smallDiskMb?: number;
}

/** The newest entry of `/v1/operator/raft/configuration`. */
interface RaftServer {
  readonly Node: string;
  readonly Leader: boolean;
  readonly Voter: boolean;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class ChaosNode {
  readonly name: string;
  readonly isServer: boolean;
  readonly dataDir: string;
  readonly #host: Host;
  readonly #command: string;
  readonly #socket: string;
  readonly #sockets = new Sockets({ keepAlive: true, maxSockets: 4096 });
  #process: HostProcess | undefined;
  /** A stop was asked for: its end is no crash. */
  #stopping = false;
  /** Called when it ends and nobody asked it to. */
  onCrash: (code: number) => void = () => {};

  constructor(name: string, isServer: boolean, host: Host, command: string, socket: string, dataDir: string) {
    this.name = name;
    this.isServer = isServer;
    this.#host = host;
    this.#command = command;
    this.#socket = socket;
    this.dataDir = dataDir;
  }

  get running(): boolean {
    return this.#process !== undefined && this.#process.exitCode === undefined;
  }

  start(): void {
    this.#stopping = false;
    const process = this.#host.start(this.#command);
    this.#process = process;
    process.child.on("exit", (code) => {
      if (!this.#stopping) this.onCrash(code ?? 128);
    });
  }

  /** Ends it by a signal and waits until it has ended. */
  async stop(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.#stopping = true;
    this.#process?.signal(signal);
    await this.#process?.exited();
  }

  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    if (signal === "SIGKILL") this.#stopping = true;
    this.#process?.signal(signal);
  }

  /** Leaves no byte free on its disk, or frees it again. */
  async fillDisk(full: boolean): Promise<void> {
    const ballast = quote(join(this.dataDir, "..", "ballast"));
    await this.#host.run(
      full ? `dd if=/dev/zero of=${ballast} bs=64k 2>/dev/null || true` : `rm -f ${ballast}`,
    );
  }

  /** One HTTP request to the agent; an error for what is no answer. Never rejects. */
  http(method: string, path: string, body?: string, timeoutMs = 10_000): Promise<Reply | Error> {
    return new Promise((resolve) => {
      const req = request(
        { socketPath: this.#socket, agent: this.#sockets, method, path, timeout: timeoutMs },
        (res) => {
          const chunks: Buffer[] = [];
          res.on("data", (c: Buffer) => chunks.push(c));
          res.on("end", () =>
            resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
          res.on("error", resolve);
          res.on("aborted", () => resolve(new Error("the answer broke off")));
        },
      );
      const timer = setTimeout(() => req.destroy(new Error("no answer in time")), timeoutMs);
      req.on("close", () => clearTimeout(timer));
      req.on("error", resolve);
      req.end(body);
    });
  }

  /** The parsed answer, or undefined when it is none of status 200. */
  async json<T>(path: string): Promise<T | undefined> {
    const reply = await this.http("GET", path, undefined, 5000);
    if (reply instanceof Error || reply.status !== 200) return undefined;
    return JSON.parse(reply.body) as T;
  }

  close(): void {
    this.#sockets.destroy();
  }
}

export class Cluster {
  readonly program: ProgramName;
  /** Where logs and data are; removed by `destroy` unless kept. */
  readonly folder: string;
  readonly nodes: readonly ChaosNode[];
  readonly #hosts: Hosts;
  readonly #socketFolder: string;
  #markers = 0;

  constructor(
    program: ProgramName,
    folder: string,
    socketFolder: string,
    nodes: readonly ChaosNode[],
    hosts: Hosts,
  ) {
    this.program = program;
    this.folder = folder;
    this.#socketFolder = socketFolder;
    this.nodes = nodes;
    this.#hosts = hosts;
  }

  static async create(options: ClusterOptions): Promise<Cluster> {
    const { program, servers, clients = 0, smallDiskMb } = options;
    const folder = join(root, "build", "chaos", `${program}-${process.pid}-${Date.now()}`);
    // Short: the path of a socket has room for 107 bytes.
    const socketFolder = `/dev/shm/tribune-chaos-${process.pid}`;
    mkdirSync(folder, { recursive: true });
    mkdirSync(socketFolder, { recursive: true });
    // A build during the run must not change what the next start runs.
    copyFileSync(PROGRAMS[program], join(folder, program));
    const executable = join(SHARED_FOLDER, program);
    const specs = Array.from({ length: servers + clients }, (_, i) => ({
      name: i < servers ? `s${i + 1}` : `c${i - servers + 1}`,
      address: `10.11.0.${i + 1}`,
    }));
    const hosts = await Hosts.create(specs, { shared: folder });
    try {
      const join_ = specs.slice(0, servers).map((s) => `"${s.address}"`);
      const nodes: ChaosNode[] = [];
      for (const [i, { name, address }] of specs.entries()) {
        const isServer = i < servers;
        const host = hosts.host(name);
        const small = smallDiskMb !== undefined && i === servers - 1;
        const disk = small ? "/tmp/disk" : join(SHARED_FOLDER, name);
        await host.run(
          small
            ? `mkdir ${disk} && mount -t tmpfs -o size=${smallDiskMb}m disk ${disk}`
            : `mkdir ${quote(disk)}`,
        );
        const socket = join(socketFolder, name);
        const hcl = [
          `addresses { http = "unix://${socket}" }`,
          "ports { dns = -1 }",
          `retry_join = [${join_.join(", ")}]`,
          'retry_interval = "1s"',
          "disable_update_check = true",
          options.config ?? "",
        ].join("\n");
        const role = isServer ? ["-server", "-bootstrap-expect", String(servers)] : [];
        const dataDir = join(disk, "data");
        const args = ["agent", ...role, "-node", name, "-bind", address, "-data-dir", dataDir, "-hcl", hcl];
        const log = quote(join(SHARED_FOLDER, `${name}.log`));
        const command = `exec ${quote(executable)} ${args.map(quote).join(" ")} >>${log} 2>&1`;
        nodes.push(new ChaosNode(name, isServer, host, command, socket, dataDir));
      }
      return new Cluster(program, folder, socketFolder, nodes, hosts);
    } catch (error) {
      await hosts.destroy();
      throw error;
    }
  }

  get servers(): readonly ChaosNode[] {
    return this.nodes.filter((n) => n.isServer);
  }

  node(name: string): ChaosNode {
    const node = this.nodes.find((n) => n.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** Parts `names` from the rest; none: one network. */
  cut(names: readonly string[]): void {
    this.#hosts.partition(names);
  }

  /** Starts all and waits for a leader and all votes. */
  async start(): Promise<void> {
    for (const node of this.nodes) node.start();
    await this.settled(60_000);
  }

  /** The name of the server that leads, as any of `nodes` that answers knows it. */
  async leader(nodes: readonly ChaosNode[] = this.servers): Promise<string | undefined> {
    const answers = await Promise.all(
      nodes.filter((n) => n.running).map((n) => n.json<string>("/v1/status/leader")),
    );
    const address = answers.find((a) => a !== undefined && a !== "");
    const last = address?.match(/^10\.11\.0\.(\d+):/)?.[1];
    return last === undefined ? undefined : `s${last}`;
  }

  /** Waits until every server votes, autopilot calls all healthy, and each has applied a write made after the call. */
  async settled(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    const marker = `/v1/kv/settled/${++this.#markers}`;
    let marked = false;
    for (;;) {
      if (!marked) {
        const reply = await this.servers[0]!.http("PUT", marker, "x");
        marked = !(reply instanceof Error) && reply.status === 200;
      }
      const states = await Promise.all(this.servers.map((s) => this.#misses(s, marker)));
      if (states.every((s) => s === undefined)) return;
      if (performance.now() > end)
        throw new Error(
          `the cluster does not settle within ${timeoutMs / 1000} s: ${states
            .map((s, i) => `${this.servers[i]!.name}: ${s ?? "ok"}`)
            .join("; ")}`,
        );
      await pause(100);
    }
  }

  /** What `server` misses in the cluster, or undefined. */
  async #misses(server: ChaosNode, marker: string): Promise<string | undefined> {
    if ((await server.json(`${marker}?stale`)) === undefined) return "behind";
    const raft = await server.json<{ Servers: readonly RaftServer[] }>("/v1/operator/raft/configuration");
    if (raft === undefined) return "no raft configuration";
    const voters = raft.Servers.filter((s) => s.Voter).length;
    if (voters !== this.servers.length) return `${voters} voters`;
    if (!raft.Servers.some((s) => s.Leader)) return "no leader";
    const health = await server.json<{ Healthy: boolean }>("/v1/operator/autopilot/health");
    return health?.Healthy === true ? undefined : "autopilot: not healthy";
  }

  async destroy({ keep }: { readonly keep: boolean }): Promise<void> {
    for (const node of this.nodes) {
      node.onCrash = () => {};
      node.close();
    }
    await this.#hosts.destroy();
    rmSync(this.#socketFolder, { recursive: true, force: true });
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}
