import { RulesError, translateRules } from "../acl/translate-rules.ts";
import { legacyRules } from "./acl-legacy-rules.ts";
import { CommandError, dataArgument, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "acl translate-rules",
  usage: "[options] TRANSLATE",
  description:
    'Shows rules of before 1.4 in their present form, where a name is a prefix only when the rule says so.\n\n    $ {program} acl translate-rules @rules.hcl\n    $ {program} acl translate-rules \'key "" { policy = "write" }\'\n    $ {program} acl translate-rules -token-accessor 429cd746-03d5-4bbb-a83a-18b164171c89',
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "token-accessor",
          kind: "bool",
          usage: "TRANSLATE is the accessor ID of a legacy token whose rules are meant.",
        },
        {
          name: "token-secret",
          kind: "bool",
          usage: "TRANSLATE is the secret ID of a legacy token whose rules are meant.",
        },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "", async (client) => {
      const { args, flags } = call;
      const [argument] = args;
      if (argument === undefined) throw new CommandError("Error! Missing TRANSLATE argument");
      if (args.length > 1) throw new CommandError(`Error! Too many arguments: expected 1 got ${args.length}`);
      if (flags.bool("token-accessor") && flags.bool("token-secret"))
        throw new CommandError("Error! Only one of -token-accessor or -token-secret may be given");
      const text = (await dataArgument(call, argument)).toString("utf8");
      if (flags.bool("token-accessor") || flags.bool("token-secret")) {
        const token = { id: text.trim(), secret: flags.bool("token-secret") };
        call.print(await legacyRules(call, client, "", token));
        return EXIT.ok;
      }
      try {
        call.print(translateRules(text));
      } catch (error) {
        if (error instanceof RulesError) throw new CommandError(`Error translating rules: ${error.message}`);
        throw error;
      }
      return EXIT.ok;
    }),
};
