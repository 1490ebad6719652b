import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import test, { type TestContext } from "node:test";
import type { AgentApi } from "../agent/contract.ts";
import { CheckServiceNode, HealthCheck, Node, NodeService, Weights } from "../model/catalog.ts";
import { type MethodName, type RpcMethod, rpcMethods } from "../model/methods.ts";
import { seededRandom } from "../ports/random.ts";
import { decode } from "../wire/schema.ts";
import { type Ask, defaultDns, dnsAgent, lookupKey, normalForm, SUBNET, tunedDns } from "./conformance.ts";
import { createDnsDoor } from "./dns-door.ts";
import { encodeQuery, encodeReply } from "./encode.ts";
import { TCP_CONNECTIONS_MAX } from "./limits.ts";
import { decodeMessage, RCODE, receiveQuery, TYPE, typeOf } from "./message.ts";
import { Resolver } from "./resolver.ts";

const recorded = JSON.parse(readFileSync(new URL("testdata/conformance.json", import.meta.url), "utf8")) as {
  readonly lookups: Readonly<Record<string, string>>;
  readonly answers: readonly {
    readonly agent: "default" | "tuned";
    readonly ask: Ask;
    readonly answer: readonly string[];
  }[];
};

/** Answers lookups by what the original server answered. */
const recordedRpc = async (method: MethodName, request: unknown): Promise<unknown> => {
  const found = recorded.lookups[lookupKey(method, request)];
  assert.ok(found !== undefined, `no recorded lookup ${method}`);
  if (found.startsWith("error ")) throw new Error(found.slice(6));
  return decode(
    (rpcMethods[method] as unknown as RpcMethod<unknown, unknown>).reply,
    Buffer.from(found, "base64"),
  );
};

async function resolve(agent: AgentApi, message: Buffer, network: "udp" | "tcp" = "udp"): Promise<Buffer> {
  const received = receiveQuery(message);
  assert.ok(received.kind === "query");
  return new Resolver(agent).answer(received.query, message, { network, address: "127.0.0.1" });
}

const agents = {
  default: dnsAgent(recordedRpc),
  tuned: dnsAgent(recordedRpc, { dns: tunedDns, altDomain: "alt.test." }),
};
for (const { agent, ask, answer } of recorded.answers)
  test(`as the original answers (${agent}): ${ask.name} ${ask.type}${ask.network === "tcp" ? " tcp" : ""}${ask.bufsize ? ` ${ask.bufsize}` : ""}${ask.subnet ? " subnet" : ""}`, async () => {
    const edns =
      ask.bufsize === undefined
        ? undefined
        : { udpBytes: ask.bufsize, subnet: ask.subnet ? SUBNET : undefined };
    const bytes = await resolve(agents[agent], encodeQuery(1, ask.name, TYPE[ask.type], edns), ask.network);
    assert.deepEqual(normalForm(bytes, ask), answer);
    if (ask.network !== "tcp")
      assert.ok(bytes.length <= Math.max(512, ask.bufsize ?? 0), `${bytes.length} bytes`);
  });

interface Entry {
  readonly node: string;
  readonly address: string;
  readonly status?: string;
  readonly weights?: readonly [number, number];
  readonly service?: Partial<ReturnType<typeof NodeService.make>>;
  readonly meta?: ReadonlyMap<string, string>;
  readonly dc?: string;
  readonly tagged?: ReadonlyMap<string, string>;
}
const entry = (e: Entry): CheckServiceNode =>
  CheckServiceNode.make({
    Node: Node.make({
      Node: e.node,
      Address: e.address,
      Datacenter: e.dc ?? "dc1",
      Meta: e.meta ?? null,
      TaggedAddresses: e.tagged ?? null,
    }),
    Service: NodeService.make({
      ID: "web",
      Service: "web",
      Port: 80,
      ...(e.weights === undefined
        ? {}
        : { Weights: Weights.make({ Passing: e.weights[0], Warning: e.weights[1] }) }),
      ...e.service,
    }),
    Checks: e.status === undefined ? [] : [HealthCheck.make({ Status: e.status })],
  });
