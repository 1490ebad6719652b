/** What the kernel says of a process (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Clock ticks of /proc are 1/100 s on Linux whatever the kernel's own. */
const TICK_US = 10_000;

/** User and system time of a process with all its threads so far, microseconds. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name in parentheses may hold anything: fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** The same of several processes. */
export const cpuUsOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuUs(pid), 0);

function lineMb(file: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(file, "latin1"));
  if (found === null) throw new Error(`${file} has no ${field}`);
  return Number(found[1]) / 1024;
}

/** A line of /proc/pid/status in MB: VmRSS (resident), VmHWM (its peak), RssAnon (of it, memory of its own). */
export const memoryMb = (pid: number, field: "VmRSS" | "VmHWM" | "RssAnon"): number =>
  lineMb(`/proc/${pid}/status`, field);

/** Resident memory in MB with each shared page divided among its users: what one more process of a kind takes. */
export const proportionalMb = (pid: number): number => lineMb(`/proc/${pid}/smaps_rollup`, "Pss");

export const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** What the network of a namespace has carried so far (lo only): packets and bytes at the IP level, datagrams of UDP. */
export interface NetworkFacts {
  readonly packets: number;
  readonly bytes: number;
  readonly datagrams: number;
}

/** Of this process' namespace. */
export function networkFacts(): NetworkFacts {
  return parseNetwork(readFileSync("/proc/net/dev", "latin1"), readFileSync("/proc/net/snmp", "latin1"));
}

/** /proc/net/dev: after the name 8 columns received (bytes, packets, ..). /proc/net/snmp: a line of names, a line of figures. */
export function parseNetwork(dev: string, snmp: string): NetworkFacts {
  const lo = /^\s*lo:\s*(\d+)\s+(\d+)/m.exec(dev);
  const [names, figures] = [...snmp.matchAll(/^Udp: (.*)$/gm)].map((m) => m[1]!.split(" "));
  const datagrams = figures?.[names?.indexOf("OutDatagrams") ?? -1];
  if (lo === null || datagrams === undefined) throw new Error("/proc/net tells nothing of lo or UDP");
  return { bytes: Number(lo[1]), packets: Number(lo[2]), datagrams: Number(datagrams) };
}

/** Milliseconds of one look at whether processes are at rest, how many quiet ones are rest, and how long to go on looking. */
const REST_LOOK_MS = 100;
/** More than one: on a busy machine a process that has much to do may not get to it for a while. */
const REST_LOOKS = 3;
const REST_WAIT_MS = 20_000;

/** Waits until the processes use less than a tenth of a core: what a load left behind is not the next row's. */
export async function atRest(pids: readonly number[]): Promise<void> {
  const end = performance.now() + REST_WAIT_MS;
  let quiet = 0;
  for (let before = cpuUsOf(pids); performance.now() < end; ) {
    await sleep(REST_LOOK_MS);
    const now = cpuUsOf(pids);
    quiet = now - before <= REST_LOOK_MS * 100 ? quiet + 1 : 0;
    if (quiet === REST_LOOKS) return;
    before = now;
  }
}
