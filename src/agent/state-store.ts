/**
 * What the agent keeps of registrations that came by its API, so that they are there after a restart. Files and their JSON
 * are Consul 1.8.7's (observed), so that an agent can change programs on the same folder:
 *
 *   services/<md5 of id>      {"Token", "Service", "Source"}
 *   checks/<md5 of id>        {"Check", "ChkType", "Token", "Source"}
 *   checks/state/<md5 of id>  {"CheckID", "Output", "Status", "Expires"}: the last report of a TTL check
 *
 * A file that cannot be read is named in the log and kept beside as `<name>.corrupt`; it never stops the agent.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { HealthCheck, NodeService } from "../model/catalog.ts";
import { CheckDefinition } from "../model/definition.ts";
import type { Disk } from "../ports/disk.ts";
import type { Logger } from "../ports/log.ts";
import { parseJson } from "../wire/json.ts";
import { bool, dur, field, type Infer, int, list, map, ptr, str, struct } from "../wire/schema.ts";
import type { RecordSource } from "./core/local-records.ts";
import { STATE_FILE_BYTES_MAX } from "./limits.ts";

const later = { omitempty: true } as const;

/** A check's definition as 1.8.7 stores it; fields that it does not know are only written when they are set. */
const StoredCheckType = struct("StoredCheckType", {
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  ScriptArgs: list(str),
  HTTP: str,
  Header: map(list(str)),
  Method: str,
  Body: str,
  TCP: str,
  Interval: dur,
  AliasNode: str,
  AliasService: str,
  DockerContainerID: str,
  Shell: str,
  GRPC: str,
  GRPCUseTLS: bool,
  TLSSkipVerify: bool,
  Timeout: dur,
  TTL: dur,
  SuccessBeforePassing: int,
  FailuresBeforeCritical: int,
  ProxyHTTP: str,
  ProxyGRPC: str,
  DeregisterCriticalServiceAfter: dur,
  OutputMaxSize: int,
  Script: field(str, later),
  TCPUseTLS: field(bool, later),
  UDP: field(str, later),
  H2PING: field(str, later),
  H2PingUseTLS: field(bool, later),
  OSService: field(str, later),
  TLSServerName: field(str, later),
  DisableRedirects: field(bool, later),
  FailuresBeforeWarning: field(int, later),
});

const StoredService = struct("StoredService", {
  Token: str,
  Service: ptr(NodeService),
  Source: str,
  // The record's own JSON leaves it out, as the API does.
  LocallyRegisteredAsSidecar: field(bool, { omitempty: true }),
});
const StoredCheck = struct("StoredCheck", {
  Check: ptr(HealthCheck),
  ChkType: ptr(StoredCheckType),
  Token: str,
  Source: str,
});
const StoredTtlState = struct("StoredTtlState", { CheckID: str, Output: str, Status: str, Expires: int });

export interface KeptService {
  readonly service: NodeService;
  readonly token: string;
  readonly source: RecordSource;
}

export interface KeptCheck {
  readonly check: HealthCheck;
  readonly definition: CheckDefinition | undefined;
  readonly token: string;
  readonly source: RecordSource;
}

export interface KeptTtlState {
  readonly status: string;
  readonly output: string;
  /** Unix seconds. */
  readonly expires: number;
}

const fileName = (id: string): string => createHash("md5").update(id).digest("hex");
const sourceOf = (text: string): RecordSource => (text === "local" ? "local" : "remote");

export class StateStore {
  readonly #folder: string | undefined;
  readonly #disk: Disk;
  readonly #log: Logger;
  /** Newest state that waits for the write of an older one, by check id. */
  readonly #ttlWaiting = new Map<string, KeptTtlState | undefined>();
  readonly #ttlWriting = new Map<string, Promise<void>>();

  /** `dataDir` undefined keeps nothing. */
  constructor(
    options: { readonly dataDir: string | undefined },
    ports: { readonly disk: Disk; readonly log: Logger },
  ) {
    this.#folder = options.dataDir;
    this.#disk = ports.disk;
    this.#log = ports.log;
  }

