/** ACL tokens, policies, roles, binding rules, auth methods: reads. What writes them is in acl-writes.ts. */
import type {
  ACLAuthMethod,
  ACLBindingRule,
  ACLPolicy,
  ACLRole,
  ACLRolePolicyLink,
  ACLToken,
  ACLTokenPolicyLink,
  ACLTokenRoleLink,
} from "../model/acl.ts";
import { ACL_BOOTSTRAP_INDEX_KEY, keyOf, lower, orderedNumber } from "./tables.ts";
import type { Answer, StateView } from "./tracked-read.ts";

type Link = ACLTokenPolicyLink | ACLTokenRoleLink | ACLRolePolicyLink;

/** Links with the names of today; links to what is gone are left out. The list itself when nothing differs. */
function currentLinks<L extends Link>(
  links: readonly L[] | null,
  nameOf: (id: string) => string | undefined,
): readonly L[] | null {
  if (links === null) return null;
  let differs = false;
  const out: L[] = [];
  for (const link of links) {
    const name = nameOf(link.ID);
    if (name === link.Name) out.push(link);
    else {
      differs = true;
      if (name !== undefined) out.push({ ...link, Name: name });
    }
  }
  return differs ? out : links;
}

function withCurrentLinks(view: StateView, token: ACLToken): ACLToken {
  const Policies = currentLinks(token.Policies, (id) => view.row(view.tables.policies.rows, lower(id))?.Name);
  const Roles = currentLinks(token.Roles, (id) => view.row(view.tables.roles.rows, lower(id))?.Name);
  return Policies === token.Policies && Roles === token.Roles ? token : { ...token, Policies, Roles };
}

function roleWithCurrentLinks(view: StateView, role: ACLRole): ACLRole {
  const Policies = currentLinks(role.Policies, (id) => view.row(view.tables.policies.rows, lower(id))?.Name);
  return Policies === role.Policies ? role : { ...role, Policies };
}

const token = (view: StateView, row: ACLToken | undefined): Answer<ACLToken | undefined> => ({
  index: view.lastChange("acl-tokens"),
  value: row === undefined ? undefined : withCurrentLinks(view, row),
});

export function tokenBySecret(view: StateView, secret: string): Answer<ACLToken | undefined> {
  return token(view, view.row(view.tables.tokens.rows, secret));
}

export function tokenByAccessor(view: StateView, accessor: string): Answer<ACLToken | undefined> {
  return token(view, view.row(view.tables.tokensByAccessor, lower(accessor)));
}

export interface TokenFilter {
  readonly local: boolean;
  readonly global: boolean;
  /** IDs; "" does not filter. */
  readonly policy?: string;
  readonly role?: string;
  readonly authMethod?: string;
}

/** Tokens in order of accessor. */
export function tokenList(view: StateView, filter: TokenFilter): Answer<readonly ACLToken[]> {
  const { tokensByAccessor, tokensByPolicy, tokensByRole, tokensByAuthMethod, tokens } = view.tables;
  const by = (id: string | undefined): id is string => id !== undefined && id !== "";
  const rows = by(filter.policy)
    ? view.list(tokensByPolicy, keyOf(lower(filter.policy), ""))
    : by(filter.role)
      ? view.list(tokensByRole, keyOf(lower(filter.role), ""))
      : by(filter.authMethod)
        ? view.list(tokensByAuthMethod, keyOf(lower(filter.authMethod), ""))
        : view.list(tokens.rows, "");
  view.watchRange(tokensByAccessor, "");
  const value = rows
    .filter((t) => (t.Local ? filter.local : filter.global))
    .filter((t) => !by(filter.role) || (t.Roles ?? []).some((r) => lower(r.ID) === lower(filter.role!)))
    .filter((t) => !by(filter.authMethod) || lower(t.AuthMethod) === lower(filter.authMethod))
    .map((t) => withCurrentLinks(view, t));
  return { index: view.lastChange("acl-tokens"), value };
}

/** Accessors of tokens of a locality that expired before `nowNs` (Unix ns), oldest first, `max` at most. */
export function expiredTokens(
  view: StateView,
  local: boolean,
  nowNs: bigint,
  max: number,
): Answer<readonly ACLToken[]> {
  const prefix = keyOf(local ? "local" : "global", "");
  const end = keyOf(local ? "local" : "global", orderedNumber(nowNs));
  const value: ACLToken[] = [];
  view.scan(view.tables.tokensByExpiration, prefix, (row, key) => {
    if (key >= end || value.length >= max) return false;
    value.push(row);
    return true;
  });
  return { index: view.lastChange("acl-tokens"), value };
}

/** The index at which the cluster's first token was made; 0 when bootstrapping is still open. */
export function aclBootstrapIndex(view: StateView): Answer<number> {
  const value = view.row(view.tables.indexes.rows, ACL_BOOTSTRAP_INDEX_KEY)?.Value ?? 0;
  return { index: view.lastChange("acl-tokens"), value };
}

export function policyById(view: StateView, id: string): Answer<ACLPolicy | undefined> {
  return { index: view.lastChange("acl-policies"), value: view.row(view.tables.policies.rows, lower(id)) };
}

export function policyByName(view: StateView, name: string): Answer<ACLPolicy | undefined> {
  return { index: view.lastChange("acl-policies"), value: view.row(view.tables.policiesByName, lower(name)) };
}

export function policyList(view: StateView): Answer<readonly ACLPolicy[]> {
  return { index: view.lastChange("acl-policies"), value: view.list(view.tables.policiesByName, "") };
}

const role = (view: StateView, row: ACLRole | undefined): Answer<ACLRole | undefined> => ({
  index: view.lastChange("acl-roles"),
  value: row === undefined ? undefined : roleWithCurrentLinks(view, row),
});

export function roleById(view: StateView, id: string): Answer<ACLRole | undefined> {
  return role(view, view.row(view.tables.roles.rows, lower(id)));
}

export function roleByName(view: StateView, name: string): Answer<ACLRole | undefined> {
  return role(view, view.row(view.tables.rolesByName, lower(name)));
}

/** All roles, or those that link a policy. */
export function roleList(view: StateView, policy = ""): Answer<readonly ACLRole[]> {
  const rows =
    policy === ""
      ? view.list(view.tables.rolesByName, "")
      : view.list(view.tables.rolesByPolicy, keyOf(lower(policy), ""));
  return { index: view.lastChange("acl-roles"), value: rows.map((r) => roleWithCurrentLinks(view, r)) };
}

export function bindingRuleById(view: StateView, id: string): Answer<ACLBindingRule | undefined> {
  return {
    index: view.lastChange("acl-binding-rules"),
    value: view.row(view.tables.bindingRules.rows, lower(id)),
  };
}

/** All binding rules, or those of an auth method. */
export function bindingRuleList(view: StateView, authMethod = ""): Answer<readonly ACLBindingRule[]> {
  const value =
    authMethod === ""
      ? view.list(view.tables.bindingRules.rows, "")
      : view.list(view.tables.bindingRulesByAuthMethod, keyOf(lower(authMethod), ""));
  return { index: view.lastChange("acl-binding-rules"), value };
}

export function authMethodByName(view: StateView, name: string): Answer<ACLAuthMethod | undefined> {
  return {
    index: view.lastChange("acl-auth-methods"),
    value: view.row(view.tables.authMethods.rows, lower(name)),
  };
}

export function authMethodList(view: StateView): Answer<readonly ACLAuthMethod[]> {
  return { index: view.lastChange("acl-auth-methods"), value: view.list(view.tables.authMethods.rows, "") };
}
