// What a thief of the data directory and its password can do: everything but outrank the kit.
import { Thief, TEST_PASSWORD } from "@talos/testkit";
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
import { Scene } from "./scene.ts";
import { line, type Table } from "./table.ts";

const IS_THE_AGENT = "with these keys it is the agent, until the owner acts";
const CUT_OFF = "the owner's recovery event has cut its branch off";

export const WHOLE_VAULT: Table<Scene> = {
  title: "With the whole vault and its password, but not the kit",
  holds:
    "A copy of the data directory. The thief is the agent until the owner acts; then, with the kit, nothing of it is left, whatever the thief has done meanwhile. Without a kit the first of the two to rotate has the identity: make one.",
  start: async () => await Scene.start({ thief: (scene) => Thief.withVaultAndPassword(scene.victim, scene.stolenFolder, TEST_PASSWORD) }),
  stages: [
    {
      when: "at once",
      lines: [
        line(readFirst, "works", "its prekeys are in the folder"),
        line(readInSession, "works", "the state of the session is in the folder"),
        line(sendInSession, "works", IS_THE_AGENT),
        line(register, "works", "the newest opening wins; the owner's instance is superseded, and says so"),
        line(fetchMail, "works", IS_THE_AGENT),
        line(publishPrekeys, "works", IS_THE_AGENT),
        line(deposit, "works", IS_THE_AGENT),
        line(send, "works", IS_THE_AGENT),
        line(sign, "works", IS_THE_AGENT),
        line(notice, "works", "the message comes once more, in the session that the thief has begun"),
        line(rotateAsRecovery, "MALFORMED", "the recovery key is in the kit alone"),
        line(removeRecovery, "MALFORMED", "an online event repeats the recovery commitment as it stands"),
        line(rotate, "works", "the next key is in the folder; what it makes can be cut off by the kit"),
      ],
    },
    {
      when: "once it has rotated",
      lines: [
        line(rotateAtPeer, "works", "the peer has seen nothing that contends with it"),
        line(register, "works", IS_THE_AGENT),
        line(publishPrekeys, "works", IS_THE_AGENT),
        line(send, "works", IS_THE_AGENT),
        line(removeRecovery, "MALFORMED", "also after its own rotation"),
        line(revokeAtPeer, "works", "by the online key: it can be cut off by the kit"),
        line(revoke, "works", "the same at the directory"),
      ],
    },
    {
      when: "after the owner's `emergency-rotate` with the kit",
      enter: async (scene) => await scene.aliceActs(async (alice) => await alice.emergencyRotate({ recoveryKit: scene.parts.recoveryKit })),
      lines: [
        line(rotate, "IDENTITY_MOVED", CUT_OFF),
        line(removeRecovery, "IDENTITY_MOVED", CUT_OFF),
        line(rotateAtPeer, "no effect", CUT_OFF),
        line(revoke, "IDENTITY_MOVED", CUT_OFF),
        line(revokeAtPeer, "no effect", CUT_OFF),
        line(register, "IDENTITY_MOVED", "its head is not in the log"),
        line(publishPrekeys, "CERTIFICATE_UNKNOWN", "its certificate went with its branch"),
        line(deposit, "CERTIFICATE_UNKNOWN", "its certificate went with its branch"),
        line(fetchMail, "CERTIFICATE_UNKNOWN", "its certificate went with its branch"),
        line(discardMail, "CERTIFICATE_UNKNOWN", "its certificate went with its branch"),
        line(send, "HEAD_UNKNOWN", "its head is not in the log"),
        line(sendInSession, "SESSION_NOT_FOUND", "the peer has ended the session"),
        line(sign, "unknown-key", "no event that stands has had its key"),
        line(notice, "HEAD_UNKNOWN", "its head is not in the log"),
        line(readInSession, "SESSION_NOT_FOUND", "the peer writes in a new session, with keys that the folder has not"),
        line(readFirst, "works", "what was recorded before, for prekeys that were stolen, stays readable"),
        line(ownRotate, "IDENTITY_MOVED", "an honest copy looks first"),
        line(ownEmergency, "IDENTITY_MOVED", "an honest copy looks first"),
        line(ownRevoke, "IDENTITY_MOVED", "an honest copy looks first"),
        line(ownPrekeys, "IDENTITY_MOVED", "it has noted the foreign event"),
        line(ownSend, "stays unsent", "the directory takes nothing of it"),
        line(takeOver, "IDENTITY_MOVED", "a takeover decides between copies, and nothing about the identity"),
      ],
    },
  ],
};
