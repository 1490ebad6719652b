/** Addresses of the configuration: templates filled in, kinds checked, defaults chosen, clashes found. Texts observed in Consul 1.8.7. */
import { isIP, isIPv4, isIPv6 } from "node:net";
import type { Issues } from "./issues.ts";
import type { ListenAddress, RuntimeConfig } from "./runtime-config.ts";
import type { MergedConfig } from "./schema.ts";
import { TemplateError } from "./sockaddr/functions.ts";
import { type HostNetwork, isForwardable, isPrivateIPv4 } from "./sockaddr/interface-address.ts";
import { expandTemplate } from "./sockaddr/template.ts";

export const isAny = (ip: string): boolean => ["0.0.0.0", "::", "[::]"].includes(ip);
export const isUnix = (address: string): boolean => address.startsWith("unix://");
export const isLoopback = (address: string): boolean =>
  isUnix(address) || (isIPv4(address) ? address.startsWith("127.") : address === "::1");

export class AddressReader {
  readonly #host: HostNetwork;
  readonly #issues: Issues;

  constructor(host: HostNetwork, issues: Issues) {
    this.#host = host;
    this.#issues = issues;
  }

  /** The words of a value with its templates filled in; none when it is empty or wrong (then an issue is noted). */
  words(value: string | undefined, key: string): readonly string[] {
    return this.#words(value, key) ?? [];
  }

  /** undefined: an issue is noted. */
  #words(value: string | undefined, key: string): readonly string[] | undefined {
    if (value === undefined || value === "") return [];
    try {
      return expandTemplate(value, this.#host)
        .split(/\s+/)
        .filter((w) => w !== "");
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      this.#issues.add(`${key}: ${error.message}`, key);
      return undefined;
    }
  }

  /** One or more IPs or unix sockets. */
  list(value: string | undefined, key: string): readonly string[] {
    const words = this.#words(value, key)?.map((w) => w.replace(/^\[(.*)\]$/, "$1"));
    if (words === undefined) return [];
    for (const w of words)
      if (!isUnix(w) && isIP(w) === 0)
        this.#issues.add(
          `${key}: invalid ip address: ${w}`,
          key,
          "write an IP address, a template, or unix:///path",
        );
    if (value !== undefined && value !== "" && words.length === 0 && value.includes("{{"))
      this.#issues.add(`${key} cannot be empty`, key, `the template ${value} finds no address on this host`);
    return words;
  }

  /** At most one IP; "" when there is none. */
  single(value: string | undefined, key: string): string {
    const list = this.list(value, key);
    if (list.length > 1) this.#issues.add(`${key} cannot contain multiple addresses`, key);
    const first = list[0] ?? "";
    if (isUnix(first)) {
      this.#issues.add(`${key} cannot be a unix socket`, key);
      return "";
    }
    return first;
  }

  bind(value: string): string {
    const key = "bind_addr";
    let words: readonly string[] = [];
    try {
      words = expandTemplate(value, this.#host)
        .split(/\s+/)
        .filter((w) => w !== "")
        .map((w) => w.replace(/^\[(.*)\]$/, "$1"));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      this.#issues.add("bind_addr cannot be empty", key, error.message);
      return "0.0.0.0";
    }
    const [first] = words;
    if (first === undefined)
      this.#issues.add(
        "bind_addr cannot be empty",
        key,
        value === "" ? "" : `the template ${value} finds no address on this host`,
      );
    else if (words.length > 1)
      this.#issues.add(
        "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
        key,
      );
    else if (isUnix(first)) this.#issues.add("bind_addr cannot be a unix socket", key);
    else if (isIP(first) === 0) this.#issues.add(`bind_addr: invalid ip address: ${first}`, key);
    else return first;
    return "0.0.0.0";
  }

  /** The address to advertise when none is configured. */
  advertised(bind: string): string {
    if (!isAny(bind)) return bind;
    const addresses = this.#host.addresses;
    if (bind === "0.0.0.0") {
      // Loopback counts where there is nothing else (observed).
      const outside = addresses.filter((a) => !a.loopback);
      const candidates = outside.length > 0 ? outside : addresses;
      const found = [...new Set(candidates.filter((a) => isPrivateIPv4(a.address)).map((a) => a.address))];
      if (found.length === 1) return found[0]!;
      const said =
        found.length === 0 ? "No private IPv4 address found" : "Multiple private IPv4 addresses found";
      const seen = found.length > 0 ? found : outside.map((a) => a.address);
      this.#issues.add(
        found.length === 0 ? said : `${said}. Please configure one with 'bind' and/or 'advertise'.`,
        "bind_addr",
        `give -bind or -advertise; addresses of this host: ${seen.join(", ") || "none but loopback"}`,
      );
      return "127.0.0.1";
    }
    const found = [
      ...new Set(
        addresses
          .filter((a) => isIPv6(a.address) && isForwardable(a.address) && !/^f[cd]/i.test(a.address))
          .map((a) => a.address),
      ),
    ];
    if (found.length === 1) return found[0]!;
    const said = found.length === 0 ? "No public IPv6 address found" : "Multiple public IPv6 addresses found";
    this.#issues.add(
      found.length === 0 ? said : `${said}. Please configure one with 'bind' and/or 'advertise'.`,
      "bind_addr",
      "give -bind or -advertise",
    );
    return "::1";
  }
}

