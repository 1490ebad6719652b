/** Real servers on loopback addresses for tests: memory instead of disk, short timings, nothing simulated. */
import { randomBytes } from "node:crypto";
import type { SerfPool } from "../gossip/contract.ts";
import { createSerfPool } from "../gossip/serf/pool.ts";
import { systemClock } from "../ports/clock.ts";
import { memoryDisk } from "../ports/disk.ts";
import { LogHub, type LogLine } from "../ports/log.ts";
import { noMetrics } from "../ports/metrics.ts";
import { systemRandom, uuid } from "../ports/random.ts";
import { lanAdmission, wanAdmission } from "./admission.ts";
import type { ServerOptions } from "./contract.ts";
import { Server } from "./server.ts";
import { type AgentTagOptions, clientTags, type ServerTagOptions, serverTags } from "./server-metadata.ts";

/** Gossip as fast as a loopback network allows. */
const FAST_GOSSIP = {
  probeIntervalMs: 200,
  probeTimeoutMs: 100,
  gossipIntervalMs: 20,
  suspicionMult: 2,
  pushPullIntervalMs: 0,
  leavePropagateDelayMs: 50,
  broadcastTimeoutMs: 500,
  reapIntervalMs: 500,
  reconnectIntervalMs: 500,
};

export interface TestServerOptions {
  readonly name: string;
  /** Loopback address of its own: ports 8300, 8301 and 8302 are used on it. */
  readonly ip: string;
  readonly datacenter?: string;
  /** Drawn when absent. */
  readonly nodeId?: string;
  readonly expect?: number;
  readonly wan?: boolean;
  readonly override?: Partial<ServerOptions>;
  readonly gossipTimings?: Readonly<Record<string, number>>;
}

export interface TestServer {
  readonly server: Server;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  readonly id: string;
  readonly ip: string;
  readonly lines: LogLine[];
  readonly logged: (pattern: RegExp) => boolean;
}

export function testServer(o: TestServerOptions): TestServer {
  const nodeId = o.nodeId ?? uuid(systemRandom);
  const datacenter = o.datacenter ?? "dc1";
  const hub = new LogHub(systemClock);
  const lines: LogLine[] = [];
  hub.attach((line) => lines.push(line), "trace");
  const log = hub.logger("");
  const ports = { clock: systemClock, random: systemRandom, log, metrics: noMetrics, disk: memoryDisk() };
  const expect = o.expect ?? 1;
  const tags: ServerTagOptions = {
    datacenter,
    nodeId,
    version: "1.8.7",
    port: 8300,
    bootstrap: false,
    bootstrapExpect: expect,
    nonVoter: false,
    ...(o.wan ? { wanJoinPort: 8302 } : {}),
  };
  const timings = { ...FAST_GOSSIP, ...o.gossipTimings };
  const lan = createSerfPool(
    {
      nodeName: o.name,
      bindAddr: o.ip,
      bindPort: 8301,
      tags: serverTags(tags, "lan"),
      profile: "local",
      timings,
      admit: lanAdmission({ nodeName: o.name, nodeId, datacenter }),
    },
    ports,
  );
  const wan = o.wan
    ? createSerfPool(
        {
          nodeName: `${o.name}.${datacenter}`,
          bindAddr: o.ip,
          bindPort: 8302,
          tags: serverTags(tags, "wan"),
          profile: "local",
          timings,
          admit: wanAdmission(),
        },
        ports,
      )
    : undefined;
  const options: ServerOptions = {
    nodeName: o.name,
    nodeId,
    datacenter,
    primaryDatacenter: datacenter,
    bindAddr: o.ip,
    port: 8300,
    advertiseAddr: o.ip,
    bootstrap: false,
    bootstrapExpect: expect,
    nonVoter: false,
    dataDir: undefined,
    version: "1.8.7",
    sessionTtlMinMs: 10,
    defaultQueryTimeMs: 300_000,
    maxQueryTimeMs: 600_000,
    rpcHoldTimeoutMs: 7_000,
    leaveDrainTimeMs: 50,
    rpcHandshakeTimeoutMs: 5_000,
    rpcMaxConnsPerClient: 100,
    autopilot: {
      cleanupDeadServers: true,
      lastContactThresholdMs: 200,
      maxTrailingLogs: 250,
      minQuorum: 0,
      serverStabilizationTimeMs: 300,
    },
    raft: {
      heartbeatTimeoutMs: 100,
      electionTimeoutMs: 100,
      leaderLeaseTimeoutMs: 80,
      commitTimeoutMs: 5,
      snapshotIntervalMs: 600_000,
      snapshotThreshold: 100_000,
      trailingLogs: 10_000,
      maxAppendEntries: 64,
    },
    ...o.override,
    timings: {
      reconcileIntervalMs: 1_000,
      coordinateFlushMs: 50,
      autopilotHealthMs: 100,
      autopilotHealthBudgetMs: 80,
      autopilotCleanupMs: 200,
      floodIntervalMs: 500,
      bootstrapRetryBaseMs: 50,
      ...o.override?.timings,
    },
  };
  const server = new Server(options, { ...ports, lan, wan });
  const logged = (pattern: RegExp): boolean => lines.some((l) => pattern.test(`${l.name}: ${l.message}`));
  return { server, lan, wan, id: nodeId, ip: o.ip, lines, logged };
}

/** The LAN pool of a client agent. */
export function testClientPool(o: {
  readonly name: string;
  readonly ip: string;
  readonly datacenter?: string;
}): SerfPool {
  const nodeId = uuid(systemRandom);
  const datacenter = o.datacenter ?? "dc1";
  const tags: AgentTagOptions = { datacenter, nodeId, version: "1.8.7" };
  return createSerfPool(
    {
      nodeName: o.name,
      bindAddr: o.ip,
      bindPort: 8301,
      tags: clientTags(tags),
      profile: "local",
      timings: FAST_GOSSIP,
      admit: lanAdmission({ nodeName: o.name, nodeId, datacenter }),
    },
    {
      clock: systemClock,
      random: systemRandom,
      log: new LogHub(systemClock).logger(""),
      metrics: noMetrics,
      disk: memoryDisk(),
    },
  );
}

/** Waits for a condition, looking again also after an error; the error tells which one never held, and why at last. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline)
      throw new Error(
        `still waiting after ${timeoutMs} ms: ${what}`,
        last === undefined ? {} : { cause: last },
      );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A loopback address of this process's own within 127.5.<block>.0/24. */
export const loopback = (block: number, host: number): string => `127.5.${block}.${host}`;
export const randomName = (): string => `n${randomBytes(3).toString("hex")}`;
