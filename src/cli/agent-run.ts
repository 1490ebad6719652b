/** A configured agent from its first line to its exit code: banner, log, doors, signals, watches. */
import { startAgent } from "../agent/agent.ts";
import { ConfigError } from "../agent/config/diagnostic.ts";
import type { RuntimeConfig } from "../agent/config/runtime-config.ts";
import { watchRuntime } from "../agent/runtime-metrics.ts";
import { watchSignals } from "../agent/signals.ts";
import { Telemetry } from "../agent/telemetry/telemetry.ts";
import { systemClock } from "../ports/clock.ts";
import { realDisk } from "../ports/disk.ts";
import { LogHub, type LogLine } from "../ports/log.ts";
import { systemRandom } from "../ports/random.ts";
import { banner } from "./agent-banner.ts";
import { openDoors } from "./agent-doors.ts";
import { agentFlags } from "./agent-flags.ts";
import { FileLog, TerminalLog } from "./agent-log.ts";
import { AgentWatches } from "./agent-watches.ts";
import { EXIT, type Invocation } from "./command.ts";
import { watchConfigFiles } from "./config-files-watch.ts";
import { syslogSink } from "./syslog.ts";

/** `    Join completed. Synced with 1 initial agents`: the agent's log line that the banner shows in its own place. */
const JOIN_COMPLETED = /^Join completed\. Synced with \d+ initial agents$/;

export async function runAgent(
  call: Invocation,
  config: RuntimeConfig,
  readConfig: () => { readonly config: RuntimeConfig } | ConfigError,
): Promise<number> {
  const quiet = config.logJson;
  const say = (line: string): void => {
    if (!quiet) call.print(line);
  };
  const logHub = new LogHub(systemClock);
  let running = false;
  const terminal = new TerminalLog(logHub, config, {
    write: (text) => call.io.out(text),
    intercept: (line: LogLine) => {
      if (running || line.name !== "agent" || !JOIN_COMPLETED.test(line.message)) return false;
      say(`    ${line.message}`);
      return true;
    },
  });
  try {
    if (config.logFile !== "")
      logHub.attach(new FileLog(config.logFile, config, systemClock).sink, config.logLevel);
    if (config.enableSyslog)
      logHub.attach(
        syslogSink(config.syslogFacility, (error) =>
          logHub.logger("agent").warn(`syslog cannot be reached: ${error.message}`),
        ),
        config.logLevel,
      );
  } catch (error) {
    call.complain(`==> Failed to setup logging: ${(error as Error).message}`);
    return EXIT.error;
  }
  for (const warning of config.warnings) say(`==> WARNING: ${warning}`);
  say("==> Starting Consul agent...");
  const metrics = new Telemetry(config.telemetry, { clock: systemClock, log: logHub.logger("agent") });
  const watches = new AgentWatches(logHub.logger("watch"));
  // Until the agent can be told to leave, a signal just ends the start.
  const endEarly = (): void => process.exit(EXIT.error);
  process.on("SIGINT", endEarly);
  process.on("SIGTERM", endEarly);
  try {
    const agent = await startAgent(
      config,
      { clock: systemClock, random: systemRandom, logHub, metrics, disk: realDisk },
      {
        openDoors: (api) => openDoors(api, { onRpc: () => say("==> Starting Consul agent RPC...") }),
        onJoining: () => say("==> Joining cluster..."),
        loadConfig: async () => {
          const next = readConfig();
          if (next instanceof ConfigError) throw new Error(next.explain());
          return next.config;
        },
        onReloaded: (next) => {
          terminal.setLevel(next.logLevel);
          metrics.setFilter(next.telemetry);
          watches.replace(next);
        },
      },
    );
    process.off("SIGINT", endEarly);
    process.off("SIGTERM", endEarly);
    const unwatch = watchSignals(agent, process);
    const unwatchRuntime = watchRuntime({ clock: systemClock, metrics });
    say("==> Consul agent running!");
    say(banner(config));
    say("\n==> Log data will now stream in as it occurs:\n");
    running = true;
    terminal.open();
    watches.replace(agent.config);
    const unwatchFiles = config.autoReloadConfig
      ? watchConfigFiles(agentFlags(call.flags).configPaths, systemClock, () => {
          // Its error is in the log already.
          agent.reload().catch(() => {});
        })
      : () => {};
    const code = await agent.ended;
    unwatchFiles();
    unwatchRuntime();
    watches.stop();
    unwatch();
    await metrics.close();
    return code;
  } catch (error) {
    process.off("SIGINT", endEarly);
    process.off("SIGTERM", endEarly);
    running = true;
    terminal.open();
    call.complain(`==> Error starting agent: ${(error as Error).message.trim()}`);
    return EXIT.error;
  }
}
