/**
 * Runs a bundle as the executable would, and writes V8's code cache of what it compiled: a process of build.ts.
 *
 *   node executable-warm-up.ts <build folder> <bundle> <cache file> '[["members"], ["kv", "get", "a"]]'
 *
 * The command lines run one after the other; each ends by process.exit, after the last one the cache is written. Exits with 1
 * when one of them fails.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

const [, , folder, bundle, cacheFile, lines] = process.argv as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const commandLines = JSON.parse(lines) as readonly (readonly string[])[];

/** V8 forgets the code of functions that have not run for a few collections: not before we have kept it. */
setFlagsFromString("--no-flush-bytecode");

const load = (name: string): Script =>
  new Script(readFileSync(join(folder, `${name}.cjs`), "latin1"), { filename: `${name}.cjs` });
const scripts = new Map([["commands", load("commands")]]);
function instance(name: string, require: (id: string) => unknown): Record<string, unknown> {
  const script = scripts.get(name) ?? load(name);
  scripts.set(name, script);
  const module = { exports: {} };
  (script.runInThisContext() as (...a: unknown[]) => void)(require, module);
  return module.exports;
}

/** The executable's view of itself. */
const sea = { isSea: () => true, getAsset: (name: string) => readFileSync(join(folder, name), "utf8") };
const resolve = (id: string): unknown => {
  if (id === "node:sea") return sea;
  return id.startsWith("./") ? instance("agent", resolve)[id] : process.getBuiltinModule(id);
};

const exit = process.exit;
let next = 0;
function runNext(): void {
  const line = commandLines[next++];
  if (line === undefined) {
    // V8 compares the flags of the cache with its own at the start of the executable: they must be what they were.
    setFlagsFromString("--flush-bytecode");
    writeFileSync(cacheFile, scripts.get(bundle)!.createCachedData());
    return exit(0);
  }
  process.argv = [process.execPath, "tribune", ...line];
  instance("commands", resolve);
}
process.exit = ((code?: number) => {
  if (code !== undefined && code !== 0) {
    console.error(`${commandLines[next - 1]?.join(" ")}: exit code ${code}`);
    exit(1);
  }
  setImmediate(runNext);
}) as typeof process.exit;
runNext();
