import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cli } from "./testing.ts";

const cases: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ["tribune ca", ["catalog"]],
  ["tribune catalog ", ["datacenters", "nodes", "services"]],
  ["tribune kv g", ["get"]],
  ["tribune kv get -de", ["-detailed"]],
  ["tribune kv get --de", ["--detailed"]],
  ["tribune members -w", ["-wan"]],
  ["tribune operator raft ", ["list-peers", "remove-peer", "transfer-leader"]],
  ["tribune nope ", []],
  ["tribune members ", []],
  ["tribune members -status fa", ["failed"]],
  ["tribune members -token x -w", ["-wan"]],
  ["tribune members -wan x -w", []],
  ["tribune -v", ["-version"]],
];
for (const [line, candidates] of cases)
  test(`completion: ${JSON.stringify(line)}`, async () => {
    const r = await cli([], { env: { COMP_LINE: line } });
    assert.deepEqual([r.code, r.stdout.split("\n").filter((l) => l !== "")], [0, candidates]);
  });

const folder = mkdtempSync(join(tmpdir(), "tribune-complete-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "one.json"), "");
writeFileSync(join(folder, "other.hcl"), "");
mkdirSync(join(folder, "folder"));
writeFileSync(join(folder, "folder", "x.hcl"), "");

const fileCases: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ["validate /one", ["/one.json"]],
  ["validate /o", ["/one.json", "/other.hcl"]],
  ["validate -quiet /f", ["/folder/", "/folder/x.hcl"]],
  ["agent -config-file /oth", ["/other.hcl"]],
  ["kv put a @/one", ["@/one.json"]],
  ["kv put a /one", []],
  ["tls cert create -ca /one", ["/one.json"]],
  ["validate /nowhere/", []],
];
for (const [line, candidates] of fileCases)
  test(`completion of files: ${line}`, async () => {
    const at = (text: string): string => text.replace("/", `${folder}/`);
    const r = await cli([], { env: { COMP_LINE: `tribune ${at(line)}` } });
    assert.deepEqual(
      r.stdout.split("\n").filter((l) => l !== ""),
      candidates.map((c) => at(c)),
    );
  });

test("completion: what stands behind = is a word of its own in bash only", async () => {
  const env = { COMP_LINE: "tribune watch -type=serv" };
  assert.equal((await cli([], { env })).stdout, "-type=service\n-type=services\n");
  assert.equal((await cli([], { env: { ...env, COMP_TYPE: "9" } })).stdout, "service\nservices\n");
});

test("completion: in a real bash, as it was installed", async (t) => {
  if (
    spawnSync("script", ["--version"]).error !== undefined ||
    spawnSync("bash", ["-c", ""]).error !== undefined
  )
    return t.skip("no bash, or no script to give it a terminal");
  writeFileSync(join(folder, ".bashrc"), "PS1='ready> '\n");
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  const installed = spawnSync(process.execPath, [main, "-autocomplete-install"], { env: { HOME: folder } });
  assert.equal(installed.status, 0, String(installed.stderr));
  const shell = spawn("script", ["-qec", `bash --rcfile ${folder}/.bashrc -i`, "/dev/null"], {
    cwd: folder,
    env: { ...process.env, HOME: folder, TERM: "dumb" },
  });
  try {
    let output = "";
    for (const stream of [shell.stdout, shell.stderr])
      stream.on("data", (d: Buffer) => (output += d.toString()));
    const shown = async (text: string): Promise<void> => {
      const deadline = Date.now() + 30_000;
      while (!output.includes(text)) {
        assert.ok(Date.now() < deadline, `no ${text} in ${JSON.stringify(output)}`);
        await delay(20);
      }
    };
    await shown("ready> ");
    shell.stdin.write("tribune kv exp\t");
    await shown("kv export ");
    shell.stdin.write("-dat\t");
    await shown("-datacenter ");
    shell.stdin.write("\u0015tribune watch -type=keyp\t");
    await shown("-type=keyprefix ");
    shell.stdin.write("\u0015tribune validate on\t");
    await shown("validate one.json ");
  } finally {
    shell.kill("SIGKILL");
  }
});

test("completion: up to the cursor only", async () =>
  assert.equal(
    (await cli([], { env: { COMP_LINE: "tribune kv g -detailed", COMP_POINT: "12" } })).stdout,
    "get\n",
  ));

test("completion: installed once and removed without a trace", async () => {
  const home = mkdtempSync(join(tmpdir(), "tribune-home-"));
  try {
    writeFileSync(join(home, ".bashrc"), "alias x=y");
    mkdirSync(join(home, ".config", "fish"), { recursive: true });
    const env = { HOME: home };
    assert.equal((await cli(["-autocomplete-install"], { env })).code, 0);
    await cli(["-autocomplete-install"], { env });
    assert.equal(
      readFileSync(join(home, ".bashrc"), "utf8"),
      `alias x=y\ncomplete -C '${process.execPath} ${process.argv[1]}' tribune\n`,
    );
    assert.ok(existsSync(join(home, ".config", "fish", "completions", "tribune.fish")));
    assert.equal((await cli(["-autocomplete-uninstall"], { env })).code, 0);
    assert.equal(readFileSync(join(home, ".bashrc"), "utf8"), "alias x=y\n");
    assert.ok(!existsSync(join(home, ".config", "fish", "completions", "tribune.fish")));
    assert.equal((await cli(["-autocomplete-install"], { env: { HOME: join(home, "none") } })).code, 1);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
