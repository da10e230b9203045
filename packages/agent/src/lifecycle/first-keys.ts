/** The inventory's view of keys that an agent begins with: new ones, and those that a rescue has brought back. Knows no log and no store. */
import { ALGORITHM, DAY_MILLISECONDS, DEFAULT_ROTATION_POLICY, identityDueAt, type Crypto, type RotationPolicy } from "@talos/core";
import type { BackendKey, BackendKeyKind, BackendName } from "../backends/index.ts";
import type { InventoryEntry, KeyFileStore } from "../vault/index.ts";
import { createOneTimePrekeys, createSignedPrekey } from "./prekey-secrets.ts";

/** An identity is rotated yearly. */
export const IDENTITY_INTERVAL_MILLISECONDS: number = 365 * DAY_MILLISECONDS;

/** When an identity that comes into force now is due, with the encryption key beside it. Drawn once; it stays with the key. */
export function newIdentityDueAt(crypto: Crypto, now: number, policy: RotationPolicy = DEFAULT_ROTATION_POLICY): number {
  return identityDueAt(policy, now, crypto.randomBytes(1)[0] ?? 0);
}

/** One signed prekey and a full stock of one-time prekeys. */
export function firstPrekeys(
  files: KeyFileStore,
  crypto: Crypto,
  now: number,
  policy: RotationPolicy = DEFAULT_ROTATION_POLICY,
): readonly InventoryEntry[] {
  return [createSignedPrekey(files, now, crypto, policy), ...createOneTimePrekeys(files, policy.oneTimePrekeyTarget, now, crypto, policy)];
}

/** @param createdAt milliseconds since 1970 */
export function entryOf(
  key: BackendKey,
  createdAt: number,
  place: Pick<InventoryEntry, "kind" | "role" | "dueAt"> & { readonly kind: "identity" | "encryption" },
): InventoryEntry {
  const { reference, publicKey, protection } = key;
  const { keyId, backend } = reference as { keyId: InventoryEntry["keyId"]; backend: BackendName; kind: BackendKeyKind };
  return {
    ...place,
    keyId,
    state: "live",
    algorithm: publicKey.algorithm === ALGORITHM.x25519 ? ALGORITHM.x25519 : publicKey.algorithm,
    publicKey: publicKey.bytes,
    createdAt,
    backend,
    protection,
  };
}