  async putService(kept: KeptService): Promise<void> {
    await this.#put("services", kept.service.ID, () =>
      StoredService.json({
        Token: kept.token,
        Service: kept.service,
        Source: kept.source,
        LocallyRegisteredAsSidecar: kept.service.LocallyRegisteredAsSidecar,
      }),
    );
  }

  async putCheck(kept: KeptCheck): Promise<void> {
    const { definition } = kept;
    await this.#put("checks", kept.check.CheckID, () =>
      StoredCheck.json({
        Check: kept.check,
        ChkType:
          definition === undefined ? null : StoredCheckType.make({ ...definition, CheckID: definition.ID }),
        Token: kept.token,
        Source: kept.source,
      }),
    );
  }

  async dropService(id: string): Promise<void> {
    await this.#drop("services", id);
  }

  /** With the state of its reports, unless another definition of the same check goes on with them. */
  async dropCheck(id: string, options: { readonly keepReports?: boolean } = {}): Promise<void> {
    await this.#drop("checks", id);
    if (!options.keepReports) await this.putTtlState(id, undefined);
  }

  /**
   * Keeps a TTL check's last report; undefined forgets it. Reports that come faster than the disk skip to the newest.
   * Failures are told in the log.
   */
  putTtlState(id: string, state: KeptTtlState | undefined): Promise<void> {
    if (this.#folder === undefined) return Promise.resolve();
    this.#ttlWaiting.set(id, state);
    const running = this.#ttlWriting.get(id);
    if (running !== undefined) return running;
    const writing = this.#writeTtl(id).finally(() => this.#ttlWriting.delete(id));
    this.#ttlWriting.set(id, writing);
    return writing;
  }

  async services(): Promise<readonly KeptService[]> {
    return this.#load("services", "service", (value) => {
      const { Service, Token, Source, LocallyRegisteredAsSidecar } = StoredService.fromJson(value, "");
      if (Service === null || Service.ID === "") throw new Error("there is no service in it");
      return { service: { ...Service, LocallyRegisteredAsSidecar }, token: Token, source: sourceOf(Source) };
    });
  }

  async checks(): Promise<readonly KeptCheck[]> {
    return this.#load("checks", "check", (value) => {
      const { Check, ChkType, Token, Source } = StoredCheck.fromJson(value, "");
      if (Check === null || Check.CheckID === "") throw new Error("there is no check in it");
      return {
        check: Check,
        definition: ChkType === null ? undefined : definitionOf(ChkType, Check),
        token: Token,
        source: sourceOf(Source),
      };
    });
  }

  /** The last report of a TTL check. */
  async ttlState(id: string): Promise<KeptTtlState | undefined> {
    if (this.#folder === undefined) return undefined;
    const folder = join(this.#folder, "checks", "state");
    return this.#read(folder, fileName(id), "check state", (value) => {
      const { Output, Status, Expires } = StoredTtlState.fromJson(value, "");
      return { output: Output, status: Status, expires: Expires };
    });
  }

  /** Waits for writes under way. */
  async flush(): Promise<void> {
    await Promise.all(this.#ttlWriting.values());
  }

  async #writeTtl(id: string): Promise<void> {
    const folder = join(this.#folder!, "checks", "state");
    while (this.#ttlWaiting.has(id)) {
      const state = this.#ttlWaiting.get(id);
      this.#ttlWaiting.delete(id);
      const path = join(folder, fileName(id));
      try {
        if (state === undefined) await this.#disk.remove(path);
        else {
          const text = StoredTtlState.json({
            CheckID: id,
            Output: state.output,
            Status: state.status,
            Expires: state.expires,
          });
          await this.#disk.writeAtomic(path, Buffer.from(text), { makeFolder: true });
        }
      } catch (error) {
        this.#log.error(`failed to persist state of check '${id}': ${(error as Error).message}`);
      }
    }
  }

  async #put(kind: string, id: string, text: () => string): Promise<void> {
    if (this.#folder === undefined) return;
    const folder = join(this.#folder, kind);
    await this.#disk.writeAtomic(join(folder, fileName(id)), Buffer.from(text()), { makeFolder: true });
  }

  async #drop(kind: string, id: string): Promise<void> {
    if (this.#folder !== undefined) await this.#disk.remove(join(this.#folder, kind, fileName(id)));
  }

  async #load<T>(kind: string, noun: string, decode: (value: unknown) => T): Promise<readonly T[]> {
    if (this.#folder === undefined) return [];
    const folder = join(this.#folder, kind);
    const out: T[] = [];
    for (const name of await this.#disk.list(folder)) {
      if (name === "state" || name === "configs" || name.endsWith(".corrupt")) continue;
      if (name.endsWith("tmp")) {
        this.#log.warn(`Ignoring temporary ${noun} file`, { file: join(folder, name) });
        continue;
      }
      const value = await this.#read(folder, name, noun, decode);
      if (value !== undefined) out.push(value);
    }
    return out;
  }

  async #read<T>(
    folder: string,
    name: string,
    noun: string,
    decode: (value: unknown) => T,
  ): Promise<T | undefined> {
    const path = join(folder, name);
    let bytes: Buffer | undefined;
    try {
      bytes = await this.#disk.read(path);
      if (bytes === undefined) return undefined;
      if (bytes.length > STATE_FILE_BYTES_MAX)
        throw new Error(`it has more than ${STATE_FILE_BYTES_MAX} bytes`);
      return decode(parseJson(bytes.toString("utf8")));
    } catch (error) {
      this.#log.error(`Failed decoding ${noun} file: ${(error as Error).message}`, { file: path });
      if (bytes !== undefined) await this.#setAside(path, bytes);
      return undefined;
    }
  }

  async #setAside(path: string, bytes: Buffer): Promise<void> {
    try {
      await this.#disk.writeAtomic(`${path}.corrupt`, bytes);
      await this.#disk.remove(path);
      this.#log.warn("kept the damaged file aside", { file: `${path}.corrupt` });
    } catch (error) {
      this.#log.error(`failed to keep the damaged file aside: ${(error as Error).message}`, { file: path });
    }
  }
}

function definitionOf(stored: Infer<typeof StoredCheckType>, check: HealthCheck): CheckDefinition {
  const { CheckID, ProxyHTTP: _http, ProxyGRPC: _grpc, ...fields } = stored;
  return CheckDefinition.make({ ...fields, ID: CheckID, ServiceID: check.ServiceID });
}
