/** Addresses of this host's network interfaces, and the questions that go-sockaddr templates ask about them. */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** One address of one interface. */
export interface InterfaceAddress {
  /** Interface name, as "eth0". */
  readonly name: string;
  readonly address: string;
  /** Bits of the network prefix. */
  readonly prefix: number;
  readonly loopback: boolean;
}

/** What templates know of the host. */
export interface HostNetwork {
  readonly addresses: readonly InterfaceAddress[];
  /** Name of the interface with the default route. */
  readonly defaultInterface: string | undefined;
}

export const isV6 = (a: InterfaceAddress): boolean => isIPv6(a.address);

/** Networks by RFC, as far as templates name them. 6890: not global; "forward": never leaves its link. */
const RFC_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  "1918": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  "6598": ["100.64.0.0/10"],
  "3927": ["169.254.0.0/16"],
  "4193": ["fc00::/7"],
  "4291": ["::/128", "::1/128", "fe80::/10", "ff00::/8"],
  "1112": ["224.0.0.0/4"],
  "1122": ["0.0.0.0/8", "127.0.0.0/8"],
  "5735": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15"],
  "6890": [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b::/96",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
  ],
  forward: [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "2001:db8::/32",
    "2001:10::/28",
    "fe80::/10",
    "ff00::/8",
  ],
};

/** What the agent's choice of an address to advertise takes for private (observed in Consul 1.8.7, address by address). */
const PRIVATE_NETWORKS = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
];

const blockLists = new Map<readonly string[], BlockList>();

/** Whether an address lies in a network of an RFC; undefined for an RFC that is not known here. */
export function inRfc(rfc: string, address: string): boolean | undefined {
  const networks = RFC_NETWORKS[rfc];
  return networks === undefined ? undefined : inList(networks, address);
}

/** Of a list that stays: it is prepared once. */
function inList(networks: readonly string[], address: string): boolean {
  let list = blockLists.get(networks);
  if (list === undefined) {
    list = new BlockList();
    for (const network of networks) addNetwork(list, network);
    blockLists.set(networks, list);
  }
  return list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

function addNetwork(list: BlockList, cidr: string): void {
  const [address, bits] = cidr.split("/") as [string, string];
  list.addSubnet(address, Number(bits), isIPv6(address) ? "ipv6" : "ipv4");
}

/** `10.0.0.0/8` in its parts; undefined when it is none. */
export function parseCidr(text: string): { readonly address: string; readonly bits: number } | undefined {
  const m = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  if (m === null) return undefined;
  const bits = Number(m[2]);
  if (isIPv4(m[1]!) && bits <= 32) return { address: m[1]!, bits };
  if (isIPv6(m[1]!) && bits <= 128) return { address: m[1]!, bits };
  return undefined;
}

/** Whether an address lies in one of the networks. Those that are no CIDRs do not count. */
export function inNetworks(networks: readonly string[], address: string): boolean {
  const list = new BlockList();
  for (const n of networks) if (parseCidr(n) !== undefined) addNetwork(list, n);
  return list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

export const isForwardable = (address: string): boolean => inRfc("forward", address) === false;

export const isPrivateIPv4 = (address: string): boolean =>
  isIPv4(address) && inList(PRIVATE_NETWORKS, address);

/** An address as a number, for order and arithmetic. */
export function addressValue(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((n, part) => (n << 8n) | BigInt(part), 0n);
  const plain = address.split("%")[0]!;
  const v4 = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  const text =
    v4 === null
      ? plain
      : `${v4[1]}${(addressValue(v4[2]!) >> 16n).toString(16)}:${(addressValue(v4[2]!) & 0xffffn).toString(16)}`;
  const [head = "", tail] = text.split("::") as [string, string | undefined];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const fill = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...fill, ...right].reduce((n, part) => (n << 16n) | BigInt(`0x${part}`), 0n);
}

export function addressText(value: bigint, v6: boolean): string {
  if (!v6) return [24n, 16n, 8n, 0n].map((s) => (value >> s) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  // RFC 5952: the longest run of two or more zero groups is left out.
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === "0") length++;
    if (length > best.length) best = { at: i, length };
  }
  if (best.at === -1) return groups.join(":");
  return `${groups.slice(0, best.at).join(":")}::${groups.slice(best.at + best.length).join(":")}`;
}

/** Addresses in a network of that prefix. */
export const networkSize = (a: InterfaceAddress): bigint => 1n << BigInt((isV6(a) ? 128 : 32) - a.prefix);
