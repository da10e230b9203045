// For each kind of vector of one structure: how the independent decoder reads its wire, and what it found, under the names of the vectors.
import { createHash } from "node:crypto";
import { decodeBody, statusOf } from "./bodies.ts";
import { hex, unhex } from "./bytes.ts";
import { checkCertificateTime, decodeCertificate } from "./certificate.ts";
import { parseAddress } from "./did.ts";
import { associatedData, decodeEnvelope, FIRST, shortId } from "./envelope.ts";
import { decodeFrame, messageSignatureBytes, paddedLength, type Frame } from "./frame.ts";
import { labelledHash, sha256 } from "./hashes.ts";
import { compareChains, recoveryKey, standingAt } from "./identity-branches.ts";
import {
  decodeIdentityEvent,
  decodeIdentityLog,
  inForce,
  keyCommitment,
  REVOCATION,
  type IdentityEvent,
  type IdentityLog,
  type Installed,
} from "./identity.ts";
import { checkPublicKey, ED25519, ES256, ML_KEM_768, X25519 } from "./keys.ts";
import { decodeMailboxPage } from "./mailbox-page.ts";
import { checkWindow, decodeBatch, decodeStatement, statementEntry, treeHash, verifyBundle } from "./prekeys.ts";
import { decodeNotice, verifyProof } from "./proof.ts";
import { refuse } from "./refusal.ts";
import { checkRequest, signatureBase } from "./request-signature.ts";
import { splitSigned } from "./signed.ts";
import {
  listOf,
  listOfBytes,
  logOf,
  nameOf,
  nowOf,
  placedOf,
  plainKey,
  publicKeyOf,
  record,
  requestOf,
  seedOf,
  signWith,
  signedMessageOf,
  text,
} from "./vector-values.ts";
import type { VectorCase } from "./vector-file.ts";

export interface View {
  readonly fields: unknown;
  readonly derived?: Readonly<Record<string, unknown>>;
}

export type Viewer = (vector: VectorCase) => View;

const KINDS = ["inception", "rotation", "revocation"] as const;
const PROTECTIONS = ["software", "sealed", "claimed-hardware", "enclave", "hardware"] as const;
const AUTHORITIES = ["", "online", "organisation", "recovery"] as const;
const REASONS = ["planned", "compromise", "lost", "decommissioned"] as const;
const PREKEY_KINDS = ["signed-prekey", "one-time-prekey"] as const;
const FRAME_TYPES = ["", "content", "acknowledgement", "empty-turn"] as const;
const ITEM_KINDS = ["", "message", "event", "notice"] as const;
const NOTICE_REASONS = ["unspecified", "session-unknown", "prekey-gone"] as const;

