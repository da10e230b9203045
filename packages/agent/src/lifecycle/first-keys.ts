/** The inventory's view of keys that an agent begins with: new ones, and those that a rescue has brought back. Knows no log and no store. */
import { ALGORITHM, DAY_MILLISECONDS, ONE_TIME_PREKEY_TARGET, SIGNED_PREKEY_INTERVAL_MILLISECONDS, type Crypto } from "@talos/core";
import type { BackendKey, BackendKeyKind, BackendName } from "../backends/index.ts";
import type { InventoryEntry, KeyFileStore } from "../vault/index.ts";
import { createOneTimePrekeys, createPrekey } from "./prekey-secrets.ts";

/** How long a signed prekey is published beyond its rotation: for who fetched it just before. */
const SIGNED_PREKEY_GRACE_MILLISECONDS: number = 14 * DAY_MILLISECONDS;
/** An identity is rotated yearly. */
export const IDENTITY_INTERVAL_MILLISECONDS: number = 365 * DAY_MILLISECONDS;

/** One signed prekey and a full stock of one-time prekeys. */
export function firstPrekeys(files: KeyFileStore, crypto: Crypto, now: number): readonly InventoryEntry[] {
  const dueAt = now + SIGNED_PREKEY_INTERVAL_MILLISECONDS;
  const signed = createPrekey(files, "signed-prekey", { from: now, to: dueAt + SIGNED_PREKEY_GRACE_MILLISECONDS, dueAt }, crypto);
  return [signed, ...createOneTimePrekeys(files, ONE_TIME_PREKEY_TARGET, now, crypto)];
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
