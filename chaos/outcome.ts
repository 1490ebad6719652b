/** What an answer, or its absence, says about whether a request took effect. Pure. */
import type { Reply } from "./cluster.ts";

/** `no`: it surely had no effect and will have none. `unknown`: it may take effect at any later time, or never. */
export type Outcome = "yes" | "no" | "unknown";

/** Connection refused, or no socket there: nobody can have read the request. */
const NEVER_SENT: readonly string[] = ["ECONNREFUSED", "ENOENT"];
/** Refusals of servers before anything is proposed to raft (texts as Consul 1.8.7's). */
const NEVER_PROPOSED: readonly string[] = ["No cluster leader", "node is not the leader"];

export const neverSent = (error: NodeJS.ErrnoException): boolean =>
  error.code !== undefined && NEVER_SENT.includes(error.code);

/** `reply`: the answer, or the error that came instead. */
export function outcomeOf(reply: Reply | Error): Outcome {
  if (reply instanceof Error) return neverSent(reply) ? "no" : "unknown";
  if (reply.status === 200) return "yes";
  return NEVER_PROPOSED.some((text) => reply.body.includes(text)) ? "no" : "unknown";
}
