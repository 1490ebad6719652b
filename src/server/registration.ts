/**
 * What the leader makes of a catalog registration before it is logged: checks with Consul 1.8.7's texts, then defaults. Pure.
 */
import { isIP } from "node:net";
import type {
  ConnectProxyConfig,
  HealthCheck,
  HealthCheckDefinition,
  NodeService,
  RegisterRequest,
  Upstream,
} from "../model/catalog.ts";
import { ERROR_TEXT, InvalidRequestError } from "./errors.ts";

/** Several refusals in one text, as Go's multierror prints them. */
export function multiErrorText(texts: readonly string[]): string {
  const head = texts.length === 1 ? "1 error occurred:" : `${texts.length} errors occurred:`;
  return `${head}\n${texts.map((t) => `\t* ${t}\n`).join("")}\n`;
}

const refuse = (text: string): never => {
  throw new InvalidRequestError(text);
};

/** Why a text is no UUID, in the words of the original's parser; undefined when it is one. */
export function uuidFault(text: string): string | undefined {
  if (Buffer.byteLength(text) !== 36) return "uuid string is wrong length";
  const b = Buffer.from(text);
  const dash = (at: number): boolean => b[at] === 0x2d;
  if (![8, 13, 18, 23].every(dash)) return "uuid is improperly formatted";
  const digits = text.replace(/^(.{8})-(.{4})-(.{4})-(.{4})-(.{12})$/s, "$1$2$3$4$5");
  const bad = /[^0-9a-fA-F]/u.exec(digits);
  if (bad === null) return undefined;
  const code = bad[0].codePointAt(0)!;
  const byte = Buffer.from(bad[0])[0]!;
  const printed = code < 0x80 ? String.fromCodePoint(code) : String.fromCodePoint(byte);
  const hex = (code < 0x80 ? code : byte).toString(16).toUpperCase().padStart(4, "0");
  return `encoding/hex: invalid byte: U+${hex} '${printed}'`;
}

/** Node name and ID of a registration or a node operation. */
export function checkNode(name: string, id: string): void {
  if (name === "") refuse(ERROR_TEXT.mustProvideNode);
  if (id === "") return;
  const fault = uuidFault(id);
  if (fault !== undefined) refuse(`Bad node ID: ${fault}`);
}

/** Whether an address means "all interfaces", which nobody can dial. */
export function isAnyAddress(address: string): boolean {
  const bare = address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
  if (isIP(bare) === 4) return bare.split(".").every((part) => Number(part) === 0);
  return isIP(bare) === 6 && /^[0:]+$/.test(bare);
}

const joinHostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Name of an upstream in errors. */
function upstreamName(u: Upstream): string {
  const fields = {
    type: u.DestinationType === "" ? "service" : u.DestinationType,
    name: u.DestinationName,
    namespace: u.DestinationNamespace,
    datacenter: u.Datacenter,
  };
  return `[${Object.entries(fields)
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join(", ")}]`;
}

function upstreamFault(u: Upstream): string | undefined {
  if (!["", "service", "prepared_query"].includes(u.DestinationType))
    return `unknown upstream destination type: ${JSON.stringify(u.DestinationType)}`;
  if (u.DestinationName === "") return "upstream destination name cannot be empty";
  if (u.DestinationName === "*") return "upstream destination name cannot be a wildcard";
  if (u.LocalBindPort === 0) return "upstream local bind port cannot be zero";
  return undefined;
}

function proxyFaults(service: NodeService): string[] {
  const faults: string[] = [];
  const proxy = service.Proxy;
  if (proxy.DestinationServiceName.trim() === "")
    faults.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services");
  if (service.Port === 0) faults.push("Port must be set for a Connect proxy");
  if (service.Connect.Native) faults.push("A Proxy cannot also be Connect Native, only typical services");
  const names = new Set<string>();
  const binds = new Set<string>();
  for (const u of proxy.Upstreams ?? []) {
    const fault = upstreamFault(u);
    if (fault !== undefined) {
      faults.push(fault);
      continue;
    }
    const name = upstreamName(u);
    if (names.has(name)) {
      faults.push(`upstreams cannot contain duplicates of ${name}`);
      continue;
    }
    names.add(name);
    const bind = joinHostPort(u.LocalBindAddress === "" ? "127.0.0.1" : u.LocalBindAddress, u.LocalBindPort);
    if (binds.has(bind))
      faults.push(
        `upstreams cannot contain duplicates by local bind address and port; ${JSON.stringify(bind)} is specified twice`,
      );
    binds.add(bind);
  }
  const ports = new Set<number>();
  for (const p of proxy.Expose.Paths ?? []) {
    if (p.Path === "") faults.push("expose.paths: empty path exposed");
    if (ports.has(p.ListenerPort)) faults.push(`expose.paths: duplicate listener ports exposed`);
    ports.add(p.ListenerPort);
    if (p.ListenerPort <= 0 || p.ListenerPort > 65535)
      faults.push(`expose.paths: invalid listener port: ${p.ListenerPort}`);
    if (p.Protocol !== "" && p.Protocol !== "http" && p.Protocol !== "http2")
      faults.push(
        `expose.paths: protocol '${p.Protocol}' not supported for path: ${p.Path}, must be http or http2`,
      );
  }
  return faults;
}

