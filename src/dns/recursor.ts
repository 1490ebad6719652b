/** Asking other name servers: for names outside the domain, and for the targets of CNAMEs. */
import { createSocket } from "node:dgram";
import { connect, isIP, isIPv6 } from "node:net";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { encodeQuery } from "./encode.ts";
import { decodeMessage, RCODE, type ResourceRecord, TYPE } from "./message.ts";

const DNS_PORT = 53;

/** A recursor as configured: `ip`, `ip:port`, `[ip]:port`. Throws when it is none of these. */
export function recursorAddress(text: string): { readonly host: string; readonly port: number } {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? DNS_PORT : Number(match[3]);
  if (isIP(host) === 0 || port < 1 || port > 65_535) throw new Error(`Invalid recursor address: ${text}`);
  return { host, port };
}

export interface RecursorPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** One exchange. Rejects when no answer with the message's id comes in time. */
export function exchange(
  recursor: string,
  message: Buffer,
  network: "udp" | "tcp",
  timeoutMs: number,
  clock: Clock,
): Promise<Buffer> {
  const { host, port } = recursorAddress(recursor);
  return network === "udp"
    ? overUdp(host, port, message, timeoutMs, clock)
    : overTcp(host, port, message, timeoutMs, clock);
}

/** Whether an answer is to this message: its id, its response bit, and the question as it was sent. */
function answers(message: Buffer, answer: Buffer): boolean {
  if (answer.length < 12 || answer.readUInt16BE(0) !== message.readUInt16BE(0) || (answer[2]! & 0x80) === 0)
    return false;
  if (answer.readUInt16BE(4) !== 1) return answer.readUInt16BE(4) === 0;
  let end = 12;
  while (end < message.length && message[end] !== 0) end += message[end]! + 1;
  const question = (b: Buffer): string => b.toString("latin1", 12, end + 5).toLowerCase();
  return question(message) === question(answer);
}

function overUdp(
  host: string,
  port: number,
  message: Buffer,
  timeoutMs: number,
  clock: Clock,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    const done = (settle: () => void): void => {
      timer.cancel();
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.close();
      settle();
    };
    const timer = clock.timer(timeoutMs, () => done(() => reject(new Error("i/o timeout"))));
    socket.once("error", (error) => done(() => reject(error)));
    // Connected, so that only this recursor's packets come in and a refused port is told.
    socket.connect(port, host, () => {
      socket.on("message", (answer) => {
        if (answers(message, answer)) done(() => resolve(answer));
      });
      socket.send(message);
    });
  });
}

function overTcp(
  host: string,
  port: number,
  message: Buffer,
  timeoutMs: number,
  clock: Clock,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const done = (settle: () => void): void => {
      timer.cancel();
      socket.destroy();
      settle();
    };
    const timer = clock.timer(timeoutMs, () => done(() => reject(new Error("i/o timeout"))));
    let got = Buffer.alloc(0);
    socket.on("error", (error) => done(() => reject(error)));
    socket.on("end", () => done(() => reject(new Error("EOF"))));
    socket.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      const answer = got.subarray(2, 2 + got.readUInt16BE(0));
      done(
        answers(message, answer)
          ? () => resolve(answer)
          : () => reject(new Error("answer to another question")),
      );
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}

/** The answer section for `name` of the first recursor that answers at all; none when none does. */
export async function resolveName(
  recursors: readonly string[],
  name: string,
  timeoutMs: number,
  ports: RecursorPorts,
): Promise<readonly ResourceRecord[]> {
  for (const recursor of recursors) {
    try {
      const id = ports.random.bytes(2).readUInt16BE(0);
      const message = encodeQuery(id, name, TYPE.A);
      let bytes = await exchange(recursor, message, "udp", timeoutMs, ports.clock);
      const truncated = (bytes[2]! & 0x02) !== 0;
      if (truncated)
        bytes = await exchange(recursor, message, "tcp", timeoutMs, ports.clock).catch(() => bytes);
      return decodeMessage(bytes).answers;
    } catch {
      // The next one may do better.
    }
  }
  return [];
}

/** Relays a client's message; undefined when no recursor gave NOERROR or NXDOMAIN. */
export async function forward(
  recursors: readonly string[],
  message: Buffer,
  network: "udp" | "tcp",
  timeoutMs: number,
  ports: RecursorPorts,
  onFailure: (recursor: string, error: string) => void,
): Promise<Buffer | undefined> {
  for (const recursor of recursors) {
    try {
      const answer = await exchange(recursor, message, network, timeoutMs, ports.clock);
      const rcode = answer[3]! & 0xf;
      if (rcode === RCODE.noError || rcode === RCODE.nxDomain) return answer;
      onFailure(recursor, `rcode ${rcode}`);
    } catch (error) {
      onFailure(recursor, (error as Error).message);
    }
  }
  return undefined;
}
