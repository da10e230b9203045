/** Small public facts that outlive the process (home directory, times of last runs); named by whoever uses them. Never secrets. */
import { text } from "./columns.ts";
import type { Store } from "./store.ts";

/** URL of the directory where the agent is at home; stands in the public projection too, so that a rescue finds it. */
export const HOME_DIRECTORY = "home-directory";

export class SettingsReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(name: string): string | undefined {
    const row = this.store.get("SELECT value FROM settings WHERE name = ?", name);
    return row && text(row, "value");
  }
}

export class Settings extends SettingsReader {
  /** Undefined removes it. */
  set(name: string, value: string | undefined): void {
    if (value === undefined) this.store.run("DELETE FROM settings WHERE name = ?", name);
    else
      this.store.run(
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value,
      );
    if (name === HOME_DIRECTORY) this.store.noteProjectionChange();
  }
}
