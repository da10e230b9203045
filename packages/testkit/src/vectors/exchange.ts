// What handshake and session vectors have in common: the keys of both sides as a reader gets them, and how core takes them.
// Must not know the cases.
import {
  decodeBatch,
  decodeHandshakeHeader,
  decodeStatement,
  equalBytes,
  fromHex,
  nodeCrypto,
  SecretBytes,
  toHex,
  verifyBundle,
  verifyLog,
  type AcceptInput,
  type AgreementKey,
  type Crypto,
  type IdentityLog,
  type InitiateSessionInput,
  type KemKey,
  type OwnPrekey,
  type RatchetState,
} from "@talos/core";
import { agreementKeyOf, batchOf, bytesOf, castMember, certificateOf, seedOf, statementOf, STORY_START, type CastMember } from "./cast.ts";
import { encapsulationOf } from "./encapsulations.ts";
import { toJson, type Json } from "./format.ts";

export const alice: CastMember = castMember("alice");
export const bob: CastMember = castMember("bob");
const BATCH_SIZE = 2;
const { batch, tree } = batchOf(bob, BATCH_SIZE);
const SIGNED_PREKEY = "bob signed prekey";
const ONE_TIME_PREKEY = "bob one-time prekey 0";

/** Randomness that follows from a name: ratchet keys and ephemerals "name key 0", nonces and ids "name random 0", and so on. */
export function namedCrypto(name: string): Crypto {
  let keys = 0;
  let randoms = 0;
  return {
    ...nodeCrypto,
    generateAgreementKey: () => agreementKeyOf(`${name} key ${keys++}`),
    randomBytes: (length) => bytesOf(`${name} random ${randoms++}`, length),
    encapsulate: (publicKey) => encapsulationOf(name, publicKey),
  };
}

/** What `initiateSession` takes when Alice begins a session with Bob. */
export function initiation(oneTime: boolean, options = 0): InitiateSessionInput {
  const certificate = certificateOf(alice);
  const place = (name: string): ReturnType<typeof tree.place> =>
    tree.place(tree.ordered.findIndex(({ id }) => equalBytes(id, bytesOf(`${name} id`, 8))));
  const unverified = { log: bob.log.events, certificate: certificateOf(bob).wire, batch: batch.wire, signedPrekey: place(SIGNED_PREKEY) };
  const claimed = oneTime ? { ...unverified, oneTimePrekey: place(ONE_TIME_PREKEY) } : unverified;
  const bundle = verifyBundle(bob.log, claimed, nodeCrypto, STORY_START);
  const { agentId, head, identityKey, encryptionKey } = alice.log;
  return {
    own: { agentId, head, identityKey, encryptionKey, certificateHash: certificate.hash, options },
    bundle,
    dhLongTerm: alice.encryption.agree(bundle.signedPrekey.agreementKey.bytes),
    now: STORY_START,
  };
}

/**
 * Everything that both sides have beside what travels, their secrets with it.
 *
 * @param ephemeral name of the initiator's ephemeral key
 * @param firstRatchetKey the initiator's, public; where no envelope brings it
 */
export function exchangeContext(oneTime: boolean, ephemeral: string, firstRatchetKey?: Uint8Array): Json {
  const prekey = (name: string, kind: "signed-prekey" | "one-time-prekey"): Json =>
    toJson({
      statement: statementOf(name, kind),
      agreementPrivateKey: seedOf(`${name} agreement`),
      kemSeed: toHex(seedOf(`${name} kem d`)) + toHex(seedOf(`${name} kem z`)),
    });
  return toJson({
    initiator: {
      log: alice.log.events,
      encryptionPrivateKey: seedOf("alice encryption"),
      ephemeralPrivateKey: seedOf(ephemeral),
      ...(firstRatchetKey === undefined ? {} : { firstRatchetKey }),
    },
    responder: {
      log: bob.log.events,
      batch: batch.wire,
      encryptionPrivateKey: seedOf("bob encryption"),
      signedPrekey: prekey(SIGNED_PREKEY, "signed-prekey"),
      ...(oneTime ? { oneTimePrekey: prekey(ONE_TIME_PREKEY, "one-time-prekey") } : {}),
    },
  });
}

interface PrekeyJson {
  readonly statement: string;
  readonly agreementPrivateKey: string;
  readonly kemSeed: string;
}

/** `exchangeContext` as read from a file. */
export interface ExchangeJson {
  readonly initiator: {
    readonly log: readonly string[];
    readonly encryptionPrivateKey: string;
    readonly ephemeralPrivateKey: string;
    readonly firstRatchetKey?: string;
  };
  readonly responder: {
    readonly log: readonly string[];
    readonly batch: string;
    readonly encryptionPrivateKey: string;
    readonly signedPrekey: PrekeyJson;
    readonly oneTimePrekey?: PrekeyJson;
  };
}

export function privateKey(hex: string): AgreementKey {
  return nodeCrypto.agreementKeyFromPrivate(SecretBytes.from(fromHex(hex)));
}

export function readLog(events: readonly string[]): IdentityLog {
  return verifyLog(undefined, events.map(fromHex), STORY_START, nodeCrypto).log;
}

/** What `accept` takes, from a header, a ratchet key and the context of a case. */
export function acceptance(header: Uint8Array, firstRatchetKey: Uint8Array, { initiator, responder }: ExchangeJson): AcceptInput {
  const log = readLog(responder.log);
  const decoded = decodeHandshakeHeader(header);
  const { head, root, to, options } = decodeBatch(fromHex(responder.batch));
  const { oneTimePrekey } = responder;
  return {
    own: {
      agentId: log.agentId,
      batch: { head, root, to, options },
      identityKey: log.identityKey,
      encryptionKey: log.encryptionKey,
      signedPrekey: ownPrekey(responder.signedPrekey),
      oneTimePrekey: oneTimePrekey && ownPrekey(oneTimePrekey),
      kemKey: kemKey(oneTimePrekey ?? responder.signedPrekey),
    },
    initiatorLog: readLog(initiator.log),
    header: decoded,
    firstRatchetKey,
    dhLongTerm: privateKey(responder.encryptionPrivateKey).agree(decoded.ephemeralKey),
  };
}

function ownPrekey({ statement, agreementPrivateKey }: PrekeyJson): OwnPrekey {
  return { ...decodeStatement(fromHex(statement)), privateKey: privateKey(agreementPrivateKey) };
}

function kemKey({ kemSeed }: PrekeyJson): KemKey {
  return nodeCrypto.kemKeyFromSeed(SecretBytes.from(fromHex(kemSeed)));
}

/** Ratchet keys from a list, one after the other. */
export function keysInOrder(keys: readonly string[]): Crypto {
  let next = 0;
  return { ...nodeCrypto, generateAgreementKey: () => privateKey(keys[next++] ?? "") };
}

/** True if a message under this ratchet key begins a chain that answers a key which this side has yet to make. */
export function isStep({ turn, receiving, skipped }: RatchetState, ratchetKey: Uint8Array): boolean {
  const known = [...(receiving === undefined ? [] : [receiving.ratchetKey]), ...skipped.runs.map((run) => run.chain.ratchetKey)];
  return turn.kind === "listening" && !known.some((key) => equalBytes(key, ratchetKey));
}