/** A catalog of one service. */
const catalog =
  (entries: readonly Entry[]) =>
  async (method: MethodName): Promise<unknown> => {
    if (method === "Health.ServiceNodes")
      return { Nodes: entries.map(entry), Index: 1, LastContact: 0n, KnownLeader: true };
    throw new Error("No cluster leader");
  };

const tutorial = ["c1", "c2", "c3"].map((node, i) => ({
  node,
  address: `192.168.33.1${i + 1}`,
  status: "passing",
  weights: [1, 1] as const,
}));

test("the default answer: qr aa rd, TTL 0, SRV with just the address records, in the order of the answers", async () => {
  const orders = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const d = decodeMessage(
      await resolve(dnsAgent(catalog(tutorial)), encodeQuery(1, "web.service.consul.", TYPE.SRV)),
    );
    assert.equal(d.flags, 0x8500);
    const targets = d.answers.map((r) => (r.data.kind === "srv" ? r.data.target : ""));
    assert.deepEqual(
      d.additional.map((r) => r.name),
      targets,
    );
    assert.ok([...d.answers, ...d.additional].every((r) => r.ttl === 0));
    assert.ok(d.additional.every((r) => typeOf(r) === TYPE.A));
    assert.deepEqual([...targets].sort(), [
      "c1.node.dc1.consul.",
      "c2.node.dc1.consul.",
      "c3.node.dc1.consul.",
    ]);
    orders.add(targets.join());
  }
  assert.equal(orders.size, 6);
});

test("warning weights, foreign datacenters and unknown states", async () => {
  const rows = [
    { node: "a", address: "10.0.0.1", status: "warning", weights: [5, 2] as const },
    { node: "b", address: "10.0.0.2", status: "passing", weights: [5, 2] as const, dc: "dc7" },
    { node: "c", address: "10.0.0.3", status: "odd", weights: [5, 2] as const },
    { node: "d", address: "10.0.0.4", status: "critical" },
  ];
  const d = decodeMessage(
    await resolve(dnsAgent(catalog(rows)), encodeQuery(1, "web.service.consul.", TYPE.SRV)),
  );
  const got = d.answers.map((r) => (r.data.kind === "srv" ? `${r.data.weight} ${r.data.target}` : "")).sort();
  assert.deepEqual(got, ["1 c.node.dc1.consul.", "2 a.node.dc1.consul.", "5 b.node.dc7.consul."]);
});

test("metadata texts are written by RFC 1464", async () => {
  const meta = new Map([
    ["a=b", "c`d"],
    [" x", ""],
    ["RFC1035-raw", "v=spf1"],
    ["long", "y".repeat(300)],
  ]);
  const d = decodeMessage(
    await resolve(
      dnsAgent(catalog([{ node: "n", address: "10.0.0.1", meta }])),
      encodeQuery(1, "web.service.consul.", TYPE.SRV, { udpBytes: 4096, subnet: undefined }),
    ),
  );
  const texts = d.additional.flatMap((r) => (r.data.kind === "txt" ? [r.data.text] : []));
  assert.deepEqual(texts, ["a`=b=c``d", "` x=", "v=spf1", `long=${"y".repeat(300)}`]);
});

test("odd names in the catalog never break an answer", async () => {
  const rows = [
    { node: "with space", address: "10.0.0.1" },
    { node: "x".repeat(64), address: "10.0.0.2" },
    { node: "a..b", address: "10.0.0.3" },
    { node: 'back\\slash"', address: "10.0.0.4" },
    { node: "ü", address: "10.0.0.5" },
    { node: "n6", address: "x".repeat(70) },
    { node: "n7", address: "" },
    { node: "n8", address: "10.0.0.8", service: { Port: 99_999 } },
  ];
  for (const type of [TYPE.A, TYPE.SRV, TYPE.ANY]) {
    const bytes = await resolve(
      dnsAgent(catalog(rows)),
      encodeQuery(1, "web.service.consul.", type, { udpBytes: 4096, subnet: undefined }),
    );
    assert.equal(decodeMessage(bytes).answers.length, 6);
  }
});

