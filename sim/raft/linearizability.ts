/**
 * Whether a history of reads, writes and compare-and-sets of one register could have happened one after the other, each at some
 * moment between its call and its return. Search with memory of visited states: Wing and Gong (1993), Lowe (2017), as in Porcupine.
 */

export type RegisterOp =
  | { readonly kind: "write"; readonly value: string }
  | { readonly kind: "read"; readonly result: string }
  | {
      readonly kind: "cas";
      readonly expect: string;
      readonly value: string;
      readonly result: boolean | undefined;
    };

export interface Operation {
  readonly op: RegisterOp;
  readonly call: number;
  /** Infinity when nobody knows whether it happened: then it may take effect at any later time, or never. */
  readonly return: number;
}

/** The value of a register that was never written. */
export const INITIAL = "";

/** State after `op`, or undefined when its result is impossible in `state`. */
function step(state: string, op: RegisterOp): string | undefined {
  switch (op.kind) {
    case "write":
      return op.value;
    case "read":
      return op.result === state ? state : undefined;
    case "cas": {
      const holds = state === op.expect;
      if (op.result !== undefined && op.result !== holds) return undefined;
      return holds ? op.value : state;
    }
  }
}

interface Event {
  readonly operation: number;
  readonly isReturn: boolean;
  prev: Event | undefined;
  next: Event | undefined;
  match: Event | undefined;
}

/** The events in time order as a linked list, so that an operation can be taken out and put back. */
function eventList(history: readonly Operation[]): Event {
  const times: { readonly at: number; readonly event: Event }[] = [];
  history.forEach((o, operation) => {
    const call: Event = { operation, isReturn: false, prev: undefined, next: undefined, match: undefined };
    const end: Event = { operation, isReturn: true, prev: undefined, next: undefined, match: undefined };
    call.match = end;
    times.push({ at: o.call, event: call }, { at: o.return, event: end });
  });
  // A call and a return at the same moment: taken as overlapping.
  times.sort((a, b) => a.at - b.at || Number(a.event.isReturn) - Number(b.event.isReturn));
  const head: Event = { operation: -1, isReturn: false, prev: undefined, next: undefined, match: undefined };
  let last = head;
  for (const { event } of times) {
    last.next = event;
    event.prev = last;
    last = event;
  }
  return head;
}

function lift(call: Event): void {
  for (const e of [call, call.match!]) {
    e.prev!.next = e.next;
    if (e.next !== undefined) e.next.prev = e.prev;
  }
}

function unlift(call: Event): void {
  for (const e of [call.match!, call]) {
    e.prev!.next = e;
    if (e.next !== undefined) e.next.prev = e;
  }
}

export function isLinearizable(history: readonly Operation[]): boolean {
  // A read nobody saw the answer of says nothing.
  const known = history.filter((o) => !(o.return === Number.POSITIVE_INFINITY && o.op.kind === "read"));
  const certain = known.filter((o) => o.return !== Number.POSITIVE_INFINITY).length;
  const head = eventList(known);
  const seen = new Set<string>();
  const taken = new Uint8Array(known.length);
  const stack: { readonly call: Event; readonly state: string }[] = [];
  let takenCertain = 0;
  let state = INITIAL;
  let at = head.next;
  // What has happened for sure must be placed; what may have happened need not be.
  while (takenCertain < certain) {
    if (at !== undefined && !at.isReturn) {
      const next = step(state, known[at.operation]!.op);
      if (next !== undefined) {
        taken[at.operation] = 1;
        const key = `${Buffer.from(taken).toString("latin1")} ${next}`;
        if (!seen.has(key)) {
          seen.add(key);
          stack.push({ call: at, state });
          state = next;
          if (known[at.operation]!.return !== Number.POSITIVE_INFINITY) takenCertain++;
          lift(at);
          at = head.next;
          continue;
        }
        taken[at.operation] = 0;
      }
      at = at.next;
      continue;
    }
    // A return whose operation could not be placed before it: go back.
    const back = stack.pop();
    if (back === undefined) return false;
    state = back.state;
    taken[back.call.operation] = 0;
    if (known[back.call.operation]!.return !== Number.POSITIVE_INFINITY) takenCertain--;
    unlift(back.call);
    at = back.call.next;
  }
  return true;
}
