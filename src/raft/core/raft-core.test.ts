/** Golden scenarios: UPDATE_GOLDEN=1 writes what happens now; a rewritten file is reviewed like code. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Scenario } from "./scenario.ts";

const folder = new URL("./testdata/", import.meta.url);

for (const name of readdirSync(folder).filter((n) => n.endsWith(".txt")))
  test(`scenario: ${name}`, () => {
    const path = new URL(name, folder);
    const wanted = readFileSync(path, "utf8");
    const scenario = new Scenario();
    const out: string[] = [];
    let expectResult = false;
    for (const line of wanted.split("\n")) {
      if (line.startsWith("#")) out.push(line);
      else if (line === "----") expectResult = true;
      else if (line === "") expectResult = false;
      else if (!expectResult)
        out.push(
          out.length > 0 && !out.at(-1)!.startsWith("#") ? `\n${line}` : line,
          "----",
          scenario.run(line),
        );
    }
    const found = `${out.join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(path, found);
    else assert.equal(found, wanted);
  });
