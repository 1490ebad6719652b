/** The commands of the protocol: body and effect. Those marked serf's are of its IPC; Consul 0.6 had errors in their place. */
import { USER_EVENT_PREFIX } from "../agent/user-event-message.ts";
import type { Member as PoolMember } from "../gossip/contract.ts";
import * as wire from "../model/cli-rpc.ts";
import { KeyringRequest, type KeyringResponse } from "../model/coordinate.ts";
import { formatLogLine, parseLogLevel } from "../ports/log.ts";
import { GoRegExp, GoRegExpError } from "../wire/go-regexp.ts";
import { addressBytes } from "../wire/ip-address.ts";
import type { Infer, Type } from "../wire/schema.ts";
import { type Answer, type Command, type CommandContext, ConnectionFault } from "./command.ts";
import { EventFilters } from "./event-filters.ts";
import { LEAVE_ANSWER_MS, STREAMS_MAX } from "./limits.ts";

const OK: Answer = { error: "" };
const withBody = <T>(type: Type<T>, value: T, error = ""): Answer => ({
  error,
  body: { type: type as Type<unknown>, value },
});

/** A command with a body, typed by it. */
const command = <T>(
  body: Type<T>,
  run: (session: CommandContext, body: T, seq: bigint) => Promise<Answer> | Answer,
): Command => ({
  body: body as Type<unknown>,
  run: run as Command["run"],
});
const bare = (run: (session: CommandContext, seq: bigint) => Promise<Answer> | Answer): Command => ({
  run: (s, _body, seq) => run(s, seq),
});

export function memberOf(m: PoolMember): wire.Member {
  return {
    Name: m.name,
    Addr: addressBytes(m.addr),
    Port: m.port,
    Tags: m.tags,
    Status: m.status,
    ProtocolMin: m.protocolMin,
    ProtocolMax: m.protocolMax,
    ProtocolCur: m.protocolCur,
    DelegateMin: m.delegateMin,
    DelegateMax: m.delegateMax,
    DelegateCur: m.delegateCur,
  };
}
const members = (of: readonly PoolMember[]): Answer =>
  withBody(wire.MembersResponse, { Members: of.map(memberOf) });

/** An expression that must match a whole text; "" matches all. */
function whole(expression: string): (text: string) => boolean {
  if (expression === "") return () => true;
  try {
    const compiled = new GoRegExp(`^${expression}$`);
    return (text) => compiled.test(text);
  } catch (error) {
    if (error instanceof GoRegExpError)
      throw new ConnectionFault(`Failed to compile regex: ${error.message}`);
    throw error;
  }
}

function filtered(session: CommandContext, filter: Infer<typeof wire.MembersFilteredRequest>): Answer {
  const status = whole(filter.Status);
  const name = whole(filter.Name);
  const tags = [...(filter.Tags ?? [])].map(([key, expression]) => ({ key, test: whole(expression) }));
  return members(
    session.agent
      .lanMembers()
      .filter(
        (m) => status(m.status) && name(m.name) && tags.every(({ key, test }) => test(m.tags.get(key) ?? "")),
      ),
  );
}

async function join(
  session: CommandContext,
  { Existing, WAN }: Infer<typeof wire.JoinRequest>,
): Promise<Answer> {
  try {
    return withBody(wire.JoinResponse, { Num: await session.agent.join(Existing ?? [], { wan: WAN }) });
  } catch (error) {
    return withBody(wire.JoinResponse, { Num: 0 }, (error as Error).message);
  }
}

async function leave(session: CommandContext): Promise<Answer> {
  session.log.info("Graceful leave triggered");
  await session.agent.leave();
  // The answer reaches the client before the agent ends.
  const afterwards = (): void => {
    const deadline = new Promise<void>((resolve) => session.agent.clock.timer(LEAVE_ANSWER_MS, resolve));
    void Promise.race([session.written(), deadline]).then(() => session.agent.shutdown(0));
  };
  return { error: "", afterwards };
}

function monitor(
  session: CommandContext,
  { LogLevel }: Infer<typeof wire.MonitorRequest>,
  seq: bigint,
): Answer {
  const wanted = LogLevel.toUpperCase();
  const level = parseLogLevel(wanted);
  if (level === undefined) return { error: `Unknown log level: ${wanted}` };
  if ([...session.streams.values()].some((s) => s.kind === "monitor"))
    return { error: "Monitor already exists" };
  // Registered at once, fed after the answer.
  let stop = (): void => {};
  session.streams.set(seq, { kind: "monitor", stop: () => stop() });
  const afterwards = (): void => {
    if (!session.streams.has(seq)) return;
    stop = session.agent.logHub.attach(
      (line) => session.record(seq, wire.LogRecord, { Log: formatLogLine(line) }),
      level,
      { replay: true },
    );
  };
  return { error: "", afterwards };
}

function stream(
  session: CommandContext,
  { Type: type }: Infer<typeof wire.StreamRequest>,
  seq: bigint,
): Answer {
  const filters = EventFilters.parse(type);
  if (filters === undefined) return { error: "Invalid event filter" };
  if (session.streams.has(seq)) return { error: "Stream with given sequence exists" };
  if (session.streams.size >= STREAMS_MAX) return { error: "Too many streams" };
  let stop = (): void => {};
  session.streams.set(seq, { kind: "stream", stop: () => stop() });
  const afterwards = (): void => {
    if (!session.streams.has(seq)) return;
    stop = session.agent.lan.onEvent((event) => {
      const found = filters.select(event);
      if (found === undefined) return;
      if (found.kind === "members")
        session.record(seq, wire.MemberEventRecord, {
          Event: found.event,
          Members: found.members.map(memberOf),
        });
      else
        session.record(seq, wire.UserEventRecord, {
          Event: "user",
          LTime: found.ltime,
          Name: found.name,
          Payload: found.payload,
          Coalesce: found.coalesce,
        });
    });
  };
  return { error: "", afterwards };
}

