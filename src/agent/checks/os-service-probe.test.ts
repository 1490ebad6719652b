import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { systemClock } from "../../ports/clock.ts";
import { OsServiceProbe, unitHealth } from "./os-service-probe.ts";

const cases = [
  {
    name: "running",
    shown: "LoadState=loaded\nActiveState=active\nSubState=running\n",
    status: "passing",
    output: 'Service "nginx" is healthy',
  },
  {
    name: "starting",
    shown: "LoadState=loaded\nActiveState=activating\nSubState=start-pre\n",
    status: "warning",
    output: 'Service "nginx" is activating (start-pre)',
  },
  {
    name: "stopped",
    shown: "LoadState=loaded\nActiveState=inactive\nSubState=dead\n",
    status: "critical",
    output: 'OS Service unhealthy: "nginx" is inactive (dead)',
  },
  {
    name: "failed",
    shown: "LoadState=loaded\nActiveState=failed\nSubState=failed\n",
    status: "critical",
    output: 'OS Service unhealthy: "nginx" is failed (failed)',
  },
  {
    name: "unknown",
    shown: "LoadState=not-found\nActiveState=inactive\nSubState=dead\n",
    status: "critical",
    output: 'Service "nginx" is not known to systemd',
  },
  {
    name: "nothing said",
    shown: "",
    status: "critical",
    output: 'OS Service unhealthy: "nginx" is in no known state',
  },
] as const;
for (const { name, shown, status, output } of cases)
  test(`a unit that is ${name}`, () => assert.deepEqual(unitHealth("nginx", shown), { status, output }));

test("the service manager is asked, and is not waited for longer than the timeout", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "os-service-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const systemctl = join(folder, "systemctl");
  const says = (script: string): void => {
    writeFileSync(systemctl, `#!/bin/sh\n${script}\n`);
    chmodSync(systemctl, 0o755);
  };
  const run = (timeoutMs = 5_000, service = "web; touch x"): ReturnType<OsServiceProbe["run"]> =>
    new OsServiceProbe({ service, timeoutMs, systemctl }, { clock: systemClock }).run(
      new AbortController().signal,
    );
  says('[ "$4" = "web; touch x" ] && echo "LoadState=loaded" && echo "ActiveState=active"');
  assert.equal((await run()).status, "passing");
  says("echo broken >&2; exit 1");
  assert.deepEqual(await run(), { status: "critical", output: "systemctl failed: broken" });
  says("sleep 60");
  assert.deepEqual(await run(50, "web"), {
    status: "critical",
    output: 'Timed out (50ms) asking systemd for "web"',
  });
  rmSync(systemctl);
  assert.match((await run()).output, /no such file/);
});
