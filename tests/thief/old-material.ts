// What a thief can do with what the agent had once: an old copy of its data directory, an old backup.
import type { TalosClient } from "@talos/agent";
import { take, Thief, TEST_PASSWORD } from "@talos/testkit";
import {
  deposit,
  discardMail,
  fetchMail,
  notice,
  ownEmergency,
  ownPrekeys,
  ownRevoke,
  ownRotate,
  ownSend,
  publishPrekeys,
  readFirst,
  readInSession,
  register,
  removeRecovery,
  revoke,
  revokeAtPeer,
  rotate,
  rotateAsRecovery,
  rotateAtPeer,
  send,
  sendInSession,
  sign,
  takeOver,
} from "./attempts.ts";
import { BACKUP_PASSWORD, Scene } from "./scene.ts";
import { line, type Line, type Table } from "./table.ts";

const DAY = 86_400_000;

const FIRST_SEEN = "the owner's event stands in that place, and was seen first";
const DROPPED = "from who is not the agent a peer takes only what follows the head that it knows";
const NEWER = "an instance under the newer event is registered, and events come before numbers";

const IDENTITY_HAS_MOVED: readonly Line<Scene>[] = [
  line(rotate, "IDENTITY_MOVED", FIRST_SEEN),
  line(rotateAsRecovery, "MALFORMED", "the recovery key is in the kit alone"),
  line(removeRecovery, "MALFORMED", "an online event repeats the recovery commitment as it stands"),
  line(revoke, "IDENTITY_MOVED", FIRST_SEEN),
];

const WITH_TALOS: readonly Line<Scene>[] = [
  line(ownRotate, "IDENTITY_MOVED", "an honest copy looks first"),
  line(ownEmergency, "IDENTITY_MOVED", "an honest copy looks first"),
  line(ownRevoke, "IDENTITY_MOVED", "an honest copy looks first"),
  line(ownPrekeys, "IDENTITY_MOVED", "it has noted the foreign event"),
  line(ownSend, "stays unsent", "the directory takes nothing of it"),
  line(takeOver, "IDENTITY_MOVED", "a takeover decides between copies, and nothing about the identity"),
];

/** Requests under an instance of an event that is over. */
function requests(code: string, why: string): readonly Line<Scene>[] {
  return [publishPrekeys, deposit, fetchMail, discardMail].map((attempt) => line(attempt, code, why));
}

