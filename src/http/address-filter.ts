/** Address ranges (CIDR) of the configuration, and what counts as this machine. */
import { BlockList, isIP } from "node:net";
import { plainIp } from "./call.ts";

/** Whether an address is inside the ranges. An empty list holds everything. */
export function cidrTest(cidrs: readonly string[]): (ip: string) => boolean {
  if (cidrs.length === 0) return () => true;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net, bits] = cidr.split("/");
    const family = isIP(net ?? "") === 6 ? "ipv6" : "ipv4";
    list.addSubnet(net!, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  return (ip) => {
    const plain = plainIp(ip);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? "ipv6" : "ipv4");
  };
}

/** An address of this machine alone, or "" (a unix socket has none). */
export const isLoopback = (ip: string): boolean => {
  const plain = plainIp(ip);
  return plain === "" || plain === "::1" || plain.startsWith("127.");
};
