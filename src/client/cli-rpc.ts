/** Client of the command-line protocol (8400), for scripts of the time of Consul 0.6 that pass `-rpc-addr`. */
import { connect, type Socket } from "node:net";
import {
  CLI_RPC_VERSION,
  ForceLeaveRequest,
  HandshakeRequest,
  JoinRequest,
  JoinResponse,
  KeyRequest,
  KeyringBody,
  LogRecord,
  MembersResponse,
  MonitorRequest,
  RequestHeader,
  ResponseHeader,
  StatsResponse,
  StopRequest,
} from "../model/cli-rpc.ts";
import { addressText } from "../wire/ip-address.ts";
import { MsgpackError, MsgpackWriter } from "../wire/msgpack.ts";
import { decode, type Type } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { ClientConfigError, ClientError, dialReason } from "./errors.ts";

/** Bytes of one answer: the largest is a member list of a very large cluster. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Log lines received and not yet asked for; the connection is paused above it. */
const LINES_AHEAD_MAX = 1024;
const DIAL_TIMEOUT_MS = 10_000;
const PORT_DEFAULT = 8400;

/** The agent answered a command with this text. */
export class CliRpcError extends ClientError {
  override readonly name = "CliRpcError";
}

export interface CliRpcMember {
  readonly name: string;
  /** IP text without brackets. */
  readonly addr: string;
  readonly port: number;
  readonly status: string;
  readonly tags: ReadonlyMap<string, string>;
}

/** The keyring of one pool of one datacenter. */
export interface CliRpcKeyring {
  readonly datacenter: string;
  /** "WAN" or "LAN". */
  readonly pool: string;
  readonly numNodes: number;
  /** "" when every node did as asked. */
  readonly error: string;
  /** Node to what it said. */
  readonly messages: ReadonlyMap<string, string>;
  /** Key to the number of nodes that have it. */
  readonly keys: ReadonlyMap<string, number>;
}

interface Waiting {
  readonly body: Type<unknown> | undefined;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Lines {
  readonly push: (line: string) => void;
  readonly end: (error: Error | undefined) => void;
}

export class CliRpcClient {
  readonly #socket: Socket;
  readonly #splitter = new MsgpackSplitter(ANSWER_BYTES_MAX);
  readonly #waiting = new Map<bigint, Waiting>();
  readonly #monitors = new Map<bigint, Lines>();
  #seq = 0n;
  #header: ResponseHeader | undefined;
  #ended: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("error", (error) => this.#end(new ClientError(error.message)));
    socket.on("close", () => this.#end(new ClientError("EOF")));
  }

