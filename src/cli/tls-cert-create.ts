import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { CommandError, fileReason } from "./attempt.ts";
import { type Command, EXIT } from "./command.ts";
import { type MadeCertificate, makeCertificate } from "./x509.ts";

export const command: Command = {
  name: "tls cert create",
  usage: "[options]",
  description:
    "Makes a certificate that the cluster's authority signs, for a server, a client agent or a command line, in the present directory.\n\n    $ {program} tls cert create -server\n    $ {program} tls cert create -client",
  groups: [
    {
      title: "Command Options",
      flags: [
        {
          name: "additional-dnsname",
          kind: "strings",
          usage: "Further DNS name in the certificate. May be given several times.",
        },
        {
          name: "additional-ipaddress",
          kind: "strings",
          usage: "Further IP address in the certificate. May be given several times.",
        },
        {
          name: "ca",
          kind: "string",
          fallback: "#DOMAIN#-agent-ca.pem",
          usage: "The authority's certificate. Default: <domain>-agent-ca.pem.",
        },
        { name: "cli", kind: "bool", usage: "For a command line." },
        { name: "client", kind: "bool", usage: "For a client agent." },
        {
          name: "days",
          kind: "int",
          fallback: "365",
          usage: "Days that the certificate is valid. Default: 365.",
        },
        { name: "dc", kind: "string", fallback: "dc1", usage: "Datacenter. Default: dc1." },
        {
          name: "domain",
          kind: "string",
          fallback: "consul",
          usage: "DNS domain of the cluster. Default: consul.",
        },
        {
          name: "key",
          kind: "string",
          fallback: "#DOMAIN#-agent-ca-key.pem",
          usage: "The authority's key. Default: <domain>-agent-ca-key.pem.",
        },
        {
          name: "node",
          kind: "string",
          usage: "With -server: name of the node, put into the certificate too.",
        },
        { name: "server", kind: "bool", usage: "For a server." },
      ],
    },
  ],
  flagErrors: "Failed to parse args: ",
  run: async (call) => {
    const { flags, print } = call;
    const refuse = (text: string): number => {
      call.complain(text);
      return EXIT.error;
    };
    const kinds = (["server", "client", "cli"] as const).filter((k) => flags.bool(k));
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1)
      return refuse("Please provide either -server, -client, or -cli");
    const node = flags.string("node");
    if (node !== "" && kind !== "server") return refuse("-node requires -server");
    for (const ip of flags.strings("additional-ipaddress"))
      if (isIP(ip) === 0) return refuse(`${ip} is not an IP address (-additional-ipaddress)`);
    if (flags.int("days") < 1) return refuse("-days must be at least 1");
    const [domain, dc] = [flags.string("domain"), flags.string("dc")];
    const caFile = flags.string("ca").replace("#DOMAIN#", domain);
    const keyFile = flags.string("key").replace("#DOMAIN#", domain);
    const base = `${kind}.${dc}.${domain}`;
    const dnsNames = [
      ...flags.strings("additional-dnsname"),
      ...(node === "" ? [] : [`${node}.${base}`]),
      base,
      "localhost",
    ];
    let made: MadeCertificate;
    try {
      const certificate = readAuthority(caFile, "CA");
      const key = readAuthority(keyFile, "CA key");
      if (!/^-----BEGIN CERTIFICATE-----/m.test(certificate))
        throw new CommandError("first PEM-block should be CERTIFICATE type");
      if (kind === "server") {
        print("==> WARNING: Server Certificates grants authority to become a");
        print("    server and access all state in the cluster including root keys");
        print("    and all ACL tokens. Do not distribute them to production hosts");
        print("    that are not server nodes. Store them as securely as CA keys.");
      }
      print(`==> Using ${caFile} and ${keyFile}`);
      made = makeCertificate(
        { certificate, key },
        {
          commonName: base,
          dnsNames,
          ipAddresses: [...flags.strings("additional-ipaddress"), ...(kind === "cli" ? [] : ["127.0.0.1"])],
          uses: kind === "server" ? ["server", "client"] : kind === "client" ? ["client", "server"] : [],
          days: flags.int("days"),
          nowMs: Date.now(),
        },
      );
    } catch (error) {
      return refuse(
        error instanceof CommandError ? error.message : `Error reading CA: ${(error as Error).message}`,
      );
    }
    let n = 0;
    const nameOf = (suffix: string): string => `${dc}-${kind}-${domain}-${n}${suffix}.pem`;
    while (existsSync(nameOf("")) || existsSync(nameOf("-key"))) n++;
    writeFileSync(nameOf(""), made.certificate, { mode: 0o644, flag: "wx" });
    print(`==> Saved ${nameOf("")}`);
    writeFileSync(nameOf("-key"), made.key, { mode: 0o600, flag: "wx" });
    print(`==> Saved ${nameOf("-key")}`);
    return EXIT.ok;
  },
};

/** Throws CommandError. */
function readAuthority(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`Error reading ${what}: ${fileReason(path, error)}`);
  }
}
