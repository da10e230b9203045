// Bodies of identity events to bytes and back. Checks the form of one event; must not know a log or a signature.
// Source: docs/protocol/identity.md, "Identity events".
import type { CborValue } from "../codec/cbor.ts";
import { malformedField } from "../codec/fields.ts";
import type { MapReader } from "../codec/readers.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { auditHeadToCbor, MAX_LOG_EVENTS, readAuditHead } from "../keys/heads.ts";
import { protectionCode, protectionLevel, PROTECTION_LEVELS } from "../keys/key-state.ts";
import { publicKeyToCbor, readRemoteKey, samePublicKey, type PublicKey, type SigningAlgorithm } from "../keys/public-key.ts";
import {
  AUTHORITY_CODES,
  MAX_MIGRATION_SECONDS,
  REASON_CODES,
  type Authority,
  type EventReason,
  type IdentityEvent,
  type InceptionEvent,
  type InstalledKeys,
  type NextCommitments,
  type RevocationEvent,
  type RotationEvent,
  type Successor,
} from "./event.ts";

const KIND_CODES = { inception: 0, rotation: 1, revocation: 2 } as const;
const ROTATION_REASONS: readonly EventReason[] = ["planned", "compromise", "lost"];
const REVOCATION_REASONS: readonly EventReason[] = ["compromise", "lost", "decommissioned"];
const STRUCTURE = "identity event";

/** The fields of an event as the caller gives them: keys as plain public keys, extensions optional. */
export type EventInput<E extends IdentityEvent> = Omit<E, "kind" | "extensions" | "identityKey" | "encryptionKey" | "revealedKey"> & {
  readonly [K in keyof E & ("identityKey" | "revealedKey")]: PublicKey<SigningAlgorithm>;
} & { readonly [K in keyof E & "encryptionKey"]: PublicKey<2> } & { readonly extensions?: readonly Extension[] };

export type InceptionInput = EventInput<InceptionEvent>;
export type RotationInput = EventInput<RotationEvent>;
export type RevocationInput = EventInput<RevocationEvent>;
type InstalledInput = Pick<InceptionInput, "identityKey" | "identityProtection" | "encryptionKey" | "encryptionProtection" | "next">;

/** Throws MALFORMED when a field is outside its bounds. */
export function encodeInception(input: InceptionInput): Uint8Array {
  return encodeChecked(
    new Map<number, CborValue | undefined>([[2, KIND_CODES.inception], [3, input.time], ...installedFields(input)]),
    input.extensions,
  );
}

/** Throws MALFORMED when a field is outside its bounds. */
export function encodeRotation(input: RotationInput): Uint8Array {
  const fields = [
    [2, KIND_CODES.rotation],
    [3, input.time],
    ...installedFields(input),
    ...successorFields(input),
    [14, input.migrationSeconds],
  ] as const;
  return encodeChecked(new Map<number, CborValue | undefined>(fields), input.extensions);
}

/** Throws MALFORMED when a field is outside its bounds. */
export function encodeRevocation(input: RevocationInput): Uint8Array {
  return encodeChecked(
    new Map<number, CborValue | undefined>([[2, KIND_CODES.revocation], [3, input.time], ...successorFields(input)]),
    input.extensions,
  );
}

function encodeChecked(fields: ReadonlyMap<number, CborValue | undefined>, extensions: readonly Extension[] = []): Uint8Array {
  const body = encodeStruct(fields, extensions);
  decodeEventBody(
    body,
    extensions.map(({ id }) => id),
  );
  return body;
}

function installedFields(keys: InstalledInput): (readonly [number, CborValue])[] {
  const next = new Map<number, CborValue>([[AUTHORITY_CODES.online, keys.next.online]]);
  if (keys.next.recovery !== undefined) next.set(AUTHORITY_CODES.recovery, keys.next.recovery);
  return [
    [4, publicKeyToCbor(keys.identityKey)],
    [5, protectionCode(keys.identityProtection)],
    [6, publicKeyToCbor(keys.encryptionKey)],
    [7, protectionCode(keys.encryptionProtection)],
    [8, next],
  ];
}

