/** User events: told once each, in no order, remembered for a window of Lamport time so that late copies are known. */
import { GossipError } from "../errors.ts";
import { EVENT_SLOTS, EVENTS_PER_SLOT_MAX, USER_EVENT_BYTES_MAX } from "../limits.ts";
import { NO_BYTES, type SerfContext } from "./context.ts";
import { LamportClock } from "./lamport.ts";
import { encodeSerf, type PastEvents, SERF_MESSAGE, type UserEventMessage, userEvent } from "./messages.ts";

interface Slot {
  readonly ltime: number;
  readonly events: { readonly name: string; readonly payload: Buffer }[];
}

export class UserEvents {
  readonly clock: LamportClock = new LamportClock();
  readonly #context: SerfContext;
  readonly #limit: number;
  readonly #slots: (Slot | undefined)[] = new Array<Slot | undefined>(EVENT_SLOTS).fill(undefined);
  #minTime = 0;

  /** `limit`: bytes of name and payload together, and of the encoded message. */
  constructor(context: SerfContext, limit: number) {
    if (limit > USER_EVENT_BYTES_MAX)
      throw new GossipError(`user event size limit exceeds limit of ${USER_EVENT_BYTES_MAX} bytes`);
    this.#context = context;
    this.#limit = limit;
  }

  /** Events before this time are not delivered. */
  ignoreBefore(ltime: number): void {
    this.#minTime = Math.max(this.#minTime, ltime);
  }

  /** A new event's message; already handled here. Throws {@link GossipError} when it is too large. */
  create(name: string, payload: Uint8Array, coalesce: boolean): Buffer {
    const limit = this.#limit;
    if (Buffer.byteLength(name) + payload.length > limit)
      throw new GossipError(`user event exceeds configured limit of ${limit} bytes before encoding`);
    const e: UserEventMessage = {
      LTime: this.clock.time,
      Name: name,
      Payload: payload.length > 0 ? Buffer.from(payload) : null,
      CC: coalesce,
    };
    const message = encodeSerf(SERF_MESSAGE.userEvent, userEvent, e);
    if (message.length > limit)
      throw new GossipError(`encoded user event exceeds configured limit of ${limit} bytes after encoding`);
    this.clock.increment();
    this.onEvent(e);
    return message;
  }

  /** Whether it was news, and so to be told to others. */
  onEvent(e: UserEventMessage): boolean {
    const { log, metrics, emit } = this.#context;
    this.clock.witness(e.LTime);
    if (e.LTime < this.#minTime) return false;
    const now = this.clock.time;
    if (now > EVENT_SLOTS && e.LTime < now - EVENT_SLOTS) {
      log.warn(`Received old event ${e.Name} from time ${e.LTime} (current: ${now})`);
      return false;
    }
    const payload = e.Payload ?? NO_BYTES;
    let slot = this.#slots[e.LTime % EVENT_SLOTS];
    if (slot === undefined || slot.ltime !== e.LTime) {
      slot = { ltime: e.LTime, events: [] };
      this.#slots[e.LTime % EVENT_SLOTS] = slot;
    } else if (slot.events.some((p) => p.name === e.Name && p.payload.equals(payload))) return false;
    if (slot.events.length >= EVENTS_PER_SLOT_MAX) {
      metrics.count("serf.events.dropped");
      return false;
    }
    const copy = Buffer.from(payload);
    slot.events.push({ name: e.Name, payload: copy });
    metrics.count("serf.events");
    metrics.count(`serf.events.${e.Name}`);
    emit({
      kind: "event",
      event: { kind: "user", ltime: BigInt(e.LTime), name: e.Name, payload: copy, coalesce: e.CC },
    });
    return true;
  }

  /** The remembered events as a push/pull carries them; empty slots are left out. */
  past(): PastEvents[] {
    const out: PastEvents[] = [];
    for (const s of this.#slots)
      if (s !== undefined)
        out.push({
          LTime: s.ltime,
          Events: s.events.map((e) => ({ Name: e.name, Payload: e.payload.length > 0 ? e.payload : null })),
        });
    return out;
  }
}
