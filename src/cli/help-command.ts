import type { Command } from "./command.ts";

export const command: Command = {
  name: "help",
  usage: "[command]",
  description: "Shows the help of a command, or the list of commands.",
  groups: [],
  run: async ({ io, args }) => {
    const { runCli } = await import("./run.ts");
    return args.length === 0 || args[0] === "help" ? runCli(["-help"], io) : runCli([...args, "-help"], io);
  },
};
