/** Argon2id (RFC 9106) over OpenSSL. Which parameters are acceptable is the caller's policy, not decided here. */
import { talosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import type { Argon2idParameters } from "./crypto.ts";
import { ownBytes } from "./own-bytes.ts";
import { openssl } from "./openssl.ts";

const MAX_UINT32 = 0xffff_ffff;
const MAX_LANES = 0xff_ffff;

export function argon2id(password: SecretBytes, salt: Uint8Array, parameters: Argon2idParameters): SecretBytes {
  const { memoryKiB, passes, lanes, length, secret, associatedData } = parameters;
  // RFC 9106, 3.1; Node asks for at least 8 bytes of salt, so that is the floor here.
  if (salt.length < 8) throw invalid("The salt has fewer than 8 bytes.");
  if (!isIn(lanes, 1, MAX_LANES)) throw invalid("The number of lanes is out of range.");
  if (!isIn(passes, 1, MAX_UINT32)) throw invalid("The number of passes is out of range.");
  if (!isIn(memoryKiB, 8 * lanes, MAX_UINT32)) throw invalid("The memory is out of range: at least 8 KiB a lane.");
  if (!isIn(length, 4, MAX_UINT32)) throw invalid("The output has fewer than 4 bytes.");
  const output = openssl.argon2Sync("argon2id", {
    message: revealSecret(password),
    nonce: salt,
    memory: memoryKiB,
    passes,
    parallelism: lanes,
    tagLength: length,
    ...(secret === undefined ? {} : { secret: revealSecret(secret) }),
    ...(associatedData === undefined ? {} : { associatedData }),
  });
  return SecretBytes.take(ownBytes(output));
}

function isIn(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function invalid(message: string): Error {
  return talosError("INVALID_ARGUMENT", message);
}
