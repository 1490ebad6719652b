import { withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS } from "./http-options.ts";

const NODE_CHECK = "_node_maintenance";
const SERVICE_CHECK = "_service_maintenance:";

export const command: Command = {
  name: "maint",
  usage: "[options]",
  description:
    "Takes this node or one of its services out of service and back. Without -enable and -disable shows what is in maintenance.\n\n    $ {program} maint -enable -service=redis -reason='server upgrade'",
  groups: [
    CLIENT_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "disable", kind: "bool", usage: "End maintenance." },
        { name: "enable", kind: "bool", usage: "Begin maintenance." },
        { name: "reason", kind: "string", usage: "Text for people, kept while maintenance lasts." },
        {
          name: "service",
          kind: "string",
          usage: "ID of a service of this node; without it the whole node is meant.",
        },
      ],
    },
  ],
  run: async (call) => {
    const { flags } = call;
    const [enable, disable] = [flags.bool("enable"), flags.bool("disable")];
    const service = flags.string("service");
    const refuse = (text: string): number => {
      call.complain(text);
      return EXIT.error;
    };
    if (enable && disable) return refuse("Only one of -enable or -disable may be provided");
    if (!enable && flags.string("reason") !== "") return refuse("Reason may only be provided with -enable");
    if (!enable && !disable && service !== "") return refuse("Service requires either -enable or -disable");
    if (!enable && !disable)
      return withClient(call, "Error querying Consul agent", async (client) => {
        showMaintenance(
          call,
          Object.values(await client.agent.checks()),
          String((await client.agent.self()).Config.NodeName),
        );
        return EXIT.ok;
      });
    const verb = enable ? "enabl" : "disabl";
    return withClient(
      call,
      `Error ${verb}ing ${service === "" ? "node" : "service"} maintenance`,
      async (client) => {
        if (service === "") {
          await client.agent.nodeMaintenance(enable, flags.string("reason"));
          call.print(`Node maintenance is now ${verb}ed`);
        } else {
          await client.agent.serviceMaintenance(service, enable, flags.string("reason"));
          call.print(`Service maintenance is now ${verb}ed for ${JSON.stringify(service)}`);
        }
        return EXIT.ok;
      },
    );
  },
};

function showMaintenance(
  call: Invocation,
  checks: readonly { readonly CheckID: string; readonly Notes: string; readonly ServiceID: string }[],
  node: string,
): void {
  for (const check of [...checks].sort((a, b) => (a.CheckID < b.CheckID ? -1 : 1))) {
    if (check.CheckID === NODE_CHECK) call.io.out(`Node:\n  Name:   ${node}\n  Reason: ${check.Notes}\n\n`);
    else if (check.CheckID.startsWith(SERVICE_CHECK))
      call.io.out(`Service:\n  ID:     ${check.ServiceID}\n  Reason: ${check.Notes}\n\n`);
  }
}
