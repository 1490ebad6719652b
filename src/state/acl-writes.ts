/** What changes ACL tokens, policies, roles, binding rules and auth methods. Rules and texts as observed in Consul 1.8.7. */
import {
  type ACL,
  type ACLAuthMethod,
  type ACLBindingRule,
  type ACLNodeIdentity,
  type ACLPolicy,
  type ACLRole,
  type ACLServiceIdentity,
  type ACLToken,
  ACLToken as ACLTokenType,
} from "../model/acl.ts";
import { policyHash, roleHash, tokenHash } from "./acl-hash.ts";
import { ACL_BOOTSTRAP_INDEX_KEY, keyOf, lower } from "./tables.ts";
import { CommandError, type WriteTxn } from "./write-txn.ts";

/** The token of requests that bring none. */
export const ANONYMOUS_TOKEN_ID = "00000000-0000-0000-0000-000000000002";
export const GLOBAL_MANAGEMENT_POLICY_ID = "00000000-0000-0000-0000-000000000001";

export interface TokenSetOptions {
  readonly cas?: boolean;
  readonly allowMissingLinks?: boolean;
  /** Refuses a token that would allow nothing. */
  readonly prohibitUnprivileged?: boolean;
  readonly fromReplication?: boolean;
  /** Written by the API of before 1.4: without accessor, found by secret. */
  readonly legacy?: boolean;
}

/** Links as stored: by ID, with the name of today (reads look it up again). Counts those that lead somewhere. */
function storedLinks<L extends { readonly ID: string; readonly Name: string }>(
  links: readonly L[] | null,
  owner: string,
  noun: "policy" | "role",
  nameOf: (id: string) => string | undefined,
  allowMissing: boolean,
): { readonly links: readonly L[] | null; readonly valid: number } {
  let valid = 0;
  for (const link of links ?? []) {
    if (link.ID === "")
      throw new CommandError(
        `Encountered a ${owner} with ${noun === "policy" ? "policies" : "roles"} linked by Name in the state store`,
      );
    if (nameOf(link.ID) !== undefined) valid++;
    else if (!allowMissing) throw new CommandError(`No such ${noun} with ID: ${link.ID}`);
  }
  return { links: links?.map((link) => ({ ...link, Name: nameOf(link.ID) ?? link.Name })) ?? null, valid };
}

function refuseEmptyIdentities(
  owner: string,
  services: readonly (ACLServiceIdentity | null)[] | null,
  nodes: readonly (ACLNodeIdentity | null)[] | null,
): void {
  if ((services ?? []).some((s) => s === null || s.ServiceName === ""))
    throw new CommandError(`Encountered a ${owner} with an empty service identity name in the state store`);
  if ((nodes ?? []).some((n) => n === null || n.NodeName === ""))
    throw new CommandError(`Encountered a ${owner} with an empty node identity name in the state store`);
  if ((nodes ?? []).some((n) => n?.Datacenter === ""))
    throw new CommandError(
      `Encountered a ${owner} with an empty node identity datacenter in the state store`,
    );
}

const usesNewFields = (t: ACLToken): boolean =>
  (t.Policies?.length ?? 0) > 0 ||
  (t.Roles?.length ?? 0) > 0 ||
  (t.ServiceIdentities?.length ?? 0) > 0 ||
  (t.NodeIdentities?.length ?? 0) > 0 ||
  t.Type === "" ||
  t.ExpirationTime !== null ||
  t.ExpirationTTL !== 0n ||
  t.AuthMethod !== "";