const GATEWAY_KINDS = new Set(["mesh-gateway", "terminating-gateway", "ingress-gateway"]);

function gatewayFaults(service: NodeService): string[] {
  const faults: string[] = [];
  const { Kind: kind, Proxy: proxy } = service;
  if (service.Port === 0 && kind !== "ingress-gateway") faults.push(`Port must be non-zero for a ${kind}`);
  if (service.Connect.SidecarService !== null) faults.push(`A ${kind} cannot have a sidecar service defined`);
  const unset = (present: boolean, field: keyof ConnectProxyConfig): void => {
    if (present) faults.push(`The Proxy.${field} configuration is invalid for a ${kind}`);
  };
  unset(proxy.DestinationServiceName !== "", "DestinationServiceName");
  unset(proxy.DestinationServiceID !== "", "DestinationServiceID");
  unset(proxy.LocalServiceAddress !== "", "LocalServiceAddress");
  unset(proxy.LocalServicePort !== 0, "LocalServicePort");
  unset((proxy.Upstreams ?? []).length > 0, "Upstreams");
  return faults;
}

/** What a proxy or gateway breaks of the rules of its kind, as one text; ordinary services have none. */
export function serviceKindFault(service: NodeService): string | undefined {
  const faults =
    service.Kind === "connect-proxy"
      ? proxyFaults(service)
      : GATEWAY_KINDS.has(service.Kind)
        ? gatewayFaults(service)
        : [];
  return faults.length === 0 ? undefined : multiErrorText(faults);
}

export function checkServiceKind(service: NodeService): void {
  const fault = serviceKindFault(service);
  if (fault !== undefined) refuse(fault);
}

/** A service as it is logged. */
export function normalizeService(service: NodeService): NodeService {
  checkServiceKind(service);
  const ID = service.ID === "" ? service.Service : service.ID;
  if (ID !== "" && service.Service === "") refuse("Must provide service name with ID");
  if (isAnyAddress(service.Address)) refuse("Invalid service address");
  return ID === service.ID ? service : { ...service, ID };
}

/** The kind of a check, read off its definition: one that would not run is of none (observed in Consul 1.8.7). */
export function checkType(d: HealthCheckDefinition): string {
  const repeats = d.Interval > 0n;
  const runs = (d.ScriptArgs ?? []).length > 0;
  if (d.GRPC !== "" && repeats) return "grpc";
  if (d.HTTP !== "" && repeats) return "http";
  if (d.TTL > 0n) return "ttl";
  if (d.TCP !== "" && repeats) return "tcp";
  if (d.AliasNode !== "" || d.AliasService !== "") return "alias";
  if (runs && d.DockerContainerID !== "" && repeats) return "docker";
  if (runs) return "script";
  return "";
}

/** A check as it is logged: its ID defaults to its name, its type to that of its definition. */
export function normalizeCheck(check: HealthCheck): HealthCheck {
  const CheckID = check.CheckID === "" ? check.Name : check.CheckID;
  const Type = check.Type === "" ? checkType(check.Definition) : check.Type;
  return CheckID === check.CheckID && Type === check.Type ? check : { ...check, CheckID, Type };
}

/** A check of a transaction as it is logged: its type stays as it was given (observed). */
export const normalizeTxnCheck = (check: HealthCheck): HealthCheck =>
  check.CheckID === "" ? { ...check, CheckID: check.Name } : check;

/** A registration as it is logged; throws what the original refuses. */
export function normalizeRegister(request: RegisterRequest): RegisterRequest {
  checkNode(request.Node, request.ID);
  if (request.Address === "" && !request.SkipNodeUpdate)
    refuse("Must provide address if SkipNodeUpdate is not set");
  const Service = request.Service === null ? null : normalizeService(request.Service);
  let checks = request.Checks;
  if (request.Check !== null) checks = [...(checks ?? []), request.Check];
  // A nil check in a logged entry would end every server of 1.8 that applies it.
  const Checks =
    checks
      ?.filter((c) => c !== null)
      .map((c) => normalizeCheck(c.Node === "" ? { ...c, Node: request.Node } : c)) ?? null;
  return { ...request, Service, Check: null, Checks };
}
