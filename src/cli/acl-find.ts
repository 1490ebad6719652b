/** What the acl commands share: records by the beginning of their IDs or by name, and lists of grants from repeated flags. */
import type { AclLink, AclNodeIdentity, AclRecords, AclServiceIdentity } from "../client/acl.ts";
import type { TribuneClient } from "../client/client.ts";
import { ClientError } from "../client/errors.ts";
import { CommandError } from "./attempt.ts";
import type { Invocation } from "./command.ts";
import type { Flag } from "./flags.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const ACL_HTTP_FLAGS = [CLIENT_FLAGS, SERVER_FLAGS, NAMESPACE_FLAGS] as const;

/** Parameters of a write: those of a read without what only reads take. */
export const writeOf = (call: Invocation): { readonly params?: Readonly<Record<string, string>> } => {
  const { params } = queryOf(call);
  return params === undefined ? {} : { params };
};

const UUID_LENGTH = 36;
export const ANONYMOUS = "00000000-0000-0000-0000-000000000002";

/** An error of the client behind a text that says what was tried. */
export async function explained<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ClientError || error instanceof PartialIdError)
      throw new CommandError(`${what}: ${error.message}`);
    throw error;
  }
}

export class PartialIdError extends Error {
  override readonly name = "PartialIdError";
}

/** The whole ID that `partial` begins. Throws PartialIdError and the client's errors. */
async function wholeId<T>(
  call: Invocation,
  kind: string,
  records: AclRecords<T>,
  idOf: (record: T) => string | undefined,
  partial: string,
): Promise<string> {
  if (partial.length === UUID_LENGTH) return partial;
  const { value } = await records.list(queryOf(call));
  const ids = value.map((r) => idOf(r) ?? "").filter((id) => id.startsWith(partial));
  if (ids.length > 1) throw new PartialIdError(`Partial ${kind} ID is not unique`);
  if (ids.length === 0) throw new PartialIdError(`No such ${kind} ID with prefix: ${partial}`);
  return ids[0]!;
}

export const tokenId = (call: Invocation, client: TribuneClient, partial: string): Promise<string> =>
  partial === "anonymous"
    ? Promise.resolve(ANONYMOUS)
    : wholeId(call, "token", client.acl.tokens, (t) => t.AccessorID, partial);
export const policyId = (call: Invocation, client: TribuneClient, partial: string): Promise<string> =>
  wholeId(call, "policy", client.acl.policies, (p) => p.ID, partial);
export const roleId = (call: Invocation, client: TribuneClient, partial: string): Promise<string> =>
  wholeId(call, "role", client.acl.roles, (r) => r.ID, partial);
export const ruleId = (call: Invocation, client: TribuneClient, partial: string): Promise<string> =>
  wholeId(call, "rule", client.acl.bindingRules, (r) => r.ID, partial);

async function idByName<T extends { readonly ID?: string; readonly Name?: string }>(
  call: Invocation,
  kind: string,
  records: AclRecords<T>,
  name: string,
): Promise<string> {
  const { value } = await records.list(queryOf(call));
  const found = value.find((r) => r.Name === name)?.ID;
  if (found === undefined) throw new PartialIdError(`No such ${kind} with name ${name}`);
  return found;
}

/** The policy that -id or -name means. */
export function flaggedPolicyId(call: Invocation, client: TribuneClient): Promise<string> {
  const [id, name] = [call.flags.string("id"), call.flags.string("name")];
  return explained(
    "Error determining policy ID",
    id === "" ? idByName(call, "policy", client.acl.policies, name) : policyId(call, client, id),
  );
}

/** The role that -id or -name means. */
export function flaggedRoleId(call: Invocation, client: TribuneClient): Promise<string> {
  const [id, name] = [call.flags.string("id"), call.flags.string("name")];
  return explained(
    "Error determining role ID",
    id === "" ? idByName(call, "role", client.acl.roles, name) : roleId(call, client, id),
  );
}

const repeated = (name: string, metavar: string, usage: string): Flag => ({
  name,
  kind: "strings",
  metavar,
  usage: `${usage} May be given several times.`,
});

/** Flags that give policies and identities. */
export const GRANT_FLAGS: readonly Flag[] = [
  repeated("node-identity", "value", "A node's own rights, as NODE:DATACENTER."),
  repeated("policy-id", "value", "A policy, by its ID or the beginning of it."),
  repeated("policy-name", "value", "A policy, by its name."),
  repeated(
    "service-identity",
    "value",
    "A service's own rights, as SERVICE or SERVICE:DATACENTER,DATACENTER.",
  ),
];
export const ROLE_GRANT_FLAGS: readonly Flag[] = [
  repeated("role-id", "value", "A role, by its ID or the beginning of it."),
  repeated("role-name", "value", "A role, by its name."),
];

export function serviceIdentities({ flags }: Invocation): readonly AclServiceIdentity[] {
  return flags.strings("service-identity").map((text) => {
    const parts = text.split(":");
    if (parts.length === 1) return { ServiceName: text };
    if (parts.length > 2)
      throw new CommandError(`Malformed -service-identity argument: ${JSON.stringify(text)}`);
    return { ServiceName: parts[0]!, Datacenters: parts[1]!.split(",") };
  });
}

export function nodeIdentities({ flags }: Invocation): readonly AclNodeIdentity[] {
  return flags.strings("node-identity").map((text) => {
    const parts = text.split(":");
    if (parts.length !== 2)
      throw new CommandError(`Malformed -node-identity argument: ${JSON.stringify(text)}`);
    return { NodeName: parts[0]!, Datacenter: parts[1]! };
  });
}

/** Policies or roles of the flags: those by name as they are, those by ID with their whole IDs. */
export async function flaggedLinks(
  call: Invocation,
  client: TribuneClient,
  kind: "policy" | "role",
): Promise<readonly AclLink[]> {
  const out: AclLink[] = call.flags.strings(`${kind}-name`).map((Name) => ({ Name }));
  const resolve = kind === "policy" ? policyId : roleId;
  // The original names no ID here.
  for (const partial of call.flags.strings(`${kind}-id`))
    out.push({ ID: await explained(`Error resolving ${kind} ID `, resolve(call, client, partial)) });
  return out;
}

/** `more` added to `links`, unless a link of that ID or name is there. */
export function mergedLinks(links: readonly AclLink[], more: readonly AclLink[]): readonly AclLink[] {
  const out = [...links];
  for (const link of more)
    if (!out.some((l) => (link.ID === undefined ? l.Name === link.Name : l.ID === link.ID))) out.push(link);
  return out;
}

/** `more` in place of the identities of the same services, or behind. */
export function mergedServices(
  identities: readonly AclServiceIdentity[],
  more: readonly AclServiceIdentity[],
): readonly AclServiceIdentity[] {
  const out = [...identities];
  for (const identity of more) {
    const at = out.findIndex((i) => i.ServiceName === identity.ServiceName);
    if (at === -1) out.push(identity);
    else out[at] = identity;
  }
  return out;
}

export function mergedNodes(
  identities: readonly AclNodeIdentity[],
  more: readonly AclNodeIdentity[],
): readonly AclNodeIdentity[] {
  const out = [...identities];
  for (const identity of more)
    if (!out.some((i) => i.NodeName === identity.NodeName && i.Datacenter === identity.Datacenter))
      out.push(identity);
  return out;
}
