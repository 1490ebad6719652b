/**
 * Config entries by kind, and the four messages whose wire form is a byte string holding several values
 * (Go types with their own binary marshaller; observed in Consul 1.8.7).
 */
import { MsgpackError, MsgpackReader, MsgpackWriter } from "../wire/msgpack.ts";
import { type Infer, JsonShapeError, list, str, struct, type Type } from "../wire/schema.ts";
import {
  IngressGatewayConfigEntry,
  ProxyConfigEntry,
  ServiceConfigEntry,
  ServiceResolverConfigEntry,
  ServiceRouterConfigEntry,
  ServiceSplitterConfigEntry,
  TerminatingGatewayConfigEntry,
} from "./config-entry.ts";
import { QueryMeta, WriteRequest } from "./query.ts";

/** Entry struct per kind; other kinds are refused with {@link UnknownConfigEntryKindError}. */
export const configEntryTypes = {
  "service-defaults": ServiceConfigEntry,
  "proxy-defaults": ProxyConfigEntry,
  "service-router": ServiceRouterConfigEntry,
  "service-splitter": ServiceSplitterConfigEntry,
  "service-resolver": ServiceResolverConfigEntry,
  "ingress-gateway": IngressGatewayConfigEntry,
  "terminating-gateway": TerminatingGatewayConfigEntry,
} as const;

export type ConfigEntryKind = keyof typeof configEntryTypes;
export type ConfigEntry = Infer<(typeof configEntryTypes)[ConfigEntryKind]>;

export class UnknownConfigEntryKindError extends MsgpackError {
  constructor(kind: string) {
    super(`invalid config entry kind: ${kind}`);
  }
}

/** The struct of one kind. */
export function configEntryType(kind: string): Type<ConfigEntry> {
  if (!Object.hasOwn(configEntryTypes, kind)) throw new UnknownConfigEntryKindError(kind);
  return configEntryTypes[kind as ConfigEntryKind] as unknown as Type<ConfigEntry>;
}

/** A struct whose `Entry` field is typed by `kind`. */
const requestType = (kind: string) => {
  const Entry = kind === "" ? (noEntry as unknown as Type<ConfigEntry>) : configEntryType(kind);
  return struct("ConfigEntryRequest", { Op: str, Datacenter: str, Entry, ...WriteRequest.fields });
};

const noEntry: Type<null> = {
  name: "nil",
  zero: () => null,
  encode: (w) => w.nil(),
  decode: (r, depth) => {
    r.skip(depth);
    return null;
  },
  json: () => "null",
  fromJson: () => null,
  empty: () => true,
};

/** The kind and name of an entry value in JSON form; both spellings of the key are taken. */
const jsonKind = (v: unknown): string => {
  const o = v as Record<string, unknown> | null;
  const kind = v instanceof Map ? (v.get("Kind") ?? v.get("kind")) : (o?.["Kind"] ?? o?.["kind"]);
  return typeof kind === "string" ? kind : "";
};

/** Any config entry, for JSON; on the wire the kind must be known from outside, so encode and decode are refused. */
export const AnyConfigEntry: Type<ConfigEntry> = {
  name: "ConfigEntry",
  zero: () => ServiceConfigEntry.zero(),
  encode: (w, v) => configEntryType(v.Kind).encode(w, v),
  decode: () => {
    throw new MsgpackError("config entry without a kind");
  },
  json: (v) => configEntryType(v.Kind).json(v),
  fromJson: (v, path) => {
    if (typeof v !== "object" || v === null) throw new JsonShapeError(path, "object", v);
    return configEntryType(jsonKind(v)).fromJson(v, path);
  },
  empty: () => false,
};

/** A byte string holding a sequence of values, written and read by the two functions. */
function sequence<T>(
  name: string,
  zero: () => T,
  write: (w: MsgpackWriter, v: T) => void,
  read: (r: MsgpackReader, depth: number) => T,
): Type<T> {
  return {
    name,
    zero,
    encode: (w, v) => {
      const inner = new MsgpackWriter();
      write(inner, v);
      w.bytes(inner.finish());
    },
    decode: (r, depth) => {
      const b = r.bytes();
      return b === null ? zero() : read(new MsgpackReader(b), depth + 1);
    },
    json: () => {
      throw new MsgpackError(`${name} has no JSON form`);
    },
    fromJson: (v, path) => {
      throw new JsonShapeError(path, `no ${name}`, v);
    },
    empty: () => false,
  };
}

