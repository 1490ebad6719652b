import { attempt, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, RPC_FLAGS, rpcAddress } from "./http-options.ts";

export const command: Command = {
  name: "keyring",
  usage: "[options]",
  description:
    "Manages the keys of gossip encryption in all pools: lists them, installs a new one, makes one the primary, removes one. To change the key: install the new one, use it, remove the old one.",
  groups: [
    CLIENT_FLAGS,
    RPC_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "install", kind: "string", usage: "Add this key to the ring of every member." },
        { name: "list", kind: "bool", usage: "List the keys in use." },
        { name: "list-primary", kind: "bool", usage: "List the primary keys in use." },
        { name: "local-only", kind: "bool", usage: "With a list: ask only the agent that is asked." },
        { name: "relay-factor", kind: "int", usage: "Members that pass each answer on, 0 to 5." },
        {
          name: "remove",
          kind: "string",
          usage: "Remove this key from every member; it must not be the primary one.",
        },
        { name: "use", kind: "string", usage: "Make this key the primary one; it must be installed." },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    const action = actionOf(call);
    if (action === undefined) {
      call.complain(call.help());
      return EXIT.error;
    }
    if (action === "several") {
      call.complain("Only a single action is allowed");
      return EXIT.error;
    }
    const relay = flags.int("relay-factor");
    if (relay < 0 || relay > 5) {
      call.complain("Error parsing relay factor: Relay factor must be in range: [0, 5]");
      return EXIT.error;
    }
    const listing = action.kind === "list" || action.kind === "list-primary";
    if (flags.bool("local-only") && !listing) {
      call.complain("Error validating local-only: local-only can only be set for list requests");
      return EXIT.error;
    }
    call.print(HEADINGS[action.kind]);
    const rpc = rpcAddress(call);
    if (rpc !== undefined)
      return attempt(call, "error", async () => {
        const { withCliRpc } = await import("./rpc-connection.ts");
        const token = flags.string("token");
        return withCliRpc(rpc, async (client) => {
          const answers =
            action.kind === "install"
              ? await client.installKey(action.key, token)
              : action.kind === "use"
                ? await client.useKey(action.key, token)
                : action.kind === "remove"
                  ? await client.removeKey(action.key, token)
                  : await client.listKeys(token);
          return showKeys(
            call,
            answers.map((a) => ({
              WAN: a.pool === "WAN",
              Datacenter: a.datacenter,
              Messages: Object.fromEntries(a.messages),
              Keys: Object.fromEntries(a.keys),
              PrimaryKeys: {},
              NumNodes: a.numNodes,
            })),
            false,
          );
        });
      });
    return withClient(call, "error", async (client) => {
      const options = { relayFactor: relay };
      switch (action.kind) {
        case "install":
          await client.operator.keyringInstall(action.key, options);
          return EXIT.ok;
        case "use":
          await client.operator.keyringUse(action.key, options);
          return EXIT.ok;
        case "remove":
          await client.operator.keyringRemove(action.key, options);
          return EXIT.ok;
        default: {
          const rings = await client.operator.keyringList({
            ...options,
            localOnly: flags.bool("local-only"),
          });
          return showKeys(call, rings, action.kind === "list-primary");
        }
      }
    });
  },
};

type Action =
  | { readonly kind: "install" | "use" | "remove"; readonly key: string }
  | { readonly kind: "list" | "list-primary"; readonly key: "" };

const HEADINGS: Readonly<Record<Action["kind"], string>> = {
  install: "==> Installing new gossip encryption key...",
  use: "==> Changing primary gossip encryption key...",
  remove: "==> Removing gossip encryption key...",
  list: "==> Gathering installed encryption keys...",
  "list-primary": "==> Gathering installed primary encryption keys...",
};

function actionOf({ flags }: Invocation): Action | "several" | undefined {
  const actions: Action[] = [];
  for (const kind of ["install", "use", "remove"] as const)
    if (flags.string(kind) !== "") actions.push({ kind, key: flags.string(kind) });
  for (const kind of ["list", "list-primary"] as const) if (flags.bool(kind)) actions.push({ kind, key: "" });
  return actions.length > 1 ? "several" : actions[0];
}

interface Ring {
  readonly WAN: boolean;
  readonly Datacenter: string;
  readonly Segment?: string;
  readonly Messages?: Readonly<Record<string, string>> | null;
  readonly Keys: Readonly<Record<string, number>> | null;
  readonly PrimaryKeys?: Readonly<Record<string, number>> | null;
  readonly NumNodes: number;
}

function showKeys(call: Invocation, rings: readonly Ring[], primary: boolean): number {
  for (const ring of rings) {
    const segment = ring.Segment ? ` [${ring.Segment}]` : "";
    call.print("");
    call.print(ring.WAN ? "WAN:" : `${ring.Datacenter} (LAN)${segment}:`);
    for (const [node, message] of Object.entries(ring.Messages ?? {}))
      call.print(`  ===> ${node}: ${message}`);
    for (const [key, n] of Object.entries((primary ? ring.PrimaryKeys : ring.Keys) ?? {}))
      call.print(`  ${key} [${n}/${ring.NumNodes}]`);
  }
  return EXIT.ok;
}
