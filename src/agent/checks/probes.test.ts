/** Probes against real programs and real servers on loopback. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import http2, { type ServerHttp2Stream } from "node:http2";
import https from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../ports/clock.ts";
import { DockerProbe, parseDockerHost } from "./docker-probe.ts";
import { decodeHealthResponse, encodeHealthRequest, GrpcProbe } from "./grpc-probe.ts";
import { H2PingProbe } from "./h2ping-probe.ts";
import { HttpProbe, type HttpProbeOptions } from "./http-probe.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { ScriptProbe } from "./script-probe.ts";
import { TcpProbe, type TcpProbeOptions } from "./tcp-probe.ts";
import { UdpProbe } from "./udp-probe.ts";

const HOST = "127.6.1.1";
const ports = { clock: systemClock };
const run = (probe: Probe): Promise<ProbeResult> => probe.run(new AbortController().signal);
const open: { close(): unknown }[] = [];
after(() => {
  for (const server of open) server.close();
});

async function listen<S extends Server>(server: S): Promise<number> {
  server.listen(0, HOST);
  await once(server, "listening");
  open.push(server);
  return (server.address() as AddressInfo).port;
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const shell = (line: string, timeoutMs = 30_000): Promise<ProbeResult> =>
  run(new ScriptProbe({ command: { shell: line }, timeoutMs, outputBytesMax: 4096 }, ports));
const args = (...list: string[]): Promise<ProbeResult> =>
  run(new ScriptProbe({ command: { args: list }, timeoutMs: 30_000, outputBytesMax: 4096 }, ports));

const exits = [
  { line: "exit 0", status: "passing" },
  { line: "exit 1", status: "warning" },
  { line: "exit 2", status: "critical" },
  { line: "kill -9 $$", status: "critical" },
];
for (const { line, status } of exits)
  test(`script: ${line} is ${status}`, async () => assert.equal((await shell(line)).status, status));

test("script: both streams come in the order of writing", async () => {
  const line = "for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done";
  const wanted = [1, 2, 3, 4, 5].map((i) => `o${i}\ne${i}\n`).join("");
  assert.equal((await shell(line)).output, wanted);
  assert.equal((await args("/bin/sh", "-c", line)).output, wanted);
});

test("script: arguments are handed on as they are", async () => {
  const result = await args("printf", "%s|", "a b", "$HOME", "*");
  assert.deepEqual(result, { status: "passing", output: "a b|$HOME|*|" });
});

test("script: standard input is empty", async () => assert.equal((await args("cat")).output, ""));

test("script: long output keeps its tail", async () => {
  const { output } = await shell("head -c 6000 /dev/zero | tr '\\0' x");
  assert.equal(output, `Captured 4096 of 6000 bytes\n...\n${"x".repeat(4096)}`);
});

test("script: what cannot start says why, at once", async () => {
  assert.deepEqual(await args("/nonexistent"), {
    status: "critical",
    output: "fork/exec /nonexistent: no such file or directory",
    certain: true,
  });
  assert.deepEqual(await args("nosuchprogram"), {
    status: "critical",
    output: 'exec: "nosuchprogram": executable file not found in $PATH',
    certain: true,
  });
  assert.match((await args("/etc/passwd")).output, /^fork\/exec \/etc\/passwd: permission denied$/);
});

test("script: at the timeout the whole group is killed", async () => {
  // A grandchild that holds the pipe open, and tells its pid; a machine that is slow to get so far is given more time.
  for (const [timeoutMs, text] of [
    [300, "300ms"],
    [3_000, "3s"],
    [20_000, "20s"],
  ] as const) {
    const began = performance.now();
    const result = await shell("sleep 61 & echo $!; wait", timeoutMs);
    assert.ok(performance.now() - began < 50_000);
    assert.equal(result.status, "critical");
    assert.equal(result.certain, true);
    const told = `Timed out (${text}) running check`;
    if (result.output === told && timeoutMs < 20_000) continue;
    assert.match(result.output, /^[^\n]*\n\n\d+\n$/);
    assert.ok(result.output.startsWith(`${told}\n\n`), result.output);
    const pid = Number(result.output.trim().split("\n").at(-1));
    await waitUntil(() => !alive(pid));
    return;
  }
});

test("script: without output the timeout's text stands alone", async () =>
  assert.equal((await shell("sleep 60", 100)).output, "Timed out (100ms) running check"));

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function waitUntil(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "condition not met within 30 s");
    await new Promise((r) => setTimeout(r, 10));
  }
}

const tcp = (target: string, more: Partial<TcpProbeOptions> = {}): TcpProbe =>
  new TcpProbe(
    {
      target,
      timeoutMs: 30_000,
      tls: false,
      tlsSkipVerify: false,
      tlsServerName: "",
      trust: undefined,
      ...more,
    },
    ports,
  );

test("tcp", async () => {
  const port = await listen(createServer((socket) => socket.on("error", () => {})));
  assert.deepEqual(await run(tcp(`${HOST}:${port}`)), {
    status: "passing",
    output: `TCP connect ${HOST}:${port}: Success`,
  });
  const closed = await closedPort();
  assert.deepEqual(await run(tcp(`${HOST}:${closed}`)), {
    status: "critical",
    output: `dial tcp ${HOST}:${closed}: connect: connection refused`,
  });
  const bad = await run(tcp("nowhere"));
  assert.equal(bad.output, "dial tcp: address nowhere: missing port in address");
});

const httpOptions = (url: string, more: Partial<HttpProbeOptions> = {}): HttpProbeOptions => ({
  url,
  method: "",
  header: null,
  body: "",
  timeoutMs: 30_000,
  outputBytesMax: 4096,
  tlsSkipVerify: false,
  tlsServerName: "",
  trust: undefined,
  disableRedirects: false,
  ...more,
});

test("http", async (t) => {
  const port = await listen(
    http.createServer((request, response) => {
      const url = new URL(request.url!, "http://x");
      const code = Number(url.searchParams.get("code") ?? 200);
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        if (url.pathname === "/hang") return;
        if (url.pathname === "/cut") return void response.socket!.destroy();
        if (url.pathname === "/loop") return void response.writeHead(302, { Location: "/loop" }).end();
        if (url.pathname === "/go") return void response.writeHead(code, { Location: "/echo" }).end();
        if (url.pathname === "/long") return void response.end(`${"x".repeat(5000)}end`);
        response.statusCode = code;
        response.end(
          `${request.method} ${request.headers["user-agent"]} ${request.headers.accept} ${request.headers.host} ${request.headers["x-a"]} ${body}`,
        );
      });
    }),
  );
  const base = `http://${HOST}:${port}`;
  const get = (path: string, more: Partial<HttpProbeOptions> = {}): Promise<ProbeResult> =>
    run(new HttpProbe(httpOptions(base + path, more), ports));

  await t.test("200 with the default headers", async () =>
    assert.deepEqual(await get("/echo"), {
      status: "passing",
      output: `HTTP GET ${base}/echo: 200 OK Output: GET Consul Health Check text/plain, text/*, */* ${HOST}:${port} undefined `,
    }),
  );
  for (const [code, status] of [
    [204, "passing"],
    [429, "warning"],
    [404, "critical"],
    [500, "critical"],
    [300, "critical"],
  ] as const)
    await t.test(`${code} is ${status}`, async () =>
      assert.equal((await get(`/echo?code=${code}`)).status, status),
    );
  await t.test("method, headers, host and body", async () => {
    const header = new Map([
      ["X-A", ["1", "2"]],
      ["Host", ["web.example"]],
      ["user-agent", ["mine"]],
    ]);
    const { output } = await get("/echo", { method: "POST", body: "hello", header });
    assert.equal(
      output,
      `HTTP POST ${base}/echo: 200 OK Output: POST mine text/plain, text/*, */* web.example 1, 2 hello`,
    );
  });
  await t.test("redirects are followed", async () =>
    assert.equal((await get("/go?code=302")).status, "passing"),
  );
  await t.test("a 307 keeps method and body", async () =>
    assert.match((await get("/go?code=307", { method: "PUT", body: "b" })).output, /Output: PUT .* b$/),
  );
  await t.test("redirects can be switched off", async () =>
    assert.equal((await get("/go?code=302", { disableRedirects: true })).status, "critical"),
  );
  await t.test("an endless redirect ends", async () =>
    assert.equal((await get("/loop")).output, `Get "${base}/loop": stopped after 10 redirects`),
  );
  await t.test("the tail of a long body", async () => {
    const { output } = await get("/long");
    assert.ok(output.endsWith("xend"));
    assert.equal(output.length, `HTTP GET ${base}/long: 200 OK Output: `.length + 4096);
  });
  await t.test("timeout", async () =>
    assert.equal(
      (await get("/hang", { timeoutMs: 1_000 })).output,
      `Get "${base}/hang": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    ),
  );
  await t.test("a connection that is cut", async () =>
    assert.equal((await get("/cut")).output, `Get "${base}/cut": EOF`),
  );
  await t.test("nobody there", async () => {
    const closed = await closedPort();
    const { output } = await run(new HttpProbe(httpOptions(`http://${HOST}:${closed}/`), ports));
    assert.equal(
      output,
      `Get "http://${HOST}:${closed}/": dial tcp ${HOST}:${closed}: connect: connection refused`,
    );
  });
  await t.test("what is no URL", async () =>
    assert.equal(
      (await run(new HttpProbe(httpOptions("ftp://x/"), ports))).output,
      'Get "ftp://x/": unsupported protocol scheme "ftp"',
    ),
  );
});

