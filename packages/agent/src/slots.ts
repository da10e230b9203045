/**
 * `client.slots`: the ways into the data directory, up to 8. Each opens the same keys; adding and removing one touches no
 * key. Changing the password stands in `password-change.ts`.
 */
import { talosError } from "@talos/core";
import type { Clock } from "./clock.ts";
import { checkAddSlotOptions, type AddSlotOptions } from "./options.ts";
import { readUnlock, requireStrongPassword } from "./password/index.ts";
import type { SlotInfo, Vault } from "./vault/index.ts";

/** What changing the ways in needs of an agent. */
export interface SlotContext {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly policy: { readonly allowWeakPasswords: boolean };
}

export class SlotsApi {
  readonly #context: SlotContext;

  constructor(context: SlotContext) {
    this.#context = context;
  }

  /** By number. `opened` marks the one that this opening used. @throws TalosError CLIENT_CLOSED */
  list(): readonly SlotInfo[] {
    return this.#context.vault.slots();
  }

  /**
   * Adds a way in. Resolves when it is durable.
   *
   * @param options exactly one of `password`, `keyFile`, `credential`
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, PASSWORD_REQUIRED, WEAK_PASSWORD; FILE_NOT_FOUND, PERMISSIONS_TOO_OPEN,
   *   OWNER_FOREIGN of a key file; CREDENTIAL_NOT_FOUND; SLOTS_FULL, SLOT_EXISTS; CLIENT_CLOSED, COMMIT_FAILED
   */
  async add(options: AddSlotOptions): Promise<SlotInfo> {
    const { label, allowWeakPassword = false, ...means } = checkAddSlotOptions(options);
    using unlock = await readUnlock(means);
    const { vault, clock, policy } = this.#context;
    if (unlock.kind === "password") {
      await requireStrongPassword(unlock.secret, { allowWeak: allowWeakPassword || policy.allowWeakPasswords, words: [vault.name] });
    }
    return vault.addSlot(unlock, label ?? unlock.label, clock.now());
  }

  /**
   * Takes a way in away. Copies of the data directory made before still open with it.
   *
   * @param number as `list` gives it
   * @throws TalosError INVALID_ARGUMENT, SLOT_NOT_FOUND, LAST_SLOT, CLIENT_CLOSED, COMMIT_FAILED
   */
  async remove(number: number): Promise<void> {
    if (!Number.isSafeInteger(number)) {
      throw talosError("INVALID_ARGUMENT", "An unlock slot is named by its number.", { details: { argument: "number" } });
    }
    this.#context.vault.removeSlot(number, this.#context.clock.now());
  }
}
