/** Small public facts that outlive the process (home directory, times of last runs); named by whoever uses them. Never secrets. */
import { text } from "./columns.ts";
import type { Store } from "./store.ts";

/** URL of the directory where the agent is at home; stands in the public projection too, so that a rescue finds it. */
export const HOME_DIRECTORY = "home-directory";
/** There as long as the agent is held, since it comes from a backup; stands in the public projection too, so that a rescue cannot let it go. */
export const HELD_MARK = "recovery-unchecked";
/** Beside the mark: which directories are asked before it is let go. */
export const HELD_PLACES = "recovery-places";

const PROJECTED: readonly string[] = [HOME_DIRECTORY, HELD_MARK, HELD_PLACES];

/** As they are stored; the vault reads nothing out of them. */
export interface HeldSettings {
  readonly mark: string;
  readonly places: string | undefined;
}

export class SettingsReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(name: string): string | undefined {
    const row = this.store.get("SELECT value FROM settings WHERE name = ?", name);
    return row && text(row, "value");
  }

  /** Undefined: the agent is not held. */
  held(): HeldSettings | undefined {
    const mark = this.get(HELD_MARK);
    return mark === undefined ? undefined : { mark, places: this.get(HELD_PLACES) };
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
    if (PROJECTED.includes(name)) this.store.noteProjectionChange();
  }
}
