import type { TribuneClient } from "../client/client.ts";
import type { Intention } from "../client/connect.ts";
import { UnexpectedResponseError } from "../client/errors.ts";
import { explained } from "./acl-find.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { serviceName } from "./intention-find.ts";

export const command: Command = {
  name: "connect expose",
  usage: "-service NAME -ingress-gateway NAME -port PORT [options]",
  description:
    "Lets an ingress gateway serve a service: adds it to a listener of the gateway's configuration entry and allows the gateway to connect to it.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "host",
          kind: "strings",
          usage: "A name by which the service is asked for there. May be given several times.",
        },
        { name: "ingress-gateway", kind: "string", usage: "The gateway's service. Required." },
        { name: "port", kind: "int", usage: "Port of the listener. Required." },
        {
          name: "protocol",
          kind: "string",
          fallback: "tcp",
          usage: "Protocol of the listener: tcp, http, http2, grpc.",
        },
        { name: "service", kind: "string", usage: "The service to expose. Required." },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "", async (client) => {
      const { flags } = call;
      const [service, gateway] = [flags.string("service"), flags.string("ingress-gateway")];
      if (service === "") throw new CommandError("A service name must be given via the -service flag.");
      if (gateway === "")
        throw new CommandError("An ingress gateway service must be given via the -ingress-gateway flag.");
      if (flags.int("port") === 0) throw new CommandError("A port must be provided via the -port flag.");
      await addService(call, client, service, gateway);
      call.print(`Successfully updated config entry for ingress service ${JSON.stringify(gateway)}`);
      await allow(call, client, gateway, service);
      return EXIT.ok;
    }),
};

interface Listener {
  readonly Port: number;
  readonly Protocol: string;
  readonly Services: readonly { readonly Name: string; readonly Hosts?: readonly string[] | null }[] | null;
}

async function addService(
  call: Invocation,
  client: TribuneClient,
  service: string,
  gateway: string,
): Promise<void> {
  const { flags } = call;
  const name = serviceName(gateway).name;
  const added = {
    Name: serviceName(service).name,
    ...(flags.strings("host").length === 0 ? {} : { Hosts: flags.strings("host") }),
  };
  const { value: before } = await explained(
    "Error fetching existing ingress configuration",
    client.config.get("ingress-gateway", name),
  );
  const [port, protocol] = [flags.int("port"), flags.string("protocol").toLowerCase()];
  const listeners = [...((before?.["Listeners"] ?? []) as readonly Listener[])];
  const at = listeners.findIndex((l) => l.Port === port);
  if (at === -1) listeners.push({ Port: port, Protocol: protocol, Services: [added] });
  else {
    const listener = listeners[at]!;
    if (listener.Protocol !== protocol)
      throw new CommandError(
        `Listener on port ${port} already configured with conflicting protocol ${JSON.stringify(listener.Protocol)}`,
      );
    const others = (listener.Services ?? []).filter((s) => s.Name !== added.Name);
    if (others.length < (listener.Services ?? []).length)
      call.print(
        `Updating service definition for ${JSON.stringify(added.Name)} on listener with port ${port}`,
      );
    listeners[at] = { ...listener, Services: [...others, added] };
  }
  const {
    CreateIndex: _created,
    ModifyIndex: index,
    ...kept
  } = (before ?? {}) as Readonly<Record<string, unknown>>;
  const entry = { ...kept, Kind: "ingress-gateway", Name: name, Listeners: listeners };
  const done = await explained(
    "Error writing ingress config entry",
    client.config.set(entry, { cas: BigInt(Number(index ?? 0)) }),
  );
  if (!done)
    throw new CommandError("Ingress config was changed while attempting to update, please try again.");
}

async function allow(
  call: Invocation,
  client: TribuneClient,
  gateway: string,
  service: string,
): Promise<void> {
  const [source, destination] = [serviceName(gateway), serviceName(service)];
  const intention: Intention = {
    SourceNS: source.namespace,
    SourceName: source.name,
    DestinationNS: destination.namespace,
    DestinationName: destination.name,
    SourceType: "consul",
    Action: "allow",
  };
  const names = `${JSON.stringify(gateway)} -> ${JSON.stringify(service)}`;
  try {
    await client.connect.createIntention(intention);
  } catch (error) {
    if (!(error instanceof UnexpectedResponseError)) throw error;
    if (!error.message.includes("duplicate intention found"))
      throw new CommandError(`Error creating intention: ${error.message}`);
    call.print(`Intention already exists for ${names}`);
    return;
  }
  call.print(`Successfully set up intention for ${names}`);
}
