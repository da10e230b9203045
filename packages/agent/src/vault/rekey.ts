/**
 * A new vault key: everything that is sealed is sealed anew, and only the slot that is made here opens it. Stage, commit,
 * place, clear, as every change of files; the sealed columns and the slots change in that one commit. After a failure the
 * vault works on under the old key.
 *
 * The copies that somebody took before still open under the old one: what they hold has to be replaced, not only this key.
 */
import { type SecretBytes, talosError } from "@talos/core";
import { atomically, readSlots } from "./database.ts";
import type { OpenVault, VaultParts } from "./parts.ts";
import { Sealer } from "./sealer.ts";
import { fieldsOf, slotInfo, slotInfos } from "./slots/slot-info.ts";
import { decodeSlot } from "./slots/slot-record.ts";
import type { NewAuditEntry } from "./store/audit.ts";
import { Inventory } from "./store/inventory.ts";
import { resealAll } from "./store/sealed-values.ts";
import { SlotTable } from "./store/slots.ts";
import type { PasswordChange } from "./types.ts";
import { refuseKnown } from "./slots/known-secret.ts";
import { checkNewSecret, type MadeSlot, makeSlot, rewrapSlot, type VaultKeyPlace } from "./slots/unlock-slots.ts";

const VAULT_KEY_BYTES = 32;
const FIRST_SLOT = 1;

export interface VaultKeyChange {
  /** Of the one slot that there is afterwards. */
  readonly number: number;
  readonly now: number;
  wrap(vaultKey: SecretBytes, place: VaultKeyPlace): MadeSlot;
  /** What else happens with it. */
  readonly changes: readonly NewAuditEntry[];
}

/**
 * @throws TalosError GENERATION_FENCED before any file is touched; STORAGE_FAILED where the files are not and cannot be brought in step with the inventory, or cannot be
 *   staged; KEY_FILE_MISSING, KEY_FILE_CORRUPT, KEY_FILE_SWAPPED for a key that the agent cannot do without; as
 *   `Vault.transaction`; what `wrap` threw. Then nothing has changed
 */
export function replaceVaultKey(vault: OpenVault, change: VaultKeyChange): PasswordChange {
  const { parts } = vault;
  const { crypto, database, folder, store } = parts;
  settleFirst(vault);
  const gone = slotInfos(readSlots(database), parts.way?.number, crypto).filter(({ number }) => number !== change.number);
  const place = { agentId: parts.facts.agentId, vaultKeyNumber: parts.facts.vaultKeyNumber + 1 };

  using cleanup = new DisposableStack();
  const sealer = cleanup.use(new Sealer(crypto.randomSecret(VAULT_KEY_BYTES), place.agentId, place.vaultKeyNumber, crypto));
  const { record, stretched } = sealer.lendVaultKey((vaultKey) => change.wrap(vaultKey, place));
  cleanup.use(stretched);
  const slot = { number: change.number, record };
  const restaged = folder.restage(sealer, new Inventory(store).inKeyFiles(), (remove) => {
    whileNotFenced(parts, remove);
  });
  try {
    vault.commit(
      (tx) => {
        const rows = resealAll(store, parts.sealer, sealer);
        store.run("UPDATE vault SET vault_key_number = ? WHERE id = 1", place.vaultKeyNumber);
        new SlotTable(store).replaceAll(slot);
        const counts = { files: restaged.locations.size, values: rows.resealed, lost: rows.lost + restaged.lost };
        for (const entry of change.changes) tx.audit.append(entry);
        const details = { from: place.vaultKeyNumber - 1, to: place.vaultKeyNumber, slot: slot.number, ...counts };
        tx.audit.append({ kind: "vault-key-replaced", at: change.now, details });
      },
      () => {
        cleanup.move();
        goOnUnder(parts, sealer, { number: slot.number, stretched });
        folder.adoptRestaged(restaged, sealer);
      },
    );
  } catch (error) {
    // A commit that failed in its last step may yet come back with a crash, and would need these files.
    if (parts.doubtful) parts.unsettled = true;
    else restaged.drop();
    throw error;
  }
  return { slot: slotInfo(slot.number, decodeSlot(record, crypto), slot.number), toAddAgain: gone };
}

/**
 * The slot that opened the vault is wrapped around a new vault key without asking for its secret; with a new password one slot for
 * that is made in its place.
 *
 * @throws TalosError SLOT_NOT_FOUND where that slot was removed since; SLOT_EXISTS where the new password opens a slot already;
 *   PASSWORD_REQUIRED, INVALID_ARGUMENT as `makeSlot`; as `replaceVaultKey`
 */
export function replaceVaultKeyUnasked(vault: OpenVault, now: number, newPassword?: SecretBytes): PasswordChange {
  if (newPassword !== undefined) return replaceWithPassword(vault, now, newPassword);
  const { crypto, database, way } = vault.parts;
  const slot = readSlots(database).find(({ number }) => number === way?.number);
  const fields = slot && fieldsOf(slot, crypto);
  if (way === undefined || fields === undefined) {
    throw talosError("SLOT_NOT_FOUND", "The unlock slot that opened this vault was removed since.", {
      hint: "Open it another way, or give a password: talos passwd --rekey.",
    });
  }
  const wrap: VaultKeyChange["wrap"] = (vaultKey, place) => ({
    record: rewrapSlot(fields, way.stretched, vaultKey, place, crypto),
    stretched: way.stretched.clone(),
  });
  return replaceVaultKey(vault, { number: way.number, now, wrap, changes: [] });
}

function replaceWithPassword(vault: OpenVault, now: number, newPassword: SecretBytes): PasswordChange {
  const { parts } = vault;
  const secret = { kind: "password", secret: newPassword } as const;
  checkNewSecret(secret);
  // Whoever knew a password knows it still.
  refuseKnown(vault, secret, readSlots(parts.database));
  const number = parts.way?.number ?? FIRST_SLOT;
  return replaceVaultKey(vault, {
    number,
    now,
    wrap: (vaultKey, place) => makeSlot(secret, vaultKey, place, { label: "", now, kdf: parts.kdf }, parts.crypto),
    changes: [{ kind: "password-changed", at: now, details: { slot: number } }],
  });
}

/**
 * Behind the fence, like every change of files: then no files of a third vault key lie about, and metadata.json holds the
 * slots that a rescue needs until all files are placed.
 */
function settleFirst(vault: OpenVault): void {
  const { parts } = vault;
  parts.unsettled = true;
  vault.commit(() => undefined);
  if (parts.unsettled) {
    throw talosError("STORAGE_FAILED", "The key files cannot be brought in step with the inventory just now, and nothing was changed.");
  }
}

/**
 * Staged names say which key and which vault key, not whose they are: after another opening has taken this one's place, files under them
 * may be what its commit named. No other opening can raise the generation while the database is held for writing.
 */
function whileNotFenced({ database, store, facts }: VaultParts, action: () => void): void {
  try {
    atomically(database, () => {
      if (store.get("SELECT generation FROM vault WHERE id = 1")?.["generation"] === facts.generation) action();
    });
  } catch {
    // Then they are left to the next opening.
  }
}

function goOnUnder(parts: VaultParts, sealer: Sealer, way: NonNullable<VaultParts["way"]>): void {
  parts.store.useSealer(sealer);
  parts.sealer[Symbol.dispose]();
  parts.sealer = sealer;
  parts.way?.stretched.dispose();
  parts.way = way;
  parts.facts = { ...parts.facts, vaultKeyNumber: sealer.vaultKeyNumber };
}
