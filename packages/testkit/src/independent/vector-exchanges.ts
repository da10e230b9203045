// For the vectors of whole exchanges: every secret computed again from the private parts, on both sides, and every message opened.
import { strict as assert } from "node:assert";
import { hex, unhex } from "./bytes.ts";
import {
  decodeHandshakeHeader,
  initiatorSecrets,
  responderSecrets,
  sameSecrets,
  sessionId,
  sessionSecret,
  transcript,
  transcriptHash,
  type HandshakeHeader,
  type PrekeyKeys,
  type SharedSecrets,
  type TranscriptContext,
} from "./handshake.ts";
import { decodeEnvelope } from "./envelope.ts";
import { decodeIdentityLog, inForce, type IdentityLog } from "./identity.ts";
import { publicOf, X25519 } from "./keys.ts";
import { decodeBatch, decodeStatement } from "./prekeys.ts";
import { decodeRatchetHeader, Ratchet } from "./ratchet.ts";
import { refuse } from "./refusal.ts";
import { SessionReceiver } from "./session.ts";
import { listOf, listOfBytes, record, text } from "./vector-values.ts";
import { frameView, type Viewer } from "./vector-views.ts";

export const EXCHANGES: Readonly<Record<string, Viewer>> = {
  "double-ratchet-header": ({ wire }) => {
    const { previousLength, seq, ...fields } = decodeRatchetHeader(unhex(text(wire)));
    return { fields: { ...fields, previousChainLength: previousLength, logSeq: seq } };
  },

  handshake: ({ wire, context }) => {
    const { header, hash, secrets, secret, transcriptBytes, negotiated } = agreeOn(
      unhex(text(wire)),
      text(record(record(context)["initiator"])["firstRatchetKey"]),
      record(context),
    );
    const { agentId, handshakeId, version: _, suite: __, ...fields } = header;
    return {
      fields: { ...fields, initiator: agentId },
      derived: {
        handshakeId,
        transcript: hex(transcriptBytes),
        transcriptHash: hex(hash),
        dh1: hex(secrets.dh1),
        dh2: hex(secrets.dh2),
        dh3: hex(secrets.dh3),
        dh4: secrets.dh4 === null ? null : hex(secrets.dh4),
        kem: hex(secrets.kem),
        sessionSecret: hex(secret),
        sessionId: hex(sessionId(secret)),
        options: negotiated,
        prekeyUse: prekeyUse(header),
      },
    };
  },

  ratchet: ({ wire, context }) => {
    const { rootKey, responderFirstKey, initiatorKeys, responderKeys } = record(context);
    const sides = ratchets(unhex(text(rootKey)), unhex(text(responderFirstKey)), listOfBytes(initiatorKeys), listOfBytes(responderKeys));
    const messageKeys = listOf(wire).map((entry) => {
      const { from, header } = record(entry);
      const read = decodeRatchetHeader(unhex(text(header)));
      const [sender, receiver] = from === "initiator" ? [sides.initiator, sides.responder] : [sides.responder, sides.initiator];
      const { messageKey, accept } = receiver.receive(read);
      if (sender.ownKey === read.ratchetKey) assert.deepEqual(sender.sendingKey(read.counter), messageKey);
      accept();
      return hex(messageKey);
    });
    return { fields: { messageKeys } };
  },

  session: ({ wire, context }) => {
    const given = record(context);
    const envelopes = listOf(wire).map((entry) => ({ from: record(entry)["from"], bytes: unhex(text(record(entry)["envelope"])) }));
    const first = decodeEnvelope(envelopes[0]?.bytes ?? new Uint8Array(0));
    const handshakeHeader = text(first.handshakeHeader);
    const firstRatchetKey = decodeRatchetHeader(unhex(first.ratchetHeader)).ratchetKey;
    const { header, hash, secret, negotiated, logA, logB, firstKeyB } = agreeOn(unhex(handshakeHeader), firstRatchetKey, given);
    const facts = { sessionId: hex(sessionId(secret)), handshakeHeader, transcriptHash: hash, negotiatedOptions: negotiated };
    const sides = ratchets(secret, firstKeyB, listOfBytes(given["initiatorKeys"]), listOfBytes(given["responderKeys"]));
    const atA = new SessionReceiver(facts, sides.initiator, logA.agentId, logB);
    const atB = new SessionReceiver(facts, sides.responder, logB.agentId, logA);
    const messages = envelopes.map(({ from, bytes }, index) => {
      const receiver = from === "initiator" ? atB : atA;
      const { messageKey, frame, ...opened } =
        index < envelopes.length - 1 ? withoutRefusal(() => receiver.open(bytes)) : receiver.open(bytes);
      return { ...opened, messageKey: hex(messageKey), frame: frameView(frame) };
    });
    return {
      fields: { messages },
      derived: { handshakeId: header.handshakeId, transcriptHash: hex(hash), sessionId: facts.sessionId, prekeyUse: prekeyUse(header) },
    };
  },
};

