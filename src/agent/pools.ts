/** The agent's gossip pools, made from the configuration and not yet started. */
import { BlockList, isIPv6 } from "node:net";
import { join } from "node:path";
import type { Member, SerfPool, SerfPoolOptions } from "../gossip/contract.ts";
import { DEV_TIMINGS } from "../gossip/profile.ts";
import { createSerfPool } from "../gossip/serf/pool.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Random } from "../ports/random.ts";
import { lanAdmission, wanAdmission } from "../server/admission.ts";
import { clientTags, type ServerTagOptions, serverTags } from "../server/server-metadata.ts";
import type { GossipConfig, RuntimeConfig } from "./config/runtime-config.ts";
import { type Keyring, loadKeyring } from "./keyring-file.ts";
import { COMPATIBLE_VERSION, REVISION } from "./version.ts";

export interface PoolPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly disk: Disk;
}

/** Timings that the user or -dev has set; the others are the pool's own. */
function timingsOf(config: RuntimeConfig, gossip: GossipConfig): NonNullable<SerfPoolOptions["timings"]> {
  const timings: Record<string, number> = config.devTimings ? { ...DEV_TIMINGS } : {};
  const given = {
    gossipIntervalMs: gossip.gossipIntervalMs,
    gossipNodes: gossip.gossipNodes,
    probeIntervalMs: gossip.probeIntervalMs,
    probeTimeoutMs: gossip.probeTimeoutMs,
    suspicionMult: gossip.suspicionMult,
    retransmitMult: gossip.retransmitMult,
  };
  for (const [key, value] of Object.entries(given)) if (value !== undefined) timings[key] = value;
  return timings;
}

function tagOptions(config: RuntimeConfig, nodeId: string, port: number): ServerTagOptions {
  return {
    datacenter: config.datacenter,
    nodeId,
    version: COMPATIBLE_VERSION,
    revision: REVISION,
    acls: config.acl.enabled ? "1" : "0",
    port,
    bootstrap: config.bootstrap,
    bootstrapExpect: config.bootstrapExpect,
    nonVoter: config.nonVotingServer,
    ...(config.ports.serfWan > 0 ? { wanJoinPort: config.ports.serfWan } : {}),
  };
}

/** What this agent says of itself in the LAN pool. `rpcPort`: where its server listens. */
export function lanTags(config: RuntimeConfig, nodeId: string, rpcPort: number): ReadonlyMap<string, string> {
  const tags = tagOptions(config, nodeId, rpcPort);
  return config.server ? serverTags(tags, "lan") : clientTags(tags);
}

export const wanTags = (
  config: RuntimeConfig,
  nodeId: string,
  rpcPort: number,
): ReadonlyMap<string, string> => serverTags(tagOptions(config, nodeId, rpcPort), "wan");

/** What both pools have in common. */
function poolOptions(
  config: RuntimeConfig,
  keyring: Keyring,
  pool: "local" | "remote",
): Pick<
  SerfPoolOptions,
  | "keys"
  | "encryptVerifyIncoming"
  | "encryptVerifyOutgoing"
  | "onKeysChanged"
  | "snapshotPath"
  | "rejoinAfterLeave"
  | "disableCoordinates"
> {
  return {
    keys: keyring.keys,
    encryptVerifyIncoming: config.encryptVerifyIncoming,
    encryptVerifyOutgoing: config.encryptVerifyOutgoing,
    rejoinAfterLeave: config.rejoinAfterLeave,
    disableCoordinates: config.disableCoordinates,
    ...(keyring.save === undefined ? {} : { onKeysChanged: keyring.save }),
    ...(config.dataDir === undefined
      ? {}
      : { snapshotPath: join(config.dataDir, "serf", `${pool}.snapshot`) }),
  };
}

/** Refuses members outside the given networks; none given lets all in. */
export function allowedNetworks(cidrs: readonly string[]): (members: readonly Member[]) => void {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = "", bits = ""] = cidr.split("/");
    list.addSubnet(network, Number(bits), isIPv6(network) ? "ipv6" : "ipv4");
  }
  return (members) => {
    if (cidrs.length === 0) return;
    for (const { name, addr } of members)
      if (!list.check(addr, isIPv6(addr) ? "ipv6" : "ipv4"))
        throw new Error(`Member '${name}' has address ${addr}, which is in none of the allowed networks`);
  };
}

const keyringOf = (config: RuntimeConfig, pool: "local" | "remote", ports: PoolPorts): Promise<Keyring> =>
  loadKeyring(
    { dataDir: config.dataDir, pool, encrypt: config.encrypt, disableFile: config.disableKeyringFile },
    ports,
  );

export async function createLanPool(
  config: RuntimeConfig,
  nodeId: string,
  ports: PoolPorts,
): Promise<SerfPool> {
  const admit = lanAdmission({ nodeName: config.nodeName, nodeId, datacenter: config.datacenter });
  const allowed = allowedNetworks(config.serfLanAllowedCidrs);
  return createSerfPool(
    {
      ...poolOptions(config, await keyringOf(config, "local", ports), "local"),
      nodeName: config.nodeName,
      bindAddr: config.serfLanBindAddr,
      bindPort: config.ports.serfLan,
      advertiseAddr: config.advertiseAddr,
      // Port 0 is the system's choice: the pool advertises what it was given.
      ...(config.ports.serfLan > 0 ? { advertisePort: config.ports.serfLan } : {}),
      tags: lanTags(config, nodeId, config.ports.server),
      profile: "lan",
      timings: timingsOf(config, config.gossipLan),
      reconnectTimeoutMs: config.reconnectTimeoutLanMs,
      admit: (members) => {
        allowed(members);
        admit(members);
      },
    },
    ports,
  );
}

/** undefined on clients and where the pool is off. */
export async function createWanPool(
  config: RuntimeConfig,
  nodeId: string,
  ports: PoolPorts,
): Promise<SerfPool | undefined> {
  if (!config.server || config.ports.serfWan <= 0) return undefined;
  const admit = wanAdmission();
  const allowed = allowedNetworks(config.serfWanAllowedCidrs);
  return createSerfPool(
    {
      ...poolOptions(config, await keyringOf(config, "remote", ports), "remote"),
      nodeName: `${config.nodeName}.${config.datacenter}`,
      bindAddr: config.serfWanBindAddr,
      bindPort: config.ports.serfWan,
      advertiseAddr: config.advertiseAddrWan,
      advertisePort: config.ports.serfWan,
      tags: wanTags(config, nodeId, config.ports.server),
      profile: "wan",
      timings: timingsOf(config, config.gossipWan),
      reconnectTimeoutMs: config.reconnectTimeoutWanMs,
      admit: (members) => {
        allowed(members);
        admit(members);
      },
    },
    ports,
  );
}
