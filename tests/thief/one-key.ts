// What a thief of one private key can do, and nothing else of the agent.
import { Thief } from "@talos/testkit";
import {
  deposit,
  discardMail,
  fetchMail,
  notice,
  publishPrekeys,
  readFirst,
  readInSession,
  register,
  revoke,
  revokeAtPeer,
  rotate,
  rotateAsRecovery,
  rotateAtPeer,
  rotateWithProof,
  send,
  sign,
} from "./attempts.ts";
import { Scene } from "./scene.ts";
import { line, type Line, type Table } from "./table.ts";

const DAY = 86_400_000;

const COMMITTED = "only a key whose commitment stands in the log rotates or revokes";
const NO_CERTIFICATE = "requests are signed by an instance that the identity key has certified";

/** What all of them are refused alike: the log answers to the committed keys alone. */
const IDENTITY_IS_SAFE: readonly Line<Scene>[] = [
  line(rotate, "MALFORMED", COMMITTED),
  line(rotateWithProof, "MALFORMED", "the outgoing key's proof comes on top of the committed key, not in its place"),
  line(rotateAsRecovery, "MALFORMED", "the recovery key is in the kit alone"),
  line(rotateAtPeer, "LOG_INVALID", "a peer checks the same by itself"),
  line(revoke, "MALFORMED", COMMITTED),
  line(revokeAtPeer, "LOG_INVALID", "a peer checks the same by itself"),
];

const NOTHING_TO_READ: readonly Line<Scene>[] = [
  line(readFirst, "DECRYPTION_FAILED", "it takes the encryption key, the signed prekey and the one-time prekey together"),
  line(readInSession, "SESSION_NOT_FOUND", "it takes the state of the session"),
];

