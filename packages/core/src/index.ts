/** Everything that the other packages may use of core. */
export { compareBytes, concatBytes, equalBytes, settledBytes, settledCopy, zeroBytes, type Bytes } from "./bytes/bytes.ts";
export { decodeUtf8, utf8 } from "./bytes/utf8.ts";
export { fromHex, toHex } from "./bytes/hex.ts";
export { fromBase64Url, toBase64Url } from "./bytes/base64url.ts";
export { fromBase58Btc, toBase58Btc } from "./bytes/base58.ts";

export { revealSecret, SecretBytes } from "./secret/secret-bytes.ts";
export { secureCompare } from "./secret/secure-compare.ts";

export { ERROR_CODES, isErrorCode, type ErrorCode, type ErrorDescription } from "./errors/codes.ts";
export { isTalosError, TalosError, talosError, type ErrorDetails, type TalosErrorOptions } from "./errors/talos-error.ts";

export { decodeCbor, encodeCbor, type CborLimits, type CborMap, type CborValue } from "./codec/cbor.ts";
export { type ArrayBounds, type BytesBounds, type TextBounds, type UintBounds } from "./codec/fields.ts";
export { ArrayReader, MapReader, readCborArray, readCborMap } from "./codec/readers.ts";
export {
  encodeStruct,
  EXTENSIONS_KEY,
  MAX_EXTENSION_BYTES,
  MAX_EXTENSIONS,
  STRUCT_SUITE,
  STRUCT_VERSION,
  StructReader,
  type Extension,
  type StructOptions,
} from "./codec/struct.ts";
export { BinaryReader, BinaryWriter } from "./codec/binary.ts";

export type {
  AeadAlgorithm,
  AgreementKey,
  Argon2idParameters,
  Crypto,
  Encapsulation,
  KemKey,
  SignatureAlgorithm,
  SigningKey,
} from "./primitives/crypto.ts";
export { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from "./primitives/aead.ts";
export { deriveKey, nodeCrypto } from "./primitives/node-crypto.ts";
export { checkAgreementPublicKey, checkSigningPublicKey } from "./primitives/points.ts";

export { emptyRoot, leafHash, nodeHash, type TreeHash } from "./merkle/hashes.ts";
export { allInclusionPaths, consistencyProof, inclusionPath, treeRoot } from "./merkle/tree.ts";
export { verifyConsistency, verifyInclusion, type ConsistencyClaim, type InclusionClaim } from "./merkle/verify.ts";
export { appendLeaf, decodeEdge, edgeRoot, EMPTY_EDGE, encodeEdge, type TreeEdge } from "./merkle/edge.ts";

export {
  accept as acceptHandshake,
  decodeHandshakeHeader,
  encodeHandshakeHeader,
  encodeTranscript,
  handshakeId,
  initiate as initiateHandshake,
  type AcceptInput,
  type HandshakeHeader,
  type HandshakeId,
  type HandshakeResult,
  type InitiateInput,
  type InitiatorFacts,
  type OwnBatchFacts,
  type OwnPrekey,
  type PrekeyUse,
  type ResponderFacts,
  type Transcript,
} from "./handshake/index.ts";
export {
  advance as advanceRatchet,
  decodeRatchetHeader,
  encodeRatchetHeader,
  initiatorRatchet,
  nextSending,
  RATCHET_BOUNDS,
  RatchetKeyPair,
  responderRatchet,
  wipeAll,
  type RatchetBounds,
  type RatchetHeader,
  type RatchetState,
} from "./ratchet/index.ts";
export * from "./session/index.ts";

export * from "./keys/index.ts";
export * from "./identity/index.ts";
export * from "./instance/index.ts";
export * from "./prekeys/index.ts";
export * from "./envelope/index.ts";
export * from "./requests/index.ts";
export * from "./rotation/index.ts";
export * from "./audit/index.ts";
export * from "./signing/index.ts";
