/**
 * For this folder's tests: the servers' side of what an agent calls, in memory: one node's catalog entries, and keys with locks.
 */
import {
  type DeregisterRequest,
  type HealthCheck,
  IndexedHealthChecks,
  IndexedNodeServiceList,
  Node,
  type NodeService,
  type RegisterRequest,
} from "../model/catalog.ts";
import type { EventFireRequest } from "../model/coordinate.ts";
import { DirEntry, IndexedDirEntries, type KeyRequest, type KVSRequest } from "../model/kv.ts";
import type { RpcCaller } from "../model/methods.ts";

export interface Call {
  readonly method: string;
  readonly request: unknown;
}

export class FakeCatalog implements RpcCaller {
  node: Node | null = null;
  readonly services = new Map<string, NodeService>();
  readonly checks = new Map<string, HealthCheck>();
  readonly keys = new Map<string, Buffer>();
  /** Sessions that may write keys. */
  readonly sessions = new Set<string>();
  readonly calls: Call[] = [];
  readonly fired: EventFireRequest[] = [];
  /** Throw here to fail a call. */
  onCall: (call: Call) => void | Promise<void> = () => {};

  count(method: string): number {
    return this.calls.filter((c) => c.method === method).length;
  }

  rpc: RpcCaller["rpc"] = async (method, request) => {
    const call = { method, request };
    this.calls.push(call);
    await this.onCall(call);
    return this.#answer(method, request) as never;
  };

  #answer(method: string, request: unknown): unknown {
    switch (method) {
      case "Catalog.NodeServiceList":
        return IndexedNodeServiceList.make({
          NodeServices: { Node: this.node, Services: [...this.services.values()] },
        });
      case "Health.NodeChecks":
        return IndexedHealthChecks.make({ HealthChecks: [...this.checks.values()] });
      case "Catalog.Register":
        return this.#register(request as RegisterRequest);
      case "Catalog.Deregister":
        return this.#deregister(request as DeregisterRequest);
      case "KVS.Get": {
        const value = this.keys.get((request as KeyRequest).Key);
        const entry =
          value === undefined ? null : [DirEntry.make({ Key: (request as KeyRequest).Key, Value: value })];
        return IndexedDirEntries.make({ Entries: entry });
      }
      case "KVS.Apply": {
        const { Op, DirEnt } = request as KVSRequest;
        if (Op !== "lock" || !this.sessions.has(DirEnt.Session)) return false;
        this.keys.set(DirEnt.Key, Buffer.from(DirEnt.Value ?? []));
        return true;
      }
      case "Internal.EventFire":
        this.fired.push(request as EventFireRequest);
        return {};
      default:
        throw new Error(`rpc: can't find method ${method}`);
    }
  }

  #register(r: RegisterRequest): unknown {
    if (this.node === null || !r.SkipNodeUpdate)
      this.node = Node.make({
        ID: r.ID,
        Node: r.Node,
        Address: r.Address,
        TaggedAddresses: r.TaggedAddresses,
        Meta: r.NodeMeta,
      });
    if (r.Service !== null) this.services.set(r.Service.ID, r.Service);
    for (const c of [r.Check, ...(r.Checks ?? [])]) {
      if (c === null) continue;
      if (c.ServiceID !== "" && !this.services.has(c.ServiceID))
        throw new Error("Missing service registration");
      this.checks.set(c.CheckID, c);
    }
    return {};
  }

  #deregister(r: DeregisterRequest): unknown {
    if (r.ServiceID !== "") {
      this.services.delete(r.ServiceID);
      for (const [id, c] of this.checks) if (c.ServiceID === r.ServiceID) this.checks.delete(id);
    } else this.checks.delete(r.CheckID);
    return {};
  }
}
