import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { formatLogLine, LOG_LINES_KEPT, LogHub, parseLogLevel } from "./log.ts";

test("a line has the original's form: time, level, part, sentence, fields", () => {
  const line = {
    wallMs: new Date(2016, 3, 3, 22, 55, 30).getTime(),
    level: "err" as const,
    name: "agent",
    message: "failed to sync",
    fields: { error: "No cluster leader", n: 1 },
  };
  assert.equal(
    formatLogLine(line),
    '2016/04/03 22:55:30 [ERR] agent: failed to sync error="No cluster leader" n=1',
  );
});

test("a name with a line feed cannot forge a second line", () => {
  const line = {
    wallMs: 0,
    level: "info" as const,
    name: "serf",
    message: "EventMemberJoin: evil\n2016/01/01 00:00:00 [INFO] x",
    fields: {},
  };
  assert.equal(formatLogLine(line).includes("\n"), false);
});

test("sinks get their level and above; a late reader gets the newest lines first", () => {
  const hub = new LogHub(new SimClock());
  const warnings: string[] = [];
  hub.attach((l) => warnings.push(l.message), "warn");
  const log = hub.logger("x");
  for (let i = 0; i < LOG_LINES_KEPT + 10; i++) log.debug(`d${i}`);
  log.error("bad");
  assert.deepEqual(warnings, ["bad"]);
  const late: string[] = [];
  const stop = hub.attach((l) => late.push(l.message), "debug", { replay: true });
  assert.equal(late.length, LOG_LINES_KEPT);
  assert.equal(late.at(-1), "bad");
  stop();
  log.info("after");
  assert.equal(late.at(-1), "bad");
});

test("a line given as a function is made only for who reads it", () => {
  const hub = new LogHub(new SimClock());
  let made = 0;
  const line = (): string => `d${++made}`;
  const log = hub.logger("x");
  log.debug(line);
  hub.attach(() => {}, "warn");
  log.debug(line);
  assert.equal(made, 0);
  const read: string[] = [];
  const stop = hub.attach((l) => read.push(l.message), "debug");
  log.debug(line);
  log.debug("x", () => ({ made: ++made }));
  stop();
  log.debug(line);
  log.debug("x", () => ({ made: ++made }));
  assert.deepEqual([read, made], [["d1", "x"], 2]);
});

test("level names in any case, with the two long forms", () => {
  assert.equal(parseLogLevel("ERROR"), "err");
  assert.equal(parseLogLevel("Warn"), "warn");
  assert.equal(parseLogLevel("loud"), undefined);
});
