/**
 * Several hosts on one machine: each a network namespace on a bridge, with its own host name and its own /etc, /var, /usr/local,
 * /tmp and /run (overlays and tmpfs in a private mount namespace), so that commands run as they would on a machine of their own and
 * leave nothing behind. Linux, root.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";

export interface HostSpec {
  readonly name: string;
  /** IPv4 address; all hosts share a /24. */
  readonly address: string;
}

export interface HostsOptions {
  /** Files to copy into each host before anything runs: path outside to path inside. */
  readonly files?: ReadonlyMap<string, string>;
  /** A folder of this machine that every host sees as `SHARED_FOLDER`, wherever it is: hosts have a /tmp of their own. */
  readonly shared?: string;
}

export const SHARED_FOLDER = "/mnt/shared";

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or 128 plus nothing known when a signal ended it. */
  readonly code: number;
}

const READY_MS = 90_000;

/** Why this machine cannot play several hosts, or undefined when it can. */
export function hostsUnavailable(): string | undefined {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  try {
    execFileSync("ip", ["netns", "list"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "the command ip (iproute2) is missing";
  }
}

/** A program running on a host, its output kept as it comes. */
export class HostProcess {
  readonly child: ChildProcess;
  readonly command: string;
  /** Standard output and standard error as they came. */
  output = "";
  #exit: number | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess, command: string) {
    this.child = child;
    this.command = command;
    const take = (chunk: Buffer): void => {
      this.output += chunk.toString();
      for (const wake of [...this.#waiting]) wake();
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.on("exit", (code) => {
      this.#exit = code ?? 128;
      for (const wake of [...this.#waiting]) wake();
    });
  }

  get exitCode(): number | undefined {
    return this.#exit;
  }

  /** Resolves when `done` holds, looking again after every output; rejects with the output when it never does. */
  async #until(what: string, done: () => boolean, timeoutMs: number): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const look = (): void => {
        if (done()) finish();
        else if (this.#exit !== undefined)
          finish(new Error(`${this.command}: ended (${this.#exit}) before ${what}\n${this.output}`));
      };
      const timer = setTimeout(
        () => finish(new Error(`${this.command}: no ${what} within ${timeoutMs} ms\n${this.output}`)),
        timeoutMs,
      );
      this.#waiting.add(look);
    });
  }

  /** Waits until the output has `pattern` from offset `from` on. */
  waitFor(
    pattern: RegExp,
    { timeoutMs = 90_000, from = 0 }: { readonly timeoutMs?: number; readonly from?: number } = {},
  ): Promise<void> {
    return this.#until(String(pattern), () => pattern.test(this.output.slice(from)), timeoutMs);
  }

  /** Sends `signal` to the program and all that it started. */
  kill(signal: NodeJS.Signals): void {
    if (this.#exit !== undefined || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }

  /** Sends `signal` to the program only, not to its children: as Ctrl+C's handler would see it, or kill -9 of one process. */
  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.child.kill(signal);
  }

  async exited(timeoutMs = 120_000): Promise<number> {
    if (this.#exit === undefined) {
      const timer = setTimeout(() => this.kill("SIGKILL"), timeoutMs);
      await once(this.child, "exit");
      clearTimeout(timer);
    }
    return this.#exit ?? 128;
  }
}

export class Host {
  readonly name: string;
  readonly address: string;
  readonly #pid: number;
  readonly #processes: Set<HostProcess>;

  constructor(spec: HostSpec, pid: number, processes: Set<HostProcess>) {
    this.name = spec.name;
    this.address = spec.address;
    this.#pid = pid;
    this.#processes = processes;
  }

  /** Starts a shell command line; `exec` in front of it lets signals reach the program itself. */
  start(command: string): HostProcess {
    const child = spawn(
      "nsenter",
      ["-t", String(this.#pid), "--net", "--uts", "--mount", "--wd=/", "bash", "-c", command],
      {
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
        env: { PATH: "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LANG: "C.UTF-8" },
      },
    );
    const process = new HostProcess(child, `${this.name}% ${command}`);
    this.#processes.add(process);
    child.on("exit", () => this.#processes.delete(process));
    return process;
  }

  /** Runs a shell command line to its end. */
  async run(
    command: string,
    { timeoutMs = 180_000 }: { readonly timeoutMs?: number } = {},
  ): Promise<Finished> {
    const process = this.start(command);
    let stdout = "";
    let stderr = "";
    process.child.stdout?.on("data", (c: Buffer) => {
      stdout += c.toString();
    });
    process.child.stderr?.on("data", (c: Buffer) => {
      stderr += c.toString();
    });
    const closed = once(process.child, "close");
    const code = await process.exited(timeoutMs);
    await closed;
    return { stdout, stderr, code };
  }

  /** Runs `command` again until `done` accepts its result; rejects with the last result after `timeoutMs`. */
  async until(command: string, done: (result: Finished) => boolean, timeoutMs = 120_000): Promise<Finished> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const result = await this.run(command);
      if (done(result)) return result;
      if (performance.now() > end)
        throw new Error(
          `${this.name}% ${command}: not as wanted within ${timeoutMs} ms; last exit ${result.code}\n${result.stdout}${result.stderr}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

export class Hosts {
  readonly #lab: string;
  readonly #hosts = new Map<string, Host>();
  readonly #holders: ChildProcess[] = [];
  readonly #namespaces: string[] = [];
  readonly #processes = new Set<HostProcess>();
  readonly #atExit = (): void => this.#destroySync();
  #parted = false;

  constructor(lab: string) {
    this.#lab = lab;
  }

  static async create(specs: readonly HostSpec[], options: HostsOptions = {}): Promise<Hosts> {
    sweep();
    const hosts = new Hosts(`tribune-${process.pid}`);
    process.on("exit", hosts.#atExit);
    try {
      hosts.#bridge();
      for (const [i, spec] of specs.entries()) await hosts.#add(spec, i, options);
      return hosts;
    } catch (error) {
      hosts.#destroySync();
      throw error;
    }
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** Takes a host off the bridge, or puts it back: a pulled network cable. */
  setLink(name: string, up: boolean): void {
    ip(["-n", this.#lab, "link", "set", `v-${name}`, up ? "up" : "down"]);
  }

  /** Parts the network in two: the named hosts reach each other but no other; none named: one network again. */
  partition(names: readonly string[]): void {
    if (!this.#parted && names.length > 0) {
      ip(["-n", this.#lab, "link", "add", "br1", "type", "bridge"]);
      ip(["-n", this.#lab, "link", "set", "br1", "up"]);
      this.#parted = true;
    }
    for (const name of this.#hosts.keys())
      ip(["-n", this.#lab, "link", "set", `v-${name}`, "master", names.includes(name) ? "br1" : "br0"]);
  }

  async destroy(): Promise<void> {
    const running = [...this.#processes];
    for (const p of running) p.kill("SIGKILL");
    await Promise.all(running.map((p) => p.exited()));
    this.#destroySync();
  }

  #bridge(): void {
    ip(["netns", "add", this.#lab]);
    this.#namespaces.push(this.#lab);
    ip(["-n", this.#lab, "link", "add", "br0", "type", "bridge"]);
    ip(["-n", this.#lab, "link", "set", "br0", "up"]);
  }

  async #add(spec: HostSpec, index: number, options: HostsOptions): Promise<void> {
    const ns = `${this.#lab}-${spec.name}`;
    ip(["netns", "add", ns]);
    this.#namespaces.push(ns);
    ip([
      "-n",
      this.#lab,
      "link",
      "add",
      `v-${spec.name}`,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      ns,
    ]);
    ip(["-n", this.#lab, "link", "set", `v-${spec.name}`, "master", "br0", "up"]);
    ip(["-n", ns, "addr", "add", `${spec.address}/24`, "dev", "eth0"]);
    ip(["-n", ns, "link", "set", "eth0", "up"]);
    ip(["-n", ns, "link", "set", "lo", "up"]);
    const copies = [...(options.files ?? [])].map(
      ([from, to]) => `install -D -m 755 ${quote(from)} ${quote(`/mnt/files${to}`)}`,
    );
    const places = [...(options.files ?? [])].map(
      ([, to]) => `install -D -m 755 ${quote(`/mnt/files${to}`)} ${quote(to)}`,
    );
    const script = [
      "set -e",
      `hostname ${spec.name}`,
      "mount -t tmpfs tribune /mnt",
      ...copies,
      ...(options.shared === undefined
        ? []
        : [`mkdir ${SHARED_FOLDER} && mount --bind ${quote(options.shared)} ${SHARED_FOLDER}`]),
      ...["etc", "var", "usr/local"].map(
        (d) =>
          `mkdir -p /mnt/up/${d} /mnt/work/${d} && mount -t overlay overlay -o lowerdir=/${d},upperdir=/mnt/up/${d},workdir=/mnt/work/${d} /${d}`,
      ),
      "mount -t tmpfs tribune /tmp",
      "mount -t tmpfs tribune /run",
      ...places,
      "rm -rf /mnt/files",
      `echo "127.0.0.1 localhost ${spec.name}" > /etc/hosts`,
      "echo ready",
      "exec sleep infinity",
    ].join("\n");
    const holder = spawn(
      "ip",
      ["netns", "exec", ns, "unshare", "--uts", "--mount", "--propagation", "private", "bash", "-c", script],
      { stdio: ["ignore", "pipe", "pipe"], cwd: "/" },
    );
    this.#holders.push(holder);
    const ready = new HostProcess(holder, `host ${spec.name} (${index})`);
    await ready.waitFor(/^ready$/m, { timeoutMs: READY_MS });
    this.#hosts.set(spec.name, new Host(spec, holder.pid!, this.#processes));
  }

  #destroySync(): void {
    process.off("exit", this.#atExit);
    for (const p of this.#processes) p.kill("SIGKILL");
    for (const ns of this.#namespaces) killAll(ns);
    for (const holder of this.#holders.splice(0)) holder.kill("SIGKILL");
    for (const ns of this.#namespaces.splice(0).reverse()) {
      try {
        ip(["netns", "del", ns]);
      } catch {
        // It was never made, or is gone.
      }
    }
  }
}

/** Takes away what runs left behind that were killed before they could: namespaces named after a process that is no more. */
function sweep(): void {
  const list = execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const line of list.split("\n")) {
    const [name = ""] = line.split(" ");
    const pid = /^tribune-(\d+)(-|$)/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    killAll(name);
    try {
      ip(["netns", "del", name]);
    } catch {
      // Another run was faster.
    }
  }
}

function ip(args: readonly string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Ends whatever still runs in a namespace: daemons leave the process group of the command that started them. */
function killAll(ns: string): void {
  let pids: string;
  try {
    pids = execFileSync("ip", ["netns", "pids", ns], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return;
  }
  for (const pid of pids.split("\n").filter((p) => p !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}

/** `text` as one word of a shell. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
