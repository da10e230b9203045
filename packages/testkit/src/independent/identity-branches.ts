// Which of two chains of one agent stands, what a later event ends, and the keys of a recovery kit (identity.md).
import { join } from "./bytes.ts";
import { derive } from "./hashes.ts";
import { decodeIdentityLog, PLANNED, RECOVERY, REVOCATION, type IdentityEvent, type IdentityLog } from "./identity.ts";
import { ED25519, publicOf, type PublicKey } from "./keys.ts";
import { refuse } from "./refusal.ts";
import type { LogHead } from "./structure.ts";

const COMPROMISE = 1;
const DAY_MS = 86_400_000;

/** `stands` is the log that the verifier goes on with. `contender` and `standing` are the two events that contend. */
export interface Verdict {
  readonly kind: "unchanged" | "extended" | "replaced" | "forked" | "refused";
  readonly stands: IdentityLog;
  readonly cutOff: readonly IdentityEvent[];
  readonly contender: IdentityEvent | null;
  readonly standing: IdentityEvent | null;
}

export function compareChains(known: IdentityLog, chain: readonly Uint8Array[]): Verdict {
  const heard = decodeIdentityLog(chain);
  if (heard.agentId !== known.agentId) refuse("log-invalid", "another agent's log");
  let shared = 1;
  while (shared < known.events.length && known.events[shared]?.hash === heard.events[shared]?.hash) shared++;
  const mine = known.events.slice(shared);
  const theirs = heard.events.slice(shared);
  const none = { cutOff: [], contender: null, standing: null };
  if (theirs.length === 0 && mine.length > 0) refuse("log-invalid", "behind what is known");
  if (mine.length === 0) return { kind: theirs.length === 0 ? "unchanged" : "extended", stands: heard, ...none };

  const kitBefore = known.events.slice(0, shared).findLast(({ installed }) => installed !== null)?.installed?.next.recovery ?? null;
  const decisive = (branch: readonly IdentityEvent[]): IdentityEvent | null =>
    kitBefore === null ? null : (branch.find(isRecovery) ?? null);
  const myRecovery = decisive(mine);
  const theirRecovery = decisive(theirs);
  if (theirRecovery !== null && myRecovery === null) return { ...none, kind: "replaced", stands: heard, cutOff: mine };
  return {
    ...none,
    kind: theirRecovery === null && myRecovery !== null ? "refused" : "forked",
    stands: known,
    contender: theirRecovery ?? theirs[0] ?? null,
    standing: myRecovery ?? mine[0] ?? null,
  };
}

function isRecovery({ following }: IdentityEvent): boolean {
  return following?.authority === RECOVERY;
}

export type Standing = "current" | "migrating" | "ended" | "void";

/** What is made at that head counts how, for a verifier that saw each event at `seenAt[seq]`? */
export function standingAt(log: IdentityLog, head: LogHead, seenAt: readonly number[], now: number): Standing {
  if (log.events[head.seq]?.hash !== head.hash) refuse("head-unknown", "no such event in the log");
  if (log.events.at(-1)?.kind === REVOCATION) return "void";
  let standing: Standing = "current";
  for (const { seq, time, following } of log.events.slice(head.seq + 1)) {
    if (following?.reason === COMPROMISE) return "void";
    const migration = (following?.migrationSeconds ?? 0) * 1000;
    const until = Math.min((seenAt[seq] ?? 0) + migration, time + migration + DAY_MS);
    if (following?.reason !== PLANNED || now >= until) standing = "ended";
    else if (standing === "current") standing = "migrating";
  }
  return standing;
}

/** Key `index` of the kit with that seed. */
export function recoveryKey(seed: Uint8Array, index: number): PublicKey {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, index);
  return publicOf(ED25519, derive(seed, join("talos/v1/recovery-key", number), 32));
}