export const IDENTITY_KEY: Table<Scene> = {
  title: "With the live identity key alone",
  holds:
    "The thief can open an instance in the agent's name, and sign. It cannot move the identity, speak in a session, or read. The owner ends all of it with `emergency-rotate`; it needs no kit for that, since the thief has not the next key.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withIdentityKey(scene.victim, scene.stolen().identityKey) }),
  stages: [
    {
      when: "at once",
      lines: [
        ...IDENTITY_IS_SAFE,
        line(register, "works", "the identity key certifies instances; the agent's own is superseded, stops, and says so"),
        line(
          publishPrekeys,
          "works",
          "the identity key signs batches; nothing that is sent to these prekeys opens without the encryption key",
        ),
        line(send, "DECRYPTION_FAILED", "the handshake takes the encryption key"),
        line(sign, "works", "that is what the key is for, until it is replaced"),
        line(notice, "works", "the peer begins a new session with the agent's true keys, at most one an hour, on record"),
        line(deposit, "works", "under the instance that it has registered"),
        line(fetchMail, "works", "the directory hands out envelopes; they stay sealed"),
        line(discardMail, "works", "what is not acknowledged end to end is sent again"),
        ...NOTHING_TO_READ,
      ],
    },
    {
      when: "after the owner's `emergency-rotate`",
      enter: async (scene) => await scene.aliceActs(async (alice) => await alice.emergencyRotate()),
      lines: [
        line(rotate, "MALFORMED", COMMITTED),
        line(revoke, "MALFORMED", COMMITTED),
        line(register, "CERTIFICATE_VOID", "a rotation for compromise voids whatever was certified before it"),
        line(
          publishPrekeys,
          "INSTANCE_SUPERSEDED",
          "certificates are ordered by event first: no number of the thief's stands above the new one",
        ),
        line(send, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(sign, "unproved", "no record of the owner has it"),
        line(notice, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(deposit, "INSTANCE_SUPERSEDED", "as for prekeys"),
        line(fetchMail, "INSTANCE_SUPERSEDED", "as for prekeys"),
        line(discardMail, "INSTANCE_SUPERSEDED", "as for prekeys"),
        ...NOTHING_TO_READ,
      ],
    },
  ],
};

export const INSTANCE_KEY: Table<Scene> = {
  title: "With the instance key alone",
  holds:
    "The key of one run of the process, out of its memory. It is good for requests to the directory, until the agent is opened anew or the certificate ends, after at most 24 hours.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withInstanceKey(scene.victim, scene.parts.instanceSeed) }),
  stages: [
    {
      when: "at once",
      lines: [
        ...IDENTITY_IS_SAFE,
        line(register, "SIGNATURE_INVALID", "certificates are the identity key's"),
        line(publishPrekeys, "SIGNATURE_INVALID", "batches are the identity key's"),
        line(send, "DECRYPTION_FAILED", "the handshake takes the encryption key"),
        line(sign, "SIGNATURE_INVALID", "signatures of applications are the identity key's"),
        line(notice, "works", "the peer begins a new session with the agent's true keys, at most one an hour, on record"),
        line(deposit, "works", "under the certificate of that run"),
        line(fetchMail, "works", "the directory hands out envelopes; they stay sealed"),
        line(discardMail, "works", "what is not acknowledged end to end is sent again"),
        ...NOTHING_TO_READ,
      ],
    },
    {
      when: "after the agent was opened anew",
      enter: async (scene) => await scene.aliceActs(async () => await Promise.resolve()),
      lines: [
        line(publishPrekeys, "INSTANCE_SUPERSEDED", "a newer instance is registered"),
        line(deposit, "INSTANCE_SUPERSEDED", "a newer instance is registered"),
        line(fetchMail, "INSTANCE_SUPERSEDED", "a newer instance is registered"),
        line(discardMail, "INSTANCE_SUPERSEDED", "a newer instance is registered"),
        line(send, "DECRYPTION_FAILED", "the handshake takes the encryption key"),
        line(notice, "works", "an older instance may have sent it: still no more than a new session an hour"),
      ],
    },
    {
      when: "after 38 days",
      enter: async (scene) => {
        await scene.pass(38 * DAY);
        await scene.aliceActs(async () => await Promise.resolve());
      },
      lines: [line(notice, "no effect", "nothing is delivered so late; that its time says otherwise does not count")],
    },
  ],
};

export const SIGNED_PREKEY: Table<Scene> = {
  title: "With a signed prekey",
  holds:
    "Both private parts of it, X25519 and ML-KEM-768. Good for nothing by itself; how it fails to impersonate others to its owner is number 46 of the table below.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withSignedPrekey(scene.victim, scene.stolen().signedPrekey) }),
  stages: [{ when: "at once", lines: withNoSignature("it takes the encryption key and the one-time prekey as well") }],
};

export const ENCRYPTION_KEY: Table<Scene> = {
  title: "With the encryption key",
  holds: "The long-term key of the handshake. Good for nothing by itself: who begins a session with it has nobody to sign for it.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withEncryptionKey(scene.victim, scene.stolen().encryptionKey) }),
  stages: [{ when: "at once", lines: withNoSignature("it takes the signed prekey and the one-time prekey as well") }],
};

function withNoSignature(missing: string): readonly Line<Scene>[] {
  return [
    ...IDENTITY_IS_SAFE,
    line(register, "SIGNATURE_INVALID", "certificates are the identity key's"),
    line(publishPrekeys, "CERTIFICATE_UNKNOWN", NO_CERTIFICATE),
    line(send, "DECRYPTION_FAILED", "every first message is signed over its handshake by a certified instance"),
    line(sign, "SIGNATURE_INVALID", "signatures of applications are the identity key's"),
    line(notice, "SIGNATURE_INVALID", "notices are signed by a certified instance"),
    line(deposit, "CERTIFICATE_UNKNOWN", NO_CERTIFICATE),
    line(fetchMail, "CERTIFICATE_UNKNOWN", NO_CERTIFICATE),
    line(discardMail, "CERTIFICATE_UNKNOWN", NO_CERTIFICATE),
    line(readFirst, "DECRYPTION_FAILED", missing),
    line(readInSession, "SESSION_NOT_FOUND", "it takes the state of the session"),
  ];
}
