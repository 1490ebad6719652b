import { readFile } from "node:fs/promises";
import type { CaConfiguration } from "../client/connect.ts";
import { CommandError, fileReason, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "connect ca set-config",
  usage: "[options] -config-file FILE",
  description: "Changes the configuration of the mesh's certificate authority to that of a JSON file.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "config-file",
          kind: "string",
          metavar: "value",
          usage: "JSON file with Provider and Config. Required.",
        },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: (call) =>
    withClient(call, "Error setting CA configuration", async (client) => {
      const path = call.flags.string("config-file");
      if (path === "") throw new CommandError("The -config-file flag is required");
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (error) {
        throw new CommandError(`Error reading config file: ${fileReason(path, error)}`);
      }
      const { plainObject } = await import("./definition-file.ts");
      const config = plainObject({ name: path, text, format: "json" }, "Error parsing config file");
      // Judged by the server.
      await client.connect.setCaConfiguration(config as unknown as CaConfiguration);
      call.print("Configuration updated!");
      return EXIT.ok;
    }),
};
