import type { Command } from "./command.ts";

export const command: Command = {
  name: "help",
  usage: "[command]",
  description: "Shows the help of a command, or the list of commands.",
  groups: [],
  run: ({ args, dispatch }) =>
    args.length === 0 || args[0] === "help" ? dispatch(["-help"]) : dispatch([...args, "-help"]),
};