export interface Listeners {
  readonly http: readonly ListenAddress[];
  readonly https: readonly ListenAddress[];
  readonly dns: readonly ListenAddress[];
  readonly rpc: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
}

/** Ports as configured: 0 and less are off (-1); above 65535 is an issue. */
export function portsOf(c: MergedConfig, issues: Issues): RuntimeConfig["ports"] {
  const port = (name: keyof MergedConfig["ports"]): number => {
    const value = c.ports[name];
    if (value <= 0) return -1;
    if (value <= 65_535) return value;
    const key = `ports.${name}`;
    issues.value(`${key}: invalid port: ${value}`, key, "expected a port from 1 to 65535, or -1 for off");
    return -1;
  };
  return {
    dns: port("dns"),
    http: port("http"),
    https: port("https"),
    grpc: port("grpc"),
    serfLan: port("serf_lan"),
    serfWan: port("serf_wan"),
    server: port("server"),
    rpc: port("rpc"),
  };
}

export function listeners(
  c: MergedConfig,
  ports: RuntimeConfig["ports"],
  clientAddrs: readonly string[],
  read: AddressReader,
  issues: Issues,
): Listeners {
  const of = (key: "http" | "https" | "dns" | "rpc" | "grpc"): readonly ListenAddress[] => {
    const port = ports[key];
    const own = c.addresses[key];
    const hosts = own === undefined || own === "" ? clientAddrs : read.list(own, `addresses.${key}`);
    if (key === "dns" && hosts.some(isUnix))
      issues.add("DNS address cannot be a unix socket", `addresses.${key}`);
    if (port === -1) return [];
    return hosts.map((host) => ({ host, port: isUnix(host) ? 0 : port }));
  };
  return { http: of("http"), https: of("https"), dns: of("dns"), rpc: of("rpc"), grpc: of("grpc") };
}

/** Two listeners of one agent on one address. */
export function clashes(
  named: readonly { readonly kind: string; readonly addresses: readonly ListenAddress[] }[],
  issues: Issues,
): void {
  const seen = new Map<string, string>();
  for (const { kind, addresses } of named)
    for (const { host, port } of addresses) {
      const at = isUnix(host) ? host : `${host.includes(":") ? `[${host}]` : host}:${port}`;
      const before = seen.get(at);
      if (before === undefined) seen.set(at, kind);
      else issues.add(`${kind} address ${at} already configured for ${before}`, KEY_OF_KIND[kind] ?? "");
    }
}

const KEY_OF_KIND: Readonly<Record<string, string>> = {
  HTTP: "ports.http",
  HTTPS: "ports.https",
  DNS: "ports.dns",
  "CLI RPC": "ports.rpc",
  "RPC Advertise": "ports.server",
  "Serf Advertise LAN": "ports.serf_lan",
  "Serf Advertise WAN": "ports.serf_wan",
};
