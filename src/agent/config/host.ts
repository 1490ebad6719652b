/** The machine as configuration sees it: files, environment, host name, network interfaces, limits of the process. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import type { ConfigHost } from "./build-config.ts";
import type { HostNetwork } from "./sockaddr/interface-address.ts";
import type { ConfigFiles } from "./sources.ts";

const files: ConfigFiles = {
  stat: (path) => {
    const s = statSync(path);
    return { kind: s.isFile() ? "file" : s.isDirectory() ? "directory" : "other", size: s.size };
  },
  list: (path) => readdirSync(path),
  read: (path) => readFileSync(path),
};

export function realConfigHost(): ConfigHost {
  return {
    files,
    env: process.env,
    hostname: hostname(),
    get network() {
      return hostNetwork();
    },
    fileDescriptorsMax: fileDescriptorsMax(),
  };
}

function hostNetwork(): HostNetwork {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map((a) => ({
      name,
      address: a.address,
      prefix: Number(a.cidr?.split("/")[1] ?? (a.family === "IPv4" ? 32 : 128)),
      loopback: a.internal,
    })),
  );
  return { addresses, defaultInterface: defaultInterface() };
}

/** The interface of the route to 0.0.0.0 with the lowest metric. */
function defaultInterface(): string | undefined {
  const text = readIfThere("/proc/net/route");
  const routes = text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((f) => f[1] === "00000000" && f[7] === "00000000")
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return routes[0]?.[0];
}

function fileDescriptorsMax(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readIfThere("/proc/self/limits"));
  return line === null || line[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(line[1]);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
