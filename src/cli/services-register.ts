import { readFileSync } from "node:fs";
import { decodeSource } from "../agent/config/decode.ts";
import { toServiceDefinition } from "../agent/config/definitions.ts";
import { ConfigError } from "../agent/config/diagnostic.ts";
import type { ServiceInput } from "../agent/config/schema.ts";
import { ClientError } from "../client/errors.ts";
import { CheckDefinition, ServiceDefinition } from "../model/definition.ts";
import { CommandError, fileReason, withClient } from "./attempt.ts";
import { pairs } from "./catalog-nodes.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { sourceOf } from "./definition-file.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "services register",
  usage: "[options] [FILE...]",
  description:
    "Registers services at the agent, from files with `service` or `services` in JSON or HCL, or one from flags.\n\n    $ {program} services register web.json\n    $ {program} services register -name=web -port=80",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "address", kind: "string", usage: "Address of the service." },
        { name: "id", kind: "string", usage: "ID of the service; default: its name." },
        { name: "kind", kind: "string", usage: "Kind of the service, as connect-proxy." },
        {
          name: "meta",
          kind: "pairs",
          metavar: "key=value",
          usage: "Metadata of the service. May be given several times.",
        },
        { name: "name", kind: "string", usage: "Name of the service." },
        { name: "port", kind: "int", usage: "Port of the service." },
        { name: "tag", kind: "strings", usage: "Tag of the service. May be given several times." },
        {
          name: "tagged-address",
          kind: "strings",
          metavar: "name=address",
          usage: "Further address, as wan=198.51.100.7:80. May be given several times.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error registering service", async (client) => {
      const { args, flags } = call;
      const byFlags = flags.string("name") !== "" || flags.string("id") !== "";
      if (args.length === 0 && !byFlags)
        throw new CommandError("Service registration requires at least one argument or flags.");
      if (args.length > 0 && byFlags)
        throw new CommandError("Service registration requires arguments or -id, not both.");
      const services = args.length > 0 ? servicesOfFiles(args) : [serviceOfFlags(call)];
      for (const service of services) {
        try {
          await client
            .raw("PUT", "/v1/agent/service/register", { body: registrationBody(service) })
            .then((reply) => {
              if (reply.statusCode !== 200)
                throw new CommandError(
                  `Error registering service ${JSON.stringify(service.Name)}: Unexpected response code: ${reply.statusCode} (${reply.body.toString("utf8")})`,
                );
            });
        } catch (error) {
          if (!(error instanceof ClientError)) throw error;
          throw new CommandError(
            `Error registering service ${JSON.stringify(service.Name)}: ${error.message}`,
          );
        }
        call.print(`Registered service: ${service.Name}`);
      }
      return EXIT.ok;
    }),
};

/** All services of all files. Throws CommandError. */
export function servicesOfFiles(paths: readonly string[]): readonly ServiceDefinition[] {
  return paths.flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      throw new CommandError(`Error: config: Open failed on ${path}. ${fileReason(path, error)}`);
    }
    const source = sourceOf(path, text);
    try {
      const { input, problems } = decodeSource(source);
      if (problems.length > 0)
        throw new ConfigError(
          `failed to parse ${path}: ${problems[0]!.text}`,
          problems.map((p) => p.diagnostic),
        );
      const inputs: readonly ServiceInput[] = [
        ...(input.services ?? []),
        ...(input.service === undefined ? [] : [input.service]),
      ];
      return inputs.map(toServiceDefinition);
    } catch (error) {
      if (error instanceof ConfigError) throw new CommandError(`Error: ${error.explain()}`);
      throw error;
    }
  });
}

function serviceOfFlags({ flags }: Invocation): ServiceDefinition {
  const tagged = flags
    .strings("tagged-address")
    .map((text): [string, { readonly Address: string; readonly Port: number }] => {
      const m = /^([^=]+)=(.*?)(?::(\d+))?$/.exec(text);
      if (m === null)
        throw new CommandError(`Tagged addresses must be name=address[:port], not ${JSON.stringify(text)}`);
      return [m[1]!, { Address: m[2]!, Port: Number(m[3] ?? flags.int("port")) }];
    });
  const meta = Object.entries(pairs(flags.strings("meta")));
  return {
    ...ServiceDefinition.zero(),
    ID: flags.string("id"),
    Name: flags.string("name"),
    Kind: flags.string("kind"),
    Address: flags.string("address"),
    Port: flags.int("port"),
    Tags: flags.given("tag") ? flags.strings("tag") : null,
    Meta: meta.length === 0 ? null : new Map(meta),
    TaggedAddresses: tagged.length === 0 ? null : new Map(tagged),
  };
}

/** The body of /v1/agent/service/register: only what is set. */
export function registrationBody(service: ServiceDefinition): string {
  const { ConnectNative, SidecarService, Checks, ...rest } = JSON.parse(
    ServiceDefinition.json(service),
  ) as Record<string, unknown>;
  const body: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([, v]) => isSet(v)));
  if (ConnectNative === true || SidecarService !== null)
    body["Connect"] = {
      ...(ConnectNative === true ? { Native: true } : {}),
      ...(SidecarService === null ? {} : { SidecarService }),
    };
  if (Checks !== null)
    body["Checks"] = (service.Checks ?? []).map((c) => {
      const { ID, ...check } = JSON.parse(CheckDefinition.json(c)) as Record<string, unknown>;
      const set = Object.entries({ CheckID: ID, ...check }).filter(
        ([k, v]) => isSet(v) && !(k === "H2PingUseTLS" && c.H2PING === ""),
      );
      return Object.fromEntries(set.map(([k, v]) => (k === "ScriptArgs" ? ["Args", v] : [k, v])));
    });
  return JSON.stringify(body);
}

const isSet = (v: unknown): boolean => v !== null && v !== "" && v !== 0 && v !== false && v !== "0s";
