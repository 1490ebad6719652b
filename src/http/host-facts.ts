/** /v1/agent/host: what the operating system says. Field names are those of the library that the original uses. */

import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, hostname, platform, release, totalmem, uptime } from "node:os";

function osRelease(): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  try {
    for (const line of readFileSync("/etc/os-release", "utf8").split("\n")) {
      const m = /^([A-Z_]+)="?([^"]*)"?$/.exec(line);
      if (m !== null) out.set(m[1]!, m[2]!);
    }
  } catch {
    // Not on this platform.
  }
  return out;
}

function memoryInfo(): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  try {
    for (const line of readFileSync("/proc/meminfo", "utf8").split("\n")) {
      const m = /^(\w+):\s+(\d+) kB$/.exec(line);
      if (m !== null) out.set(m[1]!, Number(m[2]) * 1024);
    }
  } catch {
    // Not on this platform.
  }
  return out;
}

interface DiskInfo {
  readonly blocks: number;
  readonly bsize: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

function diskInfo(): DiskInfo {
  try {
    return statfsSync("/", { bigint: false });
  } catch {
    return { blocks: 0, bsize: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }
}

export function hostFacts(nowMs: number): string {
  const facts = osRelease();
  const memory = memoryInfo();
  const total = memory.get("MemTotal") ?? totalmem();
  const available = memory.get("MemAvailable") ?? freemem();
  const used = total - available;
  const disk = diskInfo();
  const size = disk.blocks * disk.bsize;
  const free = disk.bavail * disk.bsize;
  const usedDisk = (disk.blocks - disk.bfree) * disk.bsize;
  const bootTime = Math.round(nowMs / 1000 - uptime());
  return JSON.stringify({
    Memory: {
      total,
      available,
      used,
      usedPercent: (used / total) * 100,
      free: memory.get("MemFree") ?? freemem(),
      buffers: memory.get("Buffers") ?? 0,
      cached: memory.get("Cached") ?? 0,
    },
    CPU: cpus().map((cpu, i) => ({
      cpu: i,
      vendorId: "",
      family: "",
      model: "",
      stepping: 0,
      physicalId: "",
      coreId: "",
      cores: 1,
      modelName: cpu.model,
      mhz: cpu.speed,
      cacheSize: 0,
      flags: [],
      microcode: "",
    })),
    Host: {
      hostname: hostname(),
      uptime: Math.round(uptime()),
      bootTime,
      procs: 0,
      os: platform(),
      platform: facts.get("ID") ?? "",
      platformFamily: facts.get("ID_LIKE") ?? facts.get("ID") ?? "",
      platformVersion: facts.get("VERSION_ID") ?? "",
      kernelVersion: release(),
      kernelArch: process.arch === "x64" ? "x86_64" : process.arch,
      virtualizationSystem: "",
      virtualizationRole: "",
      hostid: "",
    },
    Disk: {
      path: "/",
      fstype: "",
      total: size,
      free,
      used: usedDisk,
      usedPercent: usedDisk + free === 0 ? 0 : (usedDisk / (usedDisk + free)) * 100,
      inodesTotal: disk.files,
      inodesUsed: disk.files - disk.ffree,
      inodesFree: disk.ffree,
      inodesUsedPercent: disk.files === 0 ? 0 : ((disk.files - disk.ffree) / disk.files) * 100,
    },
    CollectionTime: nowMs * 1_000_000,
    Errors: null,
  });
}
