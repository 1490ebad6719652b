/** ACL.* while access control is off: every method has the original's answer for that. */
import { ACLReplicationStatus } from "../model/acl.ts";
import type { ServerCore } from "./core.ts";
import type { Handler, Handlers } from "./dispatcher.ts";
import { ServerError } from "./errors.ts";

const disabled = (): never => {
  throw new ServerError("aclDisabled");
};

export function aclEndpoints(_core: ServerCore) {
  const off = disabled as Handler<never>;
  return {
    "ACL.BootstrapTokens": off,
    "ACL.TokenRead": off,
    "ACL.TokenSet": off,
    "ACL.TokenClone": off,
    "ACL.TokenDelete": off,
    "ACL.TokenList": off,
    "ACL.TokenBatchRead": off,
    "ACL.PolicyRead": off,
    "ACL.PolicyBatchRead": off,
    "ACL.PolicySet": off,
    "ACL.PolicyDelete": off,
    "ACL.PolicyList": off,
    "ACL.PolicyResolve": off,
    "ACL.GetPolicy": off,
    "ACL.ReplicationStatus": () => ACLReplicationStatus.zero(),
    "ACL.RoleRead": off,
    "ACL.RoleBatchRead": off,
    "ACL.RoleSet": off,
    "ACL.RoleDelete": off,
    "ACL.RoleList": off,
    "ACL.RoleResolve": off,
    "ACL.BindingRuleRead": off,
    "ACL.BindingRuleSet": off,
    "ACL.BindingRuleDelete": off,
    "ACL.BindingRuleList": off,
    "ACL.AuthMethodRead": off,
    "ACL.AuthMethodSet": off,
    "ACL.AuthMethodDelete": off,
    "ACL.AuthMethodList": off,
    "ACL.Login": off,
    "ACL.Logout": off,
    "ACL.Authorize": off,
    "ACL.Bootstrap": off,
    "ACL.Apply": off,
    "ACL.Get": off,
    "ACL.List": off,
  } satisfies Partial<Handlers>;
}