/** So that the ratchet of the session turns on both sides. */
async function talk({ bob, parts }: Scene, alice: TalosClient): Promise<void> {
  await alice.send(bob.did, "on we go", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(parts.aliceDid, "so we do", { waitFor: "deposited" });
  for (;;) if ((await take(alice, 1))[0]?.text() === "so we do") return;
}

export const COPY_BEFORE_PLANNED_ROTATION: Table<Scene> = {
  title: "With an old copy of the vault, from before a planned rotation",
  holds:
    "A planned rotation replaces keys that nobody has stolen: peers go on in their sessions, and for the days of its migration (7, if not said otherwise) they accept new ones under the old key. Where a theft is suspected, `emergency-rotate` is the answer, see below.",
  start: async () =>
    await Scene.start({
      thief: (scene) => Thief.withVaultAndPassword(scene.victim, scene.stolenFolder, TEST_PASSWORD),
      afterTheft: async (alice) => await alice.rotateIdentity(),
    }),
  stages: [
    {
      when: "after the rotation",
      lines: [
        ...IDENTITY_HAS_MOVED,
        line(rotateAtPeer, "no effect", DROPPED),
        line(register, "INSTANCE_SUPERSEDED", NEWER),
        ...requests("INSTANCE_SUPERSEDED", NEWER),
        line(sign, "unproved", "no record of the owner has it"),
        line(readFirst, "DECRYPTION_FAILED", "it was written under the new encryption key"),
        line(readInSession, "works", "the owner has said nothing in the session since the copy was made"),
      ],
    },
    {
      when: "once the owner and the peer have talked",
      enter: async (scene) => await scene.aliceActs(async (alice) => await talk(scene, alice)),
      lines: [
        line(readInSession, "DECRYPTION_FAILED", "the ratchet has turned: it takes keys that were made since"),
        line(sendInSession, "COUNTER_REUSE", "the owner has used that place of the ratchet: the peer keeps the proof of a second copy"),
        line(send, "works", "during the migration"),
        line(notice, "works", "during the migration"),
      ],
    },
    {
      when: "once the migration is over",
      enter: async (scene) => {
        await scene.pass(8 * DAY);
        await scene.aliceActs(async () => await Promise.resolve());
      },
      lines: [
        line(register, "INSTANCE_SUPERSEDED", NEWER),
        line(notice, "CERTIFICATE_RETIRED", "nothing new counts under a retired key"),
        line(send, "CERTIFICATE_RETIRED", "nothing new counts under a retired key"),
      ],
    },
  ],
};

export const COPY_BEFORE_EMERGENCY: Table<Scene> = {
  title: "With an old copy of the vault, from before an emergency rotation",
  holds: "The rotation was made without the kit, by the next key: it came first.",
  start: async () =>
    await Scene.start({
      thief: (scene) => Thief.withVaultAndPassword(scene.victim, scene.stolenFolder, TEST_PASSWORD),
      afterTheft: async (alice) => await alice.emergencyRotate(),
    }),
  stages: [
    {
      when: "after the rotation",
      lines: [
        ...IDENTITY_HAS_MOVED,
        line(rotateAtPeer, "no effect", DROPPED),
        line(revokeAtPeer, "no effect", DROPPED),
        line(register, "CERTIFICATE_VOID", "a rotation for compromise voids whatever was certified before it"),
        ...requests("INSTANCE_SUPERSEDED", NEWER),
        line(send, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(sendInSession, "SESSION_NOT_FOUND", "the peer has ended the session"),
        line(sign, "unproved", "no record of the owner has it"),
        line(notice, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(readFirst, "DECRYPTION_FAILED", "it was written to prekeys that were made since"),
        line(readInSession, "SESSION_NOT_FOUND", "the peer writes in a new session"),
        ...WITH_TALOS,
      ],
    },
  ],
};

export const OLD_BACKUP: Table<Scene> = {
  title: "With an old backup",
  holds: "Identity, next and encryption key, peers, and the head of the log of that day; no prekey, session or kit, and no mail.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withBackup(scene.victim, scene.stolenBackup, BACKUP_PASSWORD) }),
  stages: [
    {
      when: "while the log stands where the backup has it",
      lines: [
        line(readFirst, "DECRYPTION_FAILED", "there are no prekeys in a backup"),
        line(readInSession, "SESSION_NOT_FOUND", "there are no sessions in a backup"),
        line(sendInSession, "SESSION_NOT_FOUND", "there are no sessions in a backup"),
        line(rotateAsRecovery, "MALFORMED", "the recovery key is in the kit alone"),
        line(removeRecovery, "MALFORMED", "an online event repeats the recovery commitment as it stands"),
        line(register, "works", "with these keys it is the agent: guard a backup like the agent"),
        line(fetchMail, "works", "the directory hands out envelopes; what is there already stays sealed"),
        line(publishPrekeys, "works", "what is sent to these it can read"),
        line(deposit, "works", "with these keys it is the agent"),
        line(notice, "works", "with these keys it is the agent"),
        line(
          send,
          "works",
          "with these keys it is the agent; and a peer sends again what was not acknowledged, as to an agent that was restored",
        ),
        line(sign, "works", "with these keys it is the agent"),
      ],
    },
    {
      when: "after the owner's `emergency-rotate`",
      enter: async (scene) => await scene.aliceActs(async (alice) => await alice.emergencyRotate()),
      lines: [
        ...IDENTITY_HAS_MOVED,
        line(rotateAtPeer, "no effect", DROPPED),
        line(register, "CERTIFICATE_VOID", "a rotation for compromise voids whatever was certified before it"),
        ...requests("INSTANCE_SUPERSEDED", NEWER),
        line(send, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(sign, "unproved", "no record of the owner has it"),
        line(notice, "CERTIFICATE_VOID", "nothing from before the event counts"),
        line(readFirst, "DECRYPTION_FAILED", "there are no prekeys in a backup"),
        line(readInSession, "SESSION_NOT_FOUND", "there are no sessions in a backup"),
      ],
    },
  ],
};
