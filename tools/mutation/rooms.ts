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
  identity: {
    folder: "packages/core/src/identity",
    tests: {
      "event-codec.ts": ["events.test.ts", "successor.test.ts", "../../../testkit/src/vectors/vectors.test.ts"],
      "log.ts": ["verify-log.test.ts"],
      "signed-event.ts": ["events.test.ts", "successor.test.ts", "verify-log.test.ts"],
      "successor.ts": ["verify-log.test.ts", "convergence.test.ts"],
      "verify-log.ts": ["convergence.test.ts", "successor.test.ts"],
    },
    otherwise: ["events.test.ts"],
  },
  rotation: {
    folder: "packages/core/src/rotation",
    tests: {},
    otherwise: ["due.test.ts"],
  },
  vault: {
    folder: "packages/agent/src/vault",
    tests: {
      "connect.ts": ["database.test.ts"],
      "create.ts": ["vault.test.ts"],
      "database.ts": ["vault.test.ts", "inspect.test.ts"],
      "drawn-bytes.ts": ["sealer.test.ts"],
      "files.ts": ["keys/key-files.test.ts"],
      "inspect.ts": ["settle.test.ts", "metadata.test.ts", "integrity.test.ts", "keys/key-files.test.ts", "opened-way.test.ts"],
      "slots/kdf-bounds.ts": ["slots/unlock-slots.test.ts", "slots/slot-changes.test.ts"],
      "slots/kdf-raise.ts": ["slots/slot-changes.test.ts"],
      "keys/key-file.ts": ["keys/key-files.test.ts"],
      "keys/key-folder.ts": ["keys/key-files.test.ts", "rekey.test.ts"],
      "keys/layout.ts": ["keys/placement.test.ts", "keys/key-files.test.ts"],
      "lock.ts": ["vault.test.ts"],
      "metadata.ts": ["vault.test.ts"],
      "open.ts": ["vault.test.ts", "keys/key-files.test.ts", "integrity.test.ts", "slots/slot-changes.test.ts"],
      "permissions.ts": ["vault.test.ts"],
      "keys/placement.ts": ["keys/key-files.test.ts", "integrity.test.ts"],
      "rekey.ts": [],
      "rescue/rescue.ts": RESCUE,
      "rescue/rescue-keys.ts": RESCUE,
      "rescue/rescue-source.ts": RESCUE,
      "rescue/rescue-state.ts": RESCUE,
      "sealer.ts": ["keys/key-files.test.ts"],
      "settle.ts": ["integrity.test.ts", "rekey.test.ts", "metadata.test.ts", "keys/key-folder.test.ts"],
      "slots/slot-changes.ts": ["opened-way.test.ts", "rekey.test.ts"],
      "slots/slot-info.ts": ["slots/slot-changes.test.ts"],
      "slots/slot-record.ts": ["slots/unlock-slots.test.ts", "slots/slot-changes.test.ts"],
      "sqlite-error.ts": [],
      "store/": ["store/store.test.ts"],
      "store/large.ts": ["store/sealed-values.test.ts"],
      "store/message-id.ts": ["store/outbox.test.ts"],
      "store/settings.ts": ["metadata.test.ts"],
      "store/slots.ts": ["slots/slot-changes.test.ts"],
      "store/store.ts": ["store/writing.test.ts"],
      "slots/unlock-slots.ts": ["slots/slot-record.test.ts", "opened-way.test.ts", "open.test.ts"],
      "vault.ts": [
        "open-vault.test.ts",
        "times.test.ts",
        "keys/key-folder.test.ts",
        "rekey.test.ts",
        "opened-way.test.ts",
        "slots/slot-changes.test.ts",
      ],
    },
    otherwise: ["vault.test.ts", "inspect.test.ts", "integrity.test.ts", "keys/key-files.test.ts", "slots/slot-changes.test.ts"],
  },
};
