/**
 * What is mutated, and which test files are to notice it: a file's own (`lock.test.ts` of `lock.ts`) and those named here.
 * A mutant is run against these alone, so that it costs a second or two. Knows nothing of the tool that mutates.
 */
export interface Room {
  readonly folder: string;
  /** By file, or by folder with `/` at its end; all relative to the room's folder. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
  /** For files that have no entry. */
  readonly otherwise: readonly string[];
}

const RESCUE = ["../lifecycle/rescue-agent.test.ts"];

export const ROOMS: Readonly<Record<string, Room>> = {
  vault: {
    folder: "packages/agent/src/vault",
    tests: {
      "connect.ts": ["database.test.ts"],
      "create.ts": ["vault.test.ts"],
      "database.ts": ["vault.test.ts", "inspect.test.ts"],
      "drawn-bytes.ts": ["sealer.test.ts"],
      "files.ts": ["key-files.test.ts"],
      "inspect.ts": ["settle.test.ts", "metadata.test.ts", "integrity.test.ts", "key-files.test.ts", "opened-way.test.ts"],
      "kdf-bounds.ts": ["unlock-slots.test.ts", "slot-changes.test.ts"],
      "kdf-raise.ts": ["slot-changes.test.ts"],
      "key-file.ts": ["key-files.test.ts"],
      "key-folder.ts": ["key-files.test.ts", "rekey.test.ts"],
      "layout.ts": ["placement.test.ts", "key-files.test.ts"],
      "lock.ts": ["vault.test.ts"],
      "metadata.ts": ["vault.test.ts"],
      "open.ts": ["vault.test.ts", "key-files.test.ts", "integrity.test.ts", "slot-changes.test.ts"],
      "permissions.ts": ["vault.test.ts"],
      "placement.ts": ["key-files.test.ts", "integrity.test.ts"],
      "rekey.ts": [],
      "rescue.ts": RESCUE,
      "rescue-keys.ts": RESCUE,
      "rescue-source.ts": RESCUE,
      "rescue-state.ts": RESCUE,
      "sealer.ts": ["key-files.test.ts"],
      "settle.ts": ["integrity.test.ts", "rekey.test.ts", "metadata.test.ts", "key-folder.test.ts"],
      "slot-changes.ts": ["opened-way.test.ts", "rekey.test.ts"],
      "slot-info.ts": ["slot-changes.test.ts"],
      "slot-record.ts": ["unlock-slots.test.ts", "slot-changes.test.ts"],
      "sqlite-error.ts": [],
      "store/": ["store/store.test.ts"],
      "store/large.ts": ["store/sealed-values.test.ts"],
      "store/message-id.ts": ["store/outbox.test.ts"],
      "store/settings.ts": ["metadata.test.ts"],
      "store/slots.ts": ["slot-changes.test.ts"],
      "store/store.ts": ["store/writing.test.ts"],
      "unlock-slots.ts": ["slot-record.test.ts", "opened-way.test.ts", "open.test.ts"],
      "vault.ts": [
        "open-vault.test.ts",
        "times.test.ts",
        "key-folder.test.ts",
        "rekey.test.ts",
        "opened-way.test.ts",
        "slot-changes.test.ts",
      ],
    },
    otherwise: ["vault.test.ts", "inspect.test.ts", "integrity.test.ts", "key-files.test.ts", "slot-changes.test.ts"],
  },
};
