// The notice `cannot-decrypt`, which needs no session. Must not know outboxes: acting on it is the agent's.
// Source: docs/protocol/envelope.md, "Notice".
import type { CborValue } from "../codec/cbor.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/log.ts";
import { decodeCertificate, MAX_CERTIFICATE_BYTES, verifyCertificate, type Certificate } from "../instance/certificate.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { LABELS } from "../keys/labels.ts";
import { decodeSigned, encodeSigned, prepareSigned, ROLE, verifySigned, type Prepared, type SignatureEntry } from "../keys/signed.ts";
import { isWithinSlack } from "../keys/time.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { ENVELOPE_ID_BYTES, envelopeIdFrom, type EnvelopeId } from "./envelope.ts";

export const MAX_NOTICE_BYTES = 8192;
const TYPE_CANNOT_DECRYPT = 1;
const REASONS = ["unspecified", "session-unknown", "prekey-gone"] as const;
export type NoticeReason = (typeof REASONS)[number];
const STRUCTURE = "notice";

export interface NoticeInput {
  /** The sender's own, whose instance key signs. */
  readonly certificate: Uint8Array;
  readonly recipient: AgentId;
  readonly envelopeId: EnvelopeId;
  readonly reason: NoticeReason;
  readonly time: number;
  readonly extensions?: readonly Extension[];
}

/** As it came; nothing is verified. */
export interface UnverifiedNotice extends NoticeInput {
  readonly type: "cannot-decrypt";
  /** By the certificate inside: whose log is needed. */
  readonly sender: AgentId;
  readonly extensions: readonly Extension[];
}

declare const verifiedBrand: unique symbol;
export interface Notice extends Omit<UnverifiedNotice, "certificate"> {
  readonly [verifiedBrand]: true;
  readonly certificate: Certificate;
}

/** To be signed by the instance key. Throws MALFORMED for a field outside its bounds. */
export function prepareNotice(input: NoticeInput): Prepared {
  const extensions = input.extensions ?? [];
  const body = encodeStruct(
    new Map<number, CborValue>([
      [2, TYPE_CANNOT_DECRYPT],
      [3, input.certificate],
      [4, input.recipient],
      [5, input.envelopeId],
      [6, REASONS.indexOf(input.reason)],
      [7, input.time],
    ]),
    extensions,
  );
  readBody(
    body,
    extensions.map(({ id }) => id),
  );
  return prepareSigned(LABELS.signNotice, body, [ROLE.holder]);
}

/** The bytes that travel. Verifies what it assembled under the sender's own log. Throws as `verifyNotice`. */
export function assembleNotice(
  log: IdentityLog,
  body: Uint8Array,
  signatures: readonly SignatureEntry[],
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
): Uint8Array {
  const wire = encodeSigned(body, signatures);
  verifyNotice(log, wire, crypto);
  return wire;
}

/** Reads a notice and verifies nothing. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION, WEAK_PUBLIC_KEY. */
export function decodeNotice(wire: Uint8Array): UnverifiedNotice {
  return readBody(decodeSigned(wire, STRUCTURE, MAX_NOTICE_BYTES).body);
}

function readBody(body: Uint8Array, knownExtensions?: readonly number[]): UnverifiedNotice {
  const reader = new StructReader(body, STRUCTURE, { knownExtensions });
  reader.uint(2, { min: TYPE_CANNOT_DECRYPT, max: TYPE_CANNOT_DECRYPT });
  const certificate = reader.bytes(3, { max: MAX_CERTIFICATE_BYTES });
  const fields = {
    recipient: agentId(reader.bytes(4, { length: 32 })),
    envelopeId: envelopeIdFrom(reader.bytes(5, { length: ENVELOPE_ID_BYTES })),
    reason: REASONS[reader.uint(6, { max: REASONS.length - 1 })] as NoticeReason,
    time: reader.uint(7),
  };
  const extensions = reader.finish();
  return { type: "cannot-decrypt", sender: decodeCertificate(certificate).agentId, certificate, ...fields, extensions };
}

/**
 * Verifies a notice under its sender's log. Whether it is for this agent, and about an envelope of its own that stands unacknowledged, is
 * the caller's to check.
 *
 * @throws TalosError SIGNATURE_INVALID; CERTIFICATE_EXPIRED where its time is outside its certificate's; those of `verifyCertificate` for the certificate inside and of `decodeNotice`
 */
export function verifyNotice(log: IdentityLog, wire: Uint8Array, crypto: Pick<Crypto, "sha256" | "verifySignature">): Notice {
  const signed = decodeSigned(wire, STRUCTURE, MAX_NOTICE_BYTES);
  const unverified = readBody(signed.body);
  const certificate = verifyCertificate(log, unverified.certificate, crypto);
  verifySigned(LABELS.signNotice, signed, new Map([[ROLE.holder, certificate.instanceKey]]), crypto);
  // Else an instance key of long ago would sign notices for ever.
  if (!isWithinSlack(certificate, unverified.time)) throw talosError("CERTIFICATE_EXPIRED");
  return Object.freeze({ ...unverified, certificate }) as object as Notice;
}
