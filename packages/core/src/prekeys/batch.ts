// The prekey batch: one signature of the identity key over all live prekeys. Must not know the statements, only their root.
// Source: docs/protocol/prekeys.md, "Batch".
import { equalBytes } from "../bytes/bytes.ts";
import { malformedField } from "../codec/fields.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import { keysAt, type IdentityLog } from "../identity/log.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_HOME_DIRECTORIES, readDirectories } from "../keys/directory-url.ts";
import { headToCbor, readLogHead, type LogHead } from "../keys/heads.ts";
import { labelledHash, LABELS } from "../keys/labels.ts";
import { decodeSigned, encodeSigned, prepareSigned, ROLE, verifySigned, type Prepared, type SignatureEntry } from "../keys/signed.ts";
import { isOffered, isWindow } from "../keys/time.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { MAX_PREKEY_MILLISECONDS } from "./statement.ts";

export const MAX_BATCH_BYTES = 4096;
/** One signed prekey and 1,000 one-time prekeys. */
export const MAX_BATCH_STATEMENTS = 1001;
/** Options are a set of bits; this one offers post-quantum ratchet steps. The others are 0. */
export const OPTION_KEM_RATCHET = 1;
const KNOWN_OPTIONS = OPTION_KEM_RATCHET;
const STRUCTURE = "prekey batch";

export interface BatchInput {
  readonly agentId: AgentId;
  readonly head: LogHead;
  /** Offered options, a set of bits. */
  readonly options: number;
  /** At most 4 URLs. */
  readonly directories: readonly string[];
  readonly from: number;
  /** At most 45 days after `from`, and not later than the signed prekey's. */
  readonly to: number;
  /** Number of statements. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly extensions?: readonly Extension[];
}

/** What a batch says, before anything is verified. */
export interface BatchFields extends BatchInput {
  readonly extensions: readonly Extension[];
}

declare const verifiedBrand: unique symbol;
/** A batch that verified under its agent's log. */
export interface PrekeyBatch extends BatchFields {
  readonly [verifiedBrand]: true;
  readonly wire: Uint8Array;
  /** Batch hash, 32 bytes. */
  readonly hash: Uint8Array;
}

/** Throws MALFORMED for a field outside its bounds. */
export function prepareBatch(input: BatchInput): Prepared {
  const extensions = input.extensions ?? [];
  const body = encodeStruct(
    new Map([
      [2, input.agentId],
      [3, headToCbor(input.head)],
      [4, input.options],
      [5, input.directories],
      [6, input.from],
      [7, input.to],
      [8, input.size],
      [9, input.root],
    ]),
    extensions,
  );
  readBody(
    body,
    extensions.map(({ id }) => id),
  );
  return prepareSigned(LABELS.signPrekeyBatch, body, [ROLE.holder]);
}

/** Joins body and signature and verifies the result under the agent's own log. Throws as `verifyBatch`. */
export function assembleBatch(
  log: IdentityLog,
  body: Uint8Array,
  signatures: readonly SignatureEntry[],
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
): PrekeyBatch {
  return verifyBatch(log, encodeSigned(body, signatures), crypto);
}

/** Reads the fields and verifies nothing. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION. */
export function decodeBatch(wire: Uint8Array): BatchFields {
  return readBody(decodeSigned(wire, STRUCTURE, MAX_BATCH_BYTES).body);
}

function readBody(body: Uint8Array, knownExtensions?: readonly number[]): BatchFields {
  const reader = new StructReader(body, STRUCTURE, { knownExtensions });
  const fields = {
    agentId: agentId(reader.bytes(2, { length: 32 })),
    head: readLogHead(reader.array(3)),
    options: reader.uint(4, { max: KNOWN_OPTIONS }),
    directories: readDirectories(reader.array(5, { max: MAX_HOME_DIRECTORIES })),
    from: reader.uint(6),
    to: reader.uint(7),
    size: reader.uint(8, { min: 1, max: MAX_BATCH_STATEMENTS }),
    root: reader.bytes(9, { length: 32 }),
  };
  const extensions = reader.finish();
  if (!isWindow(fields, MAX_PREKEY_MILLISECONDS["signed-prekey"]))
    throw malformedField(reader.place(7), "not within 45 days after the start");
  return { ...fields, extensions };
}

/** Batch hash, 32 bytes, of a batch that need not be verified. Throws MALFORMED, UNSUPPORTED_SUITE. */
export function batchHash(wire: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return labelledHash(LABELS.hashPrekeyBatch, decodeSigned(wire, STRUCTURE, MAX_BATCH_BYTES).body, crypto);
}

/**
 * Verifies a batch under the log of the agent that it should belong to.
 *
 * @param now the verifier's clock in milliseconds; absent: form and signature only
 * @throws TalosError SIGNATURE_INVALID, HEAD_UNKNOWN, AGENT_REVOKED, BATCH_INVALID (another agent's), BATCH_EXPIRED (also: not valid yet),
 *   MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION
 */
export function verifyBatch(
  log: IdentityLog,
  wire: Uint8Array,
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  now?: number,
): PrekeyBatch {
  const signed = decodeSigned(wire, STRUCTURE, MAX_BATCH_BYTES);
  const fields = readBody(signed.body);
  if (!equalBytes(fields.agentId, log.agentId)) throw talosError("BATCH_INVALID");
  const { identityKey } = keysAt(log, fields.head);
  verifySigned(LABELS.signPrekeyBatch, signed, new Map([[ROLE.holder, identityKey]]), crypto);
  if (now !== undefined && !isOffered(fields, now)) throw talosError("BATCH_EXPIRED");
  const batch = { ...fields, wire: new Uint8Array(wire), hash: labelledHash(LABELS.hashPrekeyBatch, signed.body, crypto) };
  return Object.freeze(batch) as object as PrekeyBatch;
}
