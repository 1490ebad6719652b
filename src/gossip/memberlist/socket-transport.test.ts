import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { systemClock } from "../../ports/clock.ts";
import { silentLogger } from "../../ports/log.ts";
import { noMetrics } from "../../ports/metrics.ts";
import { SocketTransport } from "./socket-transport.ts";
import { openTransport, type TransportPair, transportSuite } from "./transport-suite.ts";

const ports = { clock: systemClock, log: silentLogger, metrics: noMetrics };

const pair = (bindA: string, bindB: string, nobody: string) => async (): Promise<TransportPair> => ({
  a: await openTransport(new SocketTransport({ bindAddr: bindA, bindPort: 0 }, ports)),
  b: await openTransport(new SocketTransport({ bindAddr: bindB, bindPort: 0 }, ports)),
  nobody: { host: nobody, port: 1 },
  until: async (condition) => {
    for (const end = performance.now() + 30_000; !condition(); await new Promise((r) => setTimeout(r, 2)))
      assert.ok(performance.now() < end, "not within 30 s");
  },
  settled: (promise) => promise,
});

transportSuite("sockets, IPv4", pair("127.1.3.1", "127.1.3.2", "127.1.3.3"));
const hasV6 = Object.values(networkInterfaces()).some((list) => list?.some((i) => i.address === "::1"));
if (hasV6) transportSuite("sockets, IPv6", pair("::1", "::1", "::1"));
else console.log("skipped: this machine has no IPv6 loopback");

test("sockets: a port that is taken is named in the error", async () => {
  const first = await openTransport(new SocketTransport({ bindAddr: "127.1.3.4", bindPort: 0 }, ports));
  const second = new SocketTransport({ bindAddr: "127.1.3.4", bindPort: first.port }, ports);
  await assert.rejects(openTransport(second), {
    name: "GossipError",
    message: new RegExp(`Failed to start TCP listener on 127\\.1\\.3\\.4:${first.port}: .*EADDRINUSE`),
  });
  await first.transport.close();
});

test("sockets: a dual-stack socket hears IPv4 under its plain name and reaches it", {
  skip: !hasV6,
}, async () => {
  const all = await openTransport(new SocketTransport({ bindAddr: "::", bindPort: 0 }, ports));
  const four = await openTransport(new SocketTransport({ bindAddr: "127.1.3.5", bindPort: 0 }, ports));
  const until = async (condition: () => boolean): Promise<void> => {
    for (const end = performance.now() + 30_000; !condition(); await new Promise((r) => setTimeout(r, 2)))
      assert.ok(performance.now() < end, "not within 30 s");
  };
  four.transport.send(Buffer.from("x"), "127.0.0.1", all.port);
  await until(() => all.datagrams.length === 1);
  assert.equal(all.datagrams[0]!.host, "127.1.3.5");
  all.transport.send(Buffer.from("y"), "127.1.3.5", four.port);
  await until(() => four.datagrams.length === 1);
  await all.transport.close();
  await four.transport.close();
});

test("sockets: a host name is no bind address", async () => {
  await assert.rejects(openTransport(new SocketTransport({ bindAddr: "localhost", bindPort: 0 }, ports)), {
    message: 'bind address "localhost" is not an IP address',
  });
});
