/** Every sealed value of `state.db`, opened and wiped again: a row that was damaged, moved or brought from elsewhere is named exactly. */
import { concatBytes, isTalosError, toHex, utf8, zeroBytes } from "@talos/core";
import { DATABASE_FILE } from "../vault/layout.ts";
import { bytes, number, text } from "../vault/store/columns.ts";
import { readLarge } from "../vault/store/large.ts";
import type { SqlRow } from "../vault/store/store.ts";
import { type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

/** More of one table say the same. */
const MAX_FINDINGS_PER_TABLE = 20;

interface SealedTable {
  readonly name: string;
  /** Of the column's row, without the sealed value. */
  readonly list: string;
  /** The sealed bytes; undefined where there are none any more. */
  sealed(row: SqlRow, look: StateLook): Uint8Array | undefined;
  /** What the seal covers, as whoever wrote it said. */
  place(row: SqlRow): Uint8Array;
  readonly column: string;
  /** What is lost with it. */
  readonly meaning: string;
}

const TABLES: readonly SealedTable[] = [
  {
    name: "sessions",
    list: "SELECT session_id FROM sessions",
    sealed: (row, { store }) => valueOf(store.get("SELECT state FROM sessions WHERE session_id = ?", bytes(row, "session_id")), "state"),
    place: (row) => bytes(row, "session_id"),
    column: "state",
    meaning: "a session, which the two agents begin anew",
  },
  {
    name: "plans",
    list: "SELECT id FROM plans",
    sealed: (row, { store }) => valueOf(store.get("SELECT payload FROM plans WHERE id = ?", text(row, "id")), "payload"),
    place: (row) => utf8(text(row, "id")),
    column: "payload",
    meaning: "an unfinished operation",
  },
  {
    name: "outbox",
    list: "SELECT ord, message_id FROM outbox",
    sealed: (row, { store }) => large(row, "outbox-body", "SELECT body FROM outbox WHERE ord = ?", store),
    place: (row) => bytes(row, "message_id"),
    column: "body",
    meaning: "a message that was to be sent",
  },
  {
    name: "inbox",
    list: "SELECT ord, sender, message_id FROM inbox",
    sealed: (row, { store }) => large(row, "inbox-body", "SELECT body FROM inbox WHERE ord = ?", store) ?? new Uint8Array(),
    place: (row) => concatBytes(bytes(row, "sender"), bytes(row, "message_id")),
    column: "body",
    meaning: "a message that was received",
  },
];

export function checkSealedValues(look: StateLook): DoctorFinding[] {
  return TABLES.flatMap((table) => {
    const damaged = look.store.all(table.list).filter((row) => !opens(table, row, look));
    const shown = damaged.slice(0, MAX_FINDINGS_PER_TABLE).map((row) =>
      finding("ROW_DAMAGED", {
        file: DATABASE_FILE,
        message: `The sealed column ${table.column} of table ${table.name}, row ${toHex(table.place(row))}, does not open: it is damaged, moved or foreign. Lost with it: ${table.meaning}.`,
        remedy: "The rest works on. If you did not damage it, somebody changed the database: find out who can write to the folder.",
      }),
    );
    const others = damaged.length - shown.length;
    if (others === 0) return shown;
    const message = `${others} more sealed values of table ${table.name} do not open.`;
    return [...shown, finding("ROW_DAMAGED", { file: DATABASE_FILE, message, remedy: "See the rows above." })];
  });
}

function opens(table: SealedTable, row: SqlRow, look: StateLook): boolean {
  try {
    const sealed = table.sealed(row, look);
    if (sealed !== undefined) zeroBytes(look.store.unseal(table.name, table.place(row), table.column, sealed));
    return true;
  } catch (error) {
    if (isTalosError(error, "VAULT_CORRUPT")) return false;
    throw error;
  }
}

function large(row: SqlRow, owner: "outbox-body" | "inbox-body", sql: string, store: StateLook["store"]): Uint8Array | undefined {
  const order = number(row, "ord");
  const value = store.get(sql, order);
  return value && readLarge(store, owner, order, value, "body");
}

function valueOf(row: SqlRow | undefined, column: string): Uint8Array | undefined {
  return row && bytes(row, column);
}
