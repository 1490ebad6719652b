/**
 * The functions of go-sockaddr templates: sources (GetPrivateIP and its kin), filters, and list operations. Names and rules
 * after go-sockaddr's documentation; argument order as in its pipelines (the list comes last).
 */
import {
  addressText,
  addressValue,
  type HostNetwork,
  type InterfaceAddress,
  inNetworks,
  inRfc,
  isForwardable,
  isV6,
  networkSize,
  parseCidr,
} from "./interface-address.ts";

/** A template that asks for something impossible; the text stands behind "unable to execute template". */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

export type TemplateValue = string | number | boolean | InterfaceAddress | readonly InterfaceAddress[];
export type TemplateFunction = (args: readonly TemplateValue[], host: HostNetwork) => TemplateValue;

const isList = (v: TemplateValue | undefined): v is readonly InterfaceAddress[] => Array.isArray(v);

function listArg(args: readonly TemplateValue[], name: string): readonly InterfaceAddress[] {
  const v = args.at(-1);
  if (isList(v)) return v;
  if (typeof v === "object") return [v as InterfaceAddress];
  throw new TemplateError(`${name} needs a list of interfaces, as from GetAllInterfaces`);
}

function textArg(args: readonly TemplateValue[], i: number, name: string): string {
  const v = args[i];
  if (typeof v === "string") return v;
  if (typeof v === "number") return String(v);
  throw new TemplateError(`argument ${i + 1} of ${name} must be a string`);
}

function numberArg(args: readonly TemplateValue[], i: number, name: string): number {
  const v = args[i];
  if (typeof v === "number") return v;
  throw new TemplateError(`argument ${i + 1} of ${name} must be a number`);
}

