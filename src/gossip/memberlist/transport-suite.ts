/** What every {@link Transport} must do: one suite, run by the real sockets and by the simulated network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stream, Transport } from "./transport.ts";

export interface OpenTransport {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  readonly datagrams: {
    readonly bytes: Buffer;
    readonly host: string;
    readonly port: number;
    readonly receivedAt: number;
  }[];
  readonly streams: Stream[];
}

export interface TransportPair {
  readonly a: OpenTransport;
  readonly b: OpenTransport;
  /** An address of the same kind on which nobody listens. */
  readonly nobody: { readonly host: string; readonly port: number };
  /** Lets time pass until the condition holds; fails after some seconds. */
  until(condition: () => boolean): Promise<void>;
  /** Awaits a promise while time passes. */
  settled<T>(promise: Promise<T>): Promise<T>;
}

/** Opens a transport and gathers what it hears. */
export async function openTransport(transport: Transport): Promise<OpenTransport> {
  const datagrams: OpenTransport["datagrams"] = [];
  const streams: Stream[] = [];
  const bound = await transport.open({
    onDatagram: (bytes, host, port, receivedAt) => datagrams.push({ bytes, host, port, receivedAt }),
    onStream: (stream) => streams.push(stream),
  });
  return { transport, ...bound, datagrams, streams };
}

async function readAll(stream: Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function transportSuite(name: string, openPair: () => Promise<TransportPair>): void {
  const withPair = (what: string, run: (pair: TransportPair) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const pair = await openPair();
      try {
        await run(pair);
      } finally {
        await pair.settled(Promise.all([pair.a.transport.close(), pair.b.transport.close()]));
      }
    });
  };

  withPair("datagrams come from the listening port and can be answered", async ({ a, b, until }) => {
    a.transport.send(Buffer.from("ping"), b.host, b.port);
    await until(() => b.datagrams.length === 1);
    const got = b.datagrams[0]!;
    assert.equal(got.bytes.toString(), "ping");
    assert.deepEqual([got.host, got.port], [a.host, a.port]);
    assert.ok(got.receivedAt > 0);
    b.transport.send(Buffer.from("pong"), got.host, got.port);
    await until(() => a.datagrams.length === 1);
    assert.equal(a.datagrams[0]!.bytes.toString(), "pong");
  });

  withPair("a node can send to itself", async ({ a, until }) => {
    a.transport.send(Buffer.from("self"), a.host, a.port);
    await until(() => a.datagrams.length === 1);
  });

  withPair("datagrams to nobody are lost without a word", async ({ a, b, nobody, until }) => {
    a.transport.send(Buffer.from("x"), nobody.host, nobody.port);
    a.transport.send(Buffer.from("y"), b.host, b.port);
    await until(() => b.datagrams.length === 1);
  });

  withPair("a stream carries both ways, in order, and ends", async ({ a, b, until, settled }) => {
    const out = await settled(a.transport.dial(b.host, b.port, 5000));
    await settled(out.write(Buffer.from("one ")));
    await settled(out.write(Buffer.alloc(200_000, 0x61)));
    await until(() => b.streams.length === 1);
    const inbound = b.streams[0]!;
    let got = 0;
    while (got < 200_004) got += (await settled(inbound.read()))!.length;
    await settled(inbound.write(Buffer.from("answer")));
    inbound.close();
    assert.equal((await settled(readAll(out))).toString(), "answer");
    out.close();
  });

  withPair("dialing nobody is refused with the original's words", async ({ a, nobody, settled }) => {
    await assert.rejects(settled(a.transport.dial(nobody.host, nobody.port, 5000)), {
      message: /dial tcp .*: connect: connection refused/,
    });
  });

  withPair("literals resolve to themselves, unknown names do not", async ({ a, settled }) => {
    assert.deepEqual(await settled(a.transport.resolve(a.host)), [a.host]);
    await assert.rejects(settled(a.transport.resolve("does-not-exist.invalid")), { message: /lookup/ });
  });

  withPair(
    "after closing nothing arrives, and the other end's stream ends or fails",
    async ({ a, b, until, settled }) => {
      const out = await settled(a.transport.dial(b.host, b.port, 5000));
      await until(() => b.streams.length === 1);
      await settled(b.transport.close());
      const last = await settled(out.read().catch(() => undefined));
      assert.equal(last, undefined);
      a.transport.send(Buffer.from("late"), b.host, b.port);
      assert.equal(b.datagrams.length, 0);
      await assert.rejects(settled(a.transport.dial(b.host, b.port, 5000)));
    },
  );
}
