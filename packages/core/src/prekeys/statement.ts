// Prekey statements: one per prekey, vouched for by the batch that they stand in. Must not know batches.
// Source: docs/protocol/prekeys.md, "Statement".
import { malformedField } from "../codec/fields.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { LABELS, labelPrefix } from "../keys/labels.ts";
import { ALGORITHM, publicKeyToCbor, readRemoteKey, type PublicKey, type RemoteKey } from "../keys/public-key.ts";
import { DAY_MILLISECONDS, isWindow } from "../keys/time.ts";
import { leafHash } from "../merkle/hashes.ts";
import type { Crypto } from "../primitives/crypto.ts";

export type PrekeyKind = "signed-prekey" | "one-time-prekey";

export const PREKEY_ID_BYTES = 8;
export const MAX_STATEMENT_BYTES = 2048;
/** Published validity: a stale signed prekey stops working by itself. */
export const MAX_PREKEY_MILLISECONDS: Readonly<Record<PrekeyKind, number>> = {
  "signed-prekey": 45 * DAY_MILLISECONDS,
  "one-time-prekey": 90 * DAY_MILLISECONDS,
};
const KINDS: readonly PrekeyKind[] = ["signed-prekey", "one-time-prekey"];
const STRUCTURE = "prekey statement";

export interface StatementInput {
  readonly kind: PrekeyKind;
  /** 8 random bytes. */
  readonly id: Uint8Array;
  readonly agreementKey: PublicKey<2>;
  readonly kemKey: PublicKey<3>;
  readonly from: number;
  readonly to: number;
  readonly extensions?: readonly Extension[];
}

/** A statement whose form and keys are right; whether it belongs to a batch is not said. */
export interface PrekeyStatement<K extends PrekeyKind = PrekeyKind> extends StatementInput {
  readonly kind: K;
  readonly agreementKey: RemoteKey<K, 2>;
  readonly kemKey: RemoteKey<K, 3>;
  readonly extensions: readonly Extension[];
  readonly wire: Uint8Array;
}

/** Throws MALFORMED for a field outside its bounds. */
export function encodeStatement(input: StatementInput): Uint8Array {
  const extensions = input.extensions ?? [];
  const wire = encodeStruct(
    new Map([
      [2, KINDS.indexOf(input.kind)],
      [3, input.id],
      [4, publicKeyToCbor(input.agreementKey)],
      [5, publicKeyToCbor(input.kemKey)],
      [6, input.from],
      [7, input.to],
    ]),
    extensions,
  );
  readStatement(
    wire,
    extensions.map(({ id }) => id),
  );
  return wire;
}

/** Throws MALFORMED (also above 2,048 bytes), UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION, WEAK_PUBLIC_KEY. */
export function decodeStatement(wire: Uint8Array): PrekeyStatement {
  return readStatement(wire);
}

function readStatement(wire: Uint8Array, knownExtensions?: readonly number[]): PrekeyStatement {
  if (wire.length > MAX_STATEMENT_BYTES) throw malformedField({ structure: STRUCTURE, field: "whole" }, "too large");
  const reader = new StructReader(wire, STRUCTURE, { knownExtensions });
  const kind = KINDS[reader.uint(2, { max: KINDS.length - 1 })] as PrekeyKind;
  const id = reader.bytes(3, { length: PREKEY_ID_BYTES });
  const agreementKey = readRemoteKey(reader.array(4), kind, ALGORITHM.x25519);
  const kemKey = readRemoteKey(reader.array(5), kind, ALGORITHM.mlKem768);
  const window = { from: reader.uint(6), to: reader.uint(7) };
  const extensions = reader.finish();
  if (!isWindow(window, MAX_PREKEY_MILLISECONDS[kind])) throw malformedField(reader.place(7), "not within the longest validity");
  return { kind, id, agreementKey, kemKey, ...window, extensions, wire: new Uint8Array(wire) };
}

/** True, and typed so, when the statement is of that kind. */
export function isPrekeyOf<K extends PrekeyKind>(statement: PrekeyStatement, kind: K): statement is PrekeyStatement<K> {
  return statement.kind === kind;
}

/** The leaf of a statement in its batch's tree, 32 bytes. */
export function statementLeaf(statement: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return leafHash(crypto, labelPrefix(LABELS.hashPrekeyStatement), statement);
}
