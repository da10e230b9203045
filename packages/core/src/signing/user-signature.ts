// Signatures that an application asks for: over a namespace and the digest of a message, never over bare bytes.
// Must not know logs' futures, audit trees or verdicts. Source: docs/protocol/signatures.md.
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";
import { equalBytes } from "../bytes/bytes.ts";
import { malformedField } from "../codec/fields.ts";
import { encodeStruct, StructReader } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import { logAt, type IdentityLog } from "../identity/log.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { headToCbor, readLogHead, type LogHead } from "../keys/heads.ts";
import { labelledHash, LABELS } from "../keys/labels.ts";
import type { PublicKey, SigningAlgorithm } from "../keys/public-key.ts";
import {
  decodeSigned,
  encodeSigned,
  prepareSigned,
  ROLE,
  verifySigned,
  type Prepared,
  type SignatureEntry,
  type Signed,
} from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";

export const MAX_SIGNATURE_BYTES = 1024;
export const MAX_NAMESPACE_CHARACTERS = 64;
/** Visible ASCII without blanks: two namespaces that look alike are alike. */
const NAMESPACE = /^[\x21-\x7e]{1,64}$/;
const STRUCTURE = "signature";

export interface UserSignatureInput {
  readonly agentId: AgentId;
  /** Of the signer's log; it names the key. */
  readonly head: LogHead;
  readonly namespace: string;
  /** SHA-256 of the message, 32 bytes. */
  readonly digest: Uint8Array;
}

/** A signature whose form is right and of which nothing is verified. */
export interface UserSignature extends UserSignatureInput {
  readonly signed: Signed;
  readonly wire: Uint8Array;
  /** Of the body, 32 bytes: what a verifier remembers it by. */
  readonly hash: Uint8Array;
}

/** Throws INVALID_ARGUMENT for what is no namespace: 1 to 64 visible ASCII characters. */
export function checkNamespace(namespace: unknown): string {
  if (typeof namespace === "string" && NAMESPACE.test(namespace)) return namespace;
  throw talosError("INVALID_ARGUMENT", "A namespace is 1 to 64 visible ASCII characters without blanks.", {
    details: { argument: "namespace" },
  });
}

/** Throws INVALID_ARGUMENT (namespace), MALFORMED for a field outside its bounds. */
export function prepareUserSignature({ agentId: signer, head, namespace, digest }: UserSignatureInput): Prepared {
  const fields = new Map([
    [2, signer],
    [3, headToCbor(head)],
    [4, checkNamespace(namespace)],
    [5, digest],
  ]);
  const body = encodeStruct(fields);
  readBody(body);
  return prepareSigned(LABELS.signUser, body, [ROLE.holder]);
}

/** Joins body and signature and verifies the result under the signer's own log. Throws as `verifyUserSignature`. */
export function assembleUserSignature(
  log: IdentityLog,
  body: Uint8Array,
  signatures: readonly SignatureEntry[],
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
): UserSignature {
  const signature = decodeUserSignature(encodeSigned(body, signatures), crypto);
  if (!equalBytes(signature.agentId, log.agentId)) throw talosError("SIGNATURE_INVALID");
  verifyUserSignature(signature, logAt(log, signature.head).identityKey, crypto);
  return signature;
}

/** Reads it and verifies nothing. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION. */
export function decodeUserSignature(wire: Uint8Array, crypto: Pick<Crypto, "sha256">): UserSignature {
  const signed = decodeSigned(wire, STRUCTURE, MAX_SIGNATURE_BYTES);
  const hash = labelledHash(LABELS.hashUserSignature, signed.body, crypto);
  return { ...readBody(signed.body), signed, wire: new Uint8Array(wire), hash };
}

function readBody(body: Uint8Array): UserSignatureInput {
  const reader = new StructReader(body, STRUCTURE);
  const fields = {
    agentId: agentId(reader.bytes(2, { length: 32 })),
    head: readLogHead(reader.array(3)),
    namespace: reader.text(4, { minBytes: 1, maxBytes: MAX_NAMESPACE_CHARACTERS }),
    digest: reader.bytes(5, { length: 32 }),
  };
  reader.finish();
  if (!NAMESPACE.test(fields.namespace)) throw malformedField(reader.place(4), "not visible ASCII");
  return fields;
}

/** That this key made it; whose key it is, and when it was in force, is `judgeSignature`'s to say. Throws SIGNATURE_INVALID. */
export function verifyUserSignature(
  { signed }: Pick<UserSignature, "signed">,
  key: PublicKey<SigningAlgorithm>,
  crypto: Pick<Crypto, "verifySignature">,
): void {
  verifySigned(LABELS.signUser, signed, new Map([[ROLE.holder, key]]), crypto);
}

/**
 * That it is about this message, in this namespace. The namespace is the verifier's own: one that was made for another purpose does not
 * count. Throws SIGNATURE_INVALID with `details.reason` `namespace` or `message`.
 */
export function checkSignedMessage(
  signature: UserSignatureInput,
  namespace: string,
  message: Uint8Array,
  crypto: Pick<Crypto, "sha256">,
): void {
  const wrong =
    signature.namespace !== namespace ? "namespace" : equalBytes(signature.digest, crypto.sha256(message)) ? undefined : "message";
  if (wrong === undefined) return;
  throw talosError("SIGNATURE_INVALID", `The signature is of another ${wrong}.`, { details: { reason: wrong } });
}

/** The form in files and on command lines: base64url. */
export function signatureToText({ wire }: Pick<UserSignature, "wire">): string {
  return toBase64Url(wire);
}

/** Reads the text form; blanks around it do not count. Throws as `decodeUserSignature`. */
export function signatureFromText(text: string, crypto: Pick<Crypto, "sha256">): UserSignature {
  return decodeUserSignature(fromBase64Url(text.trim()), crypto);
}