const openssl = spawnSync("openssl", ["version"]).status === 0 ? false : "no openssl to make a certificate";

test("https: trusted, not trusted, not looked at", { skip: openssl }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "probe-tls-"));
  open.push({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const subject = ["-subj", "/CN=web.test", "-addext", "subjectAltName=DNS:web.test"];
  spawnSync("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    cert,
    ...subject,
  ]);
  const ca = readFileSync(cert, "utf8");
  const port = await listen(
    https.createServer({ key: readFileSync(key), cert: ca }, (_, r) => void r.end("secret")),
  );
  const url = `https://${HOST}:${port}/`;
  const get = (more: Partial<HttpProbeOptions>): Promise<ProbeResult> =>
    run(new HttpProbe(httpOptions(url, more), ports));
  assert.match((await get({})).output, /^Get ".*": x509: /);
  assert.equal((await get({ tlsSkipVerify: true })).output, `HTTP GET ${url}: 200 OK Output: secret`);
  assert.equal((await get({ trust: { ca: [ca] }, tlsServerName: "web.test" })).status, "passing");
  assert.equal((await get({ trust: { ca: [ca] }, tlsServerName: "other.test" })).status, "critical");
  // The same by a tcp check that asks for TLS.
  const dial = (more: Partial<TcpProbeOptions>): Promise<ProbeResult> =>
    run(tcp(`${HOST}:${port}`, { tls: true, ...more }));
  assert.match((await dial({})).output, /^x509: /);
  assert.equal((await dial({ tlsSkipVerify: true })).output, `TCP connect ${HOST}:${port}: Success`);
  assert.equal((await dial({ trust: { ca: [ca] }, tlsServerName: "web.test" })).status, "passing");
  assert.equal((await dial({ trust: { ca: [ca] }, tlsServerName: "other.test" })).status, "critical");
});

