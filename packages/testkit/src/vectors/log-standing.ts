// Vectors of what a later event ends, and of the keys of a recovery kit.
import { fromHex, keyCommitment, nodeCrypto, recoveryKeyAt, SecretBytes, standingOf, toHex, verifyLog, type LogHead } from "@talos/core";
import { inceptionOf, recovered, revoked, rotated, type Branch } from "./branch.ts";
import { DAY, seedOf, STORY_START } from "./cast.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const standingVectors: VectorSet = {
  structure: "identity-log-standing",
  specification: "identity.md, What ends when",
  cases: standingCases,
  read: readStanding,
};

function readStanding(wire: Json, context: Json): Reading {
  const { log } = verifyLog(undefined, (wire as readonly string[]).map(fromHex), STORY_START, nodeCrypto);
  const { seq, hash } = field(context, "head") as { readonly seq: number; readonly hash: string };
  const head: LogHead = { seq, hash: fromHex(hash) };
  const seen = field(context, "seenAt") as readonly number[];
  return { fields: { standing: standingOf(log, head, { seenAt: (at) => seen[at] as number, now: field(context, "now") as number }) } };
}

function standingCases(): VectorCase[] {
  const start = inceptionOf("alice");
  const one = rotated(start, "alice first");
  const two = rotated(one, "alice second", { migrationSeconds: 86_400 });
  const seen = STORY_START + 2 * DAY;
  const bare = (
    name: string,
    description: string,
    branch: Branch,
    head: Branch,
    now: number,
    seenAt = seen,
  ): Omit<VectorCase, "fields"> => ({
    name,
    description,
    context: { head: toJson(head.head), seenAt: branch.wires.map(() => seenAt), now },
    wire: branch.wires.map(toHex),
  });
  const judged = (...parts: Parameters<typeof bare>): VectorCase => {
    const given = bare(...parts);
    return { ...given, ...readStanding(given.wire, given.context as Json) };
  };
  const lost = rotated(start, "alice first", { reason: "lost" });
  const compromised = recovered(start, "alice saved");
  return [
    judged("head", "At the head.", one, one, seen + 400 * DAY),
    judged("migrating", "Rotated as planned, six days ago.", one, start, seen + 6 * DAY - 1),
    judged("migration-over", "The event's time is over, and its migration and a day.", one, start, STORY_START + 8 * DAY + 1),
    judged("migration-last-millisecond", "One millisecond before.", one, start, STORY_START + 8 * DAY),
    judged(
      "migration-over-as-seen",
      "Seen at once: the migration counts from there.",
      one,
      start,
      STORY_START + 7 * DAY + 5,
      STORY_START + 5,
    ),
    judged("seen-late", "Seen long after: over at once.", one, start, seen + 90 * DAY, seen + 90 * DAY),
    judged("two-migrations", "The second one's shorter time is over.", two, start, STORY_START + 2 * DAY + 2, STORY_START + 2),
    judged("two-migrations-running", "Both still running.", two, start, STORY_START + DAY + 1, STORY_START + 2),
    judged("lost", "The key was lost: nothing new under it.", lost, start, seen),
    judged("lost-before-planned", "Lost, then rotated as planned.", rotated(lost, "alice second"), start, seen),
    judged("compromised", "For compromise: nothing before it counts.", compromised, start, seen),
    judged("compromised-then-planned", "And so after further events.", rotated(compromised, "alice second"), start, seen),
    judged(
      "after-compromise",
      "What came with the rotation for compromise counts.",
      rotated(compromised, "alice second"),
      compromised,
      STORY_START + DAY,
    ),
    judged("revoked", "The agent has ended.", revoked(one, "online"), one, seen),
    judged(
      "at-revocation",
      "Nothing is made at a revocation.",
      revoked(one, "recovery", { reason: "lost" }),
      revoked(one, "recovery", { reason: "lost" }),
      seen,
    ),
    { ...bare("cut-off", "A head that a recovery event cut off.", compromised, one, seen), error: "HEAD_UNKNOWN" },
    { ...bare("beyond", "A head that is not known yet.", start, one, seen), error: "HEAD_UNKNOWN" },
  ];
}

export const recoveryKeyVectors: VectorSet = {
  structure: "recovery-key",
  specification: "identity.md, Recovery keys",
  cases: recoveryKeyCases,
  read: readRecoveryKey,
};

function readRecoveryKey(wire: Json, context: Json): Reading {
  using seed = SecretBytes.from(fromHex(wire as string));
  using key = recoveryKeyAt(seed, field(context, "index") as number, nodeCrypto);
  const publicKey = { algorithm: 1, bytes: key.publicKey } as const;
  return { fields: toJson({ publicKey }), derived: { commitment: toHex(keyCommitment(publicKey, nodeCrypto)) } };
}

function recoveryKeyCases(): VectorCase[] {
  return [0, 1, 2, 256, 2 ** 32 - 1].map((index) => {
    const wire = toHex(seedOf("alice kit"));
    return {
      name: `index-${index}`,
      description: `Key ${index} of the kit with this seed.`,
      context: { index },
      wire,
      ...readRecoveryKey(wire, { index }),
    };
  });
}
