import assert from "node:assert/strict";
import { test } from "node:test";
import { ignoredFields, parseDivergences } from "./divergence.ts";
import { sideBySide } from "./side-by-side.ts";

const page = `| \`kv/outside\` | not between the marks |
<!-- conformance-differences -->

| case | why |
| ---- | --- |
| \`kv/GET /v1/kv/x*\` | A reason. |
| \`field consul-network-segment\` | Another. |

<!-- /conformance-differences -->
`;

test("rows between the marks are the intended differences", () => {
  const rows = parseDivergences(page);
  assert.deepEqual(
    rows.map((r) => r.reason),
    ["A reason.", "Another."],
  );
  assert.ok(rows[0]!.matches("kv/GET /v1/kv/x?raw"));
  assert.ok(!rows[0]!.matches("kv/GET /v1/kv/y"));
  assert.ok(!rows[0]!.matches("kv/GETx/v1/kv/x"), "nothing but * is special");
  assert.deepEqual(ignoredFields(rows), ["consul-network-segment"]);
});

test("side by side shows what differs and a little around it", () => {
  const text = sideBySide("a\nb\nc\nd\ne\nf\ng", "a\nb\nc\nX\ne\nf\ng", 4, 1);
  assert.equal(text, "  ...\n  c    | c\n  d    ! X\n  e    | e");
});
