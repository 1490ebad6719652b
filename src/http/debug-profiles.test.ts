import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { eventually } from "../agent/fixture.ts";
import { send, startTestDoor, type TestDoor } from "./fixture.ts";

const [ON, OFF] = ["127.7.1.21", "127.7.1.22"];
let doors: TestDoor[] = [];

before(async () => {
  doors = await Promise.all([startTestDoor(ON, "enable_debug = true"), startTestDoor(OFF, "")]);
});
after(async () => {
  await Promise.all(doors.map((d) => d.close()));
});

test("without enable_debug nothing is shown, as the original answers", async () => {
  for (const path of ["", "heap", "nope"]) {
    const got = await send(OFF, "GET", `/debug/pprof/${path}`);
    assert.deepEqual([got.status, got.body], [401, "ACL support disabled"]);
  }
});

test("profiles come as files, a list as a page, text on demand", async () => {
  const profile = await send(ON, "GET", "/debug/pprof/profile?seconds=0.2");
  assert.equal(profile.status, 200);
  assert.equal(profile.headers.get("Content-Type"), "application/octet-stream");
  assert.equal(profile.headers.get("Content-Disposition"), 'attachment; filename="profile"');
  const index = await send(ON, "GET", "/debug/pprof/");
  assert.equal(index.headers.get("Content-Type"), "text/html; charset=utf-8");
  assert.match(index.body, /<a href="goroutine\?debug=1">/);
  const text = await send(ON, "GET", "/debug/pprof/goroutine?debug=1");
  assert.match(text.body, /^goroutine profile: total \d+ count\n/);
  const cmdline = await send(ON, "GET", "/debug/pprof/cmdline");
  assert.equal(cmdline.body, process.argv.join("\0"));
  const trace = await send(ON, "GET", "/debug/pprof/trace?seconds=0.1");
  assert.equal(trace.headers.get("Content-Type"), "application/json");
  assert.ok(JSON.parse(trace.body).traceEvents.length > 0);
});

test("a profile is a gzip file", async () => {
  const reply = await fetch(`http://${ON}:8500/debug/pprof/heap?seconds=0.1`);
  assert.ok(gunzipSync(Buffer.from(await reply.arrayBuffer())).length > 0);
});

test("unknown profiles, and two at once", async () => {
  const unknown = await send(ON, "GET", "/debug/pprof/block");
  assert.deepEqual(
    [unknown.status, unknown.body, unknown.headers.get("X-Go-Pprof")],
    [404, "Unknown profile\n", "1"],
  );
  const gone = new AbortController();
  const first = fetch(`http://${ON}:8500/debug/pprof/profile?seconds=600`, { signal: gone.signal });
  const refused = await eventually("the first one records", async () => {
    const second = await send(ON, "GET", "/debug/pprof/profile?seconds=0.01");
    return second.status === 500 ? second : undefined;
  });
  assert.equal(refused.body, "Could not enable CPU profiling: cpu profiling already in use\n");
  gone.abort();
  await assert.rejects(first);
});
