/**
 * X.509 certificates for `tls ca create` and `tls cert create`: just enough DER to make a CA and what it signs (RFC 5280, ECDSA
 * P-256 with SHA-256, RFC 5480 and 5758). Signing is node:crypto's.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIPv4 } from "node:net";

export interface MadeCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority {
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;

// DER, RFC 5280's ASN.1 by hand.
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const n = body.byteLength;
  if (n < 0x80) return Buffer.concat([Buffer.from([tag, n]), body]);
  const length = Buffer.from(n.toString(16).padStart(n > 0xffff ? 6 : n > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.byteLength]), length, body]);
}
const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes);
const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const explicit = (n: number, ...content: readonly Uint8Array[]): Buffer => der(0xa0 | n, ...content);
const implicit = (n: number, content: Uint8Array): Buffer => der(0x80 | n, content);

function integer(bytes: Uint8Array): Buffer {
  return der(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function oid(text: string): Buffer {
  const [a, b, ...rest] = text.split(".").map(Number) as [number, number, ...number[]];
  const out = [a * 40 + b];
  for (const n of rest) {
    const groups = [n & 0x7f];
    for (let v = n >>> 7; v > 0; v >>>= 7) groups.unshift((v & 0x7f) | 0x80);
    out.push(...groups);
  }
  return der(0x06, Buffer.from(out));
}

/** GeneralizedTime from 2050 on, UTCTime before. */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  return Number(text.slice(0, 4)) >= 2050
    ? der(0x18, Buffer.from(text))
    : der(0x17, Buffer.from(text.slice(2)));
}

const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const NAME_OIDS = { C: "2.5.4.6", ST: "2.5.4.8", L: "2.5.4.7", O: "2.5.4.10", CN: "2.5.4.3" } as const;

function name(parts: Partial<Record<keyof typeof NAME_OIDS, string>>): Buffer {
  const entries = Object.entries(parts) as [keyof typeof NAME_OIDS, string][];
  return sequence(...entries.map(([k, v]) => der(0x31, sequence(oid(NAME_OIDS[k]), utf8(v)))));
}

const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

/** Key usage bits, the first one (digitalSignature) the highest. */
const KEY_USAGE = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  keyCertSign: 0x04,
  cRLSign: 0x02,
} as const;

function keyUsage(...uses: readonly (keyof typeof KEY_USAGE)[]): Buffer {
  const byte = uses.reduce((sum, u) => sum | KEY_USAGE[u], 0);
  let unused = 0;
  while (((byte >> unused) & 1) === 0) unused++;
  return extension("2.5.29.15", true, bits(Buffer.from([byte]), unused));
}

const keyIdOf = (key: KeyObject): Buffer => createHash("sha256").update(publicDer(key)).digest();
const publicDer = (key: KeyObject): Buffer =>
  createPublicKey(key.type === "public" ? key.export({ type: "spki", format: "pem" }) : key).export({
    type: "spki",
    format: "der",
  });

interface Draft {
  readonly serial: Buffer;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly days: number;
  readonly key: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed(draft: Draft, signer: KeyObject, nowMs: number): string {
  const tbs = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(draft.serial),
    ECDSA_SHA256,
    draft.issuer,
    sequence(time(nowMs - 60_000), time(nowMs + draft.days * DAY_MS)),
    draft.subject,
    publicDer(draft.key),
    explicit(3, sequence(...draft.extensions)),
  );
  const certificate = sequence(tbs, ECDSA_SHA256, bits(sign("sha256", tbs, signer)));
  const lines = certificate.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** 128 random bits, positive. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x01;
  return serial;
}

function newKey(): { readonly key: KeyObject; readonly pem: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, pem: privateKey.export({ type: "sec1", format: "pem" }) as string };
}