test("a failing lookup is SERVFAIL, an unknown datacenter NXDOMAIN", async () => {
  const failing = dnsAgent(async () => {
    throw new Error("rpc error making call: No cluster leader");
  });
  for (const name of ["web.service.consul.", "n1.node.consul.", "q.query.consul."])
    assert.equal(decodeMessage(await resolve(failing, encodeQuery(1, name, TYPE.A))).rcode, RCODE.servFail);
});

test("a reply that is too old is asked again from the leader", async () => {
  const asked: boolean[] = [];
  const agent = dnsAgent(
    async (_method, request) => {
      const stale = (request as { AllowStale: boolean }).AllowStale;
      asked.push(stale);
      return { Nodes: tutorial.map(entry), LastContact: stale ? 9_000_000_000n : 0n };
    },
    { dns: { ...defaultDns, maxStaleMs: 5_000 } },
  );
  assert.equal(
    decodeMessage(await resolve(agent, encodeQuery(1, "web.service.consul.", TYPE.A))).answers.length,
    3,
  );
  assert.deepEqual(asked, [true, false]);
});

test("addresses of a foreign datacenter are translated when asked to", async () => {
  const tagged = new Map([["wan", "198.51.100.1"]]);
  const rows = [{ node: "far", address: "10.0.0.1", dc: "dc2", tagged }];
  const agent = dnsAgent(catalog(rows));
  const on = { ...agent, config: { ...agent.config, translateWanAddrs: true } } as AgentApi;
  const address = async (a: AgentApi): Promise<unknown> =>
    decodeMessage(await resolve(a, encodeQuery(1, "web.service.consul.", TYPE.A))).answers[0]?.data;
  assert.deepEqual(await address(agent), { kind: "address", address: "10.0.0.1" });
  assert.deepEqual(await address(on), { kind: "address", address: "198.51.100.1" });
  const srv = decodeMessage(await resolve(on, encodeQuery(1, "web.service.consul.", TYPE.SRV)));
  assert.equal(
    srv.answers[0]?.data.kind === "srv" && srv.answers[0].data.target,
    "c6336401.addr.dc2.consul.",
  );
});

test("CNAMEs inside the domain are followed three deep, not for ever", async () => {
  let lookups = 0;
  const agent = dnsAgent(async () => {
    lookups++;
    return {
      Nodes: [entry({ node: "n", address: "10.0.0.1", service: { Address: "other.service.consul" } })],
      LastContact: 0n,
    };
  });
  const d = decodeMessage(await resolve(agent, encodeQuery(1, "web.service.consul.", TYPE.A)));
  assert.ok(lookups <= 5);
  assert.ok(d.answers.length >= 1);
});

/** A name server for the test: `reply` makes the answer, undefined keeps silent. */
async function nameServer(
  t: TestContext,
  reply: (query: Buffer) => Buffer | undefined,
): Promise<{ readonly address: string; readonly asked: Buffer[] }> {
  const asked: Buffer[] = [];
  const socket: UdpSocket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    asked.push(bytes);
    const answer = reply(bytes);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(0, "127.2.4.9");
  await once(socket, "listening");
  t.after(() => socket.close());
  return { address: `127.2.4.9:${socket.address().port}`, asked };
}
function upstream(query: Buffer, rcode: number, addresses: readonly string[], name?: string): Buffer {
  const received = receiveQuery(query);
  assert.equal(received.kind, "query");
  const { query: q } = received as Extract<typeof received, { kind: "query" }>;
  const answers = addresses.map(
    (address) => ({ name: name ?? q.name, ttl: 77, data: { kind: "address", address } }) as const,
  );
  const reply = encodeReply(
    {
      query: q,
      rcode,
      authoritative: false,
      truncated: false,
      recursionAvailable: true,
      answers,
      authority: [],
      additional: [],
      edns: undefined,
    },
    { compress: true },
  );
  return reply;
}

