import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const HOLDER = `
import { spawn } from "node:child_process";
import { leash } from ${JSON.stringify(new URL("leash.ts", import.meta.url).href)};
const child = () => spawn("/bin/sh", ["-c", "sleep 1000 & sleep 1000"], { detached: true, stdio: "ignore" }).pid;
const [held, released] = [child(), child()];
leash.hold(held);
leash.hold(released);
leash.release(released);
console.log(JSON.stringify([held, released]));
setInterval(() => {}, 1000);
`;

/** Gone, or dead and not yet waited for by whoever inherits it. */
const ended = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/stat`) || /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

test("what is held ends with this process, even after SIGKILL; what was released lives on", async () => {
  const holder = spawn(process.execPath, ["--input-type=module-typescript", "-e", HOLDER], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(holder.stdout, "data")) as [Buffer];
  const [held, released] = JSON.parse(line.toString()) as [number, number];
  try {
    assert.deepEqual([ended(held), ended(released)], [false, false]);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const deadline = performance.now() + 30_000;
    while (!ended(held)) {
      assert.ok(performance.now() < deadline, "the held group lives on");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(!ended(released));
  } finally {
    process.kill(-released, "SIGKILL");
  }
});
