/**
 * One client's connection: requests answered one after another, log lines and events in between. What a command does is in
 * commands.ts.
 */
import type { Socket } from "node:net";
import type { AgentApi } from "../agent/contract.ts";
import { RequestHeader, ResponseHeader } from "../model/cli-rpc.ts";
import type { Logger } from "../ports/log.ts";
import { MsgpackError, MsgpackReader, MsgpackWriter } from "../wire/msgpack.ts";
import type { Type } from "../wire/schema.ts";
import { MsgpackSplitter } from "../wire/value-splitter.ts";
import { type Answer, type Command, type CommandContext, ConnectionFault, REFUSAL } from "./command.ts";
import { ELEMENTS_MAX, QUEUED_RECORDS_MAX, UNSENT_BYTES_MAX, VALUE_BYTES_MAX } from "./limits.ts";

export class Session implements CommandContext {
  readonly agent: AgentApi;
  readonly log: Logger;
  handshaken = false;
  readonly streams: CommandContext["streams"] = new Map();
  readonly #commands: Readonly<Record<string, Command>>;
  readonly #socket: Socket;
  readonly #splitter = new MsgpackSplitter(VALUE_BYTES_MAX);
  /** Requests leave out what has not changed. */
  #header: RequestHeader = RequestHeader.make();
  #command: Command | undefined;
  #busy = false;
  #closed = false;
  readonly #queued: Buffer[] = [];
  #dropping = false;

  constructor(socket: Socket, commands: Readonly<Record<string, Command>>, agent: AgentApi, log: Logger) {
    this.#commands = commands;
    this.agent = agent;
    this.log = log;
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#splitter.push(bytes);
      // A client that sends on while it is being served waits in its own socket.
      if (this.#splitter.heldBytes > VALUE_BYTES_MAX) socket.pause();
      this.#pump();
    });
    socket.on("drain", () => this.#flush());
    socket.once("close", () => this.#end());
  }

  get token(): string {
    return this.#header.Token;
  }

  /** Ends the connection after what was written. */
  close(): void {
    if (this.#closed) return;
    this.#end();
    this.#socket.end();
    // Nothing more is read; a client that does not close its side is cut off.
    this.#socket.destroySoon();
  }

  written(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.writableLength === 0 || this.#socket.destroyed) return resolve();
      this.#socket.once("drain", resolve);
      this.#socket.once("close", () => resolve());
      // Below the high-water mark no drain is told: an empty write is called back in its turn.
      this.#socket.write(Buffer.alloc(0), () => resolve());
    });
  }

  record<T>(seq: bigint, type: Type<T>, value: T): void {
    if (this.#closed) return;
    const bytes = message(seq, "", { type: type as Type<unknown>, value });
    if (this.#queued.length === 0 && this.#socket.writableLength < UNSENT_BYTES_MAX) {
      this.#socket.write(bytes);
      return;
    }
    if (this.#queued.length < QUEUED_RECORDS_MAX) {
      this.#queued.push(bytes);
      return;
    }
    if (this.#dropping) return;
    this.#dropping = true;
    const from = `${this.#socket.remoteAddress ?? "@"}:${this.#socket.remotePort ?? ""}`;
    // Not from inside the log's own call.
    queueMicrotask(() => this.log.warn(`Dropping logs to rpc.client: ${from}`));
  }

  #flush(): void {
    while (this.#queued.length > 0 && this.#socket.writableLength < UNSENT_BYTES_MAX)
      this.#socket.write(this.#queued.shift()!);
    if (this.#queued.length === 0) this.#dropping = false;
  }

  #pump(): void {
    try {
      while (!this.#busy && !this.#closed) {
        const value = this.#splitter.next();
        if (value === undefined) break;
        this.#onValue(value);
      }
      if (!this.#busy && this.#splitter.heldBytes <= VALUE_BYTES_MAX) this.#socket.resume();
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      this.log.error(
        `failed to decode request ${this.#command === undefined ? "header" : "body"}: ${error.message}`,
      );
      this.#fault();
    }
  }

  #onValue(value: Buffer): void {
    if (this.#command !== undefined) {
      const command = this.#command;
      this.#command = undefined;
      return this.#run(command, decodeBounded(command.body!, value));
    }
    this.#header = decodeHeader(value, this.#header);
    const name = this.#header.Command;
    const command = Object.hasOwn(this.#commands, name) ? this.#commands[name] : undefined;
    if (!this.handshaken && command?.beforeHandshake !== true) return this.#refuse(REFUSAL.handshakeRequired);
    if (command === undefined) return this.#refuse(REFUSAL.unsupportedCommand);
    if (command.body === undefined) return this.#run(command, undefined);
    this.#command = command;
  }

  #refuse(text: string): void {
    this.log.error(`Failed to evaluate request: ${text}`);
    this.#socket.write(message(this.#header.Seq, text));
    this.close();
  }

  #run(command: Command, body: unknown): void {
    this.#busy = true;
    const { Seq } = this.#header;
    void (async () => {
      let answer: Answer;
      try {
        answer = await command.run(this, body, Seq);
      } catch (error) {
        if (error instanceof ConnectionFault) {
          this.log.error(`Failed to evaluate request: ${error.message}`);
          return this.#fault();
        }
        answer = { error: (error as Error).message || "unknown error" };
      }
      if (this.#closed) return answer.afterwards?.();
      const more = this.#socket.write(message(Seq, answer.error, answer.body));
      answer.afterwards?.();
      if (!more && !this.#socket.destroyed) await this.written();
      this.#busy = false;
      this.#pump();
    })();
  }

  #fault(): void {
    this.#end();
    this.#socket.destroy();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { stop } of this.streams.values()) stop();
    this.streams.clear();
    this.#queued.length = 0;
  }
}

/** Header and body in one buffer, so that nothing comes between them. */
function message(seq: bigint, error: string, body?: Answer["body"]): Buffer {
  const w = new MsgpackWriter();
  ResponseHeader.encode(w, { Error: error, Seq: seq });
  body?.type.encode(w, body.value);
  return w.finish();
}

function decodeBounded<T>(type: Type<T>, bytes: Buffer): T {
  const reader = new MsgpackReader(bytes);
  reader.elementsLeft = ELEMENTS_MAX;
  return type.decode(reader, 0);
}

/** A header over the one before: fields that are left out keep their value. */
export function decodeHeader(bytes: Buffer, before: RequestHeader): RequestHeader {
  const reader = new MsgpackReader(bytes);
  const header: { -readonly [K in keyof RequestHeader]: RequestHeader[K] } = { ...before };
  const n = reader.map() ?? 0;
  for (let i = 0; i < n; i++) {
    const key = reader.bytes()?.toString("latin1");
    if (key === "Command") header.Command = RequestHeader.fields.Command.decode(reader, 1);
    else if (key === "Token") header.Token = RequestHeader.fields.Token.decode(reader, 1);
    else if (key === "Seq") header.Seq = RequestHeader.fields.Seq.decode(reader, 1);
    else reader.skip(1);
  }
  return header;
}