/** A self-signed authority. `constraints`: DNS names that it may sign for; none: all. */
export function makeAuthority(options: {
  readonly days: number;
  readonly constraints: readonly string[];
  readonly nowMs: number;
}): MadeCertificate {
  const { key, pem } = newKey();
  const serial = serialNumber();
  const subject = name({
    C: "US",
    ST: "CA",
    L: "San Francisco",
    O: "Tribune",
    CN: `Consul Agent CA ${BigInt(`0x${serial.toString("hex")}`)}`,
  });
  const id = keyIdOf(key);
  const extensions = [
    keyUsage("digitalSignature", "keyCertSign", "cRLSign"),
    extension("2.5.29.19", true, sequence(boolean(true))),
    extension("2.5.29.14", false, octets(id)),
    extension("2.5.29.35", false, sequence(implicit(0, id))),
    ...(options.constraints.length === 0
      ? []
      : [
          extension(
            "2.5.29.30",
            true,
            sequence(explicit(0, ...options.constraints.map((n) => sequence(implicit(2, Buffer.from(n)))))),
          ),
        ]),
  ];
  const certificate = signed(
    { serial, issuer: subject, subject, days: options.days, key, extensions },
    key,
    options.nowMs,
  );
  return { certificate, key: pem };
}

const USES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

/** A certificate that the authority signs. Throws when its files are not what they should be. */
export function makeCertificate(
  authority: CertificateAuthority,
  options: {
    readonly commonName: string;
    readonly dnsNames: readonly string[];
    readonly ipAddresses: readonly string[];
    readonly uses: readonly (keyof typeof USES)[];
    readonly days: number;
    readonly nowMs: number;
  },
): MadeCertificate {
  const caCertificate = new X509Certificate(authority.certificate);
  const caKey = createPrivateKey(authority.key);
  if (!caCertificate.ca) throw new Error("the certificate is not that of an authority");
  if (!caCertificate.checkPrivateKey(caKey)) throw new Error("certificate and key do not belong together");
  const { key, pem } = newKey();
  const names = [
    ...options.dnsNames.map((n) => implicit(2, Buffer.from(n))),
    ...options.ipAddresses.map((ip) => implicit(7, addressBytes(ip))),
  ];
  const extensions = [
    keyUsage("digitalSignature", "keyEncipherment"),
    ...(options.uses.length === 0
      ? []
      : [extension("2.5.29.37", false, sequence(...options.uses.map((u) => oid(USES[u]))))]),
    extension("2.5.29.19", true, sequence()),
    extension("2.5.29.14", false, octets(keyIdOf(key))),
    extension("2.5.29.35", false, sequence(implicit(0, authorityKeyId(caCertificate)))),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, sequence(...names))]),
  ];
  const certificate = signed(
    {
      serial: serialNumber(),
      issuer: subjectOf(caCertificate.raw),
      subject: name({ CN: options.commonName }),
      days: options.days,
      key,
      extensions,
    },
    caKey,
    options.nowMs,
  );
  return { certificate, key: pem };
}

function addressBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split(".").map(Number));
  const [head = "", tail] = ip.split("::") as [string, string | undefined];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [
    ...left,
    ...Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill("0"),
    ...right,
  ];
  return Buffer.from(groups.map((g) => g.padStart(4, "0")).join(""), "hex");
}

interface DerItem {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Buffer;
  readonly body: Buffer;
}

/** The items in a DER body. Its bytes come from a certificate that node:crypto has accepted. */
function items(body: Buffer): readonly DerItem[] {
  const out: DerItem[] = [];
  for (let at = 0; at < body.byteLength; ) {
    const first = body[at + 1]!;
    const lengthBytes = first & 0x80 ? first & 0x7f : 0;
    const length = lengthBytes === 0 ? first : body.readUIntBE(at + 2, lengthBytes);
    const start = at + 2 + lengthBytes;
    out.push({
      tag: body[at]!,
      whole: body.subarray(at, start + length),
      body: body.subarray(start, start + length),
    });
    at = start + length;
  }
  return out;
}

const tbsOf = (certificate: Buffer): readonly DerItem[] => items(items(items(certificate)[0]!.body)[0]!.body);

/** version, serial, algorithm, issuer, validity, subject. */
const subjectOf = (certificate: Buffer): Buffer => tbsOf(certificate)[5]!.whole;

/** The authority's own subject key identifier, or the hash of its key where it names none. */
function authorityKeyId(certificate: X509Certificate): Buffer {
  const wanted = oid("2.5.29.14");
  const extensions = tbsOf(certificate.raw).find((i) => i.tag === 0xa3);
  for (const e of extensions === undefined ? [] : items(items(extensions.body)[0]!.body)) {
    const parts = items(e.body);
    if (parts[0]!.whole.equals(wanted)) return items(parts.at(-1)!.body)[0]!.body;
  }
  return keyIdOf(certificate.publicKey);
}
