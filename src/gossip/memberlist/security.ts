/**
 * Encryption of packets and stream frames: AES-GCM under a ring of shared keys.
 *
 *   payload = version u8 | nonce 12 | ciphertext | tag 16
 *   version 0: plaintext padded to 16 bytes by PKCS#7; version 1: plaintext as it is
 *
 * serf and Consul write version 1; both are read. Source: NIST SP 800-38D for GCM, RFC 5652 6.3 for the padding, bytes
 * observed in serf 0.9.4 and memberlist 0.2.2.
 */
import { type CipherGCMTypes, createCipheriv, createDecipheriv } from "node:crypto";
import type { Random } from "../../ports/random.ts";
import { GossipDecodeError, GossipError } from "../errors.ts";
import { KEYS_MAX } from "../limits.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
/** What encryption adds to a packet: exact for version 1, the assumed worst for version 0. */
export const ENCRYPTION_OVERHEAD = { v0: 45, v1: 29 } as const;
export type EncryptionVersion = 0 | 1;

const algorithmOf = (key: Uint8Array): CipherGCMTypes =>
  key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";

/** `version | nonce | ciphertext | tag`. `aad` is authenticated beside it; empty means none. */
export function encryptPayload(
  version: EncryptionVersion,
  key: Uint8Array,
  message: Uint8Array,
  aad: Uint8Array,
  random: Random,
): Buffer {
  const pad = version === 0 ? BLOCK_BYTES - (message.length % BLOCK_BYTES) : 0;
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(algorithmOf(key), key, nonce);
  if (aad.length > 0) cipher.setAAD(aad);
  const out = Buffer.allocUnsafe(1 + NONCE_BYTES + message.length + pad + TAG_BYTES);
  out[0] = version;
  nonce.copy(out, 1);
  cipher.update(message).copy(out, 1 + NONCE_BYTES);
  if (pad > 0) cipher.update(Buffer.alloc(pad, pad)).copy(out, 1 + NONCE_BYTES + message.length);
  cipher.final();
  cipher.getAuthTag().copy(out, out.length - TAG_BYTES);
  return out;
}

/** The plaintext under the first key that opens `payload`. Throws {@link GossipDecodeError}. */
export function decryptPayload(keys: readonly Uint8Array[], payload: Buffer, aad: Uint8Array): Buffer {
  const version = payload[0];
  if (version === undefined) throw new GossipDecodeError("empty", "encrypted payload is empty");
  if (version > 1)
    throw new GossipDecodeError("encryption-version", `unsupported encryption version ${version}`);
  const least = version === 0 ? ENCRYPTION_OVERHEAD.v0 : ENCRYPTION_OVERHEAD.v1;
  if (payload.length < least)
    throw new GossipDecodeError(
      "truncated",
      `encrypted payload has ${payload.length} bytes, least is ${least}`,
    );
  const nonce = payload.subarray(1, 1 + NONCE_BYTES);
  const ciphertext = payload.subarray(1 + NONCE_BYTES, payload.length - TAG_BYTES);
  const tag = payload.subarray(payload.length - TAG_BYTES);
  for (const key of keys) {
    const decipher = createDecipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_BYTES });
    if (aad.length > 0) decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plain = decipher.update(ciphertext);
    try {
      decipher.final();
    } catch {
      continue;
    }
    if (version === 1) return plain;
    const pad = plain[plain.length - 1] ?? 0;
    if (pad === 0 || pad > BLOCK_BYTES || pad > plain.length)
      throw new GossipDecodeError("decrypt", `decrypted payload ends with impossible padding ${pad}`);
    return plain.subarray(0, plain.length - pad);
  }
  throw new GossipDecodeError("decrypt", "No installed keys could decrypt the message");
}

/** The shared keys of a pool, primary (the one that encrypts) first. */
export class Keyring {
  #keys: readonly Buffer[] = [];

  constructor(keys: readonly Uint8Array[] = []) {
    for (const key of keys) this.add(key);
  }

  /** Primary first. */
  get keys(): readonly Buffer[] {
    return this.#keys;
  }

  get primary(): Buffer | undefined {
    return this.#keys[0];
  }

  #index(key: Uint8Array): number {
    return this.#keys.findIndex((k) => k.equals(key));
  }

  /** Appends a key; a known one stays where it is. */
  add(key: Uint8Array): void {
    if (key.length !== 16 && key.length !== 24 && key.length !== 32)
      throw new GossipError("key size must be 16, 24 or 32 bytes");
    if (this.#index(key) >= 0) return;
    if (this.#keys.length >= KEYS_MAX) throw new GossipError(`keyring already holds ${KEYS_MAX} keys`);
    this.#keys = [...this.#keys, Buffer.from(key)];
  }

  /** Makes a known key the primary one. */
  use(key: Uint8Array): void {
    const i = this.#index(key);
    if (i < 0) throw new GossipError("Requested key is not in the keyring");
    this.#keys = [this.#keys[i]!, ...this.#keys.filter((_, j) => j !== i)];
  }

  /** Takes a key out; unknown ones are fine, the primary is refused. */
  remove(key: Uint8Array): void {
    const i = this.#index(key);
    if (i === 0) throw new GossipError("Removing the primary key is not allowed");
    if (i > 0) this.#keys = this.#keys.filter((_, j) => j !== i);
  }
}
