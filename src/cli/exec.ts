import { systemClock } from "../ports/clock.ts";
import { misused, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { filterError } from "./event.ts";
import { ExecError, type ExecHappening, runExecJob } from "./exec-job.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "exec",
  usage: "[options] [-|command...]",
  description:
    "Runs a command on all nodes of a datacenter, or on those that the filters choose, and shows what it writes and how it ends. The words are joined and run by each node's shell; - reads a script from standard input.\n\n    $ {program} exec -service=web uptime\n\nThe exit code is 0 only if every node that took the command finished it with 0, and 2 if one failed or was lost.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "node", kind: "string", usage: "Only nodes whose name matches this regular expression." },
        {
          name: "prefix",
          kind: "string",
          fallback: "_rexec",
          usage: "Prefix in the KV store under which the job is kept.",
        },
        {
          name: "service",
          kind: "string",
          usage: "Only nodes with a service whose name matches this regular expression.",
        },
        {
          name: "shell",
          kind: "bool",
          fallback: "true",
          usage: "Let a shell run the command; with -shell=false the words are run as they are.",
        },
        {
          name: "tag",
          kind: "string",
          usage:
            "Only nodes where that service has a tag that matches this regular expression; needs -service.",
        },
        { name: "verbose", kind: "bool", usage: "Show every step." },
        {
          name: "wait",
          kind: "duration",
          fallback: "2s",
          usage: "Silence after which no more answers are waited for.",
        },
        {
          name: "wait-repl",
          kind: "duration",
          fallback: "200ms",
          usage: "Pause before the event is fired, so that every server has the job by then.",
        },
      ],
    },
  ],
  handlesInterrupt: true,
  run: async (call) => {
    const { args, flags } = call;
    const shell = flags.bool("shell");
    const fromStdin = args.length === 1 && args[0] === "-";
    const wrong = filterError(call);
    if (wrong !== undefined) return refuse(call, wrong);
    if (args.length === 0 || args.join(" ").trim() === "")
      return misused(call, "Must specify a command to execute");
    if (fromStdin && !shell) return refuse(call, "Cannot configure -shell=false when reading from stdin");
    const script = fromStdin ? await call.io.stdin() : undefined;
    if (script !== undefined && script.byteLength === 0)
      return misused(call, "Must specify a command to execute");
    return withClient(call, "Error querying Consul agent", async (client) => {
      const report = new ExecReport(call);
      const happenings = runExecJob(
        client,
        {
          prefix: flags.string("prefix").replace(/^\/+|\/+$/g, ""),
          command: script !== undefined || !shell ? "" : args.join(" "),
          argv: shell ? undefined : args,
          script,
          nodeFilter: flags.string("node"),
          serviceFilter: flags.string("service"),
          tagFilter: flags.string("tag"),
          waitMs: flags.durationMs("wait"),
          replicationWaitMs: flags.durationMs("wait-repl"),
          stale: flags.bool("stale"),
          datacenter: flags.string("datacenter"),
          signal: call.io.interrupt,
        },
        systemClock,
      );
      try {
        for await (const happening of happenings) report.on(happening);
      } catch (error) {
        if (call.io.interrupt.aborted) return EXIT.error;
        if (!(error instanceof ExecError)) throw error;
        call.complain(error.message);
        report.end();
        return EXIT.error;
      }
      return report.end();
    });
  },
};

function refuse(call: Invocation, text: string): number {
  call.complain(text);
  return EXIT.error;
}

/** Prints what happens, and counts it for the last line and the exit code. */
class ExecReport {
  readonly #call: Invocation;
  readonly #acked = new Set<string>();
  readonly #exits = new Map<string, number>();
  readonly #started = performance.now();

  constructor(call: Invocation) {
    this.#call = call;
  }

  on(h: ExecHappening): void {
    const { print, complain } = this.#call;
    const verbose = this.#call.flags.bool("verbose");
    switch (h.kind) {
      case "foreign":
        if (verbose) {
          print("Remote exec in foreign datacenter, using Session TTL");
          print(`Binding session to remote node ${h.node}@${h.datacenter}`);
        }
        break;
      case "session":
        if (verbose) print(`Created remote execution session: ${h.id}`);
        break;
      case "uploaded":
        if (verbose) print("Uploaded remote execution spec");
        break;
      case "fired":
        if (verbose) print(`Fired remote execution event: ${h.id}`);
        break;
      case "ack":
        this.#acked.add(h.node);
        if (verbose) print(`==> ${h.node}: acknowledged`);
        break;
      case "heartbeat":
        if (verbose) print(`==> ${h.node}: heartbeat received`);
        break;
      case "output":
        print(outputLines(h.node, h.bytes));
        break;
      case "exit":
        this.#exits.set(h.node, h.code);
        print(`==> ${h.node}: finished with exit code ${h.code}`);
        break;
      case "unknown":
        complain(`Unknown key '${h.key}', ignoring.`);
        break;
    }
  }

  /** The last lines; the exit code. */
  end(): number {
    const { print, complain, flags } = this.#call;
    print(`${this.#exits.size} / ${this.#acked.size} node(s) completed / acknowledged`);
    if (flags.bool("verbose"))
      print(`Completed in ${((performance.now() - this.#started) / 1000).toFixed(2)} seconds`);
    const lost = [...this.#acked].filter((n) => !this.#exits.has(n)).sort();
    const failed = [...this.#exits].filter(([, code]) => code !== 0).map(([node]) => node);
    if (lost.length > 0) complain(`Acknowledged but not finished: ${lost.join(", ")}`);
    if (this.#acked.size === 0)
      complain(
        "No node took the command: either no node matches the filters, or running commands is off on them (see `disable_remote_exec`; their logs say so)",
      );
    return lost.length > 0 || failed.length > 0 ? EXIT.noMatch : EXIT.ok;
  }
}

/** Each line behind its node's name; a piece that ends in a line feed shows an empty last line, as the original does. */
export function outputLines(node: string, bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("utf8")
    .split("\n")
    .map((line) => `    ${node}: ${line}`)
    .join("\n")
    .trimEnd();
}
