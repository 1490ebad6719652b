/**
 * An agent in this process, for tests of programs that speak to Consul:
 *
 *   import { startAgent } from "tribune";
 *   await using agent = await startAgent();
 *   const client = agent.client;             // or any Consul client at agent.httpUrl
 *
 * It listens on loopback, on ports that the system chooses, keeps everything in memory, and leaves nothing behind when it is
 * closed. Several make a cluster: `startAgent({ server: false, join: [agent] })` adds a client agent, `startCluster(3)` gives
 * three servers of which any one may be closed.
 */
import { type RunningAgent, startAgent as startConfiguredAgent } from "./agent/agent.ts";
import { buildConfig } from "./agent/config/build-config.ts";
import { NO_FLAGS } from "./agent/config/flags.ts";
import { realConfigHost } from "./agent/config/host.ts";
import type { RuntimeConfig } from "./agent/config/runtime-config.ts";
import { Telemetry } from "./agent/telemetry/telemetry.ts";
import { TribuneClient } from "./client/client.ts";
import { createDnsDoor } from "./dns/dns-door.ts";
import { createHttpDoor } from "./http/door.ts";
import { systemClock } from "./ports/clock.ts";
import { realDisk } from "./ports/disk.ts";
import { formatLogLine, LogHub, type LogLevel } from "./ports/log.ts";
import { systemRandom } from "./ports/random.ts";

export interface AgentOptions {
  /** Default `agent-` and eight random hexadecimal digits. */
  readonly nodeName?: string;
  /** Loopback address (or another of this host) for everything. Default 127.0.0.1. */
  readonly address?: string;
  readonly datacenter?: string;
  /** Default true. A client agent needs `join`. */
  readonly server?: boolean;
  /** How many servers form the cluster together: the same number at each of them. Default 1. See {@link startCluster}. */
  readonly bootstrapExpect?: number;
  /** Agents to join: others of this process, or `host:port` of their gossip. */
  readonly join?: readonly (EmbeddedAgent | string)[];
  /** More configuration: text in HCL or JSON, or an object with the keys of a configuration file (services, checks, acl, ...). */
  readonly config?: string | object;
  /** Told each log line from `logLevel` on. Default: nobody. */
  readonly onLog?: (line: string) => void;
  /** Default "info". */
  readonly logLevel?: LogLevel;
  /** Milliseconds until the agent must be ready. Default 10 s. */
  readonly readyWithinMs?: number;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface EmbeddedAgent extends AsyncDisposable {
  readonly nodeName: string;
  /** `http://127.0.0.1:40123`, for CONSUL_HTTP_ADDR. */
  readonly httpUrl: string;
  readonly http: Endpoint;
  /** UDP and TCP. */
  readonly dns: Endpoint;
  /** Where others join: `host:port`. */
  readonly gossip: string;
  /** Speaks to this agent. Closed with it. */
  readonly client: TribuneClient;
  /** Ends the agent as a crash would: it does not leave its cluster first (`client.agent.leave()` does). May be called twice. */
  close(): Promise<void>;
}

const READY_WITHIN_MS = 10_000;
const READY_POLL_MS = 5;

/**
 * Resolves when the agent is ready: its HTTP and DNS doors are open, a leader is known, and the agent is in the catalog. One of
 * several servers (`bootstrapExpect` above 1) does not wait for the others. Rejects with the configuration's error, or with what
 * is missing when it is not ready in time; then all is closed again.
 */
export async function startAgent(options: AgentOptions = {}): Promise<EmbeddedAgent> {
  const { server = true, join = [], bootstrapExpect } = options;
  if (server && join.length > 0 && bootstrapExpect === undefined)
    throw new Error(
      "a server that joins others needs `bootstrapExpect`, the number of servers, as they do: see startCluster",
    );
  const agent = await open(options);
  try {
    if (bootstrapExpect === undefined || bootstrapExpect === 1) await ready(agent, options);
    return agent;
  } catch (error) {
    await agent.close();
    throw error;
  }
}

export interface Cluster extends AsyncDisposable {
  readonly servers: readonly EmbeddedAgent[];
  close(): Promise<void>;
}

/** Servers that form one cluster; resolves when each of them is ready. `nodeName` is a prefix: `web-1`, `web-2`, ... */
export async function startCluster(
  servers: number,
  options: Omit<AgentOptions, "server" | "bootstrapExpect"> = {},
): Promise<Cluster> {
  const { nodeName, join = [] } = options;
  const agents: Embedded[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(agents.map((agent) => agent.close()));
  };
  try {
    for (let i = 1; i <= servers; i++)
      agents.push(
        await open({
          ...options,
          ...(nodeName === undefined ? {} : { nodeName: `${nodeName}-${i}` }),
          bootstrapExpect: servers,
          join: [...join, ...agents.slice(0, 1)],
        }),
      );
    await Promise.all(agents.map((agent) => ready(agent, options)));
  } catch (error) {
    await close();
    throw error;
  }
  return { servers: agents, close, [Symbol.asyncDispose]: close };
}

/** An agent with its doors open. */
async function open(options: AgentOptions): Promise<Embedded> {
  const config = configOf(options);
  const logHub = new LogHub(systemClock);
  const { onLog } = options;
  if (onLog !== undefined) logHub.attach((line) => onLog(formatLogLine(line)), options.logLevel ?? "info");
  const telemetry = new Telemetry(config.telemetry, { clock: systemClock, log: logHub.logger("agent") });
  let doors: { readonly http: Endpoint; readonly dns: Endpoint } | undefined;
  const agent = await startConfiguredAgent(
    config,
    {
      clock: systemClock,
      random: systemRandom,
      logHub,
      metrics: telemetry,
      disk: realDisk,
    },
    {
      openDoors: async (api) => {
        const http = createHttpDoor(api);
        const dns = createDnsDoor(api);
        const close = async (): Promise<void> => {
          await Promise.all([http.close(), dns.close()]);
        };
        try {
          await http.start();
          await dns.start();
        } catch (error) {
          await close();
          throw error;
        }
        doors = { http: http.addresses[0]!, dns: dns.addresses[0]! };
        return close;
      },
    },
  ).catch(async (error: unknown) => {
    await telemetry.close();
    throw error;
  });
  return new Embedded(agent, telemetry, doors!.http, doors!.dns);
}

class Embedded implements EmbeddedAgent {
  readonly nodeName: string;
  readonly httpUrl: string;
  readonly http: Endpoint;
  readonly dns: Endpoint;
  readonly gossip: string;
  readonly client: TribuneClient;
  readonly #agent: RunningAgent;
  readonly #telemetry: Telemetry;

