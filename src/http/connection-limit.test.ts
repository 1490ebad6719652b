import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ConnectionLimit } from "./connection-limit.ts";

/** Connections to a server that sees them come from `ip`. Resolves to what each was told, and whether it was admitted. */
async function connectTwice(
  limit: ConnectionLimit,
  ip: string,
): Promise<{ readonly admitted: readonly boolean[]; readonly told: readonly string[] }> {
  const admitted: boolean[] = [];
  const served: Socket[] = [];
  const server = createServer((socket) => {
    Object.defineProperty(socket, "remoteAddress", { value: ip });
    const ok = limit.admit(socket);
    admitted.push(ok);
    served.push(socket);
    socket.resume();
    assert.equal(limit.isRefused(socket), !ok);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.7.1.3", resolve));
  const { port } = server.address() as { readonly port: number };
  const told: string[] = [];
  const clients: Socket[] = [];
  for (let i = 0; i < 2; i++) {
    const client = connect({ host: "127.7.1.3", port });
    clients.push(client);
    client.on("error", () => {});
    client.write("GET / HTTP/1.1\r\n\r\n");
    told[i] = "";
    client.on("data", (b) => {
      told[i] += b.toString();
    });
    const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
    await new Promise((resolve) => client.once("connect", resolve));
    while (admitted.length <= i) await new Promise((resolve) => setImmediate(resolve));
    if (admitted[i] === false) await gone;
  }
  const closed = served.map((s) =>
    s.destroyed ? undefined : new Promise((resolve) => s.once("close", resolve)),
  );
  for (const c of clients) c.destroy();
  await Promise.all(closed);
  await new Promise((resolve) => server.close(resolve));
  return { admitted, told };
}

test("one connection too many is told why before it is closed", async () => {
  const limit = new ConnectionLimit(1);
  const { admitted, told } = await connectTwice(limit, "192.0.2.7");
  assert.deepEqual(admitted, [true, false]);
  assert.match(told[1]!, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
  assert.match(told[1]!, /\r\nRetry-After: 1\r\n/);
  assert.match(
    told[1]!,
    /\r\n\r\nYour IP is issuing too many concurrent connections, please rate limit your calls\n\(limits\.http_max_conns_per_client is 1\)\n$/,
  );
  assert.equal(limit.clients, 0, "closed connections are not counted");
});

for (const { name, max, ip } of [
  { name: "this machine is not counted", max: 1, ip: "127.0.0.1" },
  { name: "nor in IPv6 dress", max: 1, ip: "::ffff:127.0.0.1" },
  { name: "zero is no limit", max: 0, ip: "192.0.2.7" },
])
  test(name, async () => {
    assert.deepEqual((await connectTwice(new ConnectionLimit(max), ip)).admitted, [true, true]);
  });
