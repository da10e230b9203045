/**
 * What is mutated, and which test files are to notice it: a mutant is run against those alone, so that it costs a second
 * or two. A file that no part names belongs to the last part of its room. Knows nothing of the tool that mutates.
 */
export interface Part {
  /** Relative to the room's folder; the last part of a room needs none. */
  readonly files: readonly string[];
  /** Relative to the room's folder; those that are quick and near first. */
  readonly tests: readonly string[];
}

export interface Room {
  readonly folder: string;
  readonly parts: readonly Part[];
}

export const ROOMS: Readonly<Record<string, Room>> = {
  vault: {
    folder: "packages/agent/src/vault",
    parts: [
      { files: ["sealer.ts", "key-file.ts"], tests: ["sealer.test.ts", "key-file.test.ts", "key-files.test.ts"] },
      { files: ["placement.ts", "layout.ts"], tests: ["placement.test.ts", "layout.test.ts", "key-files.test.ts"] },
      {
        files: ["unlock-slots.ts", "slot-record.ts", "kdf-bounds.ts"],
        tests: ["kdf-bounds.test.ts", "unlock-slots.test.ts", "slot-record.test.ts"],
      },
      { files: ["permissions.ts"], tests: ["permissions.test.ts", "vault.test.ts"] },
      { files: ["files.ts"], tests: ["files.test.ts", "vault.test.ts", "key-files.test.ts"] },
      { files: ["drawn-bytes.ts"], tests: ["drawn-bytes.test.ts", "sealer.test.ts"] },
      { files: ["key-folder.ts"], tests: ["key-folder.test.ts", "key-files.test.ts", "vault.test.ts"] },
      { files: ["database.ts"], tests: ["database.test.ts", "vault.test.ts", "inspect.test.ts"] },
      { files: ["metadata.ts"], tests: ["metadata.test.ts", "vault.test.ts"] },
      { files: ["sqlite-error.ts"], tests: ["sqlite-error.test.ts", "vault.test.ts"] },
      { files: ["lock.ts"], tests: ["lock.test.ts", "vault.test.ts"] },
      {
        files: [
          "store/audit.ts",
          "store/batches.ts",
          "store/columns.ts",
          "store/inbox.ts",
          "store/inventory.ts",
          "store/kept.ts",
          "store/large.ts",
          "store/opened.ts",
          "store/outbox.ts",
          "store/own-log.ts",
          "store/peers.ts",
          "store/plans.ts",
          "store/schema.ts",
          "store/sealed-values.ts",
          "store/sessions.ts",
          "store/settings.ts",
          "store/slots.ts",
          "store/message-id.ts",
          "store/store.ts",
          "store/transaction.ts",
        ],
        tests: [
          "store/columns.test.ts",
          "store/inbox.test.ts",
          "store/inventory.test.ts",
          "store/kept.test.ts",
          "store/large.test.ts",
          "store/opened.test.ts",
          "store/outbox.test.ts",
          "store/sealed-values.test.ts",
          "store/sessions.test.ts",
          "store/settings.test.ts",
          "store/writing.test.ts",
          "store/store.test.ts",
          "store/audit.test.ts",
        ],
      },
      { files: [], tests: ["vault.test.ts", "inspect.test.ts", "key-files.test.ts"] },
    ],
  },
};
