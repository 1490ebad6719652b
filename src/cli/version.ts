import { COMPATIBLE_VERSION, TRIBUNE_VERSION } from "../agent/version.ts";
import { type Command, EXIT } from "./command.ts";

/** Lowest and highest protocol versions, as Consul's second line names them. */
const PROTOCOL = { max: 3, min: 1 } as const;

export const command: Command = {
  name: "version",
  usage: "[options]",
  description: "Shows the version of this program and the protocol versions it understands.",
  groups: [
    {
      title: "Command Options",
      flags: [
        {
          name: "format",
          kind: "string",
          fallback: "pretty",
          usage: 'Form of the output: "pretty" or "json".',
        },
      ],
    },
  ],
  run: async ({ io, flags, print, complain }) => {
    const format = flags.string("format");
    if (format === "json") {
      const document = {
        Version: COMPATIBLE_VERSION,
        Revision: "",
        Prerelease: "",
        Tribune: TRIBUNE_VERSION,
        RPC: { Default: 2, Min: 2, Max: 3 },
      };
      print(JSON.stringify(document, null, 3));
      return EXIT.ok;
    }
    if (format !== "pretty") {
      complain(`Unknown format: ${format}`);
      return EXIT.error;
    }
    print(
      io.program === "consul"
        ? `Consul v${COMPATIBLE_VERSION} (Consul-compatible: Tribune v${TRIBUNE_VERSION})`
        : `Tribune v${TRIBUNE_VERSION} (Consul-compatible, v${COMPATIBLE_VERSION})`,
    );
    print(`Consul Protocol: ${PROTOCOL.max} (Understands back to: ${PROTOCOL.min})`);
    return EXIT.ok;
  },
};
