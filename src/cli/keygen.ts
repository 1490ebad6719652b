import { randomBytes } from "node:crypto";
import { type Command, EXIT } from "./command.ts";

/** AES-256. */
const KEY_BYTES = 32;

export const command: Command = {
  name: "keygen",
  usage: "",
  description: "Makes a new key for gossip encryption, to be given to every agent as -encrypt.",
  groups: [],
  run: async ({ print }) => {
    print(randomBytes(KEY_BYTES).toString("base64"));
    return EXIT.ok;
  },
};
