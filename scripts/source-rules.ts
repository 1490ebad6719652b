/**
 * Rules that a reader of one file can check: pure cores call nothing of the world, texts that must not appear, folders that
 * open with a README.
 */
import type { SourceFile } from "./import-graph.ts";

/**
 * A core is a file or folder called core, or one of those named here. It is a function of (event, now): no clock, no chance,
 * no sockets, no files, no waiting.
 */
export const isCore = (path: string): boolean =>
  path.startsWith("src/") &&
  !path.endsWith(".test.ts") &&
  (/(^|\/)([a-z-]+-)?core(\/|\.ts$)/.test(path) || GOSSIP_CORE.test(path));

/** All of gossip but its drivers: the pools, the transports, the snapshot's writer. */
const GOSSIP_CORE =
  /^src\/gossip\/([a-z-]+\.ts|coordinate\/|serf\/(?!pool\.ts|snapshot-writer\.ts)|memberlist\/(?!memberlist\.ts|socket-transport\.ts|transport-suite\.ts))/;

const BANNED_IN_CORES: readonly (readonly [RegExp, string])[] = [
  [
    /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    "takes `now` as an argument instead of reading a clock",
  ],
  [/\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, "takes a Random port instead of drawing by itself"],
  [/\bset(?:Timeout|Interval|Immediate)\(/, "returns what to do later instead of setting a timer"],
  [/(?:^|[^.\w])await\s/, "returns effects instead of waiting"],
  [
    /["']node:(?:net|dgram|fs|fs\/promises|child_process|http|https|tls|dns|worker_threads|sqlite|os)["']/,
    "reaches the world only through its driver",
  ],
];

/** Words that must not be committed anywhere: the project stands alone and names no registry. */
const BANNED_ANYWHERE: readonly (readonly [RegExp, string])[] = [
  [/\.\.\/shared\/|\/work\/shared/, "refers to a folder outside the project"],
  [/registry\.npmjs\.org|deb\.debian\.org|snapshot\.debian\.org/, "names a package registry's host"],
];

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, " ")).replace(/(^|[^:"'`])\/\/[^\n]*/g, "$1");

/** Sentences about broken rules, `path:line: ...`. */
export function ruleErrors(files: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const file of files) {
    if (isCore(file.path)) {
      withoutComments(file.text)
        .split("\n")
        .forEach((line, i) => {
          for (const [pattern, why] of BANNED_IN_CORES)
            if (pattern.test(line))
              errors.push(`${file.path}:${i + 1}: a core ${why}: ${line.trim().slice(0, 80)}`);
        });
    }
    if (!file.path.startsWith("scripts/source-rules"))
      file.text.split("\n").forEach((line, i) => {
        for (const [pattern, why] of BANNED_ANYWHERE)
          if (pattern.test(line)) errors.push(`${file.path}:${i + 1}: ${why}`);
      });
  }
  return errors;
}

/** Folders under src/ that hold sources but no README.md. */
export function foldersWithoutReadme(files: readonly SourceFile[], readmes: ReadonlySet<string>): string[] {
  const folders = new Set(
    files
      .filter((f) => f.path.startsWith("src/") && !f.path.endsWith(".test.ts"))
      .map((f) => f.path.slice(0, f.path.lastIndexOf("/"))),
  );
  folders.delete("src");
  return [...folders].filter((f) => !readmes.has(`${f}/README.md`)).sort();
}