/** Creates or replaces a token. A compare-and-set that does not match is passed over silently. */
export function setToken(tx: WriteTxn, request: ACLToken, options: TokenSetOptions = {}): void {
  const { tokens, policies, roles, authMethods } = tx.tables;
  if (request.SecretID === "") throw new CommandError("Missing ACL Token SecretID");
  if (!options.legacy && request.AccessorID === "") throw new CommandError("Missing ACL Token AccessorID");
  if (options.fromReplication && request.Local) throw new CommandError("Cannot replicate local tokens");
  const before = tokens.get(request.SecretID);
  if (options.cas && (before?.ModifyIndex ?? 0) !== request.ModifyIndex) return;
  let AccessorID = request.AccessorID;
  if (options.legacy && before !== undefined) {
    if (usesNewFields(before))
      throw new CommandError(
        "failed inserting acl token: cannot use legacy endpoint to modify a non-legacy token",
      );
    AccessorID = before.AccessorID;
  }
  const allowMissing = options.allowMissingLinks ?? false;
  const policyLinks = storedLinks(
    request.Policies,
    "Token",
    "policy",
    (id) => policies.get(lower(id))?.Name,
    allowMissing,
  );
  const roleLinks = storedLinks(
    request.Roles,
    "Token",
    "role",
    (id) => roles.get(lower(id))?.Name,
    allowMissing,
  );
  if (
    request.AuthMethod !== "" &&
    !options.fromReplication &&
    authMethods.get(lower(request.AuthMethod)) === undefined
  )
    throw new CommandError(`No such auth method with Name: ${request.AuthMethod}`);
  refuseEmptyIdentities("Token", request.ServiceIdentities, request.NodeIdentities);
  const privileges =
    policyLinks.valid +
    roleLinks.valid +
    (request.ServiceIdentities?.length ?? 0) +
    (request.NodeIdentities?.length ?? 0);
  if (options.prohibitUnprivileged && privileges === 0) throw new CommandError("Token has no privileges");
  if (before !== undefined) {
    if (before.AccessorID !== "" && AccessorID !== before.AccessorID)
      throw new CommandError("The ACL Token AccessorID field is immutable");
    if (request.SecretID !== before.SecretID)
      throw new CommandError("The ACL Token SecretID field is immutable");
  }
  const token: ACLToken = {
    ...request,
    AccessorID,
    Policies: policyLinks.links,
    Roles: roleLinks.links,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  };
  tx.put(tokens, withHash(token));
  tx.bump("acl-tokens");
}

const withHash = (t: ACLToken): ACLToken => (t.Hash === null ? { ...t, Hash: tokenHash(t) } : t);

function removeToken(tx: WriteTxn, token: ACLToken): void {
  if (token.AccessorID === ANONYMOUS_TOKEN_ID)
    throw new CommandError("Deletion of the builtin anonymous token is not permitted");
  tx.remove(tx.tables.tokens, token.SecretID);
  tx.bump("acl-tokens");
}

export function deleteToken(tx: WriteTxn, accessor: string): void {
  const token = tx.tables.tokensByAccessor.tree.get(lower(accessor));
  if (token !== undefined) removeToken(tx, token);
}

export function deleteTokenBySecret(tx: WriteTxn, secret: string): void {
  const token = tx.tables.tokens.get(secret);
  if (token !== undefined) removeToken(tx, token);
}

/** Stores the cluster's first token: once, or again when the reset index is the one of the last time. */
export function bootstrapAcl(tx: WriteTxn, resetIndex: number, token: ACLToken, legacy: boolean): void {
  const done = tx.tables.lastChange(ACL_BOOTSTRAP_INDEX_KEY);
  if (done > 0) {
    if (resetIndex === 0) throw new CommandError("ACL bootstrap no longer allowed");
    if (resetIndex !== done) throw new CommandError("Invalid ACL bootstrap reset index");
  }
  setToken(tx, token, { legacy });
  tx.bump(ACL_BOOTSTRAP_INDEX_KEY);
}

/** A token as the API of before 1.4 writes it. */
export const tokenOfLegacy = (acl: ACL): ACLToken =>
  ACLTokenType.make({
    SecretID: acl.ID,
    Description: acl.Name,
    Type: acl.Type,
    Rules: acl.Rules,
    CreateIndex: acl.CreateIndex,
    ModifyIndex: acl.ModifyIndex,
  });

export function restoreToken(tx: WriteTxn, token: ACLToken): void {
  tx.put(tx.tables.tokens, withHash(token));
  tx.bump("acl-tokens", token.ModifyIndex);
}