test("udp: silence is passing, an answer too, a closed port is not", async () => {
  const quiet = createSocket("udp4");
  quiet.bind(0, HOST);
  await once(quiet, "listening");
  const speaking = createSocket("udp4");
  speaking.on("message", (_, from) => speaking.send("x", from.port, from.address));
  speaking.bind(0, HOST);
  await once(speaking, "listening");
  open.push(quiet, speaking);
  const probe = (port: number, timeoutMs = 30_000): Promise<ProbeResult> =>
    run(new UdpProbe({ target: `${HOST}:${port}`, timeoutMs }, ports));
  assert.deepEqual(await probe(quiet.address().port, 200), {
    status: "passing",
    output: `UDP connect ${HOST}:${quiet.address().port}: Success`,
  });
  assert.equal((await probe(speaking.address().port)).status, "passing");
  const refused = await probe(await closedPort());
  assert.equal(refused.status, "critical");
  assert.match(refused.output, /connection refused/);
});

/** A gRPC health server: the status byte by service name. */
async function grpcServer(answer: (service: string) => number | undefined): Promise<number> {
  const server = http2.createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (c: Buffer) => chunks.push(c));
    stream.on("end", () => {
      const message = Buffer.concat(chunks).subarray(5);
      const service = message.length === 0 ? "" : message.subarray(2).toString();
      const status = headers[":path"] === "/grpc.health.v1.Health/Check" ? answer(service) : undefined;
      if (status === undefined) {
        stream.respond(
          {
            ":status": 200,
            "content-type": "application/grpc",
            "grpc-status": "5",
            "grpc-message": "unknown service",
          },
          { endStream: true },
        );
        return;
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
    });
  });
  return listen(server as unknown as Server);
}

