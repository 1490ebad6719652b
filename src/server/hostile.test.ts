// biome-ignore-all lint/suspicious/noTemplateCurlyInString: one of the words is such a template
/** Requests that decode but make no sense: each is answered or refused, none breaks the server or what it logs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type MethodName, type RpcMethod, rpcMethods } from "../model/methods.ts";
import { type Random, seededRandom } from "../ports/random.ts";
import { decode, encode, type GoValue, type Type } from "../wire/schema.ts";
import { loopback, type TestServer, testServer, until } from "./test-cluster.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 30);
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Words that open doors: names, verbs and IDs that handlers look for. */
const WORDS = [
  ..."dc1 dc2 s1 web consul serfHealth set get cas lock unlock delete delete-tree delete-cas get-tree check-index create".split(
    " ",
  ),
  ..."update destroy upsert upsert-cas list install use remove any passing critical release connect-proxy mesh-gateway".split(
    " ",
  ),
  ..."ingress-gateway service-defaults proxy-defaults service-router service-resolver name_prefix_match allow deny consul".split(
    " ",
  ),
  ..."source destination _agent _ip default * ${match(1)} ( 10s -1s 0 global fetch-x accessor secret".split(
    " ",
  ),
  "11111111-1111-1111-1111-111111111111",
  "Node == s1",
  "\u0000",
  "\ud83d\ude00",
  "x".repeat(300),
  "",
  "",
];

function draw(random: Random, type: Type<unknown>, depth: number): unknown {
  const { shape } = type;
  const pick = <T>(items: readonly T[]): T => items[random.int(items.length)]!;
  if (shape === undefined || depth > 6) return type.zero();
  switch (shape.kind) {
    case "string":
      return pick(WORDS);
    case "bytes":
      return pick([null, Buffer.from("v"), Buffer.from('{"a":1}'), random.bytes(64)]);
    case "bool":
      return random.int(2) === 0;
    case "integer": {
      const fits = [0n, 0n, 1n, 2n, 100n, -1n, shape.min, shape.max].filter(
        (n) => n >= shape.min && n <= shape.max,
      );
      const value = pick(fits);
      return shape.big ? value : Number(value);
    }
    case "duration":
      return pick([0n, 1n, -1n, 1_000_000_000n, 2n ** 63n - 1n]);
    case "float":
      return pick([0, 1, -1, 33.3, 100, Number.NaN, Number.POSITIVE_INFINITY]);
    case "time":
      return pick([0n, 1_700_000_000_000_000_000n, type.zero()]);
    case "any":
      return pick<GoValue>([null, 1, "x", true, [1, "a"], new Map<string, GoValue>([["protocol", "http"]])]);
    case "list":
      return random.int(3) === 0
        ? null
        : Array.from({ length: random.int(4) }, () => draw(random, shape.of as Type<unknown>, depth + 1));
    case "map":
      return random.int(3) === 0
        ? null
        : new Map(
            Array.from({ length: random.int(3) }, () => [
              pick(WORDS),
              draw(random, shape.of as Type<unknown>, depth + 1),
            ]),
          );
    case "pointer":
      return random.int(3) === 0 ? null : draw(random, shape.of as Type<unknown>, depth + 1);
    case "struct": {
      const out = type.zero() as Record<string, unknown>;
      for (const [name, field] of Object.entries(shape.fields)) {
        const of = ("options" in field ? field.type : field) as Type<unknown>;
        if (random.int(3) !== 0) out[name] = draw(random, of, depth + 1);
      }
      return out;
    }
    default:
      return type.zero();
  }
}

let t: TestServer;
before(async () => {
  console.log(`seed ${seed}`);
  t = testServer({ name: "s1", ip: loopback(6, 1), wan: true });
  await t.server.start();
  await until("the own node", () => t.logged(/joined, marking health alive/));
});
after(() => t.server.shutdown());

/** These change who takes part; a random success would end the test server. */
const LEFT_OUT = new Set<string>([
  "Operator.RaftRemovePeerByAddress",
  "Operator.RaftRemovePeerByID",
  "Operator.AutopilotSetConfiguration",
]);

for (const method of Object.keys(rpcMethods) as MethodName[]) {
  if (LEFT_OUT.has(method)) continue;
  test(`${method} stands nonsense`, async () => {
    const declared = rpcMethods[method] as RpcMethod<unknown, unknown>;
    const random = seededRandom(seed);
    for (let i = 0; i < ROUNDS; i++) {
      let request = draw(random, declared.request, 0);
      if (typeof request === "object" && request !== null && "Datacenter" in request)
        request = {
          ...request,
          Datacenter: "dc1",
          ...("MinQueryIndex" in request ? { MinQueryIndex: 0 } : {}),
        };
      try {
        // As it would arrive: through bytes.
        const arrived = decode(declared.request, encode(declared.request, request));
        const reply = await t.server.rpc(method, arrived as never);
        encode(declared.reply, reply as unknown);
      } catch (error) {
        const e = error as Error;
        assert.ok(
          !(e instanceof TypeError || e instanceof RangeError || e instanceof ReferenceError) &&
            e.message !== "",
          `seed ${seed}, round ${i}: ${e.stack}\n${JSON.stringify(request, (_k, v) => (typeof v === "bigint" ? `${v}n` : v))}`,
        );
      }
    }
    assert.ok(t.server.isLeader, `seed ${seed}: the server leads no more`);
  });
}

test("what was logged replays into the same state", async () => {
  const archive: Uint8Array[] = [];
  const { stream } = await t.server.snapshot(
    { datacenter: "dc1", token: "", allowStale: false, op: "save" },
    nothing(),
  );
  for await (const chunk of stream) archive.push(chunk);
  async function* again(): AsyncGenerator<Uint8Array> {
    yield* archive;
  }
  await t.server.snapshot({ datacenter: "dc1", token: "", allowStale: false, op: "restore" }, again());
  assert.ok(t.server.isLeader);
});
async function* nothing(): AsyncGenerator<Uint8Array> {}