function stop(session: CommandContext, { Stop }: Infer<typeof wire.StopRequest>): Answer {
  session.streams.get(Stop)?.stop();
  session.streams.delete(Stop);
  return OK;
}

async function fire(
  session: CommandContext,
  { Name, Payload }: Infer<typeof wire.EventRequest>,
): Promise<Answer> {
  await session.agent.events.fire({
    // serf's name of one of our events, as it comes in a stream, is taken too.
    name: Name.startsWith(USER_EVENT_PREFIX) ? Name.slice(USER_EVENT_PREFIX.length) : Name,
    payload: Payload,
    nodeFilter: "",
    serviceFilter: "",
    tagFilter: "",
    datacenter: session.agent.config.datacenter,
    token: session.token,
  });
  return OK;
}

function coordinate(session: CommandContext, { Node }: Infer<typeof wire.CoordinateRequest>): Answer {
  const { lan } = session.agent;
  const found = Node === session.agent.config.nodeName ? lan.coordinate() : lan.cachedCoordinate(Node);
  return withBody(wire.CoordinateResponse, {
    Coord: found ?? { Vec: null, Error: 0, Adjustment: 0, Height: 0 },
    Ok: found !== undefined,
  });
}

/** A pool's keyring answer as this protocol lays it out. */
export function keyringBody(responses: readonly KeyringResponse[]): wire.KeyringBody {
  const keys: Infer<typeof wire.KeyringEntry>[] = [];
  const messages: Infer<typeof wire.KeyringMessage>[] = [];
  const info: Infer<typeof wire.KeyringInfo>[] = [];
  // WAN first.
  for (const r of [...responses].sort((a, b) => Number(b.WAN) - Number(a.WAN))) {
    const where = { Datacenter: r.Datacenter, Pool: r.WAN ? "WAN" : "LAN" };
    for (const [Key, Count] of r.Keys ?? []) keys.push({ ...where, Key, Count });
    for (const [Node, Message] of r.Messages ?? []) messages.push({ ...where, Node, Message });
    info.push({ ...where, NumNodes: r.NumNodes, Error: r.Error });
  }
  const orNil = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);
  return { Keys: orNil(keys), Messages: orNil(messages), Info: orNil(info) };
}

async function keyring(
  session: CommandContext,
  Operation: "list" | "install" | "use" | "remove",
  Key: string,
): Promise<Answer> {
  const request = KeyringRequest.make({
    Operation,
    Key,
    Datacenter: session.agent.config.datacenter,
    Token: session.token,
  });
  try {
    const { Responses } = await session.agent.rpc("Internal.KeyringOperation", request);
    return withBody(wire.KeyringBody, keyringBody((Responses ?? []).filter((r) => r !== null)));
  } catch (error) {
    return withBody(wire.KeyringBody, keyringBody([]), (error as Error).message);
  }
}
const keyCommand = (operation: "install" | "use" | "remove"): Command =>
  command(wire.KeyRequest, (s, { Key }) => keyring(s, operation, Key));

function handshake(session: CommandContext, { Version }: Infer<typeof wire.HandshakeRequest>): Answer {
  if (Version !== wire.CLI_RPC_VERSION) return { error: "Unsupported RPC version" };
  if (session.handshaken) return { error: "Handshake already performed" };
  session.handshaken = true;
  return OK;
}

export const commands: Readonly<Record<string, Command>> = {
  handshake: { ...command(wire.HandshakeRequest, handshake), beforeHandshake: true },
  "members-lan": bare((s) => members(s.agent.lanMembers())),
  "members-wan": bare((s) => members(s.agent.wanMembers())),
  join: command(wire.JoinRequest, join),
  "force-leave": command(wire.ForceLeaveRequest, async (s, { Node, Prune }) => {
    // No error, for an unknown node either: observed in Consul 0.6.
    await s.agent
      .forceLeave(Node, { prune: Prune })
      .catch((error: Error) => s.log.warn("force-leave failed", { node: Node, error: error.message }));
    return OK;
  }),
  leave: bare(leave),
  stats: bare((s) => withBody(wire.StatsResponse, s.agent.stats())),
  reload: bare((s) => ({
    error: "",
    // Runs later: its errors are the log's.
    afterwards: () =>
      void s.agent
        .reload()
        .catch((error: Error) => s.log.error(`Failed to reload configs: ${error.message}`)),
  })),
  monitor: command(wire.MonitorRequest, monitor),
  stop: command(wire.StopRequest, stop),
  "install-key": keyCommand("install"),
  "use-key": keyCommand("use"),
  "remove-key": keyCommand("remove"),
  "list-keys": bare((s) => keyring(s, "list", "")),

  // serf's
  auth: command(wire.AuthRequest, () => OK),
  members: bare((s) => members(s.agent.lanMembers())),
  "members-filtered": command(wire.MembersFilteredRequest, filtered),
  event: command(wire.EventRequest, fire),
  stream: command(wire.StreamRequest, stream),
  "get-coordinate": command(wire.CoordinateRequest, coordinate),
};
