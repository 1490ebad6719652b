/** The command-line protocol's door (8400): listeners on every address, a {@link Session} for each connection. */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { type AddressInfo, createServer, isIP, type Server, type Socket } from "node:net";
import type { AgentApi } from "../agent/contract.ts";
import type { Logger } from "../ports/log.ts";
import { commands } from "./commands.ts";
import { CONNECTIONS_MAX } from "./limits.ts";
import { Session } from "./session.ts";

export interface CliRpcDoor {
  /** Rejects when an address cannot be had; {@link close} then frees the others. */
  start(): Promise<void>;
  close(): Promise<void>;
  /** Where it listens; `unix:///path` has port -1. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
}

export function createCliRpcDoor(agent: AgentApi): CliRpcDoor {
  return new Door(agent);
}

const UNIX = "unix://";

class Door implements CliRpcDoor {
  readonly #agent: AgentApi;
  readonly #log: Logger;
  readonly #servers: Server[] = [];
  readonly #sessions = new Set<Session>();
  readonly #addresses: { readonly host: string; readonly port: number }[] = [];

  constructor(agent: AgentApi) {
    this.#agent = agent;
    this.#log = agent.log.named("agent.rpc");
  }

  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    for (const { host, port } of this.#agent.config.cliRpcAddrs) {
      const unix = host.startsWith(UNIX) ? host.slice(UNIX.length) : undefined;
      if (unix === undefined && port < 0) continue;
      await this.#listen(host, port, unix);
    }
  }

  async close(): Promise<void> {
    this.#addresses.length = 0;
    const servers = this.#servers.splice(0);
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const session of this.#sessions) session.close();
    await Promise.all(closed);
  }

  #listen(host: string, port: number, unix: string | undefined): Promise<void> {
    if (unix === undefined && isIP(host) === 0) throw new Error(`Failed to parse IP: ${host}`);
    if (unix !== undefined) removeSocket(unix);
    const server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(unix === undefined ? { host, port } : { path: unix }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.#log.error("Failed to accept client", { error: error.message }));
        this.#servers.push(server);
        const { mode } = this.#agent.config.unixSockets;
        if (unix !== undefined && mode !== "") chmodSync(unix, Number.parseInt(mode, 8));
        this.#addresses.push(
          unix === undefined ? { host, port: (server.address() as AddressInfo).port } : { host, port: -1 },
        );
        resolve();
      });
    });
  }

  #onConnection(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#sessions.size >= CONNECTIONS_MAX) {
      this.#log.warn("too many clients, closing the newest");
      socket.destroy();
      return;
    }
    const from = socket.remoteAddress === undefined ? "@" : `${socket.remoteAddress}:${socket.remotePort}`;
    this.#log.info(`Accepted client: ${from}`);
    const session = new Session(socket, commands, this.#agent, this.#log);
    this.#sessions.add(session);
    socket.once("close", () => this.#sessions.delete(session));
  }
}

/** A socket file that a former agent left behind; anything else in its place is left alone, and listening fails. */
function removeSocket(path: string): void {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
