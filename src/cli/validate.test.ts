import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cli } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "tribune-validate-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("validate: a good file, quietly or not", async () => {
  const good = file(
    "good.hcl",
    'data_dir = "/tmp" bind_addr = "127.0.0.1" service { name = "web" port = 80 }',
  );
  assert.deepEqual(await cli(["validate", good]), {
    code: 0,
    stdout: "Configuration is valid!\n",
    stderr: "",
  });
  assert.deepEqual(await cli(["validate", "-quiet", good]), { code: 0, stdout: "", stderr: "" });
  const old = file("old.hcl", 'data_dir = "/tmp" bind_addr = "127.0.0.1" recursor = "8.8.8.8"');
  assert.deepEqual(await cli(["validate", old]), {
    code: 0,
    stdout: "Configuration is valid!\n",
    stderr: 'config key "recursor" is deprecated, use recursors\n',
  });
});

test("validate: the tutorial's file without its comma", async () => {
  const path = file(
    "web.json",
    '{\n  "service": {\n    "name": "web",\n    "port": 80\n    "check": {}\n  }\n}\n',
  );
  const r = await cli(["validate", path]);
  assert.equal(r.code, 1);
  assert.equal(
    r.stderr,
    `Config validation failed: failed to parse ${path}: invalid character '"' after object key:value pair\n    ${path}:4:15\n    4 |     "port": 80\n      |               ^ expected ',' or '}' here\n    did you forget a comma after "port": 80?\n`,
  );
  const old = await cli(["configtest", "-config-file", path]);
  assert.deepEqual([old.code, old.stderr], [1, r.stderr]);
});

test("validate: JSON in a .hcl file, half of which the original would ignore", async () => {
  const path = file("half.hcl", '{\n  "data_dir": "/tmp"\n  "server": true\n}');
  const r = await cli(["validate", path]);
  assert.equal(r.code, 1);
  assert.match(r.stderr, /half\.hcl:2:21\n/);
});

test("validate: services and checks too", async () => {
  const path = file(
    "svc.json",
    '{"data_dir": "/tmp", "bind_addr": "127.0.0.1", "service": {"name": "a", "check": {"http": "http://x"}}}',
  );
  const r = await cli(["validate", path]);
  assert.equal(r.code, 1);
  assert.match(
    r.stderr,
    /^Config validation failed: Failed to validate checks for service "a": Interval must be > 0 for Script, HTTP, or TCP checks\n/,
  );
  assert.match(r.stderr, /add interval = "10s"/);
});

test("validate and configtest: wrong calls", async () => {
  assert.deepEqual(await cli(["validate"]), {
    code: 1,
    stdout: "",
    stderr: "Must specify at least one config file or directory\n",
  });
  assert.equal(
    (await cli(["validate", "-config-format=x", "y"])).stderr,
    "-config-format must be either 'hcl' or 'json\n",
  );
  assert.equal(
    (await cli(["validate", "/nonexist"])).stderr,
    "Config validation failed: config: Open failed on /nonexist. open /nonexist: no such file or directory\n",
  );
  assert.deepEqual(await cli(["configtest"]), {
    code: 1,
    stdout: "",
    stderr: "Must specify config using -config-file or -config-dir\n",
  });
});

test("configtest: silent on service files alone", async () => {
  const path = file(
    "only.json",
    '{"service": {"name": "web", "check": {"script": "true", "interval": "1s"}}}',
  );
  assert.deepEqual(await cli(["configtest", "-config-file", path]), { code: 0, stdout: "", stderr: "" });
});

test("keygen: 32 bytes, new ones each time", async () => {
  const [a, b] = [await cli(["keygen"]), await cli(["keygen"])];
  assert.equal(Buffer.from(a.stdout.trim(), "base64").length, 32);
  assert.notEqual(a.stdout, b.stdout);
});
