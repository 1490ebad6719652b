import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthCheck, NodeService } from "../../model/catalog.ts";
import { CheckDefinition } from "../../model/definition.ts";
import { LocalRecords } from "./local-records.ts";

const check = (fields: Partial<HealthCheck>): HealthCheck =>
  HealthCheck.make({ Node: "s1", CheckID: "c", Status: "critical", ...fields });
const quick = { updateIntervalMs: 1000, chance: 0 };

function withCheck(fields: Partial<HealthCheck> = {}): LocalRecords {
  const records = new LocalRecords();
  records.setCheck(check(fields), CheckDefinition.make(), "", "local", 0);
  records.markCheck("c", true);
  return records;
}

test("same status and output: nothing", () => {
  const records = withCheck({ Output: "x" });
  const before = records.revision;
  assert.equal(records.updateCheck("c", "critical", "x", 1, quick), "unchanged");
  assert.equal(records.updateCheck("none", "critical", "x", 1, quick), "unchanged");
  assert.equal(records.revision, before);
});

test("the first output after a status without any goes out at once, the next ones wait", () => {
  const records = withCheck();
  assert.equal(records.updateCheck("c", "critical", "refused", 1, quick), "changed");
  assert.equal(records.updateCheck("c", "critical", "refused again", 2, quick), "deferred");
  assert.equal(records.check("c")?.check.Output, "refused again");
});

test("a change of status goes out at once and ends a wait", () => {
  const records = withCheck({ Output: "x" });
  assert.equal(records.updateCheck("c", "critical", "y", 1, quick), "deferred");
  assert.notEqual(records.nextDeferral(), undefined);
  assert.equal(records.updateCheck("c", "passing", "z", 2, quick), "changed");
  assert.equal(records.nextDeferral(), undefined);
});

test("without an interval each output goes out at once", () => {
  const records = withCheck({ Output: "x" });
  assert.equal(records.updateCheck("c", "critical", "y", 1, { updateIntervalMs: 0, chance: 0 }), "changed");
});

for (const [chance, due] of [
  [0, 500],
  [0.5, 1000],
  [0.999, 1499],
] as const)
  test(`an output waits from half to one and a half intervals (chance ${chance})`, () => {
    const records = withCheck({ Output: "x" });
    records.updateCheck("c", "critical", "y", 0, { updateIntervalMs: 1000, chance });
    records.updateCheck("c", "critical", "later", 300, { updateIntervalMs: 1000, chance: 0.2 });
    assert.equal(records.nextDeferral(), due);
    assert.equal(records.expireDeferrals(due - 1), false);
    assert.equal(records.expireDeferrals(due), true);
    assert.equal(records.checkEntries().get("c")?.inSync, false);
  });

test("registering again keeps status and output", () => {
  const records = withCheck({ Status: "passing", Output: "fine" });
  records.setCheck(check({ Name: "other" }), CheckDefinition.make(), "", "local", 5);
  assert.equal(records.check("c")?.check.Status, "passing");
  assert.equal(records.check("c")?.check.Output, "fine");
  assert.equal(records.check("c")?.check.Name, "other");
});

test("time critical is counted from the change, not from repetitions", () => {
  const records = withCheck({ ServiceID: "web", Status: "passing" });
  const overdue = (now: number): number => records.overdue(now, () => 100).length;
  assert.equal(overdue(1000), 0);
  records.updateCheck("c", "critical", "a", 1000, quick);
  records.updateCheck("c", "critical", "b", 1080, quick);
  assert.equal(overdue(1100), 0);
  assert.equal(overdue(1101), 1);
  records.updateCheck("c", "warning", "b", 1102, quick);
  assert.equal(overdue(5000), 0);
});

test("checks of the node are never overdue", () => {
  assert.equal(withCheck().overdue(1e9, () => 1).length, 0);
});

test("checks follow their service's name and tags", () => {
  const records = new LocalRecords();
  records.setService(NodeService.make({ ID: "web", Service: "web", Tags: ["a"] }), "", "local");
  records.setCheck(
    check({ ServiceID: "web", ServiceName: "web", ServiceTags: ["a"] }),
    undefined,
    "",
    "local",
    0,
  );
  records.setService(NodeService.make({ ID: "web", Service: "web", Tags: ["b"] }), "", "local");
  assert.deepEqual(records.check("c")?.check.ServiceTags, ["b"]);
});

test("each watcher is told, and stops for itself", () => {
  const records = new LocalRecords();
  let count = 0;
  const wake = (): void => void count++;
  const stop = records.onChange(wake);
  records.onChange(wake);
  records.setService(NodeService.make({ ID: "web" }), "", "local");
  assert.equal(count, 2);
  stop();
  records.deleteService("web");
  assert.equal(count, 3);
});
