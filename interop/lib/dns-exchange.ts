/** One question to a DNS server over UDP or TCP: the bytes of the answer. Rejects after 10 s. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { type Ask, SUBNET } from "../../src/dns/conformance.ts";
import { encodeQuery } from "../../src/dns/encode.ts";
import { TYPE } from "../../src/dns/message.ts";

export function exchange(host: string, port: number, ask: Ask): Promise<Buffer> {
  const edns =
    ask.bufsize === undefined
      ? undefined
      : { udpBytes: ask.bufsize, subnet: ask.subnet ? SUBNET : undefined };
  const message = encodeQuery(4711, ask.name, TYPE[ask.type], edns);
  const signal = AbortSignal.timeout(10_000);
  return new Promise((resolve, reject) => {
    signal.onabort = () => reject(new Error(`no answer from ${host}:${port}`));
    if (ask.network !== "tcp") {
      const socket = createSocket("udp4");
      socket.on("error", reject);
      socket.on("message", (answer) => {
        socket.close();
        resolve(answer);
      });
      socket.send(message, port, host);
      return;
    }
    const socket = connect({ host, port });
    let got: Buffer = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      socket.destroy();
      resolve(got.subarray(2));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}
