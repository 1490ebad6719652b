/**
 * The core broken on purpose, one promise at a time, to see that the simulator finds it. Each wraps the real core from outside:
 * nothing of this is in the program.
 */
import { quorumOf } from "../../src/raft/core/configuration.ts";
import type { CoreEvent, Output } from "../../src/raft/core/messages.ts";
import { RaftCore } from "../../src/raft/core/raft-core.ts";
import { type CoreState, voters } from "../../src/raft/core/state.ts";
import type { Core, DriverPorts } from "../../src/raft/driver-ports.ts";
import type { SimServer } from "./server.ts";

export interface Breakage {
  readonly name: string;
  /** Which rule is gone, and what it is there for. */
  readonly why: string;
  readonly makeCore: DriverPorts["makeCore"];
  readonly mayReadByLease: (server: SimServer) => boolean;
}

export const soundLeaseRead = (server: SimServer): boolean => server.driver?.holdsLease() ?? false;

type Wrap = (inner: RaftCore, event: CoreEvent, now: number) => Output;

const wrapped =
  (wrap: Wrap): DriverPorts["makeCore"] =>
  (options, recovered, random, now): Core => {
    const inner = new RaftCore(options, recovered, random, now);
    return {
      state: inner.state,
      start: (t) => inner.start(t),
      step: (event, t) => wrap(inner, event, t),
      deadline: () => inner.deadline(),
      get applicable() {
        return inner.applicable;
      },
    };
  };

export const breakages: readonly Breakage[] = [
  {
    name: "vote-twice",
    why: "a server forgets whom it voted for in the term, so two candidates can win it (paper 5.2)",
    mayReadByLease: soundLeaseRead,
    makeCore: wrapped((inner, event, now) => {
      if (
        event.kind === "request" &&
        event.request.kind === "vote" &&
        event.request.term === inner.state.term &&
        inner.state.role !== "leader"
      ) {
        inner.state.voteFor = "";
        inner.state.leader = undefined;
      }
      return inner.step(event, now);
    }),
  },
  {
    name: "commit-old-term",
    why: "a leader commits an entry of an earlier term because a majority has it; another leader may still replace it (paper 5.4.2, figure 8)",
    mayReadByLease: soundLeaseRead,
    makeCore: wrapped((inner, event, now) => {
      const output = inner.step(event, now);
      commitByCounting(inner.state);
      return output;
    }),
  },
  {
    name: "acknowledge-before-fsync",
    why: "a follower answers before its disk has the entries; a crash then takes back what the leader counted on",
    mayReadByLease: soundLeaseRead,
    makeCore: wrapped((inner, event, now) => {
      const { persist, effects, afterPersist } = inner.step(event, now);
      return { persist, effects: [...effects, ...afterPersist], afterPersist: [] };
    }),
  },
  {
    name: "skip-log-matching",
    why: "a follower appends without comparing the entry before (paper 5.3), so its log may have parts of a dead leader's",
    mayReadByLease: soundLeaseRead,
    makeCore: wrapped((inner, event, now) => {
      if (event.kind === "request" && event.request.kind === "append") {
        const { request } = event;
        const ours = inner.state.log.termAt(request.prevIndex);
        if (ours !== undefined && ours !== request.prevTerm)
          return inner.step({ ...event, request: { ...request, prevTerm: ours } }, now);
      }
      return inner.step(event, now);
    }),
  },
  {
    name: "read-without-lease",
    why: "a leader serves reads for as long as it believes to lead, also after others elected a new one (dissertation 6.4)",
    mayReadByLease: (server) => server.driver?.core?.state.role === "leader",
    makeCore: undefined,
  },
];

function commitByCounting(s: CoreState): void {
  const { lead } = s;
  if (lead === undefined) return;
  const matches = voters(s)
    .map((v) => (v.id === s.options.id ? s.persisted : (lead.progress.get(v.id)?.match ?? 0)))
    .sort((a, b) => b - a);
  const held = matches[quorumOf(matches.length) - 1] ?? 0;
  if (held > s.commit && held < lead.firstIndex) s.commit = held;
}
