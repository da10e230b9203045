// Identity events with their signatures: prepare, assemble, decode, verify. Judges one event by itself; must not know a log.
// Source: docs/protocol/identity.md, "Signatures".
import { talosError } from "../errors/talos-error.ts";
import { labelledHash, LABELS } from "../keys/labels.ts";
import type { PublicKey, RemoteKey, SigningAlgorithm } from "../keys/public-key.ts";
import {
  decodeSigned,
  encodeSigned,
  prepareSigned,
  ROLE,
  verifySigned,
  type Prepared,
  type Role,
  type SignatureEntry,
  type Signed,
} from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { IdentityEvent } from "./event.ts";
import {
  decodeEventBody,
  encodeInception,
  encodeRevocation,
  encodeRotation,
  type InceptionInput,
  type RevocationInput,
  type RotationInput,
} from "./event-codec.ts";

export const MAX_EVENT_BYTES = 4096;

/** An event whose form is right and whose signatures are not verified. */
export interface UnverifiedEvent {
  readonly signed: Signed;
  readonly event: IdentityEvent;
  /** Event hash, 32 bytes. */
  readonly hash: Uint8Array;
}

/** Commitment to a key that will sign later: 32 bytes. */
export function keyCommitment(key: PublicKey<SigningAlgorithm>, crypto: Pick<Crypto, "sha256">): Uint8Array {
  const entry = new Uint8Array(1 + key.bytes.length);
  entry[0] = key.algorithm;
  entry.set(key.bytes, 1);
  return labelledHash(LABELS.hashKeyCommitment, entry, crypto);
}

/** Event hash of a body, 32 bytes; of an inception event the agent id. Signatures do not enter it. */
export function eventHash(body: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return labelledHash(LABELS.hashIdentityEvent, body, crypto);
}

/** Throws MALFORMED for a field outside its bounds. */
export function prepareInception(input: InceptionInput): Prepared {
  return prepareSigned(LABELS.signIdentityEvent, encodeInception(input), [ROLE.holder]);
}

/** Throws MALFORMED for a field outside its bounds. */
export function prepareRotation(input: RotationInput): Prepared {
  const roles = input.reason === "planned" ? [ROLE.holder, ROLE.revealed, ROLE.outgoing] : [ROLE.holder, ROLE.revealed];
  return prepareSigned(LABELS.signIdentityEvent, encodeRotation(input), roles);
}

/** Throws MALFORMED for a field outside its bounds. */
export function prepareRevocation(input: RevocationInput): Prepared {
  return prepareSigned(LABELS.signIdentityEvent, encodeRevocation(input), [ROLE.revealed]);
}

/**
 * The bytes that travel. Verifies what it assembled.
 *
 * @param outgoing the identity key before the event; a planned rotation needs it
 * @throws TalosError SIGNATURE_INVALID; MALFORMED, also when it is larger than 4,096 bytes
 */
export function assembleEvent(
  body: Uint8Array,
  signatures: readonly SignatureEntry[],
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  outgoing?: RemoteKey<"identity">,
): Uint8Array {
  const wire = encodeSigned(body, signatures);
  verifyEventSignatures(decodeEvent(wire, crypto), crypto, outgoing);
  return wire;
}

/** Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION or WEAK_PUBLIC_KEY. */
export function decodeEvent(wire: Uint8Array, crypto: Pick<Crypto, "sha256">): UnverifiedEvent {
  const signed = decodeSigned(wire, "identity event", MAX_EVENT_BYTES);
  return { signed, event: decodeEventBody(signed.body), hash: eventHash(signed.body, crypto) };
}

/**
 * Checks that the event carries exactly the signatures of its kind, each under its key. Says nothing about its place in a log.
 *
 * @param outgoing the identity key before the event; a planned rotation needs it
 * @throws TalosError SIGNATURE_INVALID
 */
export function verifyEventSignatures(
  unverified: UnverifiedEvent,
  crypto: Pick<Crypto, "verifySignature">,
  outgoing?: RemoteKey<"identity">,
): IdentityEvent {
  const { event, signed } = unverified;
  verifySigned(LABELS.signIdentityEvent, signed, signersOf(event, outgoing), crypto);
  return event;
}

function signersOf(event: IdentityEvent, outgoing: RemoteKey<"identity"> | undefined): ReadonlyMap<Role, PublicKey<SigningAlgorithm>> {
  const signers = new Map<Role, PublicKey<SigningAlgorithm>>();
  if (event.kind !== "revocation") signers.set(ROLE.holder, event.identityKey);
  if (event.kind !== "inception") signers.set(ROLE.revealed, event.revealedKey);
  if (event.kind === "rotation" && event.reason === "planned") {
    if (outgoing === undefined) throw talosError("SIGNATURE_INVALID", "A planned rotation needs the outgoing key to be verified.");
    signers.set(ROLE.outgoing, outgoing);
  }
  return signers;
}