test("grpc", async () => {
  const port = await grpcServer((service) => ({ "": 1, up: 1, down: 2 })[service]);
  const probe = (target: string): Promise<ProbeResult> =>
    run(
      new GrpcProbe(
        { target, tls: false, tlsSkipVerify: false, tlsServerName: "", trust: undefined, timeoutMs: 30_000 },
        ports,
      ),
    );
  assert.deepEqual(await probe(`${HOST}:${port}`), {
    status: "passing",
    output: `gRPC check ${HOST}:${port}: success`,
  });
  assert.equal((await probe(`${HOST}:${port}/up`)).status, "passing");
  assert.deepEqual(await probe(`${HOST}:${port}/down`), {
    status: "critical",
    output: "gRPC application didn't report service healthy",
  });
  assert.deepEqual(await probe(`${HOST}:${port}/none`), {
    status: "critical",
    output: "rpc error: code = NotFound desc = unknown service",
  });
  const closed = await closedPort();
  assert.match(
    (await probe(`${HOST}:${closed}`)).output,
    /^rpc error: code = Unavailable desc = .*connection refused/,
  );
});

test("grpc: messages", () => {
  assert.equal(encodeHealthRequest("web").toString("hex"), "00000000050a03776562");
  assert.equal(encodeHealthRequest("").toString("hex"), "0000000000");
  assert.equal(decodeHealthResponse(Buffer.from("00000000020801", "hex")), 1);
  assert.equal(decodeHealthResponse(Buffer.from("0000000000", "hex")), 0);
  for (const hex of ["", "00", "0000000002", "000000000208", "000000000108", "01000000020801"])
    assert.equal(decodeHealthResponse(Buffer.from(hex, "hex")), undefined, hex);
});

test("h2ping", async () => {
  const port = await grpcServer(() => 1);
  const probe = (target: string): Promise<ProbeResult> =>
    run(
      new H2PingProbe(
        { target, tls: false, tlsSkipVerify: false, tlsServerName: "", trust: undefined, timeoutMs: 30_000 },
        ports,
      ),
    );
  assert.deepEqual(await probe(`${HOST}:${port}`), {
    status: "passing",
    output: "HTTP2 ping was successful",
  });
  const closed = await closedPort();
  assert.match((await probe(`${HOST}:${closed}`)).output, /^Failed to dial to .*connection refused/);
});

test("docker", async () => {
  const port = await listen(
    http.createServer((request, response) => {
      const path = request.url!;
      if (path === "/containers/gone/exec") return void response.writeHead(404).end();
      if (path === "/containers/paused/exec") return void response.writeHead(409).end();
      if (path === "/containers/c1/exec") return void response.writeHead(201).end('{"Id":"e1"}');
      if (path === "/exec/e1/start") return void response.end("hello");
      if (path === "/exec/e1/json") return void response.end('{"ExitCode":1}');
      response.writeHead(500).end();
    }),
  );
  const probe = (containerId: string): Promise<ProbeResult> =>
    run(
      new DockerProbe(
        {
          containerId,
          command: ["true"],
          engine: { host: HOST, port },
          outputBytesMax: 4096,
          timeoutMs: 30_000,
        },
        ports,
      ),
    );
  assert.deepEqual(await probe("c1"), { status: "warning", output: "hello" });
  assert.equal((await probe("gone")).output, "create exec failed for unknown container gone");
  assert.equal(
    (await probe("paused")).output,
    "create exec failed since container paused is paused or stopped",
  );
});

test("docker: where the engine is", () => {
  assert.deepEqual(parseDockerHost(undefined), { socketPath: "/var/run/docker.sock" });
  assert.deepEqual(parseDockerHost("tcp://10.0.0.1:2375"), { host: "10.0.0.1", port: 2375 });
  assert.equal(parseDockerHost("nope"), "unable to parse docker host `nope`");
});
