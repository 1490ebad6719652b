/** What `-dev` sets below the files: a server of its own in memory. Observed in Consul 1.8.7. */
import type { ConfigInput } from "./schema.ts";

const MS_100 = 100_000_000n;
const GOSSIP = {
  gossip_interval: MS_100,
  probe_interval: MS_100,
  probe_timeout: MS_100,
  suspicion_mult: 3,
} as const;

export const DEV: ConfigInput = {
  bind_addr: "127.0.0.1",
  connect: { enabled: true },
  disable_anonymous_signature: true,
  disable_keyring_file: true,
  enable_debug: true,
  gossip_lan: GOSSIP,
  gossip_wan: GOSSIP,
  log_level: "DEBUG",
  performance: { raft_multiplier: 1 },
  ports: { grpc: 8502 },
  server: true,
  ui: true,
};
