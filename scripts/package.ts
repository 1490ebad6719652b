/**
 * What `npm pack` packs: dist/, the sources as JavaScript with the types of the two entry points. Node strips no types below
 * node_modules, so a package must carry JavaScript; from a clone everything still runs as it is written. `--out DIR` writes elsewhere.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const ENTRIES = ["embed.d.ts", "client/client.d.ts"];
const RELATIVE = /((?:from|import)\s*\(?\s*)"(\.{1,2}\/[^"]+)\.ts"/g;

/** Declarations are of use only where an entry point's types lead. */
function declarationsNeeded(out: string): ReadonlySet<string> {
  const needed = new Set<string>();
  const open = ENTRIES.map((e) => join(out, e));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (needed.has(path)) continue;
    needed.add(path);
    for (const [, , to] of readFileSync(path, "utf8").matchAll(RELATIVE))
      open.push(resolve(dirname(path), `${to}.d.ts`));
  }
  return needed;
}

function main(): void {
  const at = process.argv.indexOf("--out");
  const out = resolve(at < 0 ? join(root, "dist") : process.argv[at + 1]!);
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      join(root, "tsconfig.package.json"),
      "--outDir",
      out,
    ],
    { stdio: "inherit" },
  );
  const needed = declarationsNeeded(out);
  for (const name of readdirSync(out, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".d.ts")) continue;
    const path = join(out, name);
    // The compiler leaves the sources' suffix in declarations, where no .ts will lie beside them.
    if (needed.has(path)) writeFileSync(path, readFileSync(path, "utf8").replace(RELATIVE, '$1"$2.js"'));
    else rmSync(path);
  }
  chmodSync(join(out, "main.js"), 0o755);
}

main();
