import { setTimeout as delay } from "node:timers/promises";
import { ClientError } from "../client/errors.ts";
import { misused, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { parseBool } from "./flags.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { runHandler } from "./watch-handler.ts";
import { WatchError, type WatchParams, type WatchPlan, watchPlan } from "./watch-plan.ts";

/** Pause after the n-th failure in a row: 5 s times n squared, at most 3 minutes. As Consul. */
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 180_000;

export const command: Command = {
  name: "watch",
  usage: "[options] [child...]",
  description:
    "Watches data of the cluster. Without a child the present data is shown once as JSON; with one it is run now and at every change, the data as JSON on its standard input.\n\n    $ {program} watch -type=nodes\n    $ {program} watch -type=service -service=web ./reload-proxy.sh",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "key", kind: "string", usage: "Key to watch, for -type=key." },
        { name: "name", kind: "string", usage: "Event to watch, for -type=event; none: all." },
        {
          name: "passingonly",
          kind: "string",
          metavar: "true|false",
          usage: "Only passing instances, for -type=service.",
        },
        { name: "prefix", kind: "string", usage: "Prefix to watch, for -type=keyprefix." },
        { name: "service", kind: "string", usage: "Service to watch, for -type=service and -type=checks." },
        {
          name: "shell",
          kind: "bool",
          fallback: "true",
          usage: "Let a shell run the child; with -shell=false its words are run as they are.",
        },
        {
          name: "state",
          kind: "string",
          usage: "Checks to watch, for -type=checks: any, passing, warning, critical.",
        },
        {
          name: "tag",
          kind: "strings",
          usage: "Only instances with this tag, for -type=service. May be given several times.",
        },
        { name: "type", kind: "string", usage: "key, keyprefix, services, nodes, service, checks or event." },
      ],
    },
  ],
  handlesInterrupt: true,
  run: async (call) => {
    const { flags, args } = call;
    if (flags.string("type") === "") return misused(call, "Watch type must be specified");
    const passing = flags.string("passingonly");
    const passingOnly = passing === "" ? undefined : parseBool(passing);
    if (passing !== "" && passingOnly === undefined) {
      call.complain(
        `Failed to parse passingonly flag: strconv.ParseBool: parsing ${JSON.stringify(passing)}: invalid syntax`,
      );
      return EXIT.error;
    }
    let plan: WatchPlan;
    const params: WatchParams = {
      type: flags.string("type"),
      key: flags.string("key"),
      prefix: flags.string("prefix"),
      service: flags.string("service"),
      tag: flags.strings("tag"),
      passingonly: passingOnly,
      state: flags.string("state"),
      name: flags.string("name"),
      datacenter: flags.string("datacenter"),
      stale: flags.bool("stale"),
    };
    try {
      plan = watchPlan(params);
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      call.complain(error.message);
      return EXIT.error;
    }
    return withClient(call, "Error querying Consul agent", async (client) => {
      await client.agent.self();
      return args.length === 0 ? once(call, plan, client) : follow(call, plan, client);
    });
  },
};

type Client = Parameters<WatchPlan["run"]>[0];

async function once(call: Invocation, plan: WatchPlan, client: Client): Promise<number> {
  for await (const { json } of plan.run(client, { signal: call.io.interrupt, failFast: true })) {
    const { parseJson, stringifyJson } = await import("../wire/json.ts");
    call.print(indentJson(stringifyJson(parseJson(json))));
    break;
  }
  return EXIT.ok;
}

/** `unit` a level, four blanks if not said; numbers and strings stay as they are written. */
export function indentJson(text: string, unit: string = "    "): string {
  let out = "";
  let depth = 0;
  const line = (): string => `\n${unit.repeat(depth)}`;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') {
      const end = /"(?:[^"\\]|\\.)*"/y;
      end.lastIndex = i;
      const s = end.exec(text)![0];
      out += s;
      i += s.length - 1;
    } else if (c === "{" || c === "[") {
      const close = c === "{" ? "}" : "]";
      if (text[i + 1] === close) {
        out += c + close;
        i++;
      } else {
        depth++;
        out += c + line();
      }
    } else if (c === "}" || c === "]") {
      depth--;
      out += line() + c;
    } else if (c === ",") out += c + line();
    else if (c === ":") out += ": ";
    else if (!/\s/.test(c)) out += c;
  }
  return out;
}

async function follow(call: Invocation, plan: WatchPlan, client: Client): Promise<number> {
  const { flags, args, io } = call;
  const signal = io.interrupt;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const { json, index } of plan.run(client, {
        signal,
        failFast: true,
        onError: (e) => {
          throw e;
        },
      })) {
        failures = 0;
        const { failure, started } = await runHandler({
          argv: args,
          shell: flags.bool("shell"),
          env: io.env,
          index,
          json,
          output: "inherit",
          signal,
        });
        if (signal.aborted) return EXIT.ok;
        if (failure !== "") {
          call.complain(`Error ${started ? "executing" : "starting"} handler: ${failure}`);
          return EXIT.error;
        }
      }
      return EXIT.ok;
    } catch (error) {
      if (signal.aborted) return EXIT.ok;
      if (!(error instanceof ClientError)) throw error;
      failures++;
      const pause = Math.min(RETRY_MIN_MS * failures ** 2, RETRY_MAX_MS);
      call.complain(
        `[ERROR] watch: Watch errored: type=${plan.type} error=${JSON.stringify(error.message)} retry=${pause / 1000}s`,
      );
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }
  return EXIT.ok;
}