test("outside the domain: relayed as it came, the next recursor when one fails, SERVFAIL when all do", async (t) => {
  const silent = await nameServer(t, () => undefined);
  const broken = await nameServer(t, (q) => upstream(q, RCODE.servFail, []));
  const good = await nameServer(t, (q) => upstream(q, RCODE.noError, ["192.0.2.1"]));
  const dns = { ...defaultDns, recursorTimeoutMs: 1_000 };
  const agent = dnsAgent(recordedRpc, { recursors: [silent.address, broken.address, good.address], dns });
  const query = encodeQuery(99, "example.com.", TYPE.A, { udpBytes: 1232, subnet: undefined });
  const d = decodeMessage(await resolve(agent, query));
  assert.deepEqual(
    d.answers.map((r) => r.data),
    [{ kind: "address", address: "192.0.2.1" }],
  );
  assert.equal(d.flags & 0x0400, 0);
  assert.deepEqual(good.asked, [query]);
  const none = decodeMessage(
    await resolve(
      dnsAgent(recordedRpc, { recursors: [broken.address], dns }),
      encodeQuery(1, "example.com.", TYPE.A),
    ),
  );
  assert.equal(none.flags, 0x8182);
  const inside = decodeMessage(await resolve(agent, encodeQuery(1, "web.service.consul.", TYPE.A)));
  assert.equal(inside.flags, 0x8580, "RA once there are recursors");
});

test("a CNAME outside the domain brings the recursor's records with the service's TTL", async (t) => {
  const server = await nameServer(t, (q) =>
    upstream(q, RCODE.noError, [
      "192.0.2.1",
      "192.0.2.2",
      "192.0.2.3",
      "192.0.2.4",
      "192.0.2.5",
      "192.0.2.6",
    ]),
  );
  const agent = dnsAgent(
    catalog([{ node: "n", address: "10.0.0.1", service: { Address: "www.example.com" } }]),
    {
      recursors: [server.address],
      dns: { ...defaultDns, serviceTtlMs: new Map([["web", 8_000]]), udpAnswerLimit: 8 },
    },
  );
  const d = decodeMessage(await resolve(agent, encodeQuery(1, "web.service.consul.", TYPE.A)));
  assert.equal(d.answers.length, 6, "a CNAME and five of its records");
  assert.ok(d.answers.every((r) => r.ttl === 8));
  const edns = decodeMessage(
    await resolve(
      agent,
      encodeQuery(1, "web.service.consul.", TYPE.A, { udpBytes: 4096, subnet: undefined }),
    ),
  );
  assert.equal(edns.answers.length, 7);
  const srv = decodeMessage(await resolve(agent, encodeQuery(1, "web.service.consul.", TYPE.SRV)));
  assert.equal(srv.additional.length, 5);
});

async function door(
  t: TestContext,
  agent: AgentApi = dnsAgent(catalog(tutorial)),
): Promise<{ readonly host: string; readonly port: number }> {
  const made = createDnsDoor(agent);
  await made.start();
  t.after(() => made.close());
  return made.addresses[0]!;
}

async function udp(at: { readonly host: string; readonly port: number }, message: Buffer): Promise<Buffer> {
  const socket = createSocket("udp4");
  try {
    socket.send(message, at.port, at.host);
    const [answer] = (await once(socket, "message", { signal: AbortSignal.timeout(30_000) })) as [Buffer];
    return answer;
  } finally {
    socket.close();
  }
}

