/** What the original answered, by case: one file a family in `testdata/`, so that ours can be held to it where the original is not at hand. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const FOLDER = new URL("testdata/", import.meta.url);
const file = (family: string): URL => new URL(`${family}.json`, FOLDER);

export function readRecording(family: string): ReadonlyMap<string, string> {
  if (!existsSync(file(family))) return new Map();
  const cases = JSON.parse(readFileSync(file(family), "utf8")) as Readonly<Record<string, string>>;
  return new Map(Object.entries(cases));
}

export function writeRecording(family: string, cases: ReadonlyMap<string, string>): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    file(family),
    `${JSON.stringify(Object.fromEntries(cases), null, 0).replaceAll('","', '",\n"')}\n`,
  );
}
