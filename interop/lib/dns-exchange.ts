/** One question to a DNS server over UDP or TCP, by UDP every few seconds anew: the bytes of the answer. Rejects after 60 s. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { type Ask, SUBNET } from "../../src/dns/conformance.ts";
import { encodeQuery } from "../../src/dns/encode.ts";
import { TYPE } from "../../src/dns/message.ts";

const UDP_AGAIN_MS = 5_000;
const WITHIN_MS = 60_000;

export function exchange(host: string, port: number, ask: Ask): Promise<Buffer> {
  const edns =
    ask.bufsize === undefined
      ? undefined
      : { udpBytes: ask.bufsize, subnet: ask.subnet ? SUBNET : undefined };
  const message = encodeQuery(4711, ask.name, TYPE[ask.type], edns);
  return new Promise((resolve, reject) => {
    let end = (): void => {};
    const late = setTimeout(
      () => fail(new Error(`no answer from ${host}:${port} within ${WITHIN_MS / 1000} s`)),
      WITHIN_MS,
    );
    const fail = (error: Error): void => {
      clearTimeout(late);
      end();
      reject(error);
    };
    const done = (answer: Buffer): void => {
      clearTimeout(late);
      end();
      resolve(answer);
    };
    if (ask.network !== "tcp") {
      const socket = createSocket("udp4");
      const send = (): void => socket.send(message, port, host);
      const again = setInterval(send, UDP_AGAIN_MS);
      end = () => {
        clearInterval(again);
        socket.close();
      };
      socket.on("error", fail);
      socket.once("message", done);
      send();
      return;
    }
    const socket = connect({ host, port });
    end = () => socket.destroy();
    let got: Buffer = Buffer.alloc(0);
    socket.on("error", fail);
    socket.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      done(got.subarray(2));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}
