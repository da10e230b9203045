import type { Crypto } from "../primitives/crypto.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { Prepared, Signed, SignatureEntry } from "../keys/signed.ts";
import type { PublicKey, RemoteKey, SigningAlgorithm } from "../keys/public-key.ts";
import type { IdentityEvent, InceptionEvent, RevocationEvent, RotationEvent } from "./event.ts";
import type { IdentityLog } from "./log.ts";

type Input<E> = Omit<E, "kind" | "extensions" | "identityKey" | "encryptionKey" | "revealedKey"> & EventKeys<E>;
type EventKeys<E> = { [K in keyof E & ("identityKey" | "revealedKey")]: PublicKey<SigningAlgorithm> } & {
  [K in keyof E & "encryptionKey"]: PublicKey<2>;
};
export type InceptionInput = Input<InceptionEvent>;
export type RotationInput = Input<RotationEvent>;
export type RevocationInput = Input<RevocationEvent>;

/** An event whose form is right and whose signatures are not yet verified. */
export interface UnverifiedEvent {
  readonly signed: Signed;
  readonly event: IdentityEvent;
  /** Event hash, 32 bytes. */
  readonly hash: Uint8Array;
}

export declare function keyCommitment(key: PublicKey<SigningAlgorithm>, crypto: Crypto): Uint8Array;
export declare function prepareInception(input: InceptionInput): Prepared;
export declare function prepareRotation(input: RotationInput): Prepared;
export declare function prepareRevocation(input: RevocationInput): Prepared;
/** `outgoing`: the identity key before the event; needed for a planned rotation. */
export declare function assembleEvent(body: Uint8Array, signatures: readonly SignatureEntry[], crypto: Crypto, outgoing?: RemoteKey<"identity">): Uint8Array;
export declare function eventHash(body: Uint8Array, crypto: Crypto): Uint8Array;
export declare function decodeEvent(wire: Uint8Array, crypto: Crypto): UnverifiedEvent;
export declare function verifyEventSignatures(unverified: UnverifiedEvent, crypto: Crypto, outgoing?: RemoteKey<"identity">): IdentityEvent;
export type LogVerdict = { readonly kind: "accepted"; readonly log: IdentityLog } | { readonly kind: "unchanged"; readonly log: IdentityLog };
/** `events` is the whole log, inception first. */
export declare function verifyLog(known: IdentityLog | undefined, events: readonly Uint8Array[], now: number, crypto: Crypto, expected?: AgentId): LogVerdict;
