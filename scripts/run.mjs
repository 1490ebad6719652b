// The one entry of every npm script, in plain JavaScript so that any Node from 18 up can run it: installs what the lock file
// names when that has not been done, then hands over to the pinned Node of node_modules, which runs the TypeScript as it is.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const stampFile = join(modules, ".tribune-installed");
const pinnedNode = join(modules, ".bin", process.platform === "win32" ? "node.cmd" : "node");
const PINNED_MAJOR = 26;

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** npm as this process was started by, else the one in PATH. */
function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, all] = cli?.endsWith("js") ? [process.execPath, [cli, ...args]] : ["npm", args];
  // npm's own settings of the running script must not leak into the nested run.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([k]) => !/^npm_(lifecycle|package|command)/.test(k)),
  );
  return spawnSync(command, all, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env });
}

function pinnedVersion() {
  if (!existsSync(pinnedNode)) return undefined;
  const out = spawnSync(pinnedNode, ["--version"], { encoding: "utf8" });
  return out.status === 0 ? out.stdout.trim() : undefined;
}

function ensureInstalled() {
  const stamp = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  // A folder that npm itself filled from this very lock needs no second install.
  const already = existsSync(join(modules, ".package-lock.json")) && sameLock();
  if (!already) {
    process.stderr.write("==> First run: installing the packages of package-lock.json (about a minute)...\n");
    let done = npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    for (let tries = 1; tries < 3 && done.status !== 0; tries++) {
      process.stderr.write("==> npm ci failed: once more\n");
      done = npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    }
    if (done.status !== 0)
      fail(
        `npm ci failed (exit ${done.status ?? done.error?.message}). Tribune needs the npm registry once; then it works without network.`,
      );
  }
  let version = pinnedVersion();
  if (!version?.startsWith(`v${PINNED_MAJOR}.`)) {
    // The package "node" puts its binary in place by an install script, which npm may have been told to skip.
    npm(["rebuild", "node", "--foreground-scripts", "--loglevel=error"]);
    version = pinnedVersion();
  }
  if (!version?.startsWith(`v${PINNED_MAJOR}.`))
    fail(
      `node_modules/.bin/node is ${version ?? "missing"}, wanted v${PINNED_MAJOR}: allow the install script of the package "node" (npm config ignore-scripts must be false) and run this again`,
    );
  writeFileSync(stampFile, stamp);
}

/** Whether node_modules was made from the present lock: the same packages in the same versions. */
function sameLock() {
  const read = (file) => JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  const wanted = read(join(root, "package-lock.json"));
  const found = read(join(modules, ".package-lock.json"));
  return Object.entries(wanted).every(
    ([path, p]) => path === "" || p.optional || found[path]?.version === p.version,
  );
}

/** Test files under folders; node's own glob exists only in newer versions, and this list should be the same in each. */
function testFiles(folders, suffix = ".test.ts") {
  const out = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith(suffix)) out.push(relative(root, path));
    }
  };
  for (const folder of folders)
    if (existsSync(join(root, folder)) && statSync(join(root, folder)).isDirectory())
      walk(join(root, folder));
  return out.sort();
}

const quiet = ["--disable-warning=ExperimentalWarning"];
/** Arguments that name test files narrow a run: `npm test -- src/wire`. */
function tests(folders, args, options = []) {
  const picked = args.filter((a) => !a.startsWith("-"));
  const flags = args.filter((a) => a.startsWith("-"));
  const files = testFiles(folders).filter((f) => picked.length === 0 || picked.some((p) => f.includes(p)));
  if (files.length === 0) fail(`no test file matches ${picked.join(" ") || folders.join(" ")}`);
  return [...quiet, "--test", ...options, ...flags, ...files];
}

const UNIT = ["src", "sim", "scripts", "fuzz", "bench", "conformance", "interop/lib", "e2e/lib", "chaos"];
const commands = {
  start: (args) => [...quiet, "src/main.ts", "agent", "-dev", ...args],
  tribune: (args) => [...quiet, "src/main.ts", ...args],
  test: (args) => tests(UNIT, args, ["--test-timeout=600000"]),
  check: (args) => [...quiet, "scripts/check.ts", ...args],
  build: (args) => [...quiet, "scripts/build.ts", ...args],
  package: (args) => [...quiet, "scripts/package.ts", ...args],
  e2e: (args) => tests(["e2e"], args, ["--test-concurrency=1", "--test-timeout=1200000"]),
  interop: (args) => tests(["interop"], args, ["--test-concurrency=1", "--test-timeout=1200000"]),
  conformance: (args) => [...quiet, "conformance/main.ts", ...args],
  fuzz: (args) => [...quiet, "fuzz/main.ts", ...args],
  bench: (args) => [...quiet, "bench/main.ts", ...args],
  sim: (args) => [...quiet, "sim/main.ts", ...args],
  durability: (args) => [...quiet, "e2e/durability.ts", ...args],
  chaos: (args) => [...quiet, "chaos/main.ts", ...args],
};

const [name, ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name ?? "") ? commands[name] : undefined;
if (command === undefined) fail(`usage: node scripts/run.mjs ${Object.keys(commands).join("|")} [args]`);
ensureInstalled();
if (["e2e", "durability", "fuzz", "bench", "chaos"].includes(name)) {
  const built = spawnSync(pinnedNode, [...quiet, "scripts/build.ts", "--if-stale"], {
    cwd: root,
    stdio: "inherit",
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
const child = spawn(pinnedNode, command(args), { cwd: root, stdio: "inherit" });
// A terminal sends its signals to the child as well; a supervisor sends them only here.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`cannot start ${pinnedNode}: ${error.message}`));
child.on("exit", (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
