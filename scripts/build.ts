/**
 * `npm run build`: one executable, build/tribune, with the runtime, the program, its worker and all assets inside.
 *
 * esbuild joins the sources into two CommonJS bundles, `commands` and `agent`, and executable-boot.ts starts them; the raft log's
 * worker is bundled on its own and rides along. Then both bundles work for a moment, so that V8's code cache of them goes into
 * the executable too (see executable-warm-up.ts). `--if-stale` builds only when a source is newer than the result.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "build");
const executable = join(out, process.platform === "win32" ? "tribune.exe" : "tribune");

/** Commands of src/cli/commands.ts that are in the bundle `agent`: what they need is three quarters of the program. */
const AGENT_COMMANDS = ["./agent.ts", "./configtest.ts", "./validate.ts"];
const WARM_UP_WITHIN_MS = 60_000;

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

async function bundle(name: string, options: BuildOptions, wrapped: boolean): Promise<void> {
  const file = join(out, `${name}.cjs`);
  await build({
    outfile: file,
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
    supported: { "import-meta": true, "dynamic-import": false },
    ...options,
  });
  if (!wrapped) return;
  const text = readFileSync(file, "latin1").replace(/^#!.*/, "");
  writeFileSync(file, `(function (require, module) { let exports = module.exports; ${text}\n})`, "latin1");
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((done, failed) =>
          server
            .on("error", failed)
            .listen(0, "127.0.0.1", () => done((server.address() as { port: number }).port)),
        ),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** An agent on loopback and the usual commands against it; then the code caches of both bundles are there. */
async function warmUp(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tribune-warm-up-"));
  const [http, dns, server, serf] = await freePorts(4);
  const config = join(folder, "agent.json");
  writeFileSync(
    config,
    JSON.stringify({
      node_name: "warm-up",
      data_dir: join(folder, "data"),
      bind_addr: "127.0.0.1",
      client_addr: "127.0.0.1",
      server: true,
      bootstrap: true,
      ports: { http, dns, server, serf_lan: serf, serf_wan: -1, rpc: -1 },
      service: { name: "warm-up", port: 1, check: { id: "warm-up", ttl: "1h" } },
    }),
  );
  const started: ChildProcess[] = [];
  const run = (bundleName: string, lines: readonly (readonly string[])[]): Promise<void> => {
    const args = [out, bundleName, join(out, `${bundleName}.cache`), JSON.stringify(lines)];
    const child = spawn(process.execPath, [join(root, "scripts", "executable-warm-up.ts"), ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, CONSUL_HTTP_ADDR: `127.0.0.1:${http}` },
    });
    started.push(child);
    let complaints = "";
    child.stderr!.on("data", (text) => {
      complaints += text;
    });
    return new Promise((done, failed) => {
      child.on("error", failed);
      child.on("close", (code) =>
        code === 0
          ? done()
          : failed(new Error(`${bundleName}: exit code ${code}: ${complaints.slice(-500)}`)),
      );
    });
  };
  const url = `http://127.0.0.1:${http}/v1`;
  const agent = run("agent", [["agent", "-config-file", config]]);
  const commands = async (): Promise<void> => {
    const ask = (path: string, init?: RequestInit) =>
      fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000), ...init })
        .then((r) => r.text())
        .catch(() => "");
    while (!(await ask("/catalog/service/warm-up")).includes("warm-up")) await delay(50);
    await ask("/kv/warm/up", { method: "PUT", body: "1" });
    await ask("/agent/check/pass/warm-up", { method: "PUT" });
    await ask("/health/service/warm-up?passing");
    await ask("/kv/warm/up");
    await run("commands", [
      ["version"],
      ["members"],
      ["kv", "put", "warm/up", "2"],
      ["kv", "get", "warm/up"],
      ["leave"],
    ]);
  };
  const late = new AbortController();
  try {
    await Promise.race([
      Promise.all([agent, commands()]),
      delay(WARM_UP_WITHIN_MS, undefined, { signal: late.signal }).then(() => {
        throw new Error(`not done within ${WARM_UP_WITHIN_MS} ms`);
      }),
    ]);
  } finally {
    late.abort();
    for (const child of started) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
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
  await bundle("boot", { entryPoints: [join(root, "scripts/executable-boot.ts")] }, false);
  const elsewhere = new Set(AGENT_COMMANDS);
  await bundle(
    "commands",
    {
      minifyWhitespace: true,
      entryPoints: [join(root, "src/main.ts")],
      plugins: [
        {
          name: "in the bundle agent",
          setup: ({ onResolve }) =>
            onResolve({ filter: /^\.\// }, ({ path, kind }) =>
              kind === "dynamic-import" && elsewhere.has(path) ? { path, external: true } : undefined,
            ),
        },
      ],
    },
    true,
  );
  const entry = AGENT_COMMANDS.map((path) => `export * as "${path}" from "${path}";`).join("\n");
  await bundle("agent", { stdin: { contents: entry, resolveDir: join(root, "src/cli") } }, true);
  await bundle("log-worker", { entryPoints: [join(root, "src/raft/log-worker.ts")] }, false);
  const caches = ["commands.cache", "agent.cache"];
  for (const name of caches) writeFileSync(join(out, name), "");
  try {
    await warmUp();
  } catch (error) {
    // As on a machine without loopback. All works, only starts are slower.
    console.log(`==> without code cache, so commands start slower: ${(error as Error).message}`);
    for (const name of caches) writeFileSync(join(out, name), "");
  }
  const assets = ["commands.cjs", "agent.cjs", "log-worker.cjs", ...caches];
  const config = join(out, "sea.json");
  writeFileSync(
    config,
    JSON.stringify({
      main: join(out, "boot.cjs"),
      output: `${executable}.linked`,
      disableExperimentalSEAWarning: true,
      execArgvExtension: "none",
      execArgv: ["--disable-warning=ExperimentalWarning"],
      assets: Object.fromEntries(assets.map((name) => [name, join(out, name)])),
    }),
  );
  execFileSync(process.execPath, ["--build-sea", config], { stdio: ["ignore", "ignore", "inherit"] });
  // Written in one piece, the file would lie in the page cache in large pages, and every process would count whole ones of them
  // as resident where it uses a part: 35 MB more than after a restart of the machine. A copy is written piece by piece.
  copyFileSync(`${executable}.linked`, `${executable}.new`);
  rmSync(`${executable}.linked`);
  renameSync(`${executable}.new`, executable);
  const megabytes = (statSync(executable).size / 1e6).toFixed(0);
  console.log(
    `==> ${executable} (${megabytes} MB) in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

await main();
