/** /v1/acl: tokens, policies, roles, auth methods and binding rules. */
import { stringifyJson } from "../wire/json.ts";
import {
  pathEscape,
  type QueryOptions,
  type QueryReply,
  type RequestOptions,
  type WriteOptions,
} from "./query.ts";
import type { Requester } from "./requester.ts";

/** A policy or role as others refer to it; by ID, or by name when it is written. */
export interface AclLink {
  readonly ID?: string;
  readonly Name?: string;
}
export interface AclServiceIdentity {
  readonly ServiceName: string;
  /** Absent: all. */
  readonly Datacenters?: readonly string[];
}
export interface AclNodeIdentity {
  readonly NodeName: string;
  readonly Datacenter: string;
}
/** What a token and a role can be given. */
export interface AclGrants {
  readonly Policies?: readonly AclLink[];
  readonly ServiceIdentities?: readonly AclServiceIdentity[];
  readonly NodeIdentities?: readonly AclNodeIdentity[];
}
interface Indexed {
  readonly CreateIndex?: number;
  readonly ModifyIndex?: number;
  readonly Namespace?: string;
}
export interface AclToken extends AclGrants, Indexed {
  readonly AccessorID?: string;
  /** Absent in lists. */
  readonly SecretID?: string;
  readonly Description?: string;
  readonly Roles?: readonly AclLink[];
  readonly Local?: boolean;
  readonly AuthMethod?: string;
  /** In a write: "1h". */
  readonly ExpirationTTL?: string;
  readonly ExpirationTime?: string;
  readonly CreateTime?: string;
  /** Base64. */
  readonly Hash?: string;
  /** In lists: a token of before 1.4. */
  readonly Legacy?: boolean;
  /** Of a legacy token. */
  readonly Rules?: string;
}
export interface AclPolicy extends Indexed {
  readonly ID?: string;
  readonly Name?: string;
  readonly Description?: string;
  /** Absent in lists. */
  readonly Rules?: string;
  readonly Datacenters?: readonly string[] | null;
  readonly Hash?: string;
}
export interface AclRole extends AclGrants, Indexed {
  readonly ID?: string;
  readonly Name?: string;
  readonly Description?: string;
  readonly Hash?: string;
}
export interface AclAuthMethod extends Indexed {
  readonly Name?: string;
  readonly Type?: string;
  readonly DisplayName?: string;
  readonly Description?: string;
  /** "5m0s". */
  readonly MaxTokenTTL?: string;
  readonly TokenLocality?: string;
  /** Absent in lists. */
  readonly Config?: Readonly<Record<string, unknown>> | null;
}
export interface AclBindingRule extends Indexed {
  readonly ID?: string;
  readonly Description?: string;
  readonly AuthMethod?: string;
  readonly Selector?: string;
  readonly BindType?: string;
  readonly BindName?: string;
}

export interface AclReplication {
  readonly Enabled: boolean;
  readonly Running: boolean;
  readonly SourceDatacenter: string;
  readonly ReplicationType: string;
  readonly ReplicatedIndex: number;
  readonly ReplicatedRoleIndex: number;
  readonly ReplicatedTokenIndex: number;
  readonly LastSuccess: string;
  readonly LastError: string;
}
export interface AclAccess {
  /** "service", "key", ... */
  readonly Resource: string;
  /** "read", "write", "list". */
  readonly Access: string;
  /** Its name; "" for resources without. */
  readonly Segment?: string;
}
export type AclVerdict = AclAccess & { readonly Allow: boolean };

/** The five operations on one kind of record. */
export class AclRecords<T> {
  readonly #r: Requester;
  readonly #one: string;
  readonly #all: string;
  constructor(requester: Requester, one: string, all: string) {
    this.#r = requester;
    this.#one = `/v1/acl/${one}`;
    this.#all = `/v1/acl/${all}`;
  }
  async list(options: QueryOptions = {}): Promise<QueryReply<readonly T[]>> {
    return this.#r.read(this.#all, options, { map: (v) => (v as readonly T[] | null) ?? [] });
  }
  /** Throws for an ID that does not exist where the endpoint answers 403, and gives null where it answers 404. */
  read(id: string, options: QueryOptions = {}): Promise<QueryReply<T | null>> {
    return this.#readAt(`${this.#one}/${pathEscape(id)}`, options);
  }
  /** Of policies and roles. */
  readByName(name: string, options: QueryOptions = {}): Promise<QueryReply<T | null>> {
    return this.#readAt(`${this.#one}/name/${pathEscape(name)}`, options);
  }
  #readAt(path: string, options: QueryOptions): Promise<QueryReply<T | null>> {
    return this.#r.read(path, options, { missing: () => null, map: (v) => v as T });
  }
  create(record: T, options: WriteOptions = {}): Promise<T> {
    return this.#r.write("PUT", this.#one, options, stringifyJson(record));
  }
  update(id: string, record: T, options: WriteOptions = {}): Promise<T> {
    return this.#r.write("PUT", `${this.#one}/${pathEscape(id)}`, options, stringifyJson(record));
  }
  async delete(id: string, options: WriteOptions = {}): Promise<void> {
    await this.#r.send("DELETE", `${this.#one}/${pathEscape(id)}`, options);
  }
}

export class Acl {
  readonly #r: Requester;
  readonly tokens: AclRecords<AclToken>;
  readonly policies: AclRecords<AclPolicy>;
  readonly roles: AclRecords<AclRole>;
  readonly authMethods: AclRecords<AclAuthMethod>;
  readonly bindingRules: AclRecords<AclBindingRule>;
  constructor(requester: Requester) {
    this.#r = requester;
    this.tokens = new AclRecords(requester, "token", "tokens");
    this.policies = new AclRecords(requester, "policy", "policies");
    this.roles = new AclRecords(requester, "role", "roles");
    this.authMethods = new AclRecords(requester, "auth-method", "auth-methods");
    this.bindingRules = new AclRecords(requester, "binding-rule", "binding-rules");
  }
  /** Makes the first management token. */
  bootstrap(options: WriteOptions = {}): Promise<AclToken> {
    return this.#r.write("PUT", "/v1/acl/bootstrap", options);
  }
  /** The token of the request. */
  self(options: QueryOptions = {}): Promise<QueryReply<AclToken>> {
    return this.#r.read("/v1/acl/token/self", options);
  }
  cloneToken(accessor: string, description: string, options: WriteOptions = {}): Promise<AclToken> {
    const path = `/v1/acl/token/${pathEscape(accessor)}/clone`;
    return this.#r.write("PUT", path, options, stringifyJson({ Description: description }));
  }
  /** How far the copying of tokens and policies from the primary datacenter has come. */
  replication(options: RequestOptions = {}): Promise<AclReplication> {
    return this.#r.get("/v1/acl/replication", options);
  }
  /** Which of the accesses the request's token allows, in their order. */
  authorize(accesses: readonly AclAccess[], options: WriteOptions = {}): Promise<readonly AclVerdict[]> {
    return this.#r.write("POST", "/v1/internal/acl/authorize", options, stringifyJson(accesses));
  }
  /** Exchanges a bearer token of an auth method for a token. */
  login(
    login: {
      readonly AuthMethod: string;
      readonly BearerToken: string;
      readonly Meta?: Readonly<Record<string, string>>;
    },
    options: WriteOptions = {},
  ): Promise<AclToken> {
    return this.#r.write("POST", "/v1/acl/login", options, stringifyJson(login));
  }
  /** Removes the token of the request, which a login made. */
  async logout(options: WriteOptions = {}): Promise<void> {
    await this.#r.send("POST", "/v1/acl/logout", options);
  }
}
