/** Hashes that Consul stores with ACL objects: BLAKE2b-256 over the fields in order (recomputed from recorded objects). */
import type { ACLNodeIdentity, ACLPolicy, ACLRole, ACLServiceIdentity, ACLToken } from "../model/acl.ts";
import { blake2b256 } from "./blake2b.ts";

const services = (list: readonly (ACLServiceIdentity | null)[] | null): string[] =>
  (list ?? []).flatMap((s) => (s === null ? [] : [s.ServiceName, ...(s.Datacenters ?? [])]));

const nodes = (list: readonly (ACLNodeIdentity | null)[] | null): string[] =>
  (list ?? []).flatMap((n) => (n === null ? [] : [n.NodeName, n.Datacenter]));

const ids = (list: readonly { readonly ID: string }[] | null): string[] => (list ?? []).map((l) => l.ID);

export function tokenHash(t: ACLToken): Buffer {
  return blake2b256(
    t.Description,
    t.Type,
    t.Rules,
    t.Local ? "local" : "global",
    ...ids(t.Policies),
    ...ids(t.Roles),
    ...services(t.ServiceIdentities),
    ...nodes(t.NodeIdentities),
  );
}

export function policyHash(p: ACLPolicy): Buffer {
  return blake2b256(p.Name, p.Description, p.Rules, ...(p.Datacenters ?? []));
}

export function roleHash(r: ACLRole): Buffer {
  return blake2b256(
    r.Name,
    r.Description,
    ...ids(r.Policies),
    ...services(r.ServiceIdentities),
    ...nodes(r.NodeIdentities),
  );
}
