/** Every sealed value of `state.db`, opened and wiped again: a row that was damaged, moved or brought from elsewhere is named exactly. */
import { isTalosError, toHex, zeroBytes } from "@talos/core";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import { bytes } from "../vault/store/columns.ts";
import { type SealedValue, sealedValues } from "../vault/store/sealed-values.ts";
import type { Store } from "../vault/store/store.ts";
import { type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

/** More of one table say the same. */
const MAX_FINDINGS_PER_TABLE = 20;

const LOST: Readonly<Record<string, string>> = {
  sessions: "a session, which the two agents begin anew",
  plans: "an unfinished operation",
  outbox: "a message that was to be sent",
  inbox: "a message that was received",
};

const BODY_IS_GONE = `SELECT message_id FROM inbox WHERE body IS NULL
  AND NOT EXISTS (SELECT 1 FROM large_values WHERE owner = 'inbox-body' AND large_values.ord = inbox.ord)`;

interface Damage {
  readonly table: string;
  readonly message: string;
}

export function checkSealedValues({ store }: StateLook): DoctorFinding[] {
  const damages: Damage[] = [];
  for (const value of sealedValues(store)) {
    if (opens(store, value)) continue;
    const { table, column, row } = value;
    const what = `The sealed column ${column} of table ${table}, row ${toHex(row)}, does not open: it is damaged, moved or foreign`;
    damages.push({ table, message: `${what}. Lost with it: ${LOST[table] ?? "what it held"}.` });
  }
  for (const row of store.all(BODY_IS_GONE)) {
    damages.push({ table: "inbox", message: `The body of received message ${toHex(bytes(row, "message_id"))} is gone.` });
  }
  const byTable = Map.groupBy(damages, ({ table }) => table);
  return [...byTable].flatMap(([table, all]) => {
    const shown = all.slice(0, MAX_FINDINGS_PER_TABLE).map(({ message }) => rowDamaged(message));
    const rest = all.length - shown.length;
    return rest === 0 ? shown : [...shown, rowDamaged(`${rest} more sealed values of table ${table} do not open.`)];
  });
}

function rowDamaged(message: string): DoctorFinding {
  return finding("ROW_DAMAGED", {
    file: DATABASE_FILE,
    message,
    remedy: "The rest works on. If nothing else damaged it, somebody changed the database: find out who can write to the folder.",
  });
}

function opens(store: Store, { table, row, column, sealed }: SealedValue): boolean {
  try {
    zeroBytes(store.unseal(table, row, column, sealed));
    return true;
  } catch (error) {
    if (isTalosError(error, "VAULT_CORRUPT")) return false;
    throw error;
  }
}
