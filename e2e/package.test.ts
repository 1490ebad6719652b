/**
 * The npm package as a project that depends on it sees it: packed, installed without network (its dependencies are those of
 * node_modules), the README's example type-checked and run, and the command started. Needs npm, no root.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const folder = mkdtempSync(join(tmpdir(), "tribune-package-"));
const project = join(folder, "project");
const example = /## In Node programs[\s\S]*?```ts\n([\s\S]*?)```/.exec(
  readFileSync(join(root, "README.md"), "utf8"),
)?.[1];
/** `npm pack` compiles the sources, which takes a minute on a busy machine. */
const TIMEOUT_MS = 600_000;

/** npm's own settings of the run that started this test must not reach the nested one. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
const npm = (cwd: string, ...args: string[]) =>
  run("npm", args, { cwd, env, timeout: TIMEOUT_MS, maxBuffer: 16 << 20 });

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
const manifest = (path: string): Manifest => JSON.parse(readFileSync(join(path, "package.json"), "utf8"));

before(async () => {
  await npm(root, "pack", "--pack-destination", folder);
  const { name, version, dependencies } = manifest(root);
  const local = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((n) => [n, `file:${join(root, "node_modules", n)}`]));
  await run("mkdir", [project]);
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({
      name: "dependent",
      private: true,
      type: "module",
      dependencies: {
        ...local(Object.keys(dependencies ?? {})),
        [name]: `file:${folder}/${name}-${version}.tgz`,
      },
      devDependencies: local(["@types/node"]),
    }),
  );
  await npm(project, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund");
  assert.ok(example !== undefined, "the README has an example");
  writeFileSync(join(project, "example.ts"), example);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const installed = (): string => join(project, "node_modules/tribune");

test("the package holds JavaScript and what it says it holds", () => {
  const files = readdirSync(installed(), { recursive: true }).map(String);
  assert.deepEqual(
    files.filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts")),
    [],
  );
  for (const file of [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "dist/embed.js",
    "dist/embed.d.ts",
    "dist/main.js",
  ])
    assert.ok(files.includes(file), file);
  assert.ok(!files.some((f) => /\.test\.|testdata|node_modules/.test(f)));
});

test("the README's example has types and runs to its end by itself", async () => {
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2022",
        lib: ["es2023", "esnext.disposable"],
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types: ["node"],
      },
      files: ["example.ts"],
    }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await run(process.execPath, [tsc, "-p", project], { timeout: TIMEOUT_MS }).catch((error) =>
    assert.fail(`${error.stdout}`),
  );
  const { stdout } = await run(process.execPath, ["--disable-warning=ExperimentalWarning", "example.ts"], {
    cwd: project,
    timeout: TIMEOUT_MS,
  });
  assert.equal(stdout, "web is at 127.0.0.1:8080\n");
});

test("with data on disk: the log's thread starts from the package too", async () => {
  const program = `
    import { spawn } from "node:child_process";
    import { once } from "node:events";
    const agent = spawn(process.execPath, [process.argv[2], "agent", "-server", "-bootstrap-expect=1", "-bind=127.25.9.1",
      "-client=127.25.9.1", "-data-dir=data", "-log-level=info"], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    let led = false;
    agent.stdout.on("data", (d) => {
      text += d;
      if (led || !text.includes("entering Leader state")) return;
      led = true;
      agent.kill("SIGINT");
    });
    const [code] = await once(agent, "exit");
    console.log(led, code);`;
  writeFileSync(join(project, "disk.mjs"), program);
  const { stdout } = await run(process.execPath, ["disk.mjs", join(installed(), "dist/main.js")], {
    cwd: project,
    timeout: TIMEOUT_MS,
  });
  assert.match(stdout, /^true \d+\n$/);
});

test("the command is there", async () => {
  const { stdout } = await run(join(project, "node_modules/.bin/tribune"), ["version"], {
    env: { ...env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` },
    timeout: TIMEOUT_MS,
  });
  assert.match(stdout, /^Tribune v/);
});
