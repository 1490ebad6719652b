/**
 * Coalescing: many events in a short time become few. A period begins with the first event and ends at the latest after the
 * coalesce period, or earlier after a quiescent one without events.
 *
 * Source: observed in serf 0.9.4. Consul switches it off; it serves tools that run handlers per event.
 */

import type { Member, SerfEvent } from "../contract.ts";
import type { Deadline, Deadlines } from "../deadlines.ts";
import { COALESCED_EVENTS_MAX } from "../limits.ts";

type MemberEvent = Extract<SerfEvent, { members: readonly Member[] }>;
type UserEvent = Extract<SerfEvent, { kind: "user" }>;

interface Gathering {
  /** Takes an event; false lets it pass unchanged. */
  take(event: SerfEvent): boolean;
  flush(): readonly SerfEvent[];
  readonly size: number;
}

class MemberGathering implements Gathering {
  readonly #latest = new Map<string, { readonly kind: MemberEvent["kind"]; readonly member: Member }>();
  readonly #told = new Map<string, MemberEvent["kind"]>();

  get size(): number {
    return this.#latest.size;
  }

  take(event: SerfEvent): boolean {
    if (event.kind === "user" || event.kind === "query") return false;
    for (const member of event.members) this.#latest.set(member.name, { kind: event.kind, member });
    return true;
  }

  flush(): readonly SerfEvent[] {
    const byKind = new Map<MemberEvent["kind"], Member[]>();
    for (const [name, { kind, member }] of this.#latest) {
      if (this.#told.get(name) === kind && kind !== "member-update") continue;
      if (kind === "member-reap") this.#told.delete(name);
      else this.#told.set(name, kind);
      const list = byKind.get(kind);
      if (list === undefined) byKind.set(kind, [member]);
      else list.push(member);
    }
    this.#latest.clear();
    return [...byKind].map(([kind, members]) => ({ kind, members }));
  }
}

class UserGathering implements Gathering {
  readonly #latest = new Map<string, UserEvent[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  take(event: SerfEvent): boolean {
    if (event.kind !== "user" || !event.coalesce) return false;
    const known = this.#latest.get(event.name);
    if (known === undefined || known[0]!.ltime < event.ltime) {
      this.#size += 1 - (known?.length ?? 0);
      this.#latest.set(event.name, [event]);
    } else if (known[0]!.ltime === event.ltime) {
      known.push(event);
      this.#size++;
    }
    return true;
  }

  flush(): readonly SerfEvent[] {
    const out = [...this.#latest.values()].flat();
    this.#latest.clear();
    this.#size = 0;
    return out;
  }
}

export interface CoalesceOptions {
  readonly kind: "members" | "user-events";
  readonly coalescePeriodMs: number;
  readonly quiescentPeriodMs: number;
}

export class Coalescer {
  readonly #options: CoalesceOptions;
  readonly #deadlines: Deadlines;
  readonly #deliver: (event: SerfEvent) => void;
  readonly #gathering: Gathering;
  #quantum: Deadline | undefined;
  #quiescence: Deadline | undefined;

  constructor(options: CoalesceOptions, deadlines: Deadlines, deliver: (event: SerfEvent) => void) {
    this.#options = options;
    this.#deadlines = deadlines;
    this.#deliver = deliver;
    this.#gathering = options.kind === "members" ? new MemberGathering() : new UserGathering();
  }

  onEvent(event: SerfEvent, now: number): void {
    if (!this.#gathering.take(event)) return this.#deliver(event);
    if (this.#gathering.size >= COALESCED_EVENTS_MAX) return this.flush();
    this.#quiescence?.cancel();
    this.#quiescence = this.#deadlines.add(now + this.#options.quiescentPeriodMs, () => this.flush());
    this.#quantum ??= this.#deadlines.add(now + this.#options.coalescePeriodMs, () => this.flush());
  }

  /** Delivers what has gathered; also to be called at shutdown. */
  flush(): void {
    this.#quantum?.cancel();
    this.#quiescence?.cancel();
    this.#quantum = undefined;
    this.#quiescence = undefined;
    for (const event of this.#gathering.flush()) this.#deliver(event);
  }
}
