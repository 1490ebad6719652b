/** The part of the configuration that takes effect while the agent runs. */
import { agentTls } from "./check-tls.ts";
import type { RuntimeConfig } from "./config/runtime-config.ts";
import type { LocalStateSettings } from "./prepare-registration.ts";

/** What the configuration says of checks. */
export const localStateSettings = async (config: RuntimeConfig): Promise<LocalStateSettings> => ({
  checkUpdateIntervalMs: config.checkUpdateIntervalMs,
  checkOutputBytesMax: config.checkOutputMaxSize,
  discardCheckOutput: config.discardCheckOutput,
  enableLocalScriptChecks: config.enableLocalScriptChecks,
  enableRemoteScriptChecks: config.enableRemoteScriptChecks,
  checkTls: await agentTls(config.tls),
  sidecarPorts: config.sidecarPorts,
});

/** Why this agent runs no remote commands. */
export function execRefusal(config: RuntimeConfig): string | undefined {
  return config.disableRemoteExec
    ? `disable_remote_exec is true (${config.commandSwitches.remoteExecReason})`
    : undefined;
}

/** `old` with what a reload may change taken from `next`. */
export function reloadedConfig(old: RuntimeConfig, next: RuntimeConfig): RuntimeConfig {
  return {
    ...old,
    nodeMeta: next.nodeMeta,
    logLevel: next.logLevel,
    services: next.services,
    checks: next.checks,
    enableLocalScriptChecks: next.enableLocalScriptChecks,
    enableRemoteScriptChecks: next.enableRemoteScriptChecks,
    checkUpdateIntervalMs: next.checkUpdateIntervalMs,
    checkOutputMaxSize: next.checkOutputMaxSize,
    discardCheckOutput: next.discardCheckOutput,
    acl: { ...old.acl, tokens: next.acl.tokens },
    watches: next.watches,
    dns: next.dns,
    recursors: next.recursors,
    telemetry: {
      ...old.telemetry,
      allowedPrefixes: next.telemetry.allowedPrefixes,
      blockedPrefixes: next.telemetry.blockedPrefixes,
    },
    cache: next.cache,
    limits: {
      ...old.limits,
      httpMaxConnsPerClient: next.limits.httpMaxConnsPerClient,
      rpcRate: next.limits.rpcRate,
      rpcMaxBurst: next.limits.rpcMaxBurst,
    },
    warnings: next.warnings,
    debug: next.debug,
  };
}
