// The handshake: header, transcript, secrets (handshake.md).
import { ByteReader, hex, join, sameBytes, u32, u64, u8, unhex } from "./bytes.ts";
import { derive, labelledHash } from "./hashes.ts";
import { agree, checkPublicKey, decapsulate, keyBytes, X25519, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import type { LogHead } from "./structure.ts";

export const HANDSHAKE_HEADER_BYTES = 1275;

export interface HandshakeHeader {
  readonly handshakeId: string;
  readonly version: number;
  readonly suite: number;
  readonly options: number;
  readonly agentId: string;
  readonly head: LogHead;
  readonly batchRoot: string;
  readonly signedPrekeyId: string;
  readonly oneTimePrekeyId: string | null;
  readonly ephemeralKey: string;
  readonly kemCiphertext: string;
  readonly certificateHash: string;
}

export function decodeHandshakeHeader(bytes: Uint8Array): HandshakeHeader {
  const reader = new ByteReader(bytes);
  const version = reader.uint(1);
  if (version !== 1) refuse("unsupported-version", `handshake version ${version}`);
  const suite = reader.uint(1);
  if (suite !== 1) refuse("unsupported-suite", `handshake suite ${suite}`);
  demand(bytes.length === HANDSHAKE_HEADER_BYTES, "a handshake header has 1,275 bytes");
  const options = reader.uint(4);
  const agentId = reader.hex(32);
  const head = readHead(reader);
  const batchRoot = reader.hex(32);
  const signedPrekeyId = reader.hex(8);
  const flags = reader.uint(1);
  demand(flags <= 1, "unknown handshake flags");
  const oneTimeId = reader.hex(8);
  demand(flags === 1 || /^0+$/u.test(oneTimeId), "a one-time prekey id without its flag");
  const ephemeral = reader.bytes(32);
  const ephemeralKey = checkPublicKey(X25519, ephemeral, [X25519]).key;
  const header: HandshakeHeader = {
    handshakeId: hex(labelledHash("handshake-header", bytes)),
    version,
    suite,
    options,
    agentId,
    head,
    batchRoot,
    signedPrekeyId,
    oneTimePrekeyId: flags === 1 ? oneTimeId : null,
    ephemeralKey,
    kemCiphertext: reader.hex(1088),
    certificateHash: reader.hex(32),
  };
  reader.end();
  return header;
}

/** `head` of the binary layouts: u32 seq, 32 bytes. */
export function readHead(reader: ByteReader): LogHead {
  return { seq: reader.uint(4), hash: reader.hex(32) };
}

export function headBytes({ seq, hash }: LogHead): Uint8Array {
  return join(u32(seq), unhex(hash));
}

export interface PrekeyKeys {
  readonly id: string;
  readonly agreementKey: PublicKey;
  readonly kemKey: PublicKey;
}

/** What the transcript takes from elsewhere than the header. */
export interface TranscriptContext {
  readonly identityA: PublicKey;
  readonly encryptionA: PublicKey;
  readonly identityB: PublicKey;
  readonly encryptionB: PublicKey;
  readonly agentIdB: string;
  readonly headB: LogHead;
  readonly optionsB: number;
  readonly batchRootB: string;
  readonly batchToB: number;
  readonly signedPrekey: PrekeyKeys;
  readonly oneTimePrekey: PrekeyKeys | null;
  /** A's, from the ratchet header beside the handshake header. */
  readonly firstRatchetKeyA: string;
}

const prekeyBytes = ({ id, agreementKey, kemKey }: PrekeyKeys): Uint8Array => join(unhex(id), keyBytes(agreementKey), keyBytes(kemKey));

export function transcript(header: HandshakeHeader, context: TranscriptContext): Uint8Array {
  if (header.batchRoot !== context.batchRootB) refuse("handshake-refused", "another batch");
  if (header.signedPrekeyId !== context.signedPrekey.id) refuse("handshake-refused", "another signed prekey");
  if (header.oneTimePrekeyId !== (context.oneTimePrekey?.id ?? null)) refuse("handshake-refused", "another one-time prekey");
  const oneTime = context.oneTimePrekey;
  return join(
    u8(header.version),
    u8(header.suite),
    u32(header.options),
    u32(context.optionsB),
    u32((header.options & context.optionsB) >>> 0),
    unhex(header.agentId),
    unhex(context.agentIdB),
    headBytes(header.head),
    headBytes(context.headB),
    keyBytes(context.identityA),
    keyBytes(context.encryptionA),
    keyBytes(context.identityB),
    keyBytes(context.encryptionB),
    unhex(context.batchRootB),
    u64(context.batchToB),
    prekeyBytes(context.signedPrekey),
    oneTime === null ? u8(0) : join(u8(1), prekeyBytes(oneTime)),
    u8(oneTime === null ? 0 : 1),
    unhex(header.ephemeralKey),
    unhex(header.kemCiphertext),
    unhex(header.certificateHash),
    unhex(context.firstRatchetKeyA),
  );
}

export function transcriptHash(bytes: Uint8Array): Uint8Array {
  return labelledHash("handshake-transcript", bytes);
}

export interface SharedSecrets {
  readonly dh1: Uint8Array;
  readonly dh2: Uint8Array;
  readonly dh3: Uint8Array;
  readonly dh4: Uint8Array | null;
  readonly kem: Uint8Array;
}

/** B's side, from its private keys; KEM keys are 64-byte seeds. */
export function responderSecrets(
  header: HandshakeHeader,
  encryptionA: PublicKey,
  secret: {
    readonly encryption: Uint8Array;
    readonly signedPrekey: Uint8Array;
    readonly oneTimePrekey: Uint8Array | null;
    readonly kem: Uint8Array;
  },
): SharedSecrets {
  const ephemeral = unhex(header.ephemeralKey);
  return {
    dh1: agree(secret.signedPrekey, unhex(encryptionA.key)),
    dh2: agree(secret.encryption, ephemeral),
    dh3: agree(secret.signedPrekey, ephemeral),
    dh4: secret.oneTimePrekey === null ? null : agree(secret.oneTimePrekey, ephemeral),
    kem: decapsulate(secret.kem, unhex(header.kemCiphertext)),
  };
}

/** A's side, whose KEM secret came out of the encapsulation. */
export function initiatorSecrets(
  context: TranscriptContext,
  secret: { readonly encryption: Uint8Array; readonly ephemeral: Uint8Array; readonly kem: Uint8Array },
): SharedSecrets {
  return {
    dh1: agree(secret.encryption, unhex(context.signedPrekey.agreementKey.key)),
    dh2: agree(secret.ephemeral, unhex(context.encryptionB.key)),
    dh3: agree(secret.ephemeral, unhex(context.signedPrekey.agreementKey.key)),
    dh4: context.oneTimePrekey === null ? null : agree(secret.ephemeral, unhex(context.oneTimePrekey.agreementKey.key)),
    kem: secret.kem,
  };
}

export function sameSecrets(a: SharedSecrets, b: SharedSecrets): boolean {
  const flat = ({ dh1, dh2, dh3, dh4, kem }: SharedSecrets): Uint8Array => join(dh1, dh2, dh3, dh4 ?? "", kem);
  return sameBytes(flat(a), flat(b));
}

export function sessionSecret(secrets: SharedSecrets, hash: Uint8Array): Uint8Array {
  const material = join(new Uint8Array(32).fill(0xff), secrets.dh1, secrets.dh2, secrets.dh3, secrets.dh4 ?? "", secrets.kem);
  return derive(material, join("talos-session-secret", hash), 32);
}

export function sessionId(secret: Uint8Array): Uint8Array {
  return derive(secret, "talos-session-id", 16);
}
