/** Intentions by the names of their two services, and as the commands print them. */
import type { TribuneClient } from "../client/client.ts";
import type { Intention } from "../client/connect.ts";
import { CommandError } from "./attempt.ts";
import type { Invocation } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const INTENTION_HTTP_FLAGS = [CLIENT_FLAGS, SERVER_FLAGS, NAMESPACE_FLAGS] as const;

interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** "web" or "namespace/web". */
export function serviceName(text: string): ServiceName {
  const slash = text.indexOf("/");
  return slash === -1
    ? { namespace: "default", name: text }
    : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** Throws CommandError for a name that no service can have. */
export function checkedServiceName(text: string, what: "source" | "destination"): ServiceName {
  const name = serviceName(text);
  if (name.name.includes("/"))
    throw new CommandError(`Error: Invalid intention ${what}: target can contain at most one '/'`);
  return name;
}

const shownName = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === "" || namespace === "default" ? name : `${namespace}/${name}`;
export const sourceOf = (i: Intention): string => shownName(i.SourceNS, i.SourceName);
export const destinationOf = (i: Intention): string => shownName(i.DestinationNS, i.DestinationName);
export const intentionText = (i: Intention): string => `${sourceOf(i)} => ${destinationOf(i)} (${i.Action})`;

/** The intention between exactly these two, or undefined. */
export async function findIntention(
  call: Invocation,
  client: TribuneClient,
  source: ServiceName,
  destination: ServiceName,
): Promise<Intention | undefined> {
  const { value } = await client.connect.intentions(queryOf(call));
  return value.find(
    (i) =>
      (i.SourceNS ?? "default") === source.namespace &&
      i.SourceName === source.name &&
      (i.DestinationNS ?? "default") === destination.namespace &&
      i.DestinationName === destination.name,
  );
}

/** The intention that one argument (its ID) or two (its services) name. Throws CommandError. */
export async function namedIntentionId(call: Invocation, client: TribuneClient): Promise<string> {
  const [source, destination] = call.args;
  if (source === undefined || call.args.length > 2)
    throw new CommandError("Error: command requires exactly 1 or 2 arguments");
  if (destination === undefined) return source;
  const found = await findIntention(call, client, serviceName(source), serviceName(destination));
  if (found?.ID === undefined)
    throw new CommandError(
      `Error: Intention with source ${JSON.stringify(source)} and destination ${JSON.stringify(destination)} not found.`,
    );
  return found.ID;
}
