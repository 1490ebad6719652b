import { attempt, withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "members",
  usage: "[options]",
  description:
    "Lists the members of the cluster as the agent sees them: name, address, status (alive, leaving, left or failed), type, version, protocol and datacenter. Without any member to show the exit code is 2.",
  groups: [
    CLIENT_FLAGS,
    RPC_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "detailed", kind: "bool", usage: "Show all tags of each member." },
        {
          name: "segment",
          kind: "string",
          fallback: "_all",
          usage: "Consul Enterprise: only members of this segment.",
        },
        {
          name: "status",
          kind: "string",
          fallback: ".*",
          usage: "Only members whose status matches this regular expression.",
        },
        {
          name: "filter",
          kind: "string",
          usage: "Only members for which this filter expression holds, as 'Tags.role == \"consul\"'.",
        },
        {
          name: "wan",
          kind: "bool",
          usage: "The servers of all datacenters instead; only a server knows them.",
        },
      ],
    },
  ],
  run: async (call) => {
    const status = await statusTest(call);
    if (status === undefined) return EXIT.error;
    return fetchMembers(call, (members) => {
      const shown = members.filter((m) => status(m.status)).sort((a, b) => (a.name < b.name ? -1 : 1));
      if (shown.length === 0) return EXIT.noMatch;
      call.print(call.flags.bool("detailed") ? detailed(shown) : standard(shown));
      return EXIT.ok;
    });
  },
};

const ANY_STATUS = ".*";

/** What `-status` asks for; undefined after the complaint about an expression that is none. */
async function statusTest(call: Invocation): Promise<((status: string) => boolean) | undefined> {
  const expression = call.flags.string("status");
  if (expression === ANY_STATUS) return () => true;
  // Loaded when wanted: the engine would be a fifth of the time that plain `members` takes.
  const { GoRegExp, GoRegExpError } = await import("../wire/go-regexp.ts");
  try {
    const compiled = new GoRegExp(expression);
    return (status) => compiled.test(status);
  } catch (error) {
    if (!(error instanceof GoRegExpError)) throw error;
    call.complain(`Failed to compile status regexp: ${error.message}`);
    return undefined;
  }
}

/** A member as either protocol tells of it. */
interface MemberLine {
  readonly name: string;
  readonly address: string;
  readonly status: string;
  readonly tags: ReadonlyMap<string, string>;
}

const STATUS_NAMES: Readonly<Record<number, string>> = {
  0: "none",
  1: "alive",
  2: "leaving",
  3: "left",
  4: "failed",
};

function fetchMembers(call: Invocation, show: (members: MemberLine[]) => number): Promise<number> {
  const wan = call.flags.bool("wan");
  const rpc = rpcAddress(call);
  if (rpc !== undefined)
    return attempt(call, "Error retrieving members", async () => {
      const { withCliRpc } = await import("./rpc-connection.ts");
      return withCliRpc(rpc, async (client) => {
        const members = wan ? await client.membersWan() : await client.membersLan();
        return show(
          members.map((m) => ({
            name: m.name,
            address: joinHostPort(m.addr, m.port),
            status: m.status,
            tags: m.tags,
          })),
        );
      });
    });
  return withClient(call, "Error retrieving members", async (client) => {
    const filter = call.flags.string("filter");
    const members = await client.agent.members({
      wan,
      ...(wan ? {} : { segment: call.flags.string("segment") }),
      ...(filter === "" ? {} : { params: { filter } }),
    });
    return show(
      members.map((m) => ({
        name: m.Name,
        address: joinHostPort(m.Addr, m.Port),
        status: STATUS_NAMES[m.Status] ?? `unknown status: ${m.Status}`,
        tags: new Map(Object.entries(m.Tags ?? {})),
      })),
    );
  });
}

const joinHostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

function standard(members: readonly MemberLine[]): string {
  const rows = members.map((m) => {
    const role = m.tags.get("role");
    const build = (m.tags.get("build") ?? "").split(":")[0]!;
    if (role !== "consul" && role !== "node") return [m.name, m.address, m.status, "unknown", "", "", ""];
    const type = role === "consul" ? "server" : "client";
    return [m.name, m.address, m.status, type, build, m.tags.get("vsn") ?? "", m.tags.get("dc") ?? ""];
  });
  return columns([["Node", "Address", "Status", "Type", "Build", "Protocol", "DC"], ...rows]);
}

function detailed(members: readonly MemberLine[]): string {
  const rows = members.map((m) => [
    m.name,
    m.address,
    m.status,
    [...m.tags, ["segment", shownSegment(m)] as const]
      .filter(([k], i) => k !== "segment" || i === m.tags.size)
      .map(([k, v]) => `${k}=${v}`)
      .sort()
      .join(","),
  ]);
  return columns([["Node", "Address", "Status", "Tags"], ...rows]);
}

/** Servers serve all segments; without Consul Enterprise everybody else is in the default one. */
const shownSegment = (m: MemberLine): string =>
  m.tags.get("role") === "consul" ? "<all>" : m.tags.get("segment") || "<default>";
