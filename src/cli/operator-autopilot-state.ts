import { stringifyJson } from "../wire/json.ts";
import { FORMAT_FLAG, format } from "./acl-view.ts";
import { withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { indentJson } from "./watch.ts";

export const command: Command = {
  name: "operator autopilot state",
  usage: "[options]",
  description: "Shows what autopilot thinks of the servers: who leads, who votes, who is healthy.",
  groups: [CLIENT_FLAGS, SERVER_FLAGS, { title: "Command Options", flags: [FORMAT_FLAG] }],
  run: (call) =>
    withClient(call, "Error querying Autopilot state", async (client) => {
      const as = format(call);
      const state = await client.operator.autopilotState();
      if (as === "json") {
        call.print(indentJson(stringifyJson(state)));
        return EXIT.ok;
      }
      const line = (indent: number, width: number, label: string, value: unknown): void =>
        call.print(`${" ".repeat(indent)}${`${label}:`.padEnd(width)}${value}`);
      line(0, 19, "Healthy", state.Healthy);
      line(0, 19, "Failure Tolerance", state.FailureTolerance);
      line(0, 19, "Leader", state.Leader);
      call.print("Voters:");
      for (const id of state.Voters ?? []) call.print(`   ${id}`);
      call.print("Servers:");
      for (const [id, s] of Object.entries(state.Servers ?? {})) {
        call.print(`   ${id}`);
        const rows: readonly (readonly [string, unknown])[] = [
          ["Name", s.Name],
          ["Address", s.Address],
          ["Version", s.Version],
          ["Status", s.Status],
          ["Node Type", s.NodeType],
          ["Node Status", s.NodeStatus],
          ["Healthy", s.Healthy],
          ["Last Contact", s.LastContact],
          ["Last Term", s.LastTerm],
          ["Last Index", s.LastIndex],
          ["Stable Since", s.StableSince],
        ];
        for (const [label, value] of rows) line(6, 17, label, value);
      }
      return EXIT.ok;
    }),
};
