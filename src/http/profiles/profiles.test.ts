import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../ports/clock.ts";
import { encodePprof } from "./pprof-encoder.ts";
import { BusyError, Profiler } from "./profiler.ts";
import { profileText, type StackProfile } from "./stack-profile.ts";
import { cpuProfile, heapProfile } from "./v8-profiles.ts";

type Field = number | Buffer;

/** Fields of a Protocol Buffers message by number. */
function fields(bytes: Buffer): Map<number, Field[]> {
  const out = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    assert.ok(wire === 0 || wire === 2, `wire type ${wire} at ${at}`);
    let value: Field;
    if (wire === 0) value = varint();
    else {
      const length = varint();
      value = bytes.subarray(at, at + length);
      assert.equal(value.length, length);
      at += length;
    }
    out.set(tag >> 3, [...(out.get(tag >> 3) ?? []), value]);
  }
  return out;
}
const numbers = (packed: Field): number[] => {
  const out: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of packed as Buffer) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      out.push(value);
      value = 0;
      scale = 1;
    }
  }
  return out;
};

/** A pprof file read back: `name:line < name:line = values`. */
function read(gzip: Buffer): { readonly types: string[]; readonly lines: string[]; readonly period: number } {
  const p = fields(gunzipSync(gzip));
  const strings = (p.get(6) ?? []).map(String);
  assert.equal(strings[0], "");
  const text = (m: Map<number, Field[]>, field: number): string =>
    strings[(m.get(field)?.[0] ?? 0) as number]!;
  const functions = new Map(
    (p.get(5) ?? []).map((f) => {
      const m = fields(f as Buffer);
      return [m.get(1)![0] as number, text(m, 2)] as const;
    }),
  );
  const locations = new Map(
    (p.get(4) ?? []).map((l) => {
      const m = fields(l as Buffer);
      const line = fields(m.get(4)![0] as Buffer);
      return [
        m.get(1)![0] as number,
        `${functions.get(line.get(1)![0] as number)}:${line.get(2)?.[0] ?? 0}`,
      ] as const;
    }),
  );
  return {
    types: (p.get(1) ?? []).map((t) => {
      const m = fields(t as Buffer);
      return `${text(m, 1)}/${text(m, 2)}`;
    }),
    lines: (p.get(2) ?? []).map((s) => {
      const m = fields(s as Buffer);
      return `${numbers(m.get(1)![0]!)
        .map((id) => locations.get(id))
        .join(" < ")} = ${numbers(m.get(2)![0]!).join(" ")}`;
    }),
    period: (p.get(12)?.[0] ?? 0) as number,
  };
}

const call = (functionName: string, lineNumber: number) => ({
  functionName,
  scriptId: "1",
  url: "file:///x.js",
  lineNumber,
  columnNumber: 0,
});

test("a CPU profile of V8's: time and samples by stack, idling left out", () => {
  const p = cpuProfile(
    {
      nodes: [
        { id: 1, callFrame: call("(root)", -1), children: [2, 4] },
        { id: 2, callFrame: call("outer", 9), children: [3] },
        { id: 3, callFrame: call("", 19) },
        { id: 4, callFrame: call("(idle)", -1) },
      ],
      startTime: 1_000,
      endTime: 41_000,
      samples: [3, 3, 4, 2],
      timeDeltas: [10_000, 12_000, 9_000, 9_000],
    },
    10_000,
    1_700_000_000_000,
  );
  assert.deepEqual(read(encodePprof(p)), {
    types: ["samples/count", "cpu/nanoseconds"],
    lines: ["(anonymous):20 < outer:10 = 2 22000000", "outer:10 = 1 9000000"],
    period: 10_000_000,
  });
  assert.match(
    profileText("profile", p),
    /^profile profile: total 31000000 nanoseconds\n2 22000000 @\n#\t\(anonymous\)/,
  );
});

test("a heap profile of V8's: bytes by stack, large ones exact", () => {
  const p = heapProfile(
    {
      head: {
        callFrame: call("(root)", -1),
        selfSize: 0,
        children: [
          {
            callFrame: call("load", 4),
            selfSize: 5_000_000_000,
            children: [{ callFrame: call("parse", 5), selfSize: 300, children: [] }],
          },
        ],
      },
    },
    524_288,
    { takenMs: 0, durationMs: 1 },
  );
  assert.deepEqual(read(encodePprof(p)), {
    types: ["inuse_space/bytes"],
    lines: ["load:5 = 5000000000", "parse:6 < load:5 = 300"],
    period: 524_288,
  });
});

test("an empty profile is one", () => {
  const empty: StackProfile = {
    types: [{ type: "x", unit: "count" }],
    samples: [],
    takenMs: 0,
    durationMs: 0,
  };
  assert.deepEqual(read(encodePprof(empty)), { types: ["x/count"], lines: [], period: 0 });
});

const never = new AbortController().signal;

test("recorded: this process at work, its heap, what it has open, a trace", async (t) => {
  const profiler = new Profiler(systemClock);
  t.after(() => profiler.close());
  let stop = false;
  const spin = (): void => {
    if (stop) return;
    for (const until = performance.now() + 5; performance.now() < until; ) Math.sqrt(until);
    setImmediate(spin);
  };
  spin();
  // A busy machine gives it few looks, and some of them only at what it calls.
  let cpu = { lines: [] as readonly string[] };
  for (const seconds of [0.3, 1, 5, 20]) {
    const recording = profiler.cpu(seconds, never);
    await assert.rejects(profiler.cpu(1, never), BusyError);
    cpu = read(encodePprof(await recording));
    if (cpu.lines.some((l) => l.includes("spin:"))) break;
  }
  stop = true;
  assert.ok(
    cpu.lines.some((l) => l.includes("spin:")),
    cpu.lines.join("\n"),
  );

  await profiler.heap(0.01, never);
  const kept: string[][] = [];
  for (let i = 0; i < 200; i++) kept.push(Array.from({ length: 10_000 }, (_, k) => `${i} ${k}`));
  const p = await profiler.heap(0.01, never);
  assert.equal(kept.length, 200);
  assert.ok(p.samples.reduce((sum, s) => sum + s.values[0]!, 0) > 10_000_000);

  const timer = setTimeout(() => {}, 60_000);
  const open = read(encodePprof(profiler.resources()));
  clearTimeout(timer);
  assert.ok(
    open.lines.some((l) => l.startsWith("Timeout:0 = ")),
    open.lines.join("\n"),
  );

  const trace = JSON.parse(await profiler.trace(0.1, never)) as { readonly traceEvents: readonly object[] };
  assert.ok(trace.traceEvents.length > 0);
});

test("who goes away ends the recording", async (t) => {
  const profiler = new Profiler(systemClock);
  t.after(() => profiler.close());
  const gone = new AbortController();
  const recording = profiler.cpu(600, gone.signal);
  setImmediate(() => gone.abort(new Error("client went away")));
  assert.ok((await recording).durationMs < 60_000);
  assert.ok((await profiler.cpu(0.01, never)).durationMs < 60_000, "the next one may begin");
});
