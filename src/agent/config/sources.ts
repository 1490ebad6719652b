/**
 * Which files a configuration is made of: `-config-file` and `-config-dir` in command-line order, directories by name and not
 * recursively, only `.json` and `.hcl` unless a format is given. Rules and texts observed in Consul 1.8.7.
 */
import { join } from "node:path";
import { ConfigError } from "./diagnostic.ts";
import type { Source } from "./document.ts";
import { CONFIG_FILE_BYTES_MAX, CONFIG_FILES_MAX } from "./limits.ts";

/** The file system as configuration needs it. All methods throw Node's errors. */
export interface ConfigFiles {
  /** Follows links. */
  stat(path: string): { readonly kind: "file" | "directory" | "other"; readonly size: number };
  /** Names, in any order. */
  list(path: string): readonly string[];
  read(path: string): Uint8Array;
}

export interface SourceFiles {
  readonly sources: readonly Source[];
  readonly warnings: readonly string[];
}

/** Throws ConfigError. */
export function readSources(
  paths: readonly string[],
  format: "json" | "hcl" | undefined,
  files: ConfigFiles,
): SourceFiles {
  const sources: Source[] = [];
  const warnings: string[] = [];
  const add = (path: string): void => {
    const byName = path.endsWith(".json") ? "json" : path.endsWith(".hcl") ? "hcl" : undefined;
    const chosen = format ?? byName;
    if (chosen === undefined) {
      warnings.push(`skipping file ${path}, extension must be .hcl or .json, or config format must be set`);
      return;
    }
    if (sources.length >= CONFIG_FILES_MAX)
      throw new ConfigError(`config: more than ${CONFIG_FILES_MAX} files, at ${path}`);
    const bytes = attempt("ReadFile", path, () => files.read(path));
    sources.push({ name: path, text: Buffer.from(bytes).toString("utf8"), format: chosen });
  };
  for (const path of paths) {
    const { kind, size } = attempt("Open", path, () => files.stat(path));
    if (kind === "file") {
      refuseLarge(path, size);
      add(path);
      continue;
    }
    if (kind !== "directory")
      throw new ConfigError(`config: Open failed on ${path}. open ${path}: neither a file nor a directory`);
    const names = [...attempt("Readdir", path, () => files.list(path))].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    for (const name of names) {
      const inner = join(path, name);
      // A broken link is an error, a directory (or a link to one) is skipped.
      const entry = attempt("Open", inner, () => files.stat(inner));
      if (entry.kind !== "file") continue;
      refuseLarge(inner, entry.size);
      add(inner);
    }
  }
  return { sources, warnings };
}

function refuseLarge(path: string, size: number): void {
  if (size > CONFIG_FILE_BYTES_MAX)
    throw new ConfigError(
      `config: ReadFile failed on ${path}: ${size} bytes, more than ${CONFIG_FILE_BYTES_MAX}; split it into several files`,
    );
}

/** Go's words for the error codes that occur. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
};

function attempt<T>(what: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ConfigError(
      `config: ${what} failed on ${path}. open ${path}: ${REASONS[code ?? ""] ?? message}`,
    );
  }
}
