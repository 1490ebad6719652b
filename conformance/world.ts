/** One program under test: its four agents on loopback addresses of their own, the same configuration for each program. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentName } from "./case.ts";
import { killGroup, leash } from "./leash.ts";

export const PROGRAMS = ["consul", "tribune"] as const;
export type ProgramName = (typeof PROGRAMS)[number];

const ROOT = new URL("..", import.meta.url).pathname;
/** First three numbers of each program's addresses, unless the caller chooses others (as long, for columns are padded to them). */
export const SUBNETS: Readonly<Record<ProgramName, string>> = { consul: "127.12.1", tribune: "127.12.2" };
/** What stands for either in normal forms. */
const ANY_SUBNET = "127.12.0.";
const HOST: Readonly<Record<AgentName, number>> = { s1: 1, c1: 2, t1: 3, d1: 4 };
export const AGENTS = Object.keys(HOST) as readonly AgentName[];
const READY_MS = 240_000;

/** The same in both programs, so that it need not be blanked out. */
const nodeId = (agent: AgentName): string => `11111111-2222-3333-4444-00000000000${HOST[agent]}`;

const GOSSIP_KEY = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=";

const configs: Readonly<Record<AgentName, (ip: (agent: AgentName) => string) => string>> = {
  s1: () => `server = true  bootstrap_expect = 1  datacenter = "dc1"  ui = true
    node_meta { rack = "r1" }`,
  c1: (ip) =>
    `datacenter = "dc1"  retry_join = ["${ip("s1")}"]  enable_script_checks = true  disable_remote_exec = false`,
  t1: (
    ip,
  ) => `datacenter = "dc1"  retry_join = ["${ip("s1")}"]  translate_wan_addrs = true  alt_domain = "alt.test."
    enable_local_script_checks = true  discovery_max_stale = "1h"
    limits { kv_max_value_size = 64  txn_max_req_len = 128 }
    telemetry { prometheus_retention_time = "1h"  disable_hostname = true }
    http_config {
      block_endpoints = ["/v1/agent/self", "/v1/ev"]
      allow_write_http_from = ["10.0.0.0/8"]
      response_headers { "x-test" = "yes"  "Access-Control-Allow-Origin" = "*" }
      use_cache = false
    }
    dns_config {
      enable_truncate = true  udp_answer_limit = 2  a_record_limit = 4  enable_additional_node_meta_txt = false
      node_ttl = "10s"  only_passing = true
      service_ttl { web = "5s"  "we*" = "6s"  "*" = "9s" }
      soa { min_ttl = 60  refresh = 1  retry = 2  expire = 3 }
    }`,
  d1: (ip) => `server = true  bootstrap_expect = 1  datacenter = "dc2"  retry_join_wan = ["${ip("s1")}"]`,
};

export class World {
  readonly program: ProgramName;
  /** Where commands run. */
  readonly folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #subnet: string;

  constructor(program: ProgramName, subnet: string = SUBNETS[program]) {
    this.program = program;
    this.#subnet = subnet;
    this.folder = mkdtempSync(join(tmpdir(), `conformance-${program}-`));
    mkdirSync(join(this.folder, "work"));
  }

  ip(agent: AgentName): string {
    return `${this.#subnet}.${HOST[agent]}`;
  }

  /** A text that came from this world, as any world would have written it. */
  neutral(text: string): string {
    return text.replaceAll(`${this.#subnet}.`, ANY_SUBNET);
  }

  /** How the program is called: its file and the words before the command line's own. */
  command(): { readonly file: string; readonly words: readonly string[]; readonly argv0: string } {
    if (this.program === "consul") return { file: join(ROOT, ".peers/consul"), words: [], argv0: "consul" };
    return {
      file: join(ROOT, "node_modules/node/bin/node"),
      words: ["--disable-warning=ExperimentalWarning", join(ROOT, "src/main.ts")],
      // Called so, ours names itself as the original does.
      argv0: "consul",
    };
  }

  /** Starts the agents; resolves when both datacenters have leaders, know each other and list their nodes. */
  async start(): Promise<void> {
    const { file, words, argv0 } = this.command();
    if (!existsSync(file)) throw new Error(`no ${file}: run interop/setup.sh`);
    for (const agent of AGENTS) {
      const config = join(this.folder, `${agent}.hcl`);
      const ip = this.ip(agent);
      writeFileSync(
        config,
        `node_name = "${agent}"  node_id = "${nodeId(agent)}"  bind_addr = "${ip}"  client_addr = "${ip}"
         data_dir = "${join(this.folder, agent)}"  encrypt = "${GOSSIP_KEY}"  disable_update_check = true  log_level = "DEBUG"
         retry_interval = "1s"  retry_interval_wan = "1s"  performance { raft_multiplier = 1 }  ports { grpc = -1 }  leave_on_terminate = false
         ${configs[agent]((other) => this.ip(other))}`,
      );
      const child = spawn(file, [...words, "agent", "-config-file", config], {
        argv0,
        // A process group of its own: a terminal's interrupt is for us, and what an agent has started ends with it.
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const log = createWriteStream(join(this.folder, `${agent}.log`));
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      this.#children.push(child);
      if (child.pid !== undefined) leash.hold(child.pid);
    }
    await this.#until("s1", "/v1/catalog/datacenters", '["dc1","dc2"]');
    // Tagged addresses come with the agent's own synchronisation, not with the leader's registration.
    for (const node of ["s1", "c1", "t1"] as const)
      await this.#until("s1", `/v1/catalog/node/${node}`, "lan_ipv4");
    await this.#until("s1", "/v1/health/state/passing", '"Node":"t1"');
    await this.#until("d1", "/v1/catalog/node/d1", "lan_ipv4");
    for (const agent of ["c1", "t1"] as const) await this.#until(agent, "/v1/catalog/nodes", '"s1"');
    await this.#until("s1", "/v1/coordinate/nodes", '"c1"');
    await this.#until("s1", "/v1/coordinate/nodes", '"t1"');
    await this.#until("s1", "/v1/operator/autopilot/health", '"Healthy":true,"Voter"');
  }

  async #until(agent: AgentName, path: string, text: string): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (let last = ""; ; ) {
      try {
        last = await (await fetch(`http://${this.ip(agent)}:8500${path}`)).text();
        if (last.includes(text)) return;
      } catch (e) {
        last = String(e);
      }
      const ended = this.#children.find((c) => c.exitCode !== null);
      if (ended !== undefined)
        throw new Error(
          `${this.program}: ${ended.spawnargs.at(-1)} ended with ${ended.exitCode}; logs in ${this.folder}`,
        );
      if (performance.now() > deadline)
        throw new Error(
          `${this.program} ${agent}: no ${text} at ${path} within ${READY_MS / 1000} s, but ${last.slice(0, 300)}; logs in ${this.folder}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  /** Kills the agents and what they have started; `keep` leaves their logs. */
  async close(keep: boolean): Promise<void> {
    await Promise.all(
      this.#children.map(async (c) => {
        const ended = c.exitCode !== null || c.signalCode !== null ? undefined : once(c, "exit");
        if (c.pid !== undefined) killGroup(c.pid);
        await ended;
        if (c.pid !== undefined) leash.release(c.pid);
      }),
    );
    this.#children.length = 0;
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}
