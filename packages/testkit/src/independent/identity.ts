// Identity events of every kind and identity logs (identity.md).
import type { CborMap, CborValue } from "./cbor.ts";
import { hex, join, u8, unhex } from "./bytes.ts";
import { didOf } from "./did.ts";
import { labelledHash } from "./hashes.ts";
import { ED25519, ES256, sameKey, X25519, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import { checkRole, checkRoles, HOLDER, OUTGOING, REVEALED, splitSigned, type RoleSignature } from "./signed.ts";
import { asBytes, Fields, type AuditHead, type Extension, type LogHead } from "./structure.ts";

const LONGEST_EVENT = 4096;
const LONGEST_LOG = 10_000;
const LONGEST_MIGRATION_SECONDS = 2_592_000;
const INCEPTION = 0;
const ROTATION = 1;
export const REVOCATION = 2;
const ONLINE = 1;
export const RECOVERY = 3;
export const PLANNED = 0;
const IDENTITY_TYPE: readonly number[] = [ED25519, ES256];

export interface Installed {
  readonly identityKey: PublicKey;
  readonly identityProtection: number;
  readonly encryptionKey: PublicKey;
  readonly encryptionProtection: number;
  readonly next: { readonly online: string; readonly recovery: string | null };
}

export interface Following {
  readonly previous: string;
  readonly authority: number;
  readonly revealedKey: PublicKey;
  readonly reason: number;
  readonly migrationSeconds: number | null;
  readonly suspectFrom: number | null;
  readonly auditHead: AuditHead | null;
}

export interface IdentityEvent {
  readonly kind: number;
  readonly time: number;
  readonly seq: number;
  readonly hash: string;
  readonly installed: Installed | null;
  readonly following: Following | null;
  readonly signatures: readonly RoleSignature[];
  readonly extensions: readonly Extension[];
}

/** Form and signatures of one event. The outgoing key is in the event before; where it is not given, that role stays unverified. */
export function decodeIdentityEvent(bytes: Uint8Array, outgoingKey?: PublicKey): IdentityEvent {
  const signed = splitSigned(bytes, LONGEST_EVENT);
  const fields = new Fields(signed.body);
  const kind = fields.uint(2, INCEPTION, REVOCATION);
  const time = fields.uint(3);
  const installed = kind === REVOCATION ? null : readInstalled(fields);
  const seq = kind === INCEPTION ? 0 : fields.uint(9, 1, LONGEST_LOG - 1);
  const following = kind === INCEPTION ? null : readFollowing(fields, kind);
  fields.end();
  checkRoles(signed.signatures, rolesOf(kind, following));
  if (installed !== null && following !== null) {
    demand(
      sameKey(installed.identityKey, following.revealedKey) === (following.authority === ONLINE),
      "the new identity key and the revealed one",
    );
  }
  if (installed !== null) checkRole("identity-event", signed, HOLDER, installed.identityKey);
  if (following !== null) checkRole("identity-event", signed, REVEALED, following.revealedKey);
  if (kind === ROTATION && following?.reason === PLANNED && outgoingKey !== undefined)
    checkRole("identity-event", signed, OUTGOING, outgoingKey);
  return {
    kind,
    time,
    seq,
    hash: hex(labelledHash("identity-event", signed.body)),
    installed,
    following,
    signatures: signed.signatures,
    extensions: fields.extensions,
  };
}

function rolesOf(kind: number, following: Following | null): readonly number[] {
  if (kind === INCEPTION) return [HOLDER];
  if (kind === REVOCATION) return [REVEALED];
  return following?.reason === PLANNED ? [HOLDER, REVEALED, OUTGOING] : [HOLDER, REVEALED];
}

function readInstalled(fields: Fields): Installed {
  return {
    identityKey: fields.publicKey(4, IDENTITY_TYPE),
    identityProtection: fields.uint(5, 0, 4),
    encryptionKey: fields.publicKey(6, [X25519]),
    encryptionProtection: fields.uint(7, 0, 4),
    next: readNext(fields.raw(8)),
  };
}

function readNext(value: CborValue): Installed["next"] {
  demand(value instanceof Map, "next is a map");
  const map = value as CborMap;
  for (const key of map.keys()) demand(key === ONLINE || key === RECOVERY, "next has an unknown authority");
  const commitment = (authority: number): string => hex(asBytes(map.get(authority), 32));
  return { online: commitment(ONLINE), recovery: map.has(RECOVERY) ? commitment(RECOVERY) : null };
}

function readFollowing(fields: Fields, kind: number): Following {
  const authority = fields.uint(11, ONLINE, RECOVERY);
  demand(authority !== 2, "authority 2 is reserved");
  return {
    previous: fields.hex(10, 32),
    authority,
    revealedKey: fields.publicKey(12, IDENTITY_TYPE),
    reason: kind === ROTATION ? fields.uint(13, 0, 2) : fields.uint(13, 1, 3),
    migrationSeconds: kind === ROTATION ? fields.uint(14, 0, LONGEST_MIGRATION_SECONDS) : null,
    suspectFrom: fields.has(15) ? fields.uint(15) : null,
    auditHead: fields.has(16) ? fields.auditHead(16) : null,
  };
}

export function keyCommitment({ algorithm, key }: PublicKey): string {
  return hex(labelledHash("key-commitment", join(u8(algorithm), unhex(key))));
}

export interface IdentityLog {
  readonly agentId: string;
  readonly did: string;
  readonly head: LogHead;
  /** What is in force; of a revoked agent what was so last. */
  readonly state: Installed;
  readonly events: readonly IdentityEvent[];
}

/** Verifies a chain as a source has it: inception first, each event after the one before it. */
export function decodeIdentityLog(chain: readonly Uint8Array[]): IdentityLog {
  if (chain.length === 0) refuse("log-invalid", "a log has at least its inception");
  if (chain.length > LONGEST_LOG) refuse("log-invalid", "a log has at most 10,000 events");
  const events: IdentityEvent[] = [];
  let state: Installed | null = null;
  for (const bytes of chain) {
    const event = decodeIdentityEvent(bytes);
    checkPlace(events, state, event);
    checkFresh(events, event);
    // Once more, now that it is known whose continuity proof it must carry.
    if (state !== null) decodeIdentityEvent(bytes, state.identityKey);
    state = event.installed ?? state;
    events.push(event);
  }
  const [inception] = events;
  const last = events.at(-1);
  if (inception === undefined || last === undefined || state === null) refuse("log-invalid", "no event");
  return { agentId: inception.hash, did: didOf(inception.hash), head: headOf(last), state, events };
}

function headOf({ seq, hash }: IdentityEvent): LogHead {
  return { seq, hash };
}

function checkPlace(before: readonly IdentityEvent[], state: Installed | null, { kind, seq, following, installed }: IdentityEvent): void {
  const last = before.at(-1);
  if (last === undefined || state === null) {
    if (kind !== INCEPTION) refuse("log-invalid", "a log begins with an inception");
    return;
  }
  if (following === null) refuse("log-invalid", "a second inception");
  if (last.kind === REVOCATION) refuse("log-invalid", "nothing follows a revocation");
  if (seq !== before.length) refuse("log-invalid", "seq is not one more");
  if (following.previous !== last.hash) refuse("log-invalid", "another event before it");
  const online = following.authority === ONLINE;
  if (keyCommitment(following.revealedKey) !== (online ? state.next.online : state.next.recovery))
    refuse("log-invalid", "the revealed key is not the committed one");
  if (installed === null) return;
  const { recovery } = installed.next;
  if (online ? state.next.recovery !== null && recovery !== state.next.recovery : recovery === null)
    refuse("log-invalid", "the recovery commitment");
}

/** No key is named twice: neither one in use nor one that waits behind its commitment; an online event repeats the recovery commitment alone. */
function checkFresh(before: readonly IdentityEvent[], { installed, following }: IdentityEvent): void {
  if (installed === null) return;
  const past = before.flatMap((event) => (event.installed === null ? [] : [event.installed]));
  const waiting = new Set(past.flatMap(({ identityKey, next }) => [keyCommitment(identityKey), next.online, next.recovery]));
  const online = following?.authority === ONLINE;
  const repeats = online && past.at(-1)?.next.recovery !== null;
  const named = [
    ...(online ? [] : [keyCommitment(installed.identityKey)]),
    installed.next.online,
    ...(repeats || installed.next.recovery === null ? [] : [installed.next.recovery]),
  ];
  if (new Set(named).size !== named.length || named.some((commitment) => waiting.has(commitment))) refuse("log-invalid", "a spent key");
  if (past.some(({ encryptionKey }) => sameKey(encryptionKey, installed.encryptionKey))) refuse("log-invalid", "a spent encryption key");
}

/** The keys in force at a head; refuses as `head-unknown` one that is no event of the log, as `agent-revoked` a revocation. */
export function inForce(log: IdentityLog, head: LogHead): Installed {
  const event = log.events[head.seq];
  if (event === undefined || event.hash !== head.hash) refuse("head-unknown", "no such event in the log");
  if (event.installed === null) refuse("agent-revoked", "nothing is in force after a revocation");
  return event.installed;
}
