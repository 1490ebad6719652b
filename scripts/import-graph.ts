/**
 * The imports of the sources as a graph, and the rules about it: they point down the floors, and never in a circle.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

export interface ImportEdge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  /** `import type` leaves nothing at run time; it counts for direction, not for circles. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** Path from the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly edges: readonly ImportEdge[];
  /** Names of modules outside the project: packages and node: modules. */
  readonly external: readonly string[];
}

/** Floor by first folder under src/; a file may import its own floor's folder, and folders of lower floors. */
export const FLOORS: Readonly<Record<string, number>> = {
  "main.ts": 7,
  "embed.ts": 7,
  cli: 7,
  http: 6,
  dns: 6,
  "cli-rpc": 6,
  agent: 5,
  server: 4,
  raft: 3,
  gossip: 3,
  state: 3,
  acl: 3,
  rpc: 2,
  wire: 1,
  model: 1,
  ports: 0,
};

/** Folders of the same floor that may import each other: the model is declared with the wire's schema. */
const SAME_FLOOR: ReadonlySet<string> = new Set(["main.ts>cli", "cli>main.ts", "model>wire", "state>acl"]);
/** Beside the floors: may import these only. */
const CLIENT_MAY: ReadonlySet<string> = new Set(["client", "model", "wire", "ports"]);

const IMPORT =
  /^\s*(?:import|export)\s+(type\s+)?(?:[^'"();]*?\sfrom\s+)?["']([^"']+)["']|(?:^|[^.\w])import\(\s*["']([^"']+)["']\s*\)/gm;

/** All .ts files below `folders` of `root`. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  const out: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== "node_modules" && entry.name !== "testdata") walk(path);
      } else if (entry.name.endsWith(".ts")) {
        out.push(parseSource(relative(root, path).replaceAll("\\", "/"), readFileSync(path, "utf8")));
      }
    }
  };
  for (const folder of folders) walk(join(root, folder));
  return out.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function parseSource(path: string, text: string): SourceFile {
  const edges: ImportEdge[] = [];
  const external: string[] = [];
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, " "));
  for (const m of code.matchAll(IMPORT)) {
    const target = m[2] ?? m[3]!;
    if (!target.startsWith(".")) {
      external.push(target);
      continue;
    }
    const line = code.slice(0, m.index).split("\n").length + (m[0].startsWith("\n") ? 1 : 0);
    edges.push({
      from: path,
      to: normalize(join(dirname(path), target)).replaceAll("\\", "/"),
      line,
      typeOnly: m[1] !== undefined,
    });
  }
  return { path, text, edges, external };
}

const roomOf = (path: string): string | undefined => /^src\/([^/]+)/.exec(path)?.[1];

/** Sentences about imports that point up or sideways, one per import. Tests may look at anything below the doors' floor. */
export function directionErrors(files: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const file of files) {
    const from = roomOf(file.path);
    if (from === undefined || file.path.endsWith(".test.ts")) continue;
    for (const edge of file.edges) {
      const to = roomOf(edge.to);
      const where = `${file.path}:${edge.line}`;
      if (to === undefined) {
        errors.push(`${where}: imports ${edge.to}: sources under src/ stand alone`);
      } else if (from === to) {
      } else if (from === "client") {
        if (!CLIENT_MAY.has(to))
          errors.push(`${where}: client/ may import model, wire and ports, not ${to}/`);
      } else if (to === "client") {
        if (FLOORS[from] !== 7) errors.push(`${where}: only cli/ and embed.ts speak through client/`);
      } else if (FLOORS[from] === undefined || FLOORS[to] === undefined) {
        errors.push(
          `${where}: ${FLOORS[from] === undefined ? from : to}/ has no floor: add it to scripts/import-graph.ts`,
        );
      } else if (
        FLOORS[to]! > FLOORS[from]! ||
        (FLOORS[to] === FLOORS[from] && !SAME_FLOOR.has(`${from}>${to}`))
      ) {
        errors.push(
          `${where}: ${from}/ (floor ${FLOORS[from]}) imports ${to}/ (floor ${FLOORS[to]}): imports point down only`,
        );
      }
    }
  }
  return errors;
}

/** Circles of run-time imports, each named once as the files on it. */
export function circles(files: readonly SourceFile[]): string[][] {
  const byPath = new Map(files.map((f) => [f.path, f]));
  const state = new Map<string, "open" | "done">();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): void => {
    state.set(path, "open");
    stack.push(path);
    for (const edge of byPath.get(path)?.edges ?? []) {
      if (edge.typeOnly || !byPath.has(edge.to)) continue;
      if (state.get(edge.to) === "open") found.push([...stack.slice(stack.indexOf(edge.to)), edge.to]);
      else if (!state.has(edge.to)) visit(edge.to);
    }
    stack.pop();
    state.set(path, "done");
  };
  for (const file of files) if (!state.has(file.path)) visit(file.path);
  return found;
}