export function setPolicy(tx: WriteTxn, request: ACLPolicy): void {
  const { policies, policiesByName } = tx.tables;
  if (request.ID === "") throw new CommandError("Missing ACL Policy ID");
  if (request.Name === "") throw new CommandError("Missing ACL Policy Name");
  const before = policies.get(lower(request.ID));
  if (before !== undefined && request.ID === GLOBAL_MANAGEMENT_POLICY_ID) {
    if (request.Rules !== before.Rules)
      throw new CommandError("Changing the Rules of the builtin global-management policy is not permitted");
    if ((request.Datacenters?.length ?? 0) > 0)
      throw new CommandError(
        "Changing the Datacenters of the builtin global-management policy is not permitted",
      );
  }
  const twin = policiesByName.tree.get(lower(request.Name));
  if (twin !== undefined && twin.ID !== request.ID)
    throw new CommandError(`A policy with name "${request.Name}" already exists`);
  tx.put(policies, {
    ...request,
    Hash: request.Hash ?? policyHash(request),
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("acl-policies");
}

export function deletePolicy(tx: WriteTxn, id: string): void {
  const policy = tx.tables.policies.get(lower(id));
  if (policy === undefined) return;
  if (policy.ID === GLOBAL_MANAGEMENT_POLICY_ID)
    throw new CommandError("Deletion of the builtin global-management policy is not permitted");
  tx.remove(tx.tables.policies, lower(id));
  tx.bump("acl-policies");
}

export function restorePolicy(tx: WriteTxn, policy: ACLPolicy): void {
  tx.put(tx.tables.policies, policy);
  tx.bump("acl-policies", policy.ModifyIndex);
}

export function setRole(tx: WriteTxn, request: ACLRole, allowMissingLinks: boolean): void {
  const { roles, rolesByName, policies } = tx.tables;
  if (request.ID === "") throw new CommandError("Missing ACL Role ID");
  if (request.Name === "") throw new CommandError("Missing ACL Role Name");
  const before = roles.get(lower(request.ID));
  const twin = rolesByName.tree.get(lower(request.Name));
  if (twin !== undefined && twin.ID !== request.ID)
    throw new CommandError(`A role with name "${request.Name}" already exists`);
  const links = storedLinks(
    request.Policies,
    "Role",
    "policy",
    (id) => policies.get(lower(id))?.Name,
    allowMissingLinks,
  );
  refuseEmptyIdentities("Role", request.ServiceIdentities, request.NodeIdentities);
  tx.put(roles, {
    ...request,
    Policies: links.links,
    Hash: request.Hash ?? roleHash(request),
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("acl-roles");
}

export function deleteRole(tx: WriteTxn, id: string): void {
  if (tx.tables.roles.get(lower(id)) === undefined) return;
  tx.remove(tx.tables.roles, lower(id));
  tx.bump("acl-roles");
}

export function restoreRole(tx: WriteTxn, role: ACLRole): void {
  tx.put(tx.tables.roles, role);
  tx.bump("acl-roles", role.ModifyIndex);
}

export function setBindingRule(tx: WriteTxn, request: ACLBindingRule): void {
  if (request.ID === "") throw new CommandError("Missing ACL Binding Rule ID");
  if (request.AuthMethod === "") throw new CommandError("Missing ACL Binding Rule Auth Method");
  if (tx.tables.authMethods.get(lower(request.AuthMethod)) === undefined)
    throw new CommandError("failed inserting acl binding rule: auth method not found");
  const before = tx.tables.bindingRules.get(lower(request.ID));
  tx.put(tx.tables.bindingRules, {
    ...request,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("acl-binding-rules");
}

export function deleteBindingRule(tx: WriteTxn, id: string): void {
  if (tx.tables.bindingRules.get(lower(id)) === undefined) return;
  tx.remove(tx.tables.bindingRules, lower(id));
  tx.bump("acl-binding-rules");
}

export function restoreBindingRule(tx: WriteTxn, rule: ACLBindingRule): void {
  tx.put(tx.tables.bindingRules, rule);
  tx.bump("acl-binding-rules", rule.ModifyIndex);
}

export function setAuthMethod(tx: WriteTxn, request: ACLAuthMethod): void {
  if (request.Name === "") throw new CommandError("Missing ACL Auth Method Name");
  if (request.Type === "") throw new CommandError("Missing ACL Auth Method Type");
  const before = tx.tables.authMethods.get(lower(request.Name));
  tx.put(tx.tables.authMethods, {
    ...request,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump("acl-auth-methods");
}

/** Deletes a method with its binding rules and the tokens that logins by it got. */
export function deleteAuthMethod(tx: WriteTxn, name: string): void {
  if (tx.tables.authMethods.get(lower(name)) === undefined) return;
  const prefix = keyOf(lower(name), "");
  for (const rule of tx.tables.bindingRulesByAuthMethod.tree.list(prefix)) deleteBindingRule(tx, rule.ID);
  for (const token of tx.tables.tokensByAuthMethod.tree.list(prefix)) removeToken(tx, token);
  tx.remove(tx.tables.authMethods, lower(name));
  tx.bump("acl-auth-methods");
}

export function restoreAuthMethod(tx: WriteTxn, method: ACLAuthMethod): void {
  tx.put(tx.tables.authMethods, method);
  tx.bump("acl-auth-methods", method.ModifyIndex);
}