export const VIEWERS: Readonly<Record<string, Viewer>> = {
  address: ({ wire }) => {
    const { agentId, directory } = parseAddress(text(wire));
    return { fields: { agentId, directory } };
  },

  cast: ({ wire }) => ({ fields: { seed: hex(seedOf(text(wire))) } }),

  "public-key": ({ wire }) => {
    const given = publicKeyOf(wire);
    const key = checkPublicKey(given.algorithm, unhex(given.key), [ED25519, X25519, ML_KEM_768, ES256]);
    const identityType = key.algorithm === ED25519 || key.algorithm === ES256;
    const keyId = createHash("sha256").update(Uint8Array.of(key.algorithm)).update(unhex(key.key)).digest("hex").slice(0, 16);
    return { fields: plainKey(key), derived: { keyId, commitment: identityType ? keyCommitment(key) : null } };
  },

  "identity-event": ({ wire, context }) => {
    const outgoing = context?.["outgoing"];
    const event = decodeIdentityEvent(unhex(text(wire)), outgoing === undefined ? undefined : publicKeyOf(outgoing));
    const { installed, following, extensions, time } = event;
    return {
      fields: {
        kind: nameOf(KINDS, event.kind),
        time,
        ...(installed === null ? {} : installedView(installed)),
        ...(following === null
          ? {}
          : {
              ...following,
              seq: event.seq,
              authority: nameOf(AUTHORITIES, following.authority),
              reason: nameOf(REASONS, following.reason),
              revealedKey: plainKey(following.revealedKey),
            }),
        extensions,
      },
      derived: { eventHash: event.hash },
    };
  },

  "identity-log": ({ wire, context }) => {
    const log = decodeIdentityLog(listOfBytes(wire));
    const { agentId, head, state } = log;
    const expected = context?.["expected"];
    if (expected !== undefined && expected !== agentId) refuse("log-invalid", "another agent's log");
    const { identityKey, encryptionKey } = state;
    return {
      fields: { agentId, head, identityKey: plainKey(identityKey), encryptionKey: plainKey(encryptionKey), revoked: revokedView(log) },
    };
  },

  "identity-log-branches": ({ wire, context }) => {
    const { kind, stands, cutOff, contender, standing } = compareChains(
      decodeIdentityLog(listOfBytes(context?.["known"])),
      listOfBytes(wire),
    );
    const travelling = (event: IdentityEvent | null): string | null =>
      event && ([...listOf(wire), ...listOf(context?.["known"])].map(text).find((bytes) => hashOf(bytes) === event.hash) ?? null);
    return {
      fields: {
        verdict: kind,
        head: stands.head,
        revoked: revokedView(stands),
        cutOff: kind === "replaced" ? cutOff.length : null,
        contender: travelling(contender),
        standing: travelling(standing),
      },
    };
  },

  "identity-log-standing": ({ wire, context }) => {
    const { seq, hash } = record(context?.["head"]);
    const head = { seq: Number(seq), hash: text(hash) };
    const seenAt = listOf(context?.["seenAt"]).map(Number);
    return { fields: { standing: standingAt(decodeIdentityLog(listOfBytes(wire)), head, seenAt, Number(context?.["now"])) } };
  },

  "recovery-key": ({ wire, context }) => {
    const key = recoveryKey(unhex(text(wire)), Number(context?.["index"]));
    return { fields: { publicKey: plainKey(key) }, derived: { commitment: keyCommitment(key) } };
  },

  "instance-certificate": (vector) => {
    const certificate = decodeCertificate(unhex(text(vector.wire)), logOf(vector));
    const now = nowOf(vector);
    if (now !== undefined) checkCertificateTime(certificate, now);
    const { hash, homes, signatures: _, instanceKey, ...fields } = certificate;
    return { fields: { ...fields, instanceKey: plainKey(instanceKey), directories: homes }, derived: { certificateHash: hash } };
  },

  "prekey-statement": ({ wire }) => {
    const bytes = unhex(text(wire));
    const statement = decodeStatement(bytes);
    const { kind, agreementKey, kemKey } = statement;
    return {
      fields: { ...statement, kind: nameOf(PREKEY_KINDS, kind), agreementKey: plainKey(agreementKey), kemKey: plainKey(kemKey) },
      derived: { leaf: hex(treeHash([statementEntry(bytes)])) },
    };
  },

  "prekey-batch": (vector) => {
    const batch = decodeBatch(unhex(text(vector.wire)), logOf(vector));
    checkWindow(batch, nowOf(vector));
    const { hash, homes, signatures: _, ...fields } = batch;
    return { fields: { ...fields, directories: homes }, derived: { batchHash: hash } };
  },

  "prekey-bundle": (vector) => {
    const wire = record(vector.wire);
    const log = logOf(vector);
    const oneTime = wire["oneTimePrekey"] ?? null;
    const parts = {
      batch: unhex(text(wire["batch"])),
      signedPrekey: placedOf(wire["signedPrekey"]),
      oneTimePrekey: oneTime === null ? null : placedOf(oneTime),
    };
    const { batch, signedPrekey, oneTimePrekey } = verifyBundle(parts, log, nowOf(vector));
    const { agentId, head, options, root, to, homes } = batch;
    const keys = inForce(log, head);
    return {
      fields: {
        agentId,
        head,
        options,
        root,
        to,
        directories: homes,
        identityKey: plainKey(keys.identityKey),
        encryptionKey: plainKey(keys.encryptionKey),
        signedPrekeyId: signedPrekey.id,
        oneTimePrekeyId: oneTimePrekey?.id ?? null,
      },
    };
  },

  envelope: ({ wire, derived }) => {
    const bytes = unhex(text(wire));
    const { envelopeId, type, clearBytes, ...fields } = decodeEnvelope(bytes);
    const transcriptHash = derived?.["transcriptHash"];
    return {
      fields: { ...fields, type: type === FIRST ? "first" : "message" },
      derived: {
        envelopeId,
        clearBytes,
        transcriptHash,
        associatedDataHash: hex(sha256(associatedData(unhex(text(transcriptHash)), bytes, clearBytes))),
      },
    };
  },

  frame: ({ name, wire }) => {
    const bytes = unhex(text(wire));
    const frame = decodeFrame(bytes);
    const isPadded = name === "unpadded" || paddedLength(bytes.length - frame.paddingBytes) === bytes.length;
    return {
      fields: frameView(frame),
      derived: { paddedBytes: isPadded ? bytes.length : paddedLength(bytes.length - frame.paddingBytes) },
    };
  },

  "message-signature": ({ wire }) => {
    const message = signedMessageOf(wire);
    const signedBytes = messageSignatureBytes(message);
    const signature = signWith(message.head === null ? "alice instance" : "alice identity", signedBytes);
    return { fields: wire, derived: { signedBytes: hex(signedBytes), signature: hex(signature) } };
  },

  "message-proof": (vector) => {
    const body = vector.context?.["body"];
    const proof = verifyProof(unhex(text(vector.wire)), body === undefined ? undefined : unhex(text(body)), logOf(vector));
    const { senderId, recipientId, certificate, head, signatureKind: _, frameType, ...fields } = proof;
    const signer = certificate === null ? { kind: "identity", head } : { kind: "instance", certificate };
    return { fields: { ...fields, signer, sender: senderId, recipient: recipientId, frameType: nameOf(FRAME_TYPES, frameType) } };
  },

  notice: (vector) => {
    const bytes = unhex(text(vector.wire));
    const { certificate, certificateBytes, recipientId, envelopeId, reason, time, extensions } = decodeNotice(bytes, logOf(vector));
    return {
      fields: {
        type: "cannot-decrypt",
        sender: certificate.agentId,
        recipient: recipientId,
        envelopeId,
        reason: nameOf(NOTICE_REASONS, reason),
        time,
        extensions,
        certificate: certificateBytes,
      },
      derived: { envelopeId: shortId(bytes) },
    };
  },

  "mailbox-page": ({ wire }) => {
    const { items, more } = decodeMailboxPage(unhex(text(wire)));
    return { fields: { items: items.map((item) => ({ ...item, kind: nameOf(ITEM_KINDS, item.kind) })), more } };
  },

  "signed-request": (vector) => {
    const request = requestOf(vector.wire);
    const { did: _, ...fields } = checkRequest(request, { algorithm: ED25519, key: text(vector.context?.["instanceKey"]) }, nowOf(vector));
    const parameters = text(request.headers["signature-input"]).slice("talos=".length);
    return { fields, derived: { signatureBase: signatureBase(request, text(request.headers["content-digest"]), parameters) } };
  },

  "directory-body": ({ wire, context }) => {
    const { name: _, version: __, ...fields } = record(decodeBody(text(context?.["body"]), Buffer.from(JSON.stringify(wire))));
    return { fields };
  },

  "directory-error": ({ wire }) => {
    const error = record(record(decodeBody("error", Buffer.from(JSON.stringify(wire))))["error"]);
    return { fields: error, derived: { status: statusOf(text(error["code"])) } };
  },
};

