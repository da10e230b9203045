/** The directory's store over one SQLite file, in process. Puts the tables together; knows nothing of what they hold. */
import type { DirectoryStore } from "../contract/index.ts";
import { Database } from "./database.ts";
import { SqliteAgents } from "./sqlite-agents.ts";
import { SqliteLogs } from "./sqlite-logs.ts";
import { SqliteMailboxes } from "./sqlite-mailboxes.ts";
import { SqliteNonces } from "./sqlite-nonces.ts";
import { SqlitePrekeys } from "./sqlite-prekeys.ts";

/** Rows forgotten per transaction, so that no request waits long behind it. */
const PRUNE_ROWS = 500;

/**
 * Opens or makes the file, or a database in memory for ":memory:".
 *
 * @throws TalosError STORAGE_FAILED
 */
export function openSqliteStore(path: string): DirectoryStore {
  const db = new Database(path);
  const nonces = new SqliteNonces(db);
  const agents = new SqliteAgents(db);
  const prekeys = new SqlitePrekeys(db, nonces, agents);
  const logs = new SqliteLogs(db, agents, prekeys);
  const mailboxes = new SqliteMailboxes(db, nonces, agents);
  return {
    readAgent: (...args) => logs.readAgent(...args),
    acceptEvents: (...args) => logs.acceptEvents(...args),
    listAccepted: (...args) => logs.listAccepted(...args),
    keepContender: (...args) => logs.keepContender(...args),
    listEvidence: (...args) => logs.listEvidence(...args),
    readCertificate: (...args) => logs.readCertificate(...args),
    registerCertificate: (...args) => logs.registerCertificate(...args),
    listConflicts: (...args) => logs.listConflicts(...args),
    readLiveBatch: (...args) => prekeys.readLiveBatch(...args),
    readSeenPrekeys: (...args) => prekeys.readSeenPrekeys(...args),
    replaceBatch: (...args) => prekeys.replaceBatch(...args),
    readPrekeyStock: (...args) => prekeys.readPrekeyStock(...args),
    claimPrekey: (...args) => prekeys.claimPrekey(...args),
    deposit: (...args) => mailboxes.deposit(...args),
    fetchItems: (...args) => mailboxes.fetchItems(...args),
    fetchItemsAgain: (...args) => mailboxes.fetchItemsAgain(...args),
    acknowledge: (...args) => mailboxes.acknowledge(...args),
    async prune(now) {
      return db.transaction(() => nonces.prune(now, PRUNE_ROWS) === PRUNE_ROWS || mailboxes.prune(now, PRUNE_ROWS) === PRUNE_ROWS);
    },
    async close() {
      db.close();
    },
  };
}
