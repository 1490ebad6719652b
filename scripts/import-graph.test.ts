import assert from "node:assert/strict";
import { test } from "node:test";
import { circles, directionErrors, parseSource } from "./import-graph.ts";
import { foldersWithoutReadme, ruleErrors } from "./source-rules.ts";

test("parseSource() finds static, type-only, side-effect and dynamic imports with their lines", () => {
  const file = parseSource(
    "src/cli/kv.ts",
    [
      'import { a } from "../client/kv.ts";',
      'import type { B } from "../model/kv.ts";',
      'import "./side.ts";',
      "/* import { x } from '../http/x.ts'; */",
      'const c = await import("./lazy.ts");',
      'import fs from "node:fs";',
    ].join("\n"),
  );
  assert.deepEqual(
    file.edges.map((e) => [e.to, e.line, e.typeOnly]),
    [
      ["src/client/kv.ts", 1, false],
      ["src/model/kv.ts", 2, true],
      ["src/cli/side.ts", 3, false],
      ["src/cli/lazy.ts", 5, false],
    ],
  );
  assert.deepEqual(file.external, ["node:fs"]);
});

const cases = [
  { name: "a door may import the agent", path: "src/http/kv.ts", from: "../agent/contract.ts", errors: 0 },
  { name: "the agent may not import a door", path: "src/agent/agent.ts", from: "../http/door.ts", errors: 1 },
  {
    name: "cores do not know each other",
    path: "src/raft/raft.ts",
    from: "../gossip/contract.ts",
    errors: 1,
  },
  {
    name: "the model may use the wire's schema",
    path: "src/model/kv.ts",
    from: "../wire/schema.ts",
    errors: 0,
  },
  { name: "the wire may not know the model", path: "src/wire/schema.ts", from: "../model/kv.ts", errors: 1 },
  {
    name: "the client stands beside the agent",
    path: "src/client/kv.ts",
    from: "../agent/contract.ts",
    errors: 1,
  },
  {
    name: "only the command line uses the client",
    path: "src/agent/agent.ts",
    from: "../client/kv.ts",
    errors: 1,
  },
  {
    name: "sources import nothing from the simulators",
    path: "src/raft/raft.ts",
    from: "../../sim/clock.ts",
    errors: 1,
  },
  {
    name: "a test may use the simulated clock",
    path: "src/raft/raft.test.ts",
    from: "../../sim/clock.ts",
    errors: 0,
  },
];
for (const { name, path, from, errors } of cases)
  test(`directionErrors(): ${name}`, () => {
    const found = directionErrors([parseSource(path, `import { x } from "${from}";`)]);
    assert.equal(found.length, errors, found.join("\n"));
  });

test("circles() names a circle of run-time imports and ignores type-only ones", () => {
  const a = parseSource("src/wire/a.ts", 'import { b } from "./b.ts";');
  const b = parseSource("src/wire/b.ts", 'import { a } from "./a.ts";');
  const bTypes = parseSource("src/wire/b.ts", 'import type { a } from "./a.ts";');
  assert.deepEqual(circles([a, b]), [["src/wire/a.ts", "src/wire/b.ts", "src/wire/a.ts"]]);
  assert.deepEqual(circles([a, bTypes]), []);
});

test("ruleErrors() finds clocks, chance, waiting and sockets in cores, and only there", () => {
  const text = [
    'import net from "node:net";',
    "const t = Date.now();",
    "// Date.now() in a comment is nothing",
    "await thing;",
    "setTimeout(f, 1);",
    "Math.random();",
  ].join("\n");
  assert.equal(ruleErrors([parseSource("src/raft/core/vote.ts", text)]).length, 5);
  assert.equal(ruleErrors([parseSource("src/raft/raft-driver.ts", text)]).length, 0);
});

test("foldersWithoutReadme() names each folder of sources that opens with none", () => {
  const files = [parseSource("src/raft/core/vote.ts", ""), parseSource("src/wire/x.ts", "")];
  assert.deepEqual(foldersWithoutReadme(files, new Set(["src/wire/README.md"])), ["src/raft/core"]);
});