  /**
   * Connects and shakes hands. `address` is `ip:port`, a host, or the path of a unix socket (leading `/`, or `unix://`). Rejects
   * with ClientConfigError when nothing listens there.
   */
  static async connect(
    address: string,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<CliRpcClient> {
    const target = targetOf(address);
    const socket = connect(
      target.socketPath === undefined
        ? { host: target.host, port: target.port, noDelay: true }
        : { path: target.socketPath },
    );
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => fail(Object.assign(new Error("i/o timeout"), { code: "ETIMEDOUT" })),
        options.timeoutMs ?? DIAL_TIMEOUT_MS,
      );
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.on("error", () => {});
        socket.destroy();
        reject(new ClientConfigError(dialReason(error, target)));
      };
      socket.once("error", fail);
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        resolve();
      });
    });
    const client = new CliRpcClient(socket);
    try {
      await client.#call("handshake", HandshakeRequest, { Version: CLI_RPC_VERSION });
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  close(): void {
    this.#end(new ClientError("client closed"));
    this.#socket.destroy();
  }

  membersLan(): Promise<readonly CliRpcMember[]> {
    return this.#members("members-lan");
  }

  /** Empty when the agent is no server. */
  membersWan(): Promise<readonly CliRpcMember[]> {
    return this.#members("members-wan");
  }

  /** Nodes contacted. Rejects with CliRpcError when none was. */
  async join(addresses: readonly string[], wan: boolean): Promise<number> {
    return (
      await this.#call("join", JoinRequest, { Existing: addresses, WAN: wan, Replay: false }, JoinResponse)
    ).Num;
  }

  async forceLeave(node: string): Promise<void> {
    await this.#call("force-leave", ForceLeaveRequest, { Node: node, Prune: false });
  }

  async leave(): Promise<void> {
    await this.#call("leave");
  }

  async reload(): Promise<void> {
    await this.#call("reload");
  }

  /** Groups of keys to texts. */
  async stats(): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const groups = await this.#call("stats", undefined, undefined, StatsResponse);
    return new Map([...(groups ?? [])].map(([name, group]) => [name, group ?? new Map()]));
  }

  /** Log lines of `level` and above, the last ones first, until the signal or the end of the connection. */
  async *monitor(level: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<string> {
    const { signal } = options;
    signal?.throwIfAborted();
    const queue: string[] = [];
    let over: { readonly error: Error | undefined } | undefined;
    let wake: (() => void) | undefined;
    const seq = this.#seq;
    this.#monitors.set(seq, {
      push: (line) => {
        queue.push(line);
        if (queue.length > LINES_AHEAD_MAX) this.#socket.pause();
        wake?.();
      },
      end: (error) => {
        over = { error };
        wake?.();
      },
    });
    const onAbort = (): void => this.#monitors.get(seq)?.end(undefined);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#call("monitor", MonitorRequest, { LogLevel: level });
      for (;;) {
        while (queue.length > 0) yield queue.shift()!;
        this.#socket.resume();
        if (over !== undefined) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#monitors.delete(seq);
      this.#socket.resume();
      if (this.#ended === undefined) await this.#call("stop", StopRequest, { Stop: seq }).catch(() => {});
    }
  }

  listKeys(token: string): Promise<readonly CliRpcKeyring[]> {
    return this.#keyring("list-keys", undefined, token);
  }

  /** @param key base64. */
  installKey(key: string, token: string): Promise<readonly CliRpcKeyring[]> {
    return this.#keyring("install-key", key, token);
  }

  useKey(key: string, token: string): Promise<readonly CliRpcKeyring[]> {
    return this.#keyring("use-key", key, token);
  }

  removeKey(key: string, token: string): Promise<readonly CliRpcKeyring[]> {
    return this.#keyring("remove-key", key, token);
  }

  async #members(command: string): Promise<readonly CliRpcMember[]> {
    const { Members } = await this.#call(command, undefined, undefined, MembersResponse);
    return (Members ?? []).map((m) => ({
      name: m.Name,
      addr: ipText(m.Addr),
      port: m.Port,
      status: m.Status,
      tags: m.Tags ?? new Map(),
    }));
  }

  async #keyring(command: string, key: string | undefined, token: string): Promise<readonly CliRpcKeyring[]> {
    const body =
      key === undefined
        ? await this.#call(command, undefined, undefined, KeyringBody, token)
        : await this.#call(command, KeyRequest, { Key: key }, KeyringBody, token);
    return (body.Info ?? []).map((info) => {
      const here = (x: { readonly Datacenter: string; readonly Pool: string }): boolean =>
        x.Datacenter === info.Datacenter && x.Pool === info.Pool;
      return {
        datacenter: info.Datacenter,
        pool: info.Pool,
        numNodes: info.NumNodes,
        error: info.Error,
        messages: new Map((body.Messages ?? []).filter(here).map((m) => [m.Node, m.Message])),
        keys: new Map((body.Keys ?? []).filter(here).map((k) => [k.Key, k.Count])),
      };
    });
  }

  /** @param answer what follows the response's header; absent: nothing does. */
  #call<Q>(command: string, body: Type<Q>, value: Q): Promise<undefined>;
  #call<Q, R>(
    command: string,
    body: Type<Q> | undefined,
    value: Q | undefined,
    answer: Type<R>,
    token?: string,
  ): Promise<R>;
  #call(command: string): Promise<undefined>;
  #call(
    command: string,
    body?: Type<unknown>,
    value?: unknown,
    answer?: Type<unknown>,
    token = "",
  ): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const seq = this.#seq++;
    const w = new MsgpackWriter();
    RequestHeader.encode(w, { Command: command, Seq: seq, Token: token });
    body?.encode(w, value);
    return new Promise((resolve, reject) => {
      this.#waiting.set(seq, { body: answer, resolve, reject });
      this.#socket.write(w.finish());
    });
  }

  #onData(bytes: Buffer): void {
    try {
      this.#splitter.push(bytes);
      for (let value = this.#splitter.next(); value !== undefined; value = this.#splitter.next())
        this.#onValue(value);
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.#end(new ClientError(`the agent's answer cannot be read: ${error.message}`));
      this.#socket.destroy();
    }
  }

  #onValue(value: Buffer): void {
    const header = this.#header;
    if (header === undefined) {
      const read = decode(ResponseHeader, value);
      const waiting = this.#waiting.get(read.Seq);
      // Without a body to come the answer is whole; otherwise, and in a monitor's stream (also one that has been stopped),
      // the next value belongs to it.
      if (waiting !== undefined && (waiting.body === undefined || isRefusal(read.Error)))
        this.#settle(read, undefined);
      else this.#header = read;
      return;
    }
    this.#header = undefined;
    if (this.#waiting.has(header.Seq)) return this.#settle(header, value);
    this.#monitors.get(header.Seq)?.push(decode(LogRecord, value).Log);
  }

  #settle(header: ResponseHeader, body: Buffer | undefined): void {
    const waiting = this.#waiting.get(header.Seq)!;
    this.#waiting.delete(header.Seq);
    if (header.Error !== "") waiting.reject(new CliRpcError(header.Error));
    else waiting.resolve(body === undefined ? undefined : decode(waiting.body!, body));
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    for (const lines of this.#monitors.values()) lines.end(error);
  }
}

/** Refusals after which no body comes, whatever the command. */
const isRefusal = (error: string): boolean =>
  error === "Handshake required" || error === "Unsupported command";

/** IP text; IPv4 in its IPv6 form is shown as IPv4. */
function ipText(bytes: Uint8Array | null): string {
  const b = Buffer.from(bytes ?? []);
  if (b.length === 16 && b.subarray(0, 10).every((x) => x === 0) && b.readUInt16BE(10) === 0xffff)
    return addressText(b.subarray(12));
  return b.length === 4 || b.length === 16 ? addressText(b) : "";
}

function targetOf(address: string): {
  readonly socketPath?: string;
  readonly host: string;
  readonly port: number;
} {
  if (address.startsWith("unix://"))
    return { socketPath: address.slice("unix://".length), host: "", port: 0 };
  if (address.startsWith("/")) return { socketPath: address, host: "", port: 0 };
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw new ClientConfigError(`address ${address}: want host:port or the path of a unix socket`);
  return {
    host: host === "" ? "127.0.0.1" : host,
    port: match?.[3] === undefined ? PORT_DEFAULT : Number(match[3]),
  };
}