/** Only the last envelope may be what a vector is refused for. */
function withoutRefusal<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw new Error("refused before the last envelope", { cause: error });
  }
}

function prekeyUse({ oneTimePrekeyId }: HandshakeHeader): string {
  return oneTimePrekeyId === null ? "no-one-time-prekey" : "full";
}

function ratchets(
  rootKey: Uint8Array,
  responderFirstKey: Uint8Array,
  initiatorKeys: readonly Uint8Array[],
  responderKeys: readonly Uint8Array[],
): { readonly initiator: Ratchet; readonly responder: Ratchet } {
  return {
    initiator: new Ratchet(rootKey, initiatorKeys, publicOf(X25519, responderFirstKey).key),
    responder: new Ratchet(rootKey, [responderFirstKey, ...responderKeys]),
  };
}

interface Agreement {
  readonly header: HandshakeHeader;
  readonly logA: IdentityLog;
  readonly logB: IdentityLog;
  readonly firstKeyB: Uint8Array;
  readonly transcriptBytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly secrets: SharedSecrets;
  readonly secret: Uint8Array;
  readonly negotiated: number;
}

/** B's checks and both sides' agreements; A's encapsulation is not repeated, so its KEM secret is the one that B found. */
function agreeOn(headerBytes: Uint8Array, firstRatchetKeyA: string, context: Readonly<Record<string, unknown>>): Agreement {
  const header = decodeHandshakeHeader(headerBytes);
  const a = record(context["initiator"]);
  const b = record(context["responder"]);
  const logA = decodeIdentityLog(listOfBytes(a["log"]));
  const logB = decodeIdentityLog(listOfBytes(b["log"]));
  if (header.agentId !== logA.agentId) refuse("handshake-refused", "another agent's log");
  const keysA = inForce(logA, header.head);
  const batch = decodeBatch(unhex(text(b["batch"])), logB);
  const keysB = inForce(logB, batch.head);
  const signedPrekey = privatePrekey(b["signedPrekey"]);
  const oneTimePrekey = b["oneTimePrekey"] === undefined ? null : privatePrekey(b["oneTimePrekey"]);
  const known: TranscriptContext = {
    identityA: keysA.identityKey,
    encryptionA: keysA.encryptionKey,
    identityB: keysB.identityKey,
    encryptionB: keysB.encryptionKey,
    agentIdB: logB.agentId,
    headB: batch.head,
    optionsB: batch.options,
    batchRootB: batch.root,
    batchToB: batch.to,
    signedPrekey: signedPrekey.keys,
    oneTimePrekey: oneTimePrekey?.keys ?? null,
    firstRatchetKeyA,
  };
  const transcriptBytes = transcript(header, known);
  const encryptionB = unhex(text(b["encryptionPrivateKey"]));
  const secrets = responderSecrets(header, keysA.encryptionKey, {
    encryption: encryptionB,
    signedPrekey: signedPrekey.agreement,
    oneTimePrekey: oneTimePrekey?.agreement ?? null,
    kem: (oneTimePrekey ?? signedPrekey).kem,
  });
  const encryptionA = unhex(text(a["encryptionPrivateKey"]));
  const ephemeral = unhex(text(a["ephemeralPrivateKey"]));
  assert.ok(sameSecrets(secrets, initiatorSecrets(known, { encryption: encryptionA, ephemeral, kem: secrets.kem })));
  const hash = transcriptHash(transcriptBytes);
  const negotiated = header.options & batch.options;
  return {
    header,
    logA,
    logB,
    firstKeyB: signedPrekey.agreement,
    transcriptBytes,
    hash,
    secrets,
    secret: sessionSecret(secrets, hash),
    negotiated,
  };
}

function privatePrekey(value: unknown): { readonly keys: PrekeyKeys; readonly agreement: Uint8Array; readonly kem: Uint8Array } {
  const { statement, agreementPrivateKey, kemSeed } = record(value);
  return { keys: decodeStatement(unhex(text(statement))), agreement: unhex(text(agreementPrivateKey)), kem: unhex(text(kemSeed)) };
}
