/**
 * What happened to the vault itself, in order: append-only, each entry in the transaction of what it records. Public;
 * never holds a secret. Knows nothing of what an entry means.
 */
import { encodeStruct, StructReader, talosError } from "@talos/core";
import { checkTime } from "../times.ts";
import { bytes, number } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export type AuditKind =
  | "vault-created"
  | "slot-added"
  | "slot-removed"
  | "password-changed"
  | "vault-key-replaced"
  | "kdf-raised"
  | "vault-rescued"
  | "file-quarantined";

export type AuditDetails = Readonly<Record<string, string | number>>;

export interface NewAuditEntry {
  readonly kind: AuditKind;
  /** milliseconds since 1970 */
  readonly at: number;
  readonly details: AuditDetails;
}

export interface AuditEntry {
  /** 1 and up, without gaps. */
  readonly order: number;
  /** An `AuditKind`, or one of a later release. */
  readonly kind: string;
  readonly at: number;
  /** Of the opening that wrote it. */
  readonly generation: number;
  readonly details: AuditDetails;
}

const MAX_KIND_BYTES = 64;
const DETAILS = { maxEntries: 32, maxBytes: 1024 } as const;

export class AuditReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Oldest first. @throws TalosError VAULT_CORRUPT */
  list(): AuditEntry[] {
    return this.store.all("SELECT ord, entry FROM audit ORDER BY ord").map(toEntry);
  }
}

export class Audit extends AuditReader {
  /** @throws TalosError INVALID_ARGUMENT for a time before 1970: the entry could not be read again */
  append({ kind, at, details }: NewAuditEntry): void {
    checkTime(at);
    const generation = number(this.store.get("SELECT generation FROM vault WHERE id = 1") ?? {}, "generation");
    const entry = encodeStruct(
      new Map<number, string | number | ReadonlyMap<string, string | number>>([
        [2, kind],
        [3, at],
        [4, generation],
        [5, new Map(Object.entries(details))],
      ]),
    );
    this.store.run("INSERT INTO audit (ord, entry) VALUES ((SELECT coalesce(max(ord), 0) + 1 FROM audit), ?)", entry);
  }
}

function toEntry(row: SqlRow): AuditEntry {
  const order = number(row, "ord");
  try {
    const reader = new StructReader(bytes(row, "entry"), "audit entry");
    const entry: AuditEntry = {
      order,
      kind: reader.text(2, { maxBytes: MAX_KIND_BYTES }),
      at: reader.uint(3),
      generation: reader.uint(4),
      details: Object.fromEntries(reader.textMap(5, DETAILS)),
    };
    reader.finish();
    return entry;
  } catch (cause) {
    throw talosError("VAULT_CORRUPT", "An entry of the audit trail is damaged.", { cause, details: { table: "audit", row: order } });
  }
}
