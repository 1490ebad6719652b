/**
 * `npm run check`: what can be known of the sources without running them. Types, lint and format, import direction, circular
 * imports, banned calls in cores. Prints every finding and exits 1 when there is one.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { circles, directionErrors, readSources } from "./import-graph.ts";
import { foldersWithoutReadme, ruleErrors } from "./source-rules.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = ["src", "sim", "interop", "conformance", "e2e", "fuzz", "chaos", "scripts"];

/** Folders (top level) that hold a README.md, recursively. */
function readmes(folder: string, prefix: string, out: Set<string>): Set<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) readmes(join(folder, entry.name), `${prefix}${entry.name}/`, out);
    else if (entry.name === "README.md") out.add(`${prefix}README.md`);
  }
  return out;
}

let failed = false;
function report(name: string, findings: readonly string[], started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (findings.length === 0) return console.log(`ok    ${name} (${seconds} s)`);
  failed = true;
  console.log(`FAIL  ${name}: ${findings.length} (${seconds} s)`);
  for (const finding of findings) console.log(`      ${finding}`);
}

function tool(name: string, bin: string, args: readonly string[]): void {
  const started = performance.now();
  const done = spawnSync(join(root, "node_modules/.bin", bin), args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  const text = `${done.stdout}${done.stderr}`.trim();
  report(name, done.status === 0 ? [] : [text || `${bin} exited ${done.status}`], started);
}

tool("types (tsc --noEmit)", "tsc", ["-p", "."]);
tool("lint and format (biome; npx biome check --write mends most)", "biome", [
  "check",
  "--error-on-warnings",
  ".",
]);
let started = performance.now();
const files = readSources(root, SOURCES);
report("imports point down", directionErrors(files), started);
started = performance.now();
report(
  "no circular imports",
  circles(files).map((c) => c.join(" -> ")),
  started,
);
started = performance.now();
report("cores are pure, sources stand alone", ruleErrors(files), started);
started = performance.now();
report(
  "every folder opens with a README",
  foldersWithoutReadme(files, readmes(join(root, "src"), "src/", new Set())),
  started,
);
process.exit(failed ? 1 : 0);
