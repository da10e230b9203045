/**
 * Which of a kit's keys an identity log waits for. One kit serves for life: each recovery event reveals a key and commits to the
 * next. Knows no file and no password.
 */
import {
  type Crypto,
  equalBytes,
  type IdentityLog,
  keyCommitment,
  recoveryKeyAt,
  type SecretBytes,
  type SigningKey,
  talosError,
} from "@talos/core";

const ED25519 = 1;

export interface KeyInForce extends Disposable {
  /** 0 until the kit was first used. */
  readonly index: number;
  readonly key: SigningKey;
}

/** Commitment to recovery key `index` of a seed, 32 bytes: what an event says of the kit. */
export function kitCommitment(seed: SecretBytes, index: number, crypto: Crypto): Uint8Array {
  using key = recoveryKeyAt(seed, index, crypto);
  return keyCommitment({ algorithm: ED25519, bytes: key.publicKey }, crypto);
}

/**
 * The recovery key that the log's head commits to. It is looked for among the first keys of the seed, one more than the log has
 * recovery events: no other can have been reached.
 *
 * @returns the caller disposes it
 * @throws TalosError RECOVERY_KIT_NOT_IN_FORCE: the log commits to no recovery key (`details.reason` "none"), or to another kit's ("other")
 */
export function keyInForce(seed: SecretBytes, log: IdentityLog, crypto: Crypto): KeyInForce {
  const { recovery } = log.next;
  if (recovery === undefined) throw talosError("RECOVERY_KIT_NOT_IN_FORCE", undefined, { details: { reason: "none" } });
  const used = log.states.filter(({ authority }) => authority === "recovery").length;
  // Once it was used, the last one is the likeliest.
  for (let index = used; index >= 0; index--) {
    using cleanup = new DisposableStack();
    const key = cleanup.use(recoveryKeyAt(seed, index, crypto));
    if (!equalBytes(keyCommitment({ algorithm: ED25519, bytes: key.publicKey }, crypto), recovery)) continue;
    cleanup.move();
    return { index, key, [Symbol.dispose]: () => key[Symbol.dispose]() };
  }
  throw talosError("RECOVERY_KIT_NOT_IN_FORCE", undefined, { details: { reason: "other" } });
}
