/** Every help text against its recorded form in testdata/help; UPDATE_GOLDEN=1 writes them anew. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { COMMANDS } from "./commands.ts";
import { cli } from "./testing.ts";

const FOLDER = fileURLToPath(new URL("testdata/help/", import.meta.url));
const update = process.env["UPDATE_GOLDEN"] === "1";
if (update) mkdirSync(FOLDER, { recursive: true });

function golden(name: string, text: string): void {
  const path = `${FOLDER}${name.replaceAll(" ", "-")}.txt`;
  if (update) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
}

test("help: the list of commands", async () => {
  const asked = await cli(["--help"]);
  assert.equal(asked.code, 0);
  golden("tribune", asked.stdout);
  for (const wrong of [[], ["nope"], ["-nope"]]) {
    const r = await cli(wrong);
    assert.deepEqual([r.code, r.stdout, r.stderr], [127, "", asked.stdout]);
  }
});

for (const [name, entry] of Object.entries(COMMANDS))
  test(`help: ${name}`, async () => {
    const words = name.split(" ");
    const asked = await cli([...words, "-help"]);
    assert.equal(asked.code, 0);
    assert.equal(asked.stderr, "");
    golden(name, asked.stdout);
    assert.deepEqual(await cli(["help", ...words]), name === "help" ? await cli(["--help"]) : asked);
    for (const line of asked.stdout.split("\n").filter((l) => !/^ {4}/.test(l) || /^ {5}\S/.test(l)))
      assert.ok(line.length <= 100, line);
    if (entry.load === undefined) {
      const bare = await cli(words);
      assert.deepEqual([bare.code, bare.stdout, bare.stderr], [1, "", asked.stdout]);
    } else assert.equal((await entry.load()).command.name, name);
  });

test("help: no recorded text without its command", () => {
  const names = new Set(["tribune", ...Object.keys(COMMANDS).map((n) => n.replaceAll(" ", "-"))]);
  for (const file of readdirSync(FOLDER)) assert.ok(names.has(file.replace(/\.txt$/, "")), file);
});

test("an unknown flag: its name, then Go's listing", async () => {
  const r = await cli(["kv", "get", "-nope", "x"]);
  assert.equal(r.code, 1);
  assert.match(r.stderr, /^flag provided but not defined: -nope\nUsage:\n {2}-base64\n {4}\tShow values/);
});
