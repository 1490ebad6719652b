/** Makes what runs a definition: a timed runner with its probe, a TTL timer, or an alias. */
import type { CheckDefinition } from "../../model/definition.ts";
import type { RpcCaller } from "../../model/methods.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/log.ts";
import type { Random } from "../../ports/random.ts";
import type { CheckTls } from "../check-tls.ts";
import { CHECK_INTERVAL_MS_MIN, CheckCycle } from "../core/check-cycle.ts";
import { type CheckStatus, checkKind } from "../core/check-definition.ts";
import { AliasCheck, type AliasCheckOptions } from "./alias-check.ts";
import { CheckRunner } from "./check-runner.ts";
import { DockerProbe, parseDockerHost } from "./docker-probe.ts";
import { GrpcProbe } from "./grpc-probe.ts";
import { H2PingProbe } from "./h2ping-probe.ts";
import { HttpProbe } from "./http-probe.ts";
import { hasServiceManager, OsServiceProbe } from "./os-service-probe.ts";
import { PROBE_TIMEOUT_MS, type Probe, SCRIPT_TIMEOUT_MS } from "./probe.ts";
import { ScriptProbe } from "./script-probe.ts";
import { TcpProbe } from "./tcp-probe.ts";
import { TtlCheck } from "./ttl-check.ts";
import { UdpProbe } from "./udp-probe.ts";

export interface RunningCheck {
  start(): void;
  stop(): void;
}

export interface RunningCheckOptions {
  readonly checkId: string;
  readonly definition: CheckDefinition;
  /** The agent's limit; the definition may set a smaller one. */
  readonly outputBytesMax: number;
  /** undefined trusts what the system trusts. */
  readonly tls: CheckTls | undefined;
  readonly alias: Omit<AliasCheckOptions, "checkId" | "node" | "service" | "publish">;
  readonly publish: (status: CheckStatus, output: string) => void;
  /** TTL checks: what the last report before a restart said. */
  readonly lastOutput: string;
}

export interface RunningCheckPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly rpc: RpcCaller;
}

const msOf = (ns: bigint): number => Number(ns) / 1e6;

/** The smaller of the two limits; 0 in the definition is none. */
export const outputLimit = (agentMax: number, definition: CheckDefinition): number =>
  definition.OutputMaxSize > 0 ? Math.min(definition.OutputMaxSize, agentMax) : agentMax;

/** Why the definition cannot be run on this host at all; undefined when it can. */
export function cannotRun(definition: CheckDefinition): string | undefined {
  switch (checkKind(definition)) {
    case "os_service":
      return hasServiceManager() ? undefined : "not implemented";
    case "docker": {
      const engine = parseDockerHost(process.env.DOCKER_HOST);
      return typeof engine === "string" ? engine : undefined;
    }
    default:
      return undefined;
  }
}

/** undefined for a definition that nothing runs. */
export function runningCheck(
  options: RunningCheckOptions,
  ports: RunningCheckPorts,
): RunningCheck | undefined {
  const { checkId, definition: d, publish } = options;
  const outputBytesMax = outputLimit(options.outputBytesMax, d);
  const kind = checkKind(d);
  switch (kind) {
    case "ttl":
      return new TtlCheck(
        { checkId, ttlMs: msOf(d.TTL), outputBytesMax, publish },
        ports,
        options.lastOutput,
      );
    case "alias":
      return new AliasCheck(
        { ...options.alias, checkId, node: d.AliasNode, service: d.AliasService, publish },
        ports,
      );
    case "none":
      return undefined;
    case "http":
    case "tcp":
    case "udp":
    case "grpc":
    case "h2ping":
    case "docker":
    case "os_service":
    case "script": {
      const intervalMs = msOf(d.Interval);
      if (intervalMs < CHECK_INTERVAL_MS_MIN)
        ports.log.warn("check has interval below minimum", {
          check: checkId,
          minimum_interval: `${CHECK_INTERVAL_MS_MIN / 1000}s`,
        });
      const cycle = new CheckCycle({
        intervalMs,
        successBeforePassing: d.SuccessBeforePassing,
        failuresBeforeCritical: d.FailuresBeforeCritical,
        failuresBeforeWarning: d.FailuresBeforeWarning,
      });
      return new CheckRunner(
        { checkId, cycle, publish, probe: probeOf(kind, d, outputBytesMax, options.tls, ports) },
        ports,
      );
    }
    default:
      return unreachable(kind);
  }
}

function probeOf(
  kind: "http" | "tcp" | "udp" | "grpc" | "h2ping" | "docker" | "os_service" | "script",
  d: CheckDefinition,
  outputBytesMax: number,
  trust: CheckTls | undefined,
  ports: { readonly clock: Clock },
): Probe {
  const given = msOf(d.Timeout);
  const timeoutMs = given > 0 ? given : PROBE_TIMEOUT_MS;
  const tls = { tlsSkipVerify: d.TLSSkipVerify, tlsServerName: d.TLSServerName, trust };
  switch (kind) {
    case "http":
      return new HttpProbe(
        {
          url: d.HTTP,
          method: d.Method,
          header: d.Header,
          body: d.Body,
          timeoutMs,
          outputBytesMax,
          disableRedirects: d.DisableRedirects,
          ...tls,
        },
        ports,
      );
    case "tcp":
      return new TcpProbe({ target: d.TCP, tls: d.TCPUseTLS, timeoutMs, ...tls }, ports);
    case "os_service":
      return new OsServiceProbe({ service: d.OSService, timeoutMs }, ports);
    case "udp":
      return new UdpProbe({ target: d.UDP, timeoutMs }, ports);
    case "grpc":
      return new GrpcProbe({ target: d.GRPC, tls: d.GRPCUseTLS, timeoutMs, ...tls }, ports);
    case "h2ping":
      return new H2PingProbe({ target: d.H2PING, tls: d.H2PingUseTLS, timeoutMs, ...tls }, ports);
    case "docker": {
      const engine = parseDockerHost(process.env.DOCKER_HOST);
      if (typeof engine === "string") throw new Error(engine);
      const command =
        d.Script !== ""
          ? [d.Shell || "/bin/sh", "-c", d.Script]
          : d.Shell !== ""
            ? [d.Shell, "-c", (d.ScriptArgs ?? []).join(" ")]
            : (d.ScriptArgs ?? []);
      const dockerTimeoutMs = given > 0 ? given : SCRIPT_TIMEOUT_MS;
      return new DockerProbe(
        { containerId: d.DockerContainerID, command, engine, outputBytesMax, timeoutMs: dockerTimeoutMs },
        ports,
      );
    }
    case "script": {
      const args = d.ScriptArgs ?? [];
      const command = args.length > 0 ? { args } : { shell: d.Script };
      return new ScriptProbe(
        { command, timeoutMs: given > 0 ? given : SCRIPT_TIMEOUT_MS, outputBytesMax },
        ports,
      );
    }
    default:
      return unreachable(kind);
  }
}

function unreachable(value: never): never {
  throw new Error(`running check: unknown kind ${String(value)}`);
}
