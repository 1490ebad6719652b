/**
 * Figures of the state store: writes, snapshots, reads, wake-ups. `node_modules/.bin/node bench/state-store.ts [keys]`.
 * Prints; asserts nothing.
 */
import { cpus } from "node:os";
import { HealthCheck, NodeService, RegisterRequest } from "../src/model/catalog.ts";
import { DirEntry, KVSRequest } from "../src/model/kv.ts";
import { systemClock } from "../src/ports/clock.ts";
import { serviceNodes } from "../src/state/catalog.ts";
import { encodeCommand } from "../src/state/commands.ts";
import { StateFsm } from "../src/state/fsm.ts";
import { serviceHealth } from "../src/state/health.ts";
import { kvGet } from "../src/state/kv.ts";
import { StateStore } from "../src/state/state-store.ts";

const KEYS = Number(process.argv[2] ?? 1_000_000);
const store = new StateStore({ clock: systemClock });
const fsm = new StateFsm(store);
let index = 0;

const print = (name: string, value: string): void => console.log(`${name.padEnd(52)} ${value}`);
const perCall = (name: string, count: number, run: () => void): void => {
  const start = performance.now();
  run();
  const us = ((performance.now() - start) * 1000) / count;
  print(name, `${us.toFixed(2)} us, ${Math.round(1e6 / us).toLocaleString("en")}/s`);
};
const apply = (data: Buffer): void => {
  const result = fsm.apply({ index: ++index, term: 1, data, extensions: null });
  if (result instanceof Error) throw result;
};
const kvSet = (key: string, value: string): Buffer =>
  encodeCommand(
    "kvs",
    KVSRequest.make({ Op: "set", DirEnt: DirEntry.make({ Key: key, Value: Buffer.from(value) }) }),
  );
const keyAt = (i: number): string => `app/${i % 997}/config/${i}`;

print("processor", cpus()[0]!.model);
const sets = Array.from({ length: 100_000 }, (_, i) => kvSet(keyAt(i), "v"));
perCall("set, first 100,000 keys (decode, apply)", sets.length, () => sets.forEach(apply));
perCall(
  `set, up to ${KEYS.toLocaleString("en")} keys (with encoding)`,
  Math.max(1, KEYS - sets.length),
  () => {
    for (let i = sets.length; i < KEYS; i++) apply(kvSet(keyAt(i), "v"));
  },
);
print("heap", `${Math.round(process.memoryUsage().heapUsed / 1e6)} MB`);

let start = performance.now();
const frozen = store.snapshot();
print("take a snapshot", `${(performance.now() - start).toFixed(2)} ms`);
perCall("set, while a snapshot is held", 100_000, () => {
  for (let i = 0; i < 100_000; i++) apply(kvSet(keyAt((i * 7919) % KEYS), "w"));
});
print("keys in the snapshot", String(frozen.kvs.size));

start = performance.now();
let bytes = 0;
let longest = 0;
let at = start;
for (const chunk of fsm.snapshot()) {
  bytes += chunk.length;
  const now = performance.now();
  longest = Math.max(longest, now - at);
  at = now;
}
print(
  "write the stream",
  `${(performance.now() - start).toFixed(0)} ms, ${Math.round(bytes / 1e6)} MB, longest chunk ${longest.toFixed(1)} ms`,
);
start = performance.now();
const other = new StateFsm(new StateStore({ clock: systemClock }));
await other.restore(
  (async function* () {
    yield* fsm.snapshot();
  })(),
);
print("write and restore the stream", `${(performance.now() - start).toFixed(0)} ms`);

let sum = 0;
perCall("read a key, fresh", 300_000, () => {
  for (let i = 0; i < 300_000; i++) sum += store.read((v) => kvGet(v, keyAt((i * 31) % KEYS))).index;
});
perCall("read a key, cached", 3_000_000, () => {
  for (let i = 0; i < 3_000_000; i++) sum += store.cached("k", (v) => kvGet(v, "app/1/config/1")).index;
});
for (let s = 0; s < 1000; s++)
  for (let n = 0; n < 3; n++) {
    const Node = `n${(s * 3 + n) % 100}`;
    const Service = NodeService.make({ ID: `s${s}`, Service: `s${s}`, Port: 80, Tags: ["a"] });
    const check = HealthCheck.make({
      Node,
      CheckID: `c${s}`,
      Name: "c",
      Status: "passing",
      ServiceID: `s${s}`,
    });
    const serf = HealthCheck.make({ Node, CheckID: "serfHealth", Name: "s", Status: "passing" });
    apply(
      encodeCommand(
        "register",
        RegisterRequest.make({ Node, Address: "10.0.0.1", Service, Checks: [serf, check] }),
      ),
    );
  }
perCall("health of 3 instances, fresh", 200_000, () => {
  for (let i = 0; i < 200_000; i++) sum += store.read((v) => serviceHealth(v, `s${i % 1000}`)).value.length;
});
perCall("health of 3 instances, cached", 3_000_000, () => {
  for (let i = 0; i < 3_000_000; i++)
    sum += store.cached(`s${i % 1000}`, (v) => serviceHealth(v, `s${i % 1000}`)).value.length;
});
perCall("catalog of 3 instances, fresh", 200_000, () => {
  for (let i = 0; i < 200_000; i++) sum += store.read((v) => serviceNodes(v, `s${i % 1000}`)).value.length;
});

let woken = 0;
perCall("begin and give up a wait", 200_000, () => {
  for (let i = 0; i < 200_000; i++)
    store.read((v) => serviceHealth(v, `s${i % 1000}`)).onChange(() => woken++)();
});
for (let i = 0; i < 100_000; i++) store.read((v) => kvGet(v, `watched/${i}`)).onChange(() => woken++);
perCall("set of an unwatched key, 100,000 reads waiting", 100_000, () => {
  for (let i = 0; i < 100_000; i++) apply(kvSet(`other/${i % 1000}`, String(i)));
});
perCall("set of a watched key, one waiter wakes", 100_000, () => {
  for (let i = 0; i < 100_000; i++) apply(kvSet(`watched/${i}`, "x"));
});
print("woken", String(woken));
console.log(sum > 0 ? "" : "");
