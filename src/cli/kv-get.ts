import type { KvEntry } from "../client/types.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, queryOf, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "kv get",
  usage: "[options] [KEY_OR_PREFIX]",
  description:
    'Reads the value of a key. Without an argument the key is "", the root.\n\nRead one value, see everything about the key, read a whole tree, list its keys:\n\n    $ {program} kv get foo\n    $ {program} kv get -detailed foo\n    $ {program} kv get -recurse foo\n    $ {program} kv get -keys foo',
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "base64", kind: "bool", usage: "Show values in base64." },
        { name: "detailed", kind: "bool", usage: "Show indexes, flags and session too." },
        {
          name: "keys",
          kind: "bool",
          usage: "List the keys that start with the argument, without their values.",
        },
        { name: "recurse", kind: "bool", usage: "Read all keys that start with the argument." },
        {
          name: "separator",
          kind: "string",
          fallback: "/",
          usage: "With -keys: list names only up to this text after the argument.",
        },
      ],
    },
  ],
  run: (call) => {
    const { args, flags, print } = call;
    return withClient(call, "Error querying Consul agent", async (client) => {
      if (args.length > 1) throw new CommandError(`Too many arguments (expected 1, got ${args.length})`);
      const key = (args[0] ?? "").replace(/^\//, "");
      if (key === "" && !flags.bool("recurse") && !flags.bool("keys"))
        throw new CommandError("Error! Missing KEY argument");
      if (flags.bool("keys")) {
        const reply = await client.kv.keys(key, { ...queryOf(call), separator: flags.string("separator") });
        for (const k of reply.value) print(k);
        return EXIT.ok;
      }
      if (flags.bool("recurse")) {
        const { value: entries } = await client.kv.list(key, queryOf(call));
        for (const [i, entry] of entries.entries()) {
          if (!flags.bool("detailed")) {
            call.io.out(`${entry.Key}:`);
            writeValue(call, entry);
            call.io.out("\n");
            continue;
          }
          if (i > 0) print("");
          showDetails(call, entry);
        }
        return EXIT.ok;
      }
      const { value: entry } = await client.kv.get(key, queryOf(call));
      if (entry === null) throw new CommandError(`Error! No key exists at: ${key}`);
      if (flags.bool("detailed")) showDetails(call, entry);
      else {
        writeValue(call, entry);
        call.io.out("\n");
      }
      return EXIT.ok;
    });
  },
};

/** Bytes as they are, or in base64. */
function writeValue(call: Invocation, entry: KvEntry): void {
  const bytes = Buffer.from(entry.Value ?? new Uint8Array());
  call.io.out(call.flags.bool("base64") ? bytes.toString("base64") : bytes);
}

function showDetails(call: Invocation, entry: KvEntry): void {
  const line = (name: string, value: string | number | bigint): void =>
    call.print(`${name.padEnd(17)}${value}`);
  line("CreateIndex", entry.CreateIndex);
  line("Flags", entry.Flags);
  line("Key", entry.Key);
  line("LockIndex", entry.LockIndex);
  line("ModifyIndex", entry.ModifyIndex);
  line("Session", entry.Session || "-");
  call.io.out("Value".padEnd(17));
  writeValue(call, entry);
  call.io.out("\n");
}
