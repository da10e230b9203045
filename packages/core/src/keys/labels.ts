// Every domain label of the protocol, and the two ways in which a label is joined to bytes.
// Must not know what the labelled bytes mean. Source: docs/protocol/encoding.md, "Labels".
import { concatBytes } from "../bytes/bytes.ts";
import { utf8 } from "../bytes/utf8.ts";
import type { Crypto } from "../primitives/crypto.ts";

/** The domain labels, as text. A label is never used for two purposes. */
export const LABELS = {
  hashIdentityEvent: "talos/v1/hash/identity-event",
  hashKeyCommitment: "talos/v1/hash/key-commitment",
  hashInstanceCertificate: "talos/v1/hash/instance-certificate",
  hashPrekeyStatement: "talos/v1/hash/prekey-statement",
  hashPrekeyBatch: "talos/v1/hash/prekey-batch",
  hashHandshakeHeader: "talos/v1/hash/handshake-header",
  hashHandshakeTranscript: "talos/v1/hash/handshake-transcript",
  hashUserSignature: "talos/v1/hash/user-signature",
  hashPairFingerprint: "talos/v1/hash/pair-fingerprint",
  signIdentityEvent: "talos/v1/sign/identity-event",
  signInstanceCertificate: "talos/v1/sign/instance-certificate",
  signPrekeyBatch: "talos/v1/sign/prekey-batch",
  signNotice: "talos/v1/sign/notice",
  signMessage: "talos/v1/sign/message",
  signUser: "talos/v1/sign/user",
  aeadMessage: "talos/v1/aead/message",
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS];

const prefixes = new Map<Label, Uint8Array>(Object.values(LABELS).map((label) => [label, utf8(`${label}\u0000`)]));

/** `label || 0x00`: what precedes the bytes in every hash, signature and associated data. Not to be changed by the caller. */
export function labelPrefix(label: Label): Uint8Array {
  return prefixes.get(label) ?? utf8(`${label}\u0000`);
}

/** `hash(label, body) = SHA-256(label || 0x00 || body)`, 32 bytes. Signatures are never part of `body`. */
export function labelledHash(label: Label, body: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return crypto.sha256(labelPrefix(label), body);
}

/** `label || 0x00 || parts...`: the form of all signed bytes and of the associated data. */
export function labelledBytes(label: Label, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(labelPrefix(label), ...parts);
}