  constructor(agent: RunningAgent, telemetry: Telemetry, http: Endpoint, dns: Endpoint) {
    this.#agent = agent;
    this.#telemetry = telemetry;
    this.nodeName = agent.config.nodeName;
    this.http = http;
    this.dns = dns;
    this.httpUrl = `http://${hostPort(http)}`;
    const { addr: host, port } = agent.lan.localMember();
    this.gossip = hostPort({ host, port });
    this.client = new TribuneClient({ address: this.httpUrl, env: {} });
  }

  async close(): Promise<void> {
    this.client.close();
    await this.#agent.shutdown(0);
    await this.#telemetry.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const hostPort = ({ host, port }: Endpoint): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

function configOf(options: AgentOptions): RuntimeConfig {
  const { config: more = "", address = "127.0.0.1", server = true, join = [] } = options;
  const given = {
    node_name: options.nodeName ?? `agent-${Buffer.from(systemRandom.bytes(4)).toString("hex")}`,
    bind_addr: address,
    client_addr: address,
    server,
    start_join: join.map((to) => (typeof to === "string" ? to : to.gossip)),
    ...(options.datacenter === undefined ? {} : { datacenter: options.datacenter }),
  };
  const texts = [JSON.stringify(given), typeof more === "string" ? more : JSON.stringify(more)];
  const built = buildConfig({ ...NO_FLAGS, dev: true, hcl: texts.filter((t) => t !== "") }, realConfigHost());
  if (built instanceof Error) throw built;
  const { config } = built;
  const expect = options.bootstrapExpect ?? 1;
  const anyPort = [{ host: address, port: 0 }];
  return {
    ...config,
    // -dev's timings make a lone server lead at once; among several, its lease of 20 ms would end with every busy moment.
    devTimings: expect === 1,
    devMode: false,
    bootstrapExpect: server ? expect : 0,
    dataDir: undefined,
    ports: { ...config.ports, server: 0, serfLan: 0, serfWan: -1 },
    httpAddrs: anyPort,
    httpsAddrs: [],
    dnsAddrs: anyPort,
    cliRpcAddrs: [],
  };
}

async function ready(agent: Embedded, options: AgentOptions): Promise<void> {
  const { readyWithinMs = READY_WITHIN_MS, join = [] } = options;
  const deadline = performance.now() + readyWithinMs;
  let missing = "";
  for (;;) {
    try {
      if ((await agent.client.status.leader()) === "") missing = "no leader";
      else {
        const { value } = await agent.client.health.node(agent.nodeName);
        if (value.some((check) => check.CheckID === "serfHealth")) return;
        missing = "the leader has not put it into the catalog";
      }
    } catch (error) {
      missing = (error as Error).message;
    }
    if (performance.now() > deadline)
      throw new Error(
        `agent ${agent.nodeName} is not ready after ${readyWithinMs} ms: ${missing}${options.server === false && join.length === 0 ? " (a client agent needs `join`)" : ""}`,
      );
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}