function successorFields(input: RotationInput | RevocationInput): (readonly [number, CborValue | undefined])[] {
  return [
    [9, input.seq],
    [10, input.previous],
    [11, AUTHORITY_CODES[input.authority]],
    [12, publicKeyToCbor(input.revealedKey)],
    [13, REASON_CODES[input.reason]],
    [15, input.suspectFrom],
    [16, input.auditHead && auditHeadToCbor(input.auditHead)],
  ];
}

/** Reads the body of an event of any kind. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION, WEAK_PUBLIC_KEY. */
export function decodeEventBody(body: Uint8Array, knownExtensions?: readonly number[]): IdentityEvent {
  const reader = new StructReader(body, STRUCTURE, { knownExtensions });
  const kind = reader.uint(2, { max: KIND_CODES.revocation });
  const time = reader.uint(3);
  if (kind === KIND_CODES.inception) {
    const installed = readInstalled(reader);
    return { kind: "inception", time, ...installed, extensions: reader.finish() };
  }
  if (kind === KIND_CODES.revocation) {
    const { reason, ...successor } = readSuccessor(reader, REVOCATION_REASONS);
    return { kind: "revocation", time, ...successor, reason: reason as RevocationEvent["reason"], extensions: reader.finish() };
  }
  const installed = readInstalled(reader);
  const { reason, ...successor } = readSuccessor(reader, ROTATION_REASONS);
  const migrationSeconds = reader.uint(14, { max: MAX_MIGRATION_SECONDS });
  const extensions = reader.finish();
  // Online, the new key is the one that was committed to; a recovery key is never put to daily use.
  if (samePublicKey(installed.identityKey, successor.revealedKey) !== (successor.authority === "online")) {
    throw malformedField(reader.place(12), "does not fit the authority and the new identity key");
  }
  return { kind: "rotation", time, ...installed, ...successor, reason: reason as RotationEvent["reason"], migrationSeconds, extensions };
}

function readInstalled(reader: MapReader): InstalledKeys {
  return {
    identityKey: readRemoteKey(reader.array(4), "identity"),
    identityProtection: readProtection(reader, 5),
    encryptionKey: readRemoteKey(reader.array(6), "encryption"),
    encryptionProtection: readProtection(reader, 7),
    next: readNext(reader.map(8)),
  };
}

function readProtection(reader: MapReader, key: number): InstalledKeys["identityProtection"] {
  return protectionLevel(reader.uint(key, { max: PROTECTION_LEVELS.length - 1 }));
}

function readNext(map: MapReader): NextCommitments {
  const online = map.bytes(AUTHORITY_CODES.online, { length: 32 });
  const recovery = map.optionalBytes(AUTHORITY_CODES.recovery, { length: 32 });
  map.end();
  return recovery === undefined ? { online } : { online, recovery };
}

function readSuccessor(reader: MapReader, reasons: readonly EventReason[]): Successor & { readonly reason: EventReason } {
  const seq = reader.uint(9, { min: 1, max: MAX_LOG_EVENTS - 1 });
  const previous = reader.bytes(10, { length: 32 });
  const authority = readAuthority(reader);
  const revealedKey =
    authority === "online" ? readRemoteKey(reader.array(12), "next-identity") : readRemoteKey(reader.array(12), "recovery");
  const reasonCode = reader.uint(13);
  const reason = reasons.find((name) => REASON_CODES[name] === reasonCode);
  if (reason === undefined) throw malformedField(reader.place(13), "not a reason of this kind of event");
  const suspectFrom = reader.optionalUint(15);
  const auditHead = reader.has(16) ? readAuditHead(reader.array(16)) : undefined;
  return {
    seq,
    previous,
    authority,
    revealedKey,
    reason,
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    ...(auditHead === undefined ? {} : { auditHead }),
  };
}

function readAuthority(reader: MapReader): Authority {
  const code = reader.uint(11);
  if (code === AUTHORITY_CODES.online) return "online";
  if (code === AUTHORITY_CODES.recovery) return "recovery";
  throw malformedField(reader.place(11), "no such authority");
}
