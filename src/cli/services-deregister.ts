import { ClientError } from "../client/errors.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { servicesOfFiles } from "./services-register.ts";

export const command: Command = {
  name: "services deregister",
  usage: "[options] [FILE...]",
  description: "Deregisters services of the agent: those of the files, or the one with the ID of -id.",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    { title: "Command Options", flags: [{ name: "id", kind: "string", usage: "ID of the service." }] },
  ],
  run: (call) =>
    withClient(call, "Error deregistering service", async (client) => {
      const id = call.flags.string("id");
      if (call.args.length === 0 && id === "")
        throw new CommandError("Service deregistration requires at least one argument or -id.");
      if (call.args.length > 0 && id !== "")
        throw new CommandError("Service deregistration requires arguments or -id, not both.");
      const ids = id === "" ? servicesOfFiles(call.args).map((s) => s.ID || s.Name) : [id];
      for (const one of ids) {
        try {
          await client.agent.deregisterService(one);
        } catch (error) {
          if (!(error instanceof ClientError)) throw error;
          throw new CommandError(`Error registering service ${JSON.stringify(one)}: ${error.message}`);
        }
        call.print(`Deregistered service: ${one}`);
      }
      return EXIT.ok;
    }),
};
