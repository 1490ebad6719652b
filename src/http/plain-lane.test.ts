/** The lane and node:http alone, side by side: the same bytes in, however they are cut, give the same bytes out. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { systemClock } from "../ports/clock.ts";
import { type Exchange, NodeExchange } from "./exchange.ts";
import { PlainLane } from "./plain-lane.ts";

const HOST = "127.26.7.1";
/** Longer than a socket's buffer takes at once. */
const LARGE = "0123456789abcdef".repeat(1 << 14);

interface Side {
  readonly server: Server;
  readonly port: number;
  readonly lane: PlainLane | undefined;
}
const sides: Side[] = [];
/** What was asked, by the port that the connection came from. */
const heard = new Map<number, string[]>();
/** Requests that the lane answered by itself. */
let plain = 0;
/** Waiting requests whose client went away. */
let gone = 0;

function answer(x: Exchange): void {
  const path = x.target.split("?")[0]!;
  if (path === "/stream") {
    const node = x.asNode();
    if (node === undefined) return;
    node.res.writeHead(200, ["Content-Type", "text/plain"]);
    node.res.write("streamed");
    node.res.end();
    return;
  }
  if (!(x instanceof NodeExchange)) plain++;
  const asked = `${x.method} ${x.target} ${x.header("host")} ${x.header("x-a")} ${x.announcedLength}`;
  const port = x.remotePort!;
  heard.set(port, [...(heard.get(port) ?? []), asked]);
  const headers = ["Content-Type", "text/plain"];
  const send = (status: number, text: string | Uint8Array): void =>
    x.send(status, headers, text, typeof text === "string" ? Buffer.byteLength(text) : text.byteLength);
  if (path === "/wait") return x.onOver((sent) => (gone += sent ? 0 : 1));
  if (path === "/large") return send(200, LARGE);
  if (path === "/bytes") return send(200, Buffer.from("bytes"));
  if (path === "/wide") return send(200, "zwölf Boxkämpfer");
  if (path === "/none") return send(404, "");
  if (path === "/close") {
    headers.push("Connection", "close");
    return send(400, "closed");
  }
  if (path === "/later") return void setTimeout(() => send(200, "later"), 5);
  // node:http drops a reply that is still to come when bytes behind its request are refused.
  if (path.startsWith("/soon") || !x.hasBody) return send(200, asked);
  x.body(1000).then(
    (body) => send(200, `${asked} ${x.header("accept")} ${x.hasBody} ${body.toString("latin1")}`),
    (error: Error) => send(413, error.message),
  );
}

async function listen(onLane: boolean): Promise<Side> {
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: 0, requestTimeout: 0 });
  server.on("request", (req, res) => {
    const x = new NodeExchange(req, res);
    if (x.lacksHost) x.send(400, [], "no host", 7);
    else answer(x);
  });
  server.on("clientError", (e: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(`HTTP/1.1 400 ${e.code}\r\n\r\n`);
    else socket.destroy();
  });
  const lane = onLane
    ? new PlainLane(server, {
        clock: systemClock,
        admit: () => true,
        onRequest: answer,
        onSilent: (socket) => socket.destroy(),
      })
    : undefined;
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return { server, port: (server.address() as AddressInfo).port, lane };
}

before(async () => {
  sides.push(await listen(true), await listen(false));
});
after(async () => {
  for (const s of sides) {
    s.server.closeAllConnections();
    s.lane?.destroyAll();
    await new Promise((resolve) => s.server.close(resolve));
  }
});

interface Talk {
  readonly out: string;
  readonly requests: readonly string[];
}

/** What comes back for `pieces`, sent one after the other, until the server closes. */
function talk(to: number, pieces: readonly string[], half: boolean = false): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port: to, noDelay: true });
    let port = 0;
    let got = "";
    socket.setEncoding("latin1");
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of ${JSON.stringify(pieces)}`));
    }, 30_000);
    socket.on("data", (d: string) => {
      got += d;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      const requests = heard.get(port) ?? [];
      heard.delete(port);
      resolve({ out: got.replace(/\r\nDate: [^\r]*/g, ""), requests });
    });
    const send = (i: number): void => {
      if (i === pieces.length) return half ? void socket.end() : undefined;
      const piece = pieces[i]!;
      if (socket.writable) socket.write(piece, "latin1", () => setImmediate(() => setImmediate(send, i + 1)));
    };
    socket.on("connect", () => {
      port = socket.localPort!;
      send(0);
    });
  });
}

async function same(pieces: readonly string[], half: boolean = false): Promise<Talk> {
  const [a, b] = await Promise.all(sides.map((s) => talk(s.port, pieces, half)));
  assert.equal(a!.out, b!.out, JSON.stringify(pieces));
  // What follows a request whose reply ends the connection is carried out by node:http all the same.
  if (!a!.out.endsWith("closed")) assert.deepEqual(a!.requests, b!.requests, JSON.stringify(pieces));
  return a!;
}

/**
 * As `same`, for bytes that may be refused: what of earlier replies node:http still sends then depends on how the bytes came,
 * but the requests that were understood are the same.
 */
async function sameRequests(pieces: readonly string[]): Promise<void> {
  const [a, b] = await Promise.all(sides.map((s) => talk(s.port, pieces, true)));
  const what = JSON.stringify(pieces);
  if (!REFUSED.test(a!.out) && !REFUSED.test(b!.out)) assert.equal(a!.out, b!.out, what);
  assert.deepEqual(a!.requests, b!.requests, what);
}
const REFUSED = /HTTP\/1\.1 400 HPE_/;

const LAST = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const get = (path: string, more: string = ""): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const put = (path: string, body: string, more: string = ""): string =>
  `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