const malformed = [
  { name: "another opcode", hex: "123428000001000000000000", reply: "1234a8040000000000000000" },
  { name: "another opcode, RD copied", hex: "123429000001000000000000", reply: "1234a9040000000000000000" },
  { name: "two questions", hex: "123401000002000000000000", reply: "123481010000000000000000" },
  { name: "no question", hex: "123401000000000000000000", reply: "123481010000000000000000" },
  { name: "three additional records", hex: "123401000001000000000003", reply: "123481010000000000000000" },
  {
    name: "a question cut off",
    hex: "1234010000010000000000000377656203",
    reply: "123481010000000000000000",
  },
  {
    name: "a pointer to itself",
    hex: "123401000001000000000000c00c00010001",
    reply: "123481010000000000000000",
  },
  {
    name: "a label of 64",
    hex: `12340100000100000000000040${"61".repeat(64)}0000010001`,
    reply: "123481010000000000000000",
  },
];
for (const { name, hex, reply } of malformed)
  test(`header-only reply: ${name}`, async (t) => {
    assert.equal((await udp(await door(t), Buffer.from(hex, "hex"))).toString("hex"), reply);
  });

test("responses and fragments are not answered", () => {
  assert.deepEqual(receiveQuery(Buffer.from("1234810000010000", "hex")), { kind: "ignore" });
  assert.deepEqual(receiveQuery(Buffer.from("123481000001000000000000", "hex")), { kind: "ignore" });
});

test("NOTIFY, other classes and EDNS version 1 are answered like queries", async () => {
  const agent = dnsAgent(catalog(tutorial));
  const query = encodeQuery(7, "web.service.consul.", TYPE.A, { udpBytes: 1232, subnet: undefined });
  const notify = Buffer.from(query);
  notify[2] = 0x20 | notify[2]!;
  assert.equal(decodeMessage(await resolve(agent, notify)).flags, 0xa500);
  const version1 = Buffer.from(query);
  version1[version1.length - 5] = 1;
  assert.equal(decodeMessage(await resolve(agent, version1)).edns?.udpBytes, 1232);
  const chaos = Buffer.from(encodeQuery(7, "web.service.consul.", TYPE.A));
  chaos[chaos.length - 1] = 3;
  const d = await resolve(agent, chaos);
  assert.deepEqual(d.subarray(12, chaos.length), chaos.subarray(12));
  assert.equal(decodeMessage(d).answers.length, 3);
});

test("over TCP several queries on one connection, in pieces", async (t) => {
  const at = await door(t);
  const socket = connect(at);
  t.after(() => socket.destroy());
  const message = encodeQuery(5, "web.service.consul.", TYPE.A);
  const framed = Buffer.concat([Buffer.of(0, message.length), message]);
  const all = Buffer.concat([framed, framed, framed]);
  for (let i = 0; i < all.length; i += 7) socket.write(all.subarray(i, i + 7));
  let got: Buffer = Buffer.alloc(0);
  const one = 2 + (await resolve(dnsAgent(catalog(tutorial)), message, "tcp")).length;
  while (got.length < 3 * one)
    got = Buffer.concat([
      got,
      ...((await once(socket, "data", { signal: AbortSignal.timeout(30_000) })) as [Buffer]),
    ]);
  assert.equal(got.length, 3 * one);
  socket.end();
  await once(socket, "close", { signal: AbortSignal.timeout(30_000) });
});

test("a TCP connection ends after 128 queries, and beyond the connections allowed", async (t) => {
  const at = await door(t);
  const message = encodeQuery(5, "web.service.consul.", TYPE.A);
  const framed = Buffer.concat([Buffer.of(0, message.length), message]);
  const socket = connect(at);
  socket.write(Buffer.concat(Array.from({ length: 200 }, () => framed)));
  let bytes = 0;
  socket.on("data", (c: Buffer) => {
    bytes += c.length;
  });
  socket.on("error", () => {});
  await once(socket, "close", { signal: AbortSignal.timeout(30_000) });
  const one = 2 + (await resolve(dnsAgent(catalog(tutorial)), message, "tcp")).length;
  assert.equal(bytes, 128 * one);
  assert.ok(TCP_CONNECTIONS_MAX > 0);
});