/** One filter: does `a` match `value` in the sense of `type`? */
function matches(type: string, value: string, host: HostNetwork): (a: InterfaceAddress) => boolean {
  switch (type.toLowerCase()) {
    case "address": {
      const re = expression(value);
      return (a) => re.test(a.address);
    }
    case "name": {
      const re = expression(value);
      return (a) => re.test(a.name);
    }
    case "network": {
      const networks = value.split("|");
      for (const n of networks)
        if (parseCidr(n) === undefined) throw new TemplateError(`${n} is no network in CIDR form`);
      return (a) => inNetworks(networks, a.address);
    }
    case "rfc": {
      const rfcs = value.split("|");
      for (const rfc of rfcs)
        if (inRfc(rfc, "0.0.0.0") === undefined) throw new TemplateError(`RFC ${rfc} is not known`);
      return (a) => rfcs.some((rfc) => inRfc(rfc, a.address) === true);
    }
    case "size": {
      const bits = Number(value.replace(/^\//, ""));
      return (a) => a.prefix === bits;
    }
    case "type": {
      const types = value.toLowerCase().split("|");
      return (a) => types.includes("ip") || types.includes(isV6(a) ? "ipv6" : "ipv4");
    }
    case "port":
      return () => value === "0";
    case "flag":
    case "flags": {
      const flags = value.toLowerCase().split("|");
      return (a) => flags.every((f) => hasFlag(a, f, host));
    }
    default:
      throw new TemplateError(
        `${type} is no filter: use address, flags, name, network, port, rfc, size or type`,
      );
  }
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new TemplateError(`${text} is no regular expression`);
  }
}

function hasFlag(a: InterfaceAddress, flag: string, host: HostNetwork): boolean {
  switch (flag) {
    case "up":
      return true;
    case "loopback":
      return a.loopback;
    case "forwardable":
      return isForwardable(a.address);
    case "broadcast":
    case "multicast":
      return !a.loopback;
    case "global unicast":
    case "globalunicast":
      return isForwardable(a.address);
    case "link-local unicast":
      return inRfc("3927", a.address) === true || /^fe[89ab]/i.test(a.address);
    case "default":
      return a.name === host.defaultInterface;
    case "point-to-point":
      return a.prefix === (isV6(a) ? 128 : 32);
    default:
      throw new TemplateError(
        `${flag} is no flag: use up, down, loopback, forwardable, broadcast, multicast`,
      );
  }
}

const compare = (a: bigint | number | string, b: bigint | number | string): number =>
  a < b ? -1 : a > b ? 1 : 0;

function order(key: string, host: HostNetwork): (a: InterfaceAddress, b: InterfaceAddress) => number {
  const sign = key.startsWith("-") ? -1 : 1;
  const name = key.replace(/^[-+]/, "").trim();
  const by = (value: (a: InterfaceAddress) => bigint | number | string) => {
    return (a: InterfaceAddress, b: InterfaceAddress): number => sign * compare(value(a), value(b));
  };
  switch (name) {
    case "address":
      return by((a) => addressValue(a.address));
    case "default":
      return by((a) => (a.name === host.defaultInterface ? 0 : 1));
    case "name":
      return by((a) => a.name);
    case "port":
      return () => 0;
    case "private":
      return by((a) => (inRfc("6890", a.address) === true ? 0 : 1));
    case "size":
      // The large ones first (observed).
      return by((a) => -networkSize(a));
    case "type":
      return by((a) => (isV6(a) ? 1 : 0));
    default:
      throw new TemplateError(
        `${name} is no key to sort by: use address, default, name, port, private, size or type`,
      );
  }
}

function sorted(
  keys: string,
  list: readonly InterfaceAddress[],
  host: HostNetwork,
): readonly InterfaceAddress[] {
  const orders = keys.split(",").map((k) => order(k, host));
  return [...list].sort((a, b) => orders.map((o) => o(a, b)).find((n) => n !== 0) ?? 0);
}

/** Private or public addresses of interfaces that can be reached, best first. */
function reachable(host: HostNetwork, wantPrivate: boolean): readonly InterfaceAddress[] {
  const list = host.addresses.filter(
    (a) => isForwardable(a.address) && (inRfc("6890", a.address) === true) === wantPrivate,
  );
  return sorted("default,type,size", list, host);
}

function attribute(name: string, a: InterfaceAddress): string {
  const v6 = isV6(a);
  const bits = v6 ? 128 : 32;
  const value = addressValue(a.address);
  const host = (1n << BigInt(bits - a.prefix)) - 1n;
  switch (name.toLowerCase()) {
    case "address":
    case "host":
      return a.address;
    case "name":
      return a.name;
    case "network":
      return `${addressText(value & ~host, v6)}/${a.prefix}`;
    case "mask_bits":
    case "prefix":
      return String(a.prefix);
    case "netmask":
      return addressText(((1n << BigInt(bits)) - 1n) ^ host, v6);
    case "first_usable":
      return addressText((value & ~host) + (host > 1n ? 1n : 0n), v6);
    case "last_usable":
      return addressText((value | host) - (host > 1n && !v6 ? 1n : 0n), v6);
    case "broadcast":
      return addressText(value | host, v6);
    case "size":
      return String(networkSize(a));
    case "type":
      return v6 ? "IPv6" : "IPv4";
    case "flags":
      return a.loopback ? "up|loopback|running" : "up|broadcast|multicast|running";
    case "string":
      return `${a.address}${a.prefix === bits ? "" : `/${a.prefix}`}`;
    case "port":
      return "0";
    default:
      throw new TemplateError(`${name} is no attribute of an interface`);
  }
}

const joined = (list: readonly InterfaceAddress[]): string => list.map((a) => a.address).join(" ");

function ofInterface(
  args: readonly TemplateValue[],
  host: HostNetwork,
  name: string,
): readonly InterfaceAddress[] {
  const re = expression(textArg(args, 0, name));
  const list = host.addresses.filter((a) => re.test(a.name));
  return sorted("type,size", list, host);
}

function compareValues(args: readonly TemplateValue[]): boolean {
  return args.slice(1).some((v) => v === args[0]);
}

function length(v: TemplateValue | undefined): number {
  return typeof v === "string" || isList(v) ? v.length : 0;
}

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  GetAllInterfaces: (_, host) => host.addresses,
  GetDefaultInterfaces: (_, host) =>
    sorted(
      "type,size",
      host.addresses.filter((a) => a.name === host.defaultInterface),
      host,
    ),
  GetPrivateInterfaces: (_, host) => reachable(host, true),
  GetPublicInterfaces: (_, host) => reachable(host, false),
  GetPrivateIP: (_, host) => reachable(host, true)[0]?.address ?? "",
  GetPrivateIPs: (_, host) => joined(reachable(host, true)),
  GetPublicIP: (_, host) => reachable(host, false)[0]?.address ?? "",
  GetPublicIPs: (_, host) => joined(reachable(host, false)),
  GetInterfaceIP: (args, host) => {
    const all = ofInterface(args, host, "GetInterfaceIP");
    return (
      (all.find((a) => isForwardable(a.address)) ?? all.find((a) => inRfc("4291", a.address) !== true))
        ?.address ?? ""
    );
  },
  GetInterfaceIPs: (args, host) => joined(ofInterface(args, host, "GetInterfaceIPs")),
  include: (args, host) => {
    const test = matches(textArg(args, 0, "include"), textArg(args, 1, "include"), host);
    return listArg(args, "include").filter(test);
  },
  exclude: (args, host) => {
    const test = matches(textArg(args, 0, "exclude"), textArg(args, 1, "exclude"), host);
    return listArg(args, "exclude").filter((a) => !test(a));
  },
  sort: (args, host) => sorted(textArg(args, 0, "sort"), listArg(args, "sort"), host),
  limit: (args) => listArg(args, "limit").slice(0, Math.max(0, numberArg(args, 0, "limit"))),
  offset: (args) => {
    const list = listArg(args, "offset");
    const n = numberArg(args, 0, "offset");
    return list.slice(n < 0 ? Math.max(0, list.length + n) : n);
  },
  unique: (args) => {
    const key = textArg(args, 0, "unique");
    const seen = new Set<string>();
    return listArg(args, "unique").filter((a) => {
      const v = attribute(key, a);
      return !seen.has(v) && seen.add(v);
    });
  },
  attr: (args) => {
    const list = listArg(args, "attr");
    return list.length === 0 ? "" : attribute(textArg(args, 0, "attr"), list[0]!);
  },
  join: (args) => {
    const key = textArg(args, 0, "join");
    return listArg(args, "join")
      .map((a) => attribute(key, a))
      .join(textArg(args, 1, "join"));
  },
  math: (args) => {
    const what = textArg(args, 0, "math");
    const m = /^([-+])(\d+)$/.exec(textArg(args, 1, "math"));
    if (m === null) throw new TemplateError('math takes "+n" or "-n"');
    if (what !== "address" && what !== "network") throw new TemplateError(`math cannot change the ${what}`);
    const step = BigInt(m[2]!) * (m[1] === "-" ? -1n : 1n);
    return listArg(args, "math").map((a) => {
      const bits = isV6(a) ? 128 : 32;
      const base =
        what === "network" ? addressValue(attribute("network", a).split("/")[0]!) : addressValue(a.address);
      const size = 1n << BigInt(bits);
      return { ...a, address: addressText((((base + step) % size) + size) % size, isV6(a)) };
    });
  },
  eq: compareValues,
  ne: (args) => !compareValues(args),
  not: (args) => !truthy(args[0] ?? ""),
  and: (args) => args.find((v) => !truthy(v)) ?? args.at(-1) ?? false,
  or: (args) => args.find(truthy) ?? args.at(-1) ?? false,
  len: (args) => length(args[0]),
  print: (args) => args.map(shown).join(""),
};

export function truthy(v: TemplateValue): boolean {
  if (isList(v)) return v.length > 0;
  return v !== "" && v !== 0 && v !== false;
}

/** A value as a template prints it. */
export function shown(v: TemplateValue): string {
  if (isList(v)) return `[${v.map((a) => shown(a)).join(" ")}]`;
  if (typeof v === "object") return attribute("string", v as InterfaceAddress);
  return String(v);
}