/** Each is followed by LAST. */
const CASES: readonly string[] = [
  "",
  get("/a"),
  get("/a?b=c&d=%20", "X-A: 1\r\nAccept:\t */* \t\r\nUser-Agent: test/1.0 (x; y)\r\n"),
  get("/a") + get("/b", "X-A:\r\n") + get("/c"),
  put("/a", "body") + get("/b"),
  put("/a", "") + put("/a", "x".repeat(1001)) + get("/b"),
  put("/later", "x") + put("/later", "y") + get("/b"),
  get("/large") + get("/a"),
  get("/bytes") + get("/wide") + get("/none"),
  `DELETE /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi`,
  get("/close") + get("/a"),
  get("/a") + get("/stream") + get("/a"),
  get("/a") + get("/a").toLowerCase(),
  get("/a", "Connection: keep-alive\r\n") + get("/a", "Connection: Keep-Alive\r\n"),
  get("/a", "Connection: close\r\n") + get("/a"),
  get("/a", "X-A: 1\r\nX-A: 2\r\n"),
  get("/a", "X-A: 1\r\n folded\r\n"),
  get("/a", "X-A : 1\r\n"),
  get("/a", "X-A: caf\xe9\r\n"),
  get("/a", "X-A: a\x00b\r\n"),
  get("/a", "X-A: a\rb\r\n"),
  get("/a", "X-A: a\nb: c\r\n"),
  get("/a", ": c\r\n"),
  get("/a", "no colon\r\n"),
  "GET /a HTTP/1.1\r\n\r\n",
  "GET /a HTTP/1.0\r\nHost: x\r\n\r\n",
  "GET /a HTTP/1.2\r\nHost: x\r\n\r\n",
  "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
  'GET /a"<>\\^`{|}~ HTTP/1.1\r\nHost: x\r\n\r\n',
  "GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n",
  "\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /a HTTP/1.1\nHost: x\n\n",
  "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
  "PATCH /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "BREW /a HTTP/1.1\r\nHost: x\r\n\r\n",
  put("/a", "", "Transfer-Encoding: chunked\r\n"),
  "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
  "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
  put("/a", "hi", "Content-Length: 2\r\n"),
  put("/a", "hi", "content-length: 3\r\n"),
  "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 02\r\n\r\nhi",
  "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nhi",
  "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\nhi",
  "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\nhi",
  "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
  get("/a", "Expect: 100-continue\r\n"),
  get("/a", "Proxy-Connection: close\r\n"),
  get(`/${"a".repeat(9000)}`) + get("/b"),
  get("/a", `X-A: ${"b".repeat(9000)}\r\n`) + get("/b"),
];

test("whole", async () => {
  for (const c of CASES) await same([c + LAST]);
  assert.ok(plain > 25, `${plain} requests on the lane`);
});

test("request by request, and cut at every byte", async () => {
  for (const c of CASES) {
    const all = c + LAST;
    await same([c, LAST]);
    const cuts = Array.from({ length: Math.min(c.length + 1, 90) }, (_, i) => i + 1);
    for (let at = 0; at < cuts.length; at += 32)
      await Promise.all(cuts.slice(at, at + 32).map((i) => same([all.slice(0, i), all.slice(i)])));
  }
});

test("byte by byte", async () => {
  for (const c of [CASES[2]!, CASES[3]!, CASES[4]!, CASES[11]!]) await same([...(c + LAST)]);
});

test("clients that say no more: what was asked whole is answered", async () => {
  for (const c of [
    get("/a"),
    get("/a") + get("/b"),
    put("/a", "body"),
    "GET /a HT",
    put("/a", "body").slice(0, -1),
    get("/a", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    "",
  ])
    await same([c], true);
});

test("damaged bytes", async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  // Numerical Recipes' generator: any will do.
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const sorts = [
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    ":",
    "\0",
    "\xff",
    "0",
    "a",
    "/",
    "\r\n\r\n",
    "Host: y\r\n",
    ", ",
    ";",
  ];
  const one = (): string => {
    let text = Array.from({ length: 1 + below(3) }, () => CASES[below(10)]!).join("");
    for (let n = below(4); n >= 0; n--) {
      const at = below(text.length + 1);
      const cut = below(3) === 0 ? 0 : 1 + below(3);
      text = text.slice(0, at) + (below(3) === 0 ? "" : sorts[below(sorts.length)]) + text.slice(at + cut);
    }
    return text.replace(/\/(?:later|large|stream|a|b|c)\b/g, "/soon");
  };
  try {
    for (let round = 0; round < 40; round++)
      await Promise.all(
        Array.from({ length: 16 }, () => {
          const all = one() + LAST;
          const at = below(all.length);
          return sameRequests(at % 2 === 0 ? [all] : [all.slice(0, at), all.slice(at)]);
        }),
      );
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
});

test("a waiting request ends with its client, also while more has been sent", async () => {
  for (const more of ["", get("/a"), "x".repeat(100_000)]) {
    const before = gone;
    const socket = connect({ host: HOST, port: sides[0]!.port });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    const heard = plain;
    socket.write(get("/wait"));
    while (plain === heard) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => socket.write(more, resolve));
    socket.destroy();
    const deadline = Date.now() + 30_000;
    while (gone === before && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(gone, before + 1);
  }
});
