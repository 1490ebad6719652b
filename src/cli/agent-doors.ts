/** Opens the doors of an agent: HTTP, DNS, the command-line protocol. All or none. */
import type { AgentApi } from "../agent/contract.ts";
import { createCliRpcDoor } from "../cli-rpc/door.ts";
import { createDnsDoor } from "../dns/dns-door.ts";
import { createHttpDoor } from "../http/door.ts";

interface Door {
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Resolves to the way to close them all. Rejects with a sentence that says which door and address, and what to do. */
export async function openDoors(
  agent: AgentApi,
  hooks: { readonly onRpc: () => void },
): Promise<() => Promise<void>> {
  const { config } = agent;
  const open: Door[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.map((door) => door.close()));
  };
  const start = async (what: string, door: Door, flag: string): Promise<void> => {
    try {
      await door.start();
      open.push(door);
    } catch (error) {
      await door.close().catch(() => {});
      throw new Error(`Error starting ${what}: ${reason(error)}${advice(error, flag)}`, { cause: error });
    }
  };
  try {
    await start("HTTP", createHttpDoor(agent), "-http-port or -client");
    await start("DNS", createDnsDoor(agent), "-dns-port or -client");
    if (config.cliRpcAddrs.length > 0) {
      hooks.onRpc();
      await start("RPC", createCliRpcDoor(agent), "ports.rpc (-1 turns it off) or -client");
    }
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the doors say in Go's words, one line. */
const reason = (error: unknown): string =>
  (error as Error).message
    .replace(/^\d+ errors? occurred:\n/, "")
    .split("\n")
    .map((line) => line.replace(/^\t\* /, "").trim())
    .filter((line) => line !== "")
    .join("; ");

function advice(error: unknown, flag: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE" || /address already in use/.test(message))
    return `; another program (perhaps another agent) listens there: stop it, or choose another address with ${flag}`;
  if (code === "EADDRNOTAVAIL" || /cannot assign requested address/.test(message))
    return `; no interface of this host has that address: choose another one with ${flag}`;
  if (code === "EACCES" || /permission denied/.test(message))
    return `; ports below 1024 need rights: choose another one with ${flag}`;
  return "";
}
