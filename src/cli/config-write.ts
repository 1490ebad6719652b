import { ClientError } from "../client/errors.ts";
import { stringifyJson } from "../wire/json.ts";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { plainObject, readSource, sourceOf } from "./definition-file.ts";
import { CLIENT_FLAGS, NAMESPACE_FLAGS, SERVER_FLAGS } from "./http-options.ts";

export const command: Command = {
  name: "config write",
  usage: "[options] FILE",
  description:
    'Writes a configuration entry from a file in JSON or HCL, or with - from standard input.\n\n    Kind     = "service-defaults"\n    Name     = "web"\n    Protocol = "http"',
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    NAMESPACE_FLAGS,
    {
      title: "Command Options",
      flags: [
        {
          name: "cas",
          kind: "bool",
          usage: "Write only if the entry's ModifyIndex is that of -modify-index.",
        },
        { name: "modify-index", kind: "uint", usage: "Index for -cas; 0: only if there is no such entry." },
      ],
    },
  ],
  run: (call) =>
    withClient(call, "Error writing config entry", async (client) => {
      const { args, flags } = call;
      const [file] = args;
      if (file === undefined || args.length > 1)
        throw new CommandError(
          "Must provide exactly one positional argument to specify the config entry to write",
        );
      if (flags.given("modify-index") && !flags.bool("cas"))
        throw new CommandError("Cannot specify -modify-index without -cas!");
      const source =
        file === "-" ? sourceOf("<stdin>", (await call.io.stdin()).toString("utf8")) : readSource(file);
      const entry = camelEntry(plainObject(source, "Failed to decode config entry input"));
      if (typeof entry["Kind"] !== "string")
        throw new CommandError(
          "Failed to decode config entry input: Payload does not contain a kind/Kind key at the top level",
        );
      const at = `${entry["Kind"]}/${String(entry["Name"] ?? "")}`;
      try {
        const reply = await client.raw("PUT", "/v1/config", {
          body: stringifyJson(entry),
          params: {
            ...(flags.bool("cas") ? { cas: flags.uint("modify-index") } : {}),
            ...(flags.string("datacenter") === "" ? {} : { dc: flags.string("datacenter") }),
          },
        });
        const text = reply.body.toString("utf8");
        const undecoded = /^Bad request: Request decoding failed: (.*)$/s.exec(text);
        // Which kinds and keys there are, the server knows; the sentence is that of a command that knows them itself.
        if (reply.statusCode === 400 && undecoded !== null)
          throw new CommandError(`Failed to decode config entry input: ${undecoded[1]}`);
        if (reply.statusCode !== 200)
          throw new CommandError(
            `Error writing config entry ${at}: Unexpected response code: ${reply.statusCode} (${text})`,
          );
        if (text.trim() !== "true") throw new CommandError(`Config entry not updated: ${at}`);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        throw new CommandError(`Error writing config entry ${at}: ${error.message}`);
      }
      call.print(`Config entry written: ${at}`);
      return EXIT.ok;
    }),
};

/** Objects whose keys are the user's own. */
const FREE = /^(Config|Meta|Subsets|Failover)$/;
const WORDS: Readonly<Record<string, string>> = {
  ca: "CA",
  dns: "DNS",
  http: "HTTP",
  id: "ID",
  sds: "SDS",
  sni: "SNI",
  tls: "TLS",
};
const WHOLE: Readonly<Record<string, string>> = { external_sni: "ExternalSNI", ca_file: "CAFile" };

/** `default_subset` becomes DefaultSubset; Camel keys stay. */
function camelEntry(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(value).map(([k, v]) => {
      const key = camelKey(k);
      return [
        key,
        FREE.test(key) ? (key === "Subsets" || key === "Failover" ? camelValues(v) : v) : camelDeep(v),
      ];
    }),
  );
}

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> =>
  typeof v === "object" && v !== null && !Array.isArray(v);

const camelDeep = (v: unknown): unknown =>
  Array.isArray(v) ? v.map(camelDeep) : isObject(v) ? camelEntry(v) : v;
const camelValues = (v: unknown): unknown =>
  isObject(v) ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, camelDeep(x)])) : v;

function camelKey(key: string): string {
  if (WHOLE[key] !== undefined) return WHOLE[key];
  if (/^[A-Z]/.test(key)) return key;
  return key
    .split("_")
    .map((w) => WORDS[w] ?? w.charAt(0).toUpperCase() + w.slice(1))
    .join("");
}
