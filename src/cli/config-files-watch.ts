/** `auto_reload_config`: looks at the configuration's files every second and tells when one of them has changed, come or gone. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../ports/clock.ts";

const LOOK_EVERY_MS = 1_000;

/** Follows files and directories until the returned function is called. */
export function watchConfigFiles(paths: readonly string[], clock: Clock, onChange: () => void): () => void {
  let seen = stateOf(paths);
  let timer = clock.timer(LOOK_EVERY_MS, look);
  function look(): void {
    const now = stateOf(paths);
    if (now !== seen) {
      seen = now;
      onChange();
    }
    timer = clock.timer(LOOK_EVERY_MS, look);
  }
  return () => timer.cancel();
}

/** Names, sizes and times of all files as one text. */
function stateOf(paths: readonly string[]): string {
  const one = (path: string, inside: boolean): string => {
    try {
      const s = statSync(path);
      if (s.isDirectory())
        return inside
          ? ""
          : readdirSync(path)
              .sort()
              .map((name) => one(join(path, name), true))
              .join("\n");
      return `${path} ${s.ino} ${s.size} ${s.mtimeMs}`;
    } catch {
      return `${path} gone`;
    }
  };
  return paths.map((p) => one(p, false)).join("\n");
}
