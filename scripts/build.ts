/**
 * `npm run build`: one executable, build/tribune, with the runtime, the program, its worker and all assets inside.
 *
 * esbuild joins the sources into one CommonJS file (the form that a single executable application starts); the raft log's
 * worker is bundled on its own and rides along as an asset. `--if-stale` builds only when a source is newer than the result.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "build");
const executable = join(out, process.platform === "win32" ? "tribune.exe" : "tribune");

/**
 * How the executable's heap grows: in small steps, with a small nursery. After a load its private memory is then about three
 * quarters of what V8 takes by itself on a machine with much memory (72 MB instead of 99 MB in bench/'s fixture), at no
 * measurable CPU. `--optimize-for-size` saves more (54 MB), but costs a fifth of the requests a second.
 */
const HEAP_FLAGS = ["--heap-growing-percent=40", "--max-semi-space-size=4"];

/** Newest change below the folders that go into the executable, Unix ms. */
function newestSource(): number {
  let newest = statSync(join(root, "package-lock.json")).mtimeMs;
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else newest = Math.max(newest, statSync(path).mtimeMs);
    }
  };
  for (const folder of ["src", "web", "scripts"])
    if (existsSync(join(root, folder))) walk(join(root, folder));
  return newest;
}

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    // jsonc-parser's "main" is UMD, which hides its requires from the bundler.
    mainFields: ["module", "main"],
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    // Sources name their neighbours by import.meta.url only when they run from source.
    define: { "import.meta.url": "undefined" },
    supported: { "import-meta": true },
  });
}

async function main(): Promise<void> {
  if (
    process.argv.includes("--if-stale") &&
    existsSync(executable) &&
    statSync(executable).mtimeMs > newestSource()
  )
    return;
  const started = performance.now();
  mkdirSync(out, { recursive: true });
  await bundle("src/main.ts", join(out, "main.cjs"));
  await bundle("src/raft/log-worker.ts", join(out, "log-worker.cjs"));
  const config = join(out, "sea.json");
  writeFileSync(
    config,
    JSON.stringify({
      main: join(out, "main.cjs"),
      output: `${executable}.new`,
      disableExperimentalSEAWarning: true,
      // Code cache halves the time that `members` and `version` spend before their first line.
      useCodeCache: true,
      execArgvExtension: "none",
      execArgv: ["--disable-warning=ExperimentalWarning", ...HEAP_FLAGS],
      assets: { "log-worker.cjs": join(out, "log-worker.cjs") },
    }),
  );
  // With the same flags: V8 takes no code cache that was made under others.
  execFileSync(process.execPath, [...HEAP_FLAGS, "--build-sea", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(`${executable}.new`, executable);
  const megabytes = (statSync(executable).size / 1e6).toFixed(0);
  console.log(
    `==> ${executable} (${megabytes} MB) in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

await main();
