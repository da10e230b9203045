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
const REVOCATION = 2;
const ONLINE = 1;
const RECOVERY = 3;
const PLANNED = 0;
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
  readonly state: Installed | null;
  readonly events: readonly IdentityEvent[];
}

/**
 * Verifies a whole log. With `inceptionOnly` a longer one is refused as `log-not-supported`, as this release does after checking form and
 * signatures; otherwise events in a row are followed (a recovery event may stand after any event since the last recovery).
 */
export function decodeIdentityLog(events: readonly Uint8Array[], inceptionOnly: boolean = true): IdentityLog {
  if (events.length === 0) refuse("log-invalid", "a log has at least its inception");
  if (events.length > LONGEST_LOG) refuse("log-invalid", "a log has at most 10,000 events");
  const inception = decodeIdentityEvent(events[0] ?? new Uint8Array(0));
  if (inception.kind !== INCEPTION) refuse("log-invalid", "a log begins with an inception");
  const accepted: IdentityEvent[] = [inception];
  for (const bytes of events.slice(1)) {
    const event = follow(accepted, bytes);
    if (inceptionOnly) refuse("log-not-supported", "more than an inception");
    accepted.push(event);
  }
  const last = accepted.at(-1) ?? inception;
  return {
    agentId: inception.hash,
    did: didOf(inception.hash),
    head: { seq: last.seq, hash: last.hash },
    state: last.installed,
    events: accepted,
  };
}

function follow(accepted: IdentityEvent[], bytes: Uint8Array): IdentityEvent {
  const unlinked = decodeIdentityEvent(bytes);
  const following = unlinked.following;
  if (following === null) refuse("log-invalid", "a second inception");
  const index = accepted.findIndex(({ hash }) => hash === following.previous);
  const before = accepted[index];
  if (before === undefined) refuse("log-invalid", "no event before it has this hash");
  if (unlinked.seq !== before.seq + 1) refuse("log-invalid", "seq is not one more");
  if (following.authority === ONLINE && index !== accepted.length - 1) refuse("log-invalid", "only a recovery event may fork");
  if (accepted.slice(index + 1).some((event) => event.following?.authority === RECOVERY)) refuse("log-invalid", "cuts off a recovery");
  const next = before.installed?.next;
  if (before.installed === null || next === undefined) refuse("log-invalid", "nothing follows a revocation");
  if (keyCommitment(following.revealedKey) !== (following.authority === ONLINE ? next.online : next.recovery))
    refuse("log-invalid", "the revealed key is not the committed one");
  const added = unlinked.installed?.next.recovery ?? null;
  if (following.authority === ONLINE && unlinked.installed !== null && next.recovery !== null && added !== next.recovery)
    refuse("log-invalid", "an online rotation changes the recovery commitment");
  accepted.length = index + 1;
  return decodeIdentityEvent(bytes, before.installed.identityKey);
}

/** The keys in force at a head; refuses as `head-unknown` one that is no event of the log. */
export function inForce(log: IdentityLog, head: LogHead): Installed {
  const event = log.events[head.seq];
  if (event === undefined || event.hash !== head.hash || event.installed === null) refuse("head-unknown", "no such event in the log");
  return event.installed;
}
