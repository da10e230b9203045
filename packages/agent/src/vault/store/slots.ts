/** Writes the table of unlock slots; only the vault's own operations use it. Knows no secret. */
import type { StoredSlot } from "../slots/slot-record.ts";
import type { Store } from "./store.ts";

export class SlotTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Inserts or replaces. */
  put({ number, record }: StoredSlot): void {
    this.#store.run(
      "INSERT INTO slots (slot, record) VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET record = excluded.record",
      number,
      record,
    );
    this.#store.noteProjectionChange();
  }

  remove(number: number): void {
    this.#store.run("DELETE FROM slots WHERE slot = ?", number);
    this.#store.noteProjectionChange();
  }

  /** Leaves this one alone. */
  replaceAll(slot: StoredSlot): void {
    this.#store.run("DELETE FROM slots");
    this.put(slot);
  }
}