/** The event hash of an event in hexadecimal; of one of the chains, that has been verified. */
function hashOf(bytes: string): string {
  return hex(labelledHash("identity-event", splitSigned(unhex(bytes), Number.MAX_SAFE_INTEGER).body));
}

function revokedView({ events }: IdentityLog): unknown {
  const last = events.at(-1);
  if (last?.kind !== REVOCATION || last.following === null) return null;
  return { authority: nameOf(AUTHORITIES, last.following.authority), reason: nameOf(REASONS, last.following.reason) };
}

function installedView({
  identityKey,
  identityProtection,
  encryptionKey,
  encryptionProtection,
  next,
}: Installed): Readonly<Record<string, unknown>> {
  return {
    identityKey: plainKey(identityKey),
    identityProtection: nameOf(PROTECTIONS, identityProtection),
    encryptionKey: plainKey(encryptionKey),
    encryptionProtection: nameOf(PROTECTIONS, encryptionProtection),
    next,
  };
}

export function frameView(frame: Frame): Readonly<Record<string, unknown>> {
  const { frameType, signatureKind: _, recipientSeq, recipientHashPrefix, signed, paddingBytes: __, ...fields } = frame;
  const kind = signed?.head === null ? "instance" : "identity";
  return {
    ...fields,
    type: nameOf(FRAME_TYPES, frameType),
    recipientHead: { seq: recipientSeq, hashPrefix: recipientHashPrefix },
    signature: signed === null ? null : { kind, ...signed },
  };
}
