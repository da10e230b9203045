// Prekey statements, batches, the tree over them, and bundles (prekeys.md; RFC 6962, section 2.1).
import { hex, join, sameBytes, unhex } from "./bytes.ts";
import { TOLERANCE_MS } from "./certificate.ts";
import { labelledHash, sha256 } from "./hashes.ts";
import { inForce, type IdentityLog } from "./identity.ts";
import { ML_KEM_768, X25519, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import { checkRole, checkRoles, HOLDER, splitSigned, type RoleSignature } from "./signed.ts";
import { asDirectoryUrls, Fields, type Extension, type LogHead } from "./structure.ts";

const LONGEST_BATCH = 4096;
const LONGEST_STATEMENT = 2048;
const LARGEST_BATCH = 1001;
const DAY_MS = 86_400_000;
const SIGNED_PREKEY = 0;
const ONE_TIME_PREKEY = 1;

export interface Statement {
  readonly kind: number;
  readonly id: string;
  readonly agreementKey: PublicKey;
  readonly kemKey: PublicKey;
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Extension[];
}

export function decodeStatement(bytes: Uint8Array): Statement {
  demand(bytes.length <= LONGEST_STATEMENT, "a statement has at most 2,048 bytes");
  const fields = new Fields(bytes);
  const statement: Statement = {
    kind: fields.uint(2, SIGNED_PREKEY, ONE_TIME_PREKEY),
    id: fields.hex(3, 8),
    agreementKey: fields.publicKey(4, [X25519]),
    kemKey: fields.publicKey(5, [ML_KEM_768]),
    from: fields.uint(6),
    to: fields.uint(7),
    extensions: fields.extensions,
  };
  fields.end();
  const days = statement.kind === SIGNED_PREKEY ? 45 : 90;
  demand(statement.to > statement.from && statement.to <= statement.from + days * DAY_MS, `the window is at most ${days} days`);
  return statement;
}

export interface Batch {
  readonly hash: string;
  readonly agentId: string;
  readonly head: LogHead;
  readonly options: number;
  readonly homes: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly root: string;
  readonly signatures: readonly RoleSignature[];
  readonly extensions: readonly Extension[];
}

/** Form, bounds and, where its agent's log is given, agent, head and signature. */
export function decodeBatch(bytes: Uint8Array, log?: IdentityLog): Batch {
  const signed = splitSigned(bytes, LONGEST_BATCH);
  const fields = new Fields(signed.body);
  const batch: Batch = {
    hash: hex(labelledHash("prekey-batch", signed.body)),
    agentId: fields.hex(2, 32),
    head: fields.logHead(3),
    options: fields.uint(4, 0, 1),
    homes: asDirectoryUrls(fields.raw(5)),
    from: fields.uint(6),
    to: fields.uint(7),
    size: fields.uint(8, 1, LARGEST_BATCH),
    root: fields.hex(9, 32),
    signatures: signed.signatures,
    extensions: fields.extensions,
  };
  fields.end();
  checkRoles(signed.signatures, [HOLDER]);
  demand(batch.to > batch.from && batch.to <= batch.from + 45 * DAY_MS, "the window is at most 45 days");
  if (log !== undefined) {
    if (batch.agentId !== log.agentId) refuse("batch-invalid", "another agent's batch");
    checkRole("prekey-batch", signed, HOLDER, inForce(log, batch.head).identityKey);
  }
  return batch;
}

const leafHash = (entry: Uint8Array): Uint8Array => sha256(Uint8Array.of(0), entry);
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(Uint8Array.of(1), left, right);

/** The largest power of two below n. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** MTH of RFC 6962, 2.1, over entries as they are. */
export function treeHash(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return sha256();
  if (entries.length === 1) return leafHash(entries[0] ?? new Uint8Array(0));
  const k = split(entries.length);
  return nodeHash(treeHash(entries.slice(0, k)), treeHash(entries.slice(k)));
}

/** PATH of RFC 6962, 2.1.1. */
export function auditPath(index: number, entries: readonly Uint8Array[]): readonly Uint8Array[] {
  if (entries.length <= 1) return [];
  const k = split(entries.length);
  return index < k
    ? [...auditPath(index, entries.slice(0, k)), treeHash(entries.slice(k))]
    : [...auditPath(index - k, entries.slice(k)), treeHash(entries.slice(0, k))];
}

/** The root that a path leads to; refuses as `bundle-invalid` one whose length does not fit index and size. */
export function rootOfPath(entry: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Uint8Array {
  if (index >= size) refuse("bundle-invalid", "the index is outside the tree");
  if (path.some((hash) => hash.length !== 32)) refuse("bundle-invalid", "a hash has 32 bytes");
  if (size === 1) {
    if (path.length !== 0) refuse("bundle-invalid", "the path is too long");
    return leafHash(entry);
  }
  const sibling = path.at(-1);
  if (sibling === undefined) refuse("bundle-invalid", "the path is too short");
  const k = split(size);
  const shorter = path.slice(0, -1);
  return index < k
    ? nodeHash(rootOfPath(entry, index, k, shorter), sibling)
    : nodeHash(sibling, rootOfPath(entry, index - k, size - k, shorter));
}

export function statementEntry(statement: Uint8Array): Uint8Array {
  return join("talos/v1/hash/prekey-statement", new Uint8Array(1), statement);
}

/** The batch's root over all its statements, in any order; refuses double ids and another number of signed prekeys than one. */
export function batchRoot(statements: readonly Uint8Array[]): string {
  demand(statements.length >= 1 && statements.length <= LARGEST_BATCH, "1 to 1,001 statements");
  const decoded = statements.map((bytes) => ({ bytes, statement: decodeStatement(bytes) }));
  decoded.sort((a, b) => (a.statement.id < b.statement.id ? -1 : 1));
  demand(new Set(decoded.map(({ statement }) => statement.id)).size === decoded.length, "an id twice");
  demand(decoded.filter(({ statement }) => statement.kind === SIGNED_PREKEY).length === 1, "exactly one signed prekey");
  return hex(treeHash(decoded.map(({ bytes }) => statementEntry(bytes))));
}

export interface Placed {
  readonly statement: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface BundleParts {
  readonly batch: Uint8Array;
  readonly signedPrekey: Placed;
  readonly oneTimePrekey: Placed | null;
}

export interface Bundle {
  readonly batch: Batch;
  readonly signedPrekey: Statement;
  readonly oneTimePrekey: Statement | null;
}

/** Verifies a bundle in the order of prekeys.md. Without `nowMs` the windows are not held against a clock. */
export function verifyBundle(parts: BundleParts, log: IdentityLog, nowMs?: number): Bundle {
  const batch = decodeBatch(parts.batch, log);
  checkWindow(batch, nowMs);
  const signedPrekey = verifyPlaced(parts.signedPrekey, SIGNED_PREKEY, batch, nowMs);
  if (batch.to > signedPrekey.to) refuse("bundle-invalid", "the batch outlives its signed prekey");
  const oneTimePrekey = parts.oneTimePrekey === null ? null : verifyPlaced(parts.oneTimePrekey, ONE_TIME_PREKEY, batch, nowMs);
  return { batch, signedPrekey, oneTimePrekey };
}

function verifyPlaced(placed: Placed, kind: number, batch: Batch, nowMs: number | undefined): Statement {
  const statement = decodeStatement(placed.statement);
  if (statement.kind !== kind) refuse("bundle-invalid", "a prekey of the other kind");
  checkWindow(statement, nowMs);
  const root = rootOfPath(statementEntry(placed.statement), placed.index, batch.size, placed.path);
  if (!sameBytes(root, unhex(batch.root))) refuse("bundle-invalid", "the path leads to another root");
  return statement;
}

export function checkWindow({ from, to }: { readonly from: number; readonly to: number }, nowMs: number | undefined): void {
  if (nowMs !== undefined && (nowMs < from - TOLERANCE_MS || nowMs >= to)) refuse("batch-expired", "outside the window");
}
