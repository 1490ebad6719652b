/** What `agent` says of itself at its start. The lines of Consul 0.6.4, labels right-aligned; then what this agent lets others run. */
import type { RuntimeConfig } from "../agent/config/runtime-config.ts";

/** Column at which every colon stands, before the indent. */
const LABEL_WIDTH = 14;

/** Indented lines, without a final line feed. */
export function banner(config: RuntimeConfig): string {
  const { ports, tls } = config;
  const rows: readonly (readonly [label: string, value: string])[] = [
    ["Node name", `'${config.nodeName}'`],
    ["Datacenter", `'${config.datacenter}'`],
    ["Server", `${config.server} (bootstrap: ${config.bootstrap})`],
    [
      "Client Addr",
      `${clientAddress(config)} (HTTP: ${ports.http}, HTTPS: ${ports.https}, DNS: ${ports.dns}, RPC: ${ports.rpc})`,
    ],
    ["Cluster Addr", `${config.advertiseAddr} (LAN: ${ports.serfLan}, WAN: ${ports.serfWan})`],
    [
      "Gossip encrypt",
      `${config.encrypt !== ""}, RPC-TLS: ${tls.verifyOutgoing}, TLS-Incoming: ${tls.verifyIncoming || tls.verifyIncomingRpc}`,
    ],
    ["Atlas", "<disabled>"],
    ["Remote exec", `${onOff(!config.disableRemoteExec)} (${config.commandSwitches.remoteExecReason})`],
    [
      "Script checks",
      `from files: ${onOff(config.enableLocalScriptChecks)}, by API: ${onOff(config.enableRemoteScriptChecks)} (${config.commandSwitches.remoteScriptChecksReason})`,
    ],
  ];
  return rows.map(([label, value]) => `    ${label.padStart(LABEL_WIDTH)}: ${value}`).join("\n");
}

const onOff = (on: boolean): string => (on ? "on" : "off");

/** 0.6 knew one address; several stand one after the other. */
const clientAddress = (config: RuntimeConfig): string => config.clientAddrs.join(" ");
