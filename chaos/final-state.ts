/** What the servers hold when all is over: each all that was acknowledged, and all the same. */
import type { ChaosNode } from "./cluster.ts";

export interface FinalEntry {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

/** Problems of one server's listing against the acknowledged writes and the first server's listing. Pure. */
export function compareListings(
  listings: ReadonlyMap<string, readonly FinalEntry[]>,
  acknowledged: ReadonlyMap<string, string>,
): string[] {
  const problems: string[] = [];
  const text = (e: FinalEntry): string => `${e.Key}=${e.Value}@${e.ModifyIndex}`;
  let first: readonly [string, ReadonlySet<string>] | undefined;
  for (const [name, entries] of listings) {
    const values = new Map(entries.map((e) => [e.Key, Buffer.from(e.Value ?? "", "base64").toString()]));
    for (const [key, value] of acknowledged)
      if (values.get(key) !== value)
        problems.push(`LOST on ${name}: ${key}, wanted ${value}, found ${values.get(key) ?? "nothing"}`);
    const all = new Set(entries.map(text));
    if (first === undefined) {
      first = [name, all];
      continue;
    }
    const [other, wanted] = first;
    const missing = [...wanted].filter((t) => !all.has(t));
    const extra = [...all].filter((t) => !wanted.has(t));
    if (missing.length + extra.length > 0)
      problems.push(
        `DIFFERENT on ${name} from ${other}: ${missing.length} missing (${missing.slice(0, 3).join(", ")}), ${extra.length} more (${extra.slice(0, 3).join(", ")})`,
      );
  }
  return problems;
}

/** Asks each server for all it holds until they agree with each other and the acknowledged writes, or `timeoutMs` passed. */
export async function finalProblems(
  servers: readonly ChaosNode[],
  acknowledged: ReadonlyMap<string, string>,
  timeoutMs: number,
): Promise<readonly string[]> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const listings = new Map<string, readonly FinalEntry[]>();
    const problems: string[] = [];
    for (const server of servers) {
      const reply = await server.http("GET", "/v1/kv/?recurse&stale", undefined, 30_000);
      if (reply instanceof Error) problems.push(`${server.name} does not answer: ${reply.message}`);
      else if (reply.status !== 200) problems.push(`${server.name} answers ${reply.status} ${reply.body}`);
      else listings.set(server.name, JSON.parse(reply.body) as readonly FinalEntry[]);
    }
    problems.push(...compareListings(listings, acknowledged));
    if (problems.length === 0 || performance.now() > end) return problems;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
