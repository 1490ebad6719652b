/** What a name inside the domain asks for: labels from the right, the first keyword decides (observed in Consul 1.8.7). */

import { TYPE } from "./message.ts";
import { fqdn, labelsOf } from "./name.ts";

export type Question =
  | { readonly kind: "node"; readonly node: string; readonly datacenter: string }
  | {
      readonly kind: "service";
      readonly service: string;
      /** "" asks for all. */
      readonly tag: string;
      readonly variant: "plain" | "connect" | "ingress";
      readonly datacenter: string;
    }
  | { readonly kind: "query"; readonly query: string; readonly datacenter: string }
  /** `address` undefined: a number of digits that is no address. */
  | { readonly kind: "address"; readonly address: string | undefined }
  | { readonly kind: "invalid" };

const INVALID: Question = { kind: "invalid" };

/** Keywords; `virtual` is one of later versions. */
const KEYWORDS = new Set(["service", "connect", "ingress", "node", "query", "addr"]);

/** The name without the domain, or undefined when it lies outside of all. Domains end with a dot; the longest match counts. */
export function stripDomain(name: string, domains: readonly string[]): string | undefined {
  const lower = fqdn(name.toLowerCase());
  let best: string | undefined;
  for (const domain of domains) {
    const d = fqdn(domain.toLowerCase());
    if (lower === d) best = best === undefined || best.length > 0 ? "" : best;
    else if (lower.endsWith(`.${d}`)) {
      const rest = lower.slice(0, -d.length - 1);
      if (best === undefined || rest.length < best.length) best = rest;
    }
  }
  return best;
}

/** @param rest the name without the domain, in lower case. */
export function parseQuestion(rest: string, type: number, ownDatacenter: string): Question {
  const labels = labelsOf(rest);
  for (let i = labels.length - 1; i >= 0; i--) {
    const label = labels[i]!;
    const parts = labels.slice(0, i);
    if (KEYWORDS.has(label)) return byKeyword(label, parts, labels.slice(i + 1), ownDatacenter);
    // RFC 2782 without the keyword, `_web._tcp.consul`, for SRV only.
    if (type === TYPE.SRV && label.startsWith("_"))
      return serviceByRfc2782(labels.slice(0, i + 1), labels.slice(i + 1), ownDatacenter);
  }
  return INVALID;
}

/** The datacenter that a suffix names: none is our own, one label is it, `<dc>.dc` too; anything else is no suffix. */
function datacenterOf(suffix: readonly string[], own: string): string | undefined {
  if (suffix.length === 0) return own;
  if (suffix.length === 1) return suffix[0]!;
  if (suffix.length === 2 && suffix[1] === "dc") return suffix[0]!;
  return undefined;
}

function byKeyword(
  keyword: string,
  parts: readonly string[],
  suffix: readonly string[],
  own: string,
): Question {
  if (parts.length === 0) return INVALID;
  if (keyword === "addr") return parts.length === 1 ? byAddress(parts[0]!) : INVALID;
  const datacenter = datacenterOf(suffix, own);
  if (datacenter === undefined) return INVALID;
  const last = parts[parts.length - 1]!;
  switch (keyword) {
    case "node":
      return { kind: "node", node: parts.join("."), datacenter };
    case "query":
      return { kind: "query", query: parts.join("."), datacenter };
    case "connect":
    case "ingress":
      return { kind: "service", service: last, tag: "", variant: keyword, datacenter };
    default:
      if (parts.length === 2 && parts[0]!.startsWith("_") && last.startsWith("_"))
        return serviceByRfc2782(parts, suffix, own);
      return {
        kind: "service",
        service: last,
        tag: parts.slice(0, -1).join("."),
        variant: "plain",
        datacenter,
      };
  }
}

function serviceByRfc2782(parts: readonly string[], suffix: readonly string[], own: string): Question {
  const datacenter = datacenterOf(suffix, own);
  if (parts.length !== 2 || !parts[0]!.startsWith("_") || datacenter === undefined) return INVALID;
  const tag = parts[1]!.slice(1);
  return {
    kind: "service",
    service: parts[0]!.slice(1),
    tag: tag === "tcp" ? "" : tag,
    variant: "plain",
    datacenter,
  };
}

function byAddress(hex: string): Question {
  if (hex.length !== 8 && hex.length !== 32) return { kind: "address", address: undefined };
  if (!/^[0-9a-f]+$/.test(hex)) return INVALID;
  if (hex.length === 8) return { kind: "address", address: [...Buffer.from(hex, "hex")].join(".") };
  return { kind: "address", address: hex.replace(/(.{4})(?!$)/g, "$1:") };
}

/** The IP address that a reverse name stands for, undefined when it is none. `name` in lower case. */
export function reverseAddress(name: string): string | undefined {
  const labels = labelsOf(name);
  if (labels.at(-1) !== "arpa") return undefined;
  const digits = labels.slice(0, -2).reverse();
  if (labels.at(-2) === "in-addr") {
    const ok = digits.length === 4 && digits.every((d) => /^\d{1,3}$/.test(d) && Number(d) <= 255);
    return ok ? digits.map(Number).join(".") : undefined;
  }
  if (labels.at(-2) !== "ip6" || digits.length !== 32 || !digits.every((d) => /^[0-9a-f]$/.test(d)))
    return undefined;
  return digits.join("").replace(/(.{4})(?!$)/g, "$1:");
}
