import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, createServer } from "node:tls";
import { cli } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "tribune-tls-"));
const home = process.cwd();
before(() => process.chdir(folder));
after(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("tls ca create: an authority, once", async () => {
  const r = await cli(["tls", "ca", "create", "-name-constraint", "-additional-name-constraint=example.com"]);
  assert.deepEqual(r, {
    code: 0,
    stdout: "==> Saved consul-agent-ca.pem\n==> Saved consul-agent-ca-key.pem\n",
    stderr: "",
  });
  const ca = new X509Certificate(read("consul-agent-ca.pem"));
  assert.equal(ca.ca, true);
  assert.ok(ca.verify(ca.publicKey));
  assert.ok(ca.checkPrivateKey(createPrivateKey(read("consul-agent-ca-key.pem"))));
  assert.match(ca.subject, /CN=Consul Agent CA \d+/);
  assert.equal(Math.round((Date.parse(ca.validTo) - Date.parse(ca.validFrom)) / 86_400_000), 1825);
  assert.equal(statSync(join(folder, "consul-agent-ca-key.pem")).mode & 0o777, 0o600);
  assert.equal((await cli(["tls", "ca", "create"])).stderr, "consul-agent-ca.pem already exists.\n");
});

test("tls cert create: names, numbering, the authority's signature", async () => {
  const r = await cli([
    "tls",
    "cert",
    "create",
    "-server",
    "-node=s1",
    "-additional-ipaddress=10.0.0.1",
    "-additional-ipaddress=2001:db8::1",
    "-additional-dnsname=x.example.com",
  ]);
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stdout, /^==> WARNING: Server Certificates grants authority to become a\n/);
  assert.match(
    r.stdout,
    /==> Using consul-agent-ca\.pem and consul-agent-ca-key\.pem\n==> Saved dc1-server-consul-0\.pem\n==> Saved dc1-server-consul-0-key\.pem\n$/,
  );
  const ca = new X509Certificate(read("consul-agent-ca.pem"));
  const server = new X509Certificate(read("dc1-server-consul-0.pem"));
  assert.ok(server.verify(ca.publicKey));
  assert.ok(server.checkIssued(ca));
  assert.equal(server.subject, "CN=server.dc1.consul");
  for (const name of ["server.dc1.consul", "s1.server.dc1.consul", "localhost", "x.example.com"])
    assert.equal(server.checkHost(name), name);
  for (const ip of ["127.0.0.1", "10.0.0.1", "2001:db8::1"]) assert.equal(server.checkIP(ip), ip);
  await cli(["tls", "cert", "create", "-server"]);
  assert.ok(read("dc1-server-consul-1.pem"));
  assert.equal(
    (await cli(["tls", "cert", "create", "-client"])).stdout.split("\n").at(-2),
    "==> Saved dc1-client-consul-0-key.pem",
  );
  assert.equal((await cli(["tls", "cert", "create", "-cli"])).code, 0);
});

test("tls: a server and a client with these certificates trust each other", async () => {
  const server = createServer({
    cert: read("dc1-server-consul-0.pem"),
    key: read("dc1-server-consul-0-key.pem"),
    ca: read("consul-agent-ca.pem"),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on("secureConnection", (socket) => socket.end("hello"));
  server.listen(0, "127.8.3.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connect({
    host: "127.8.3.1",
    port,
    servername: "server.dc1.consul",
    ca: read("consul-agent-ca.pem"),
    cert: read("dc1-client-consul-0.pem"),
    key: read("dc1-client-consul-0-key.pem"),
  });
  const [chunk] = (await once(client, "data")) as [Buffer];
  assert.equal(chunk.toString(), "hello");
  client.destroy();
  server.close();
});

test("tls cert create: refusals", async () => {
  assert.equal(
    (await cli(["tls", "cert", "create"])).stderr,
    "Please provide either -server, -client, or -cli\n",
  );
  assert.equal(
    (await cli(["tls", "cert", "create", "-client", "-node=x"])).stderr,
    "-node requires -server\n",
  );
  assert.equal(
    (await cli(["tls", "cert", "create", "-client", "-ca=none.pem"])).stderr,
    "Error reading CA: open none.pem: no such file or directory\n",
  );
  assert.equal(
    (await cli(["tls", "cert", "create", "-client", "-additional-ipaddress=x"])).stderr,
    "x is not an IP address (-additional-ipaddress)\n",
  );
});
