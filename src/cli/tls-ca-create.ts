import { existsSync, writeFileSync } from "node:fs";
import { type Command, EXIT } from "./command.ts";
import { makeAuthority } from "./x509.ts";

export const command: Command = {
  name: "tls ca create",
  usage: "[options]",
  description:
    "Makes a certificate authority for the agents of a cluster: <domain>-agent-ca.pem and <domain>-agent-ca-key.pem in the present directory. Keep the key to yourself.",
  groups: [
    {
      title: "Command Options",
      flags: [
        {
          name: "additional-name-constraint",
          kind: "strings",
          usage:
            "With -name-constraint: a further DNS name that may be signed for. May be given several times.",
        },
        {
          name: "days",
          kind: "int",
          fallback: "1825",
          usage: "Days that the authority is valid. Default: 1825.",
        },
        {
          name: "domain",
          kind: "string",
          fallback: "consul",
          usage: "DNS domain of the cluster. Default: consul.",
        },
        {
          name: "name-constraint",
          kind: "bool",
          usage: "The authority may sign for names of the domain and localhost only.",
        },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: async (call) => {
    const { flags } = call;
    const refuse = (text: string): number => {
      call.complain(text);
      return EXIT.error;
    };
    const domain = flags.string("domain");
    const more = flags.strings("additional-name-constraint");
    if (more.length > 0 && !flags.bool("name-constraint"))
      return refuse("Additional name constraints require -name-constraint");
    if (flags.int("days") < 1) return refuse("-days must be at least 1");
    const [file, keyFile] = [`${domain}-agent-ca.pem`, `${domain}-agent-ca-key.pem`];
    for (const path of [file, keyFile]) if (existsSync(path)) return refuse(`${path} already exists.`);
    const made = makeAuthority({
      days: flags.int("days"),
      constraints: flags.bool("name-constraint") ? [...more, domain, "localhost"] : [],
      nowMs: Date.now(),
    });
    writeFileSync(file, made.certificate, { mode: 0o644, flag: "wx" });
    call.print(`==> Saved ${file}`);
    writeFileSync(keyFile, made.key, { mode: 0o600, flag: "wx" });
    call.print(`==> Saved ${keyFile}`);
    return EXIT.ok;
  },
};