export type ConfigEntryRequest = {
  readonly Op: string;
  readonly Datacenter: string;
  readonly Token: string;
  readonly Entry: ConfigEntry | null;
  /** The kind outside the entry, when it is not the entry's own: a 1.8 delete request leaves `Entry.Kind` empty. */
  readonly Kind?: string;
};
/** str Kind, then map {Datacenter, Entry, Op, Token}. */
export const ConfigEntryRequest: Type<ConfigEntryRequest> = sequence<ConfigEntryRequest>(
  "ConfigEntryRequest",
  () => ({ Op: "", Datacenter: "", Token: "", Entry: null }),
  (w, v) => {
    const kind = v.Kind ?? v.Entry?.Kind ?? "";
    w.str(kind);
    requestType(kind).encode(w, v as Infer<ReturnType<typeof requestType>>);
  },
  (r, depth) => {
    const Kind = r.str();
    const request = requestType(Kind).decode(r, depth);
    return request.Entry?.Kind === Kind ? request : { ...request, Kind };
  },
);

export type ConfigEntryResponse = { readonly Entry: ConfigEntry | null } & QueryMeta;
/** str Kind ("" = no entry), the entry if there is one, then the QueryMeta map. */
export const ConfigEntryResponse: Type<ConfigEntryResponse> = sequence<ConfigEntryResponse>(
  "ConfigEntryResponse",
  () => ({ Entry: null, ...QueryMeta.zero() }),
  (w, v) => {
    w.str(v.Entry?.Kind ?? "");
    if (v.Entry !== null) configEntryType(v.Entry.Kind).encode(w, v.Entry);
    QueryMeta.encode(w, v);
  },
  (r, depth) => {
    const kind = r.str();
    const Entry = kind === "" ? null : configEntryType(kind).decode(r, depth);
    return { Entry, ...QueryMeta.decode(r, depth) };
  },
);

export type IndexedConfigEntries = {
  readonly Kind: string;
  readonly Entries: readonly ConfigEntry[] | null;
} & QueryMeta;
/** int count, str Kind, then map {Entries, Kind, +QueryMeta}. */
export const IndexedConfigEntries: Type<IndexedConfigEntries> = sequence<IndexedConfigEntries>(
  "IndexedConfigEntries",
  () => ({ Kind: "", Entries: null, ...QueryMeta.zero() }),
  (w, v) => {
    w.int(v.Entries?.length ?? 0);
    w.str(v.Kind);
    listType(v.Kind).encode(w, v);
  },
  (r, depth) => {
    r.integer();
    return listType(r.str()).decode(r, depth);
  },
);
const listType = (kind: string): Type<IndexedConfigEntries> =>
  struct("IndexedConfigEntries", {
    Kind: str,
    Entries: list(kind === "" ? AnyConfigEntry : configEntryType(kind)),
    ...QueryMeta.fields,
  });

export type IndexedGenericConfigEntries = { readonly Entries: readonly ConfigEntry[] | null } & QueryMeta;
/** int count, then count times (str Kind, entry), then the QueryMeta map. */
export const IndexedGenericConfigEntries: Type<IndexedGenericConfigEntries> =
  sequence<IndexedGenericConfigEntries>(
    "IndexedGenericConfigEntries",
    () => ({ Entries: null, ...QueryMeta.zero() }),
    (w, v) => {
      w.int(v.Entries?.length ?? 0);
      for (const e of v.Entries ?? []) {
        w.str(e.Kind);
        configEntryType(e.Kind).encode(w, e);
      }
      QueryMeta.encode(w, v);
    },
    (r, depth) => {
      const n = Number(r.integer());
      if (n > r.remaining)
        throw new MsgpackError(`config entries: ${n} announced, ${r.remaining} bytes left`);
      const Entries: ConfigEntry[] = [];
      for (let i = 0; i < n; i++) Entries.push(configEntryType(r.str()).decode(r, depth));
      return { Entries, ...QueryMeta.decode(r, depth) };
    },
  );