test("an address that is taken is named, for both protocols, and nothing stays open", async (t) => {
  const first = createDnsDoor(dnsAgent(catalog([])));
  await first.start();
  t.after(() => first.close());
  const { host, port } = first.addresses[0]!;
  const agent = dnsAgent(catalog([]));
  const second = createDnsDoor({
    ...agent,
    config: { ...agent.config, dnsAddrs: [{ host, port }] },
  } as AgentApi);
  await assert.rejects(second.start(), (error) => {
    assert.equal(
      (error as Error).message,
      `2 errors occurred:\n\t* listen udp ${host}:${port}: bind: address already in use\n\t* listen tcp ${host}:${port}: bind: address already in use\n`,
    );
    return true;
  });
  assert.deepEqual(second.addresses, []);
});

test("random and mutated packets: a reply or silence, and the door still answers", async (t) => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const agent = dnsAgent(catalog(tutorial));
  const good = encodeQuery(1, "web.service.consul.", TYPE.SRV, { udpBytes: 4096, subnet: SUBNET });
  for (let i = 0; i < 3_000; i++) {
    const bytes = random.int(3) === 0 ? random.bytes(random.int(80)) : Buffer.from(good);
    for (let k = 0; k <= random.int(4); k++)
      if (bytes.length > 0) bytes[random.int(bytes.length)] = random.int(256);
    const cut = random.int(4) === 0 ? bytes.subarray(0, random.int(bytes.length + 1)) : bytes;
    const received = receiveQuery(cut);
    if (received.kind !== "query") continue;
    const reply = await new Resolver(agent).answer(received.query, cut, {
      network: "udp",
      address: "127.0.0.1",
    });
    assert.doesNotThrow(() => decodeMessage(reply), `seed ${seed} packet ${cut.toString("hex")}`);
  }
  const at = await door(t);
  const socket = createSocket("udp4");
  for (let i = 0; i < 200; i++) socket.send(random.bytes(1 + random.int(60)), at.port, at.host);
  socket.close();
  for (let i = 0; i < 20; i++) {
    const tcp = connect(at);
    tcp.on("error", () => {});
    tcp.end(random.bytes(random.int(200)));
    t.after(() => tcp.destroy());
  }
  assert.equal(decodeMessage(await udp(at, good)).answers.length, 3);
});

const hasDig = ((): boolean => {
  try {
    execFileSync("dig", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
test("dig reads it", { skip: hasDig ? false : "no dig on this machine" }, async (t) => {
  const at = await door(t);
  const { spawn } = await import("node:child_process");
  const dig = async (...args: readonly string[]): Promise<string> => {
    const child = spawn("dig", [`@${at.host}`, "-p", String(at.port), ...args]);
    let out = "";
    child.stdout.on("data", (c: Buffer) => {
      out += c.toString();
    });
    await once(child, "close");
    return out;
  };
  const srv = await dig("web.service.consul", "SRV");
  assert.match(srv, /flags: qr aa rd; QUERY: 1, ANSWER: 3, AUTHORITY: 0, ADDITIONAL: 4/);
  assert.match(srv, /WARNING: recursion requested but not available/);
  assert.match(srv, /web\.service\.consul\.\s+0\s+IN\s+SRV\s+1 1 80 c1\.node\.dc1\.consul\./);
  assert.match(srv, /c1\.node\.dc1\.consul\.\s+0\s+IN\s+A\s+192\.168\.33\.11/);
  assert.match(await dig("+tcp", "+noedns", "web.service.consul"), /ANSWER: 3, AUTHORITY: 0, ADDITIONAL: 0/);
  assert.match(await dig("nosuch.service.consul."), /SERVFAIL|NXDOMAIN|NOERROR/);
});

test("a listener that is closed frees its port", async () => {
  const made = createDnsDoor(dnsAgent(catalog([])));
  await made.start();
  const { host, port } = made.addresses[0]!;
  await made.close();
  const again = createServer().listen(port, host);
  await once(again, "listening");
  again.close();
});
