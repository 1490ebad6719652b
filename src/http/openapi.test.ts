import assert from "node:assert/strict";
import { test } from "node:test";
import { apiRoutes } from "./api.ts";
import { openApi } from "./openapi.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly { readonly name?: string; readonly in?: string; readonly $ref?: string }[];
}
const text = openApi(apiRoutes, "1.2.3");
const described = JSON.parse(text) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly parameters: Readonly<Record<string, unknown>> };
};

test("every route is described once, and nothing else", () => {
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`),
  );
  const routes = apiRoutes.map((r) => `${r.method} ${r.pattern.replace("{kind/name}", "{kind_name}")}`);
  assert.deepEqual(operations.sort(), routes.sort());
});

test("operations have names of their own, a summary, and parameters that exist", () => {
  const ids = new Set<string>();
  for (const [path, methods] of Object.entries(described.paths))
    for (const operation of Object.values(methods)) {
      assert.ok(!ids.has(operation.operationId), operation.operationId);
      ids.add(operation.operationId);
      assert.match(operation.summary, /^[A-Z].*\.$/);
      for (const p of operation.parameters) {
        if (p.$ref !== undefined)
          assert.ok(described.components.parameters[p.$ref.split("/").at(-1)!] !== undefined, p.$ref);
        if (p.in === "path") assert.ok(path.includes(`{${p.name}}`), path);
      }
    }
});
