/**
 * Events of somebody else's identity, made with whatever keys there are: the thief's rotation and revocation. Knows no directory.
 */
import {
  ALGORITHM,
  ownKey,
  prepareRevocation,
  prepareRotation,
  ROLE,
  type Authority,
  type LogState,
  type RotationReason,
} from "@talos/core";
import { commitmentOf, inventedAgreementKey, inventedKey, signedBy } from "./forgeries.ts";
import type { Loot } from "./loot.ts";

export interface RotationAttempt {
  /** Default: online. */
  readonly authority?: Authority;
  /** Default: compromise. */
  readonly reason?: RotationReason;
  /** Puts a recovery commitment of its own in the place of the one that stands. */
  readonly replacesRecovery?: boolean;
}

export interface ForgedRotation {
  readonly wire: Uint8Array;
  /** The keys that it installs. */
  readonly made: Loot;
}

export function forgeRotation(
  { identityKey: outgoing = inventedKey(), nextKey = inventedKey() }: Loot,
  { authority = "online", reason = "compromise", replacesRecovery = false }: RotationAttempt,
  { head, next }: LogState,
  time: number,
): ForgedRotation {
  const revealed = authority === "online" ? nextKey : inventedKey();
  const made = {
    identityKey: authority === "online" ? revealed : inventedKey(),
    nextKey: inventedKey(),
    encryptionKey: inventedAgreementKey(),
  };
  const recovery = replacesRecovery || authority === "recovery" ? commitmentOf(inventedKey()) : next.recovery;
  const prepared = prepareRotation({
    time,
    seq: head.seq + 1,
    previous: head.hash,
    authority,
    revealedKey: { algorithm: ALGORITHM.ed25519, bytes: revealed.publicKey },
    identityKey: ownKey("identity", ALGORITHM.ed25519, made.identityKey.publicKey),
    identityProtection: "software",
    encryptionKey: ownKey("encryption", ALGORITHM.x25519, made.encryptionKey.publicKey),
    encryptionProtection: "software",
    next: { online: commitmentOf(made.nextKey), ...(recovery && { recovery }) },
    reason,
    migrationSeconds: 0,
  });
  const signers = { [ROLE.holder]: made.identityKey, [ROLE.revealed]: revealed, [ROLE.outgoing]: outgoing };
  return { wire: signedBy(prepared, signers), made };
}

/** By the online key. */
export function forgeRevocation({ nextKey: revealed = inventedKey() }: Loot, { head }: LogState, time: number): Uint8Array {
  const prepared = prepareRevocation({
    time,
    seq: head.seq + 1,
    previous: head.hash,
    authority: "online",
    revealedKey: { algorithm: ALGORITHM.ed25519, bytes: revealed.publicKey },
    reason: "compromise",
  });
  return signedBy(prepared, { [ROLE.revealed]: revealed });
}
