/** Under which name the time of a command is reported, and its operation: `fsm.kvs` with `op=set`. Names as Consul 1.8.7's. */
import type { CommandBody, CommandKind } from "./commands.ts";

export interface CommandFigure {
  readonly name: string;
  readonly labels?: { readonly op: string };
}

type Namer<K extends CommandKind> = CommandFigure | ((body: CommandBody<K>) => CommandFigure);

/** Operations come from the log, whose entries may be of any server: only those that are known get a series of their own. */
const OPS = new Map<string, { readonly op: string }>(
  [
    "set",
    "delete",
    "delete-cas",
    "delete-tree",
    "cas",
    "lock",
    "unlock",
    "create",
    "destroy",
    "update",
    "upsert",
    "upsert-cas",
    "reap",
    "force-set",
    "bootstrap-init",
    "bootstrap-now",
    "set-config",
    "set-roots",
    "set-provider-state",
    "delete-provider-state",
    "set-roots-config",
    "increment-provider-serial",
  ].map((op) => [op, { op }]),
);
const OTHER = { op: "other" };
const withOp = (name: string, op: string): CommandFigure => ({ name, labels: OPS.get(op) ?? OTHER });
const UPSERT = { op: "upsert" };
const DELETE = { op: "delete" };

const namers: { readonly [K in CommandKind]: Namer<K> } = {
  register: { name: "fsm.register" },
  deregister: { name: "fsm.deregister" },
  kvs: (b) => withOp("fsm.kvs", b.Op),
  session: (b) => withOp("fsm.session", b.Op),
  aclLegacy: (b) => withOp("fsm.acl", b.Op),
  tombstone: (b) => withOp("fsm.tombstone", b.Op),
  coordinateBatch: { name: "fsm.coordinate.batch-update" },
  preparedQuery: (b) => withOp("fsm.prepared-query", b.Op),
  txn: { name: "fsm.txn" },
  autopilot: { name: "fsm.autopilot" },
  aclBootstrap: { name: "fsm.acl.bootstrap" },
  intention: (b) => withOp("fsm.intention", b.Op),
  connectCa: (b) => withOp("fsm.ca", b.Op),
  aclTokenSet: { name: "fsm.acl.token", labels: UPSERT },
  aclTokenDelete: { name: "fsm.acl.token", labels: DELETE },
  aclPolicySet: { name: "fsm.acl.policy", labels: UPSERT },
  aclPolicyDelete: { name: "fsm.acl.policy", labels: DELETE },
  connectCaLeaf: (b) => withOp("fsm.ca.leaf", b.Op),
  // An "upsert-cas" counts as an upsert too.
  configEntry: (b) => ({
    name: `fsm.config_entry.${b.Entry?.Kind ?? ""}`,
    labels: b.Op === "delete" ? DELETE : UPSERT,
  }),
  aclRoleSet: { name: "fsm.acl.role", labels: UPSERT },
  aclRoleDelete: { name: "fsm.acl.role", labels: DELETE },
  aclBindingRuleSet: { name: "fsm.acl.bindingrule", labels: UPSERT },
  aclBindingRuleDelete: { name: "fsm.acl.bindingrule", labels: DELETE },
  aclAuthMethodSet: { name: "fsm.acl.authmethod", labels: UPSERT },
  aclAuthMethodDelete: { name: "fsm.acl.authmethod", labels: DELETE },
  federationState: (b) => withOp(`fsm.federation_state.${b.State?.Datacenter ?? ""}`, b.Op),
};

export function commandFigure<K extends CommandKind>(kind: K, body: CommandBody<K>): CommandFigure {
  const namer = namers[kind] as Namer<K>;
  return typeof namer === "function" ? namer(body) : namer;
}
