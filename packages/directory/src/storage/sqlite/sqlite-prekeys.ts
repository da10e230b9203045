/**
 * Batches and prekeys in SQLite. A prekey's row stays for good, so that an id never comes twice and its leaf can be
 * counted into a later batch after it was claimed; the statement goes when it can no longer be handed out. Must not know
 * what a statement or a batch says.
 */
import { CLOCK_SLACK_MILLISECONDS, equalBytes, toHex, type AgentId, type LogHead, type PrekeyKind } from "@talos/core";
import type {
  BatchRecord,
  BatchReplacement,
  ClaimOutcome,
  LiveBatch,
  PrekeyLeaf,
  PrekeyRecord,
  PrekeyStock,
  PrekeyStore,
  ReplaceOutcome,
  RequestMark,
  SeenPrekey,
} from "../contract/index.ts";
import type { Database } from "./database.ts";
import { bytesOf, numberOf, type Row } from "./rows.ts";
import type { SqliteAgents } from "./sqlite-agents.ts";
import type { SqliteNonces } from "./sqlite-nonces.ts";

const KIND_CODES = { "signed-prekey": 0, "one-time-prekey": 1 } as const;
const STATE = { available: 0, claimed: 1, past: 2 } as const;
const LEAF_BYTES = 40;
const ID_BYTES = 8;

export class SqlitePrekeys implements PrekeyStore {
  readonly #db: Database;
  readonly #nonces: SqliteNonces;
  readonly #agents: SqliteAgents;
  readonly #seen;
  readonly #batch;
  readonly #putBatch;
  readonly #dropBatch;
  readonly #retireAll;
  readonly #insert;
  readonly #inBatch;
  readonly #retire;
  readonly #recall;
  readonly #count;
  readonly #claimed;
  readonly #next;
  readonly #take;
  readonly #statement;

  constructor(db: Database, nonces: SqliteNonces, agents: SqliteAgents) {
    this.#db = db;
    this.#nonces = nonces;
    this.#agents = agents;
    this.#seen = db.prepare("SELECT kind, state, leaf_hash FROM prekeys WHERE agent_id = ? AND prekey_id = ?");
    this.#batch = db.prepare("SELECT seq, root, valid_from, valid_to, signed_prekey_id, wire, leaves FROM batches WHERE agent_id = ?");
    this.#putBatch = db.prepare(
      "INSERT OR REPLACE INTO batches (agent_id, seq, root, valid_from, valid_to, signed_prekey_id, wire, leaves) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#dropBatch = db.prepare("DELETE FROM batches WHERE agent_id = ? AND (seq < ? OR seq >= ?)");
    this.#retireAll = db.prepare(`UPDATE prekeys SET state = ${STATE.past}, statement = NULL WHERE agent_id = ? AND state < ${STATE.past}`);
    this.#insert = db.prepare(
      `INSERT INTO prekeys (agent_id, prekey_id, kind, state, leaf_hash, valid_to, statement) VALUES (?, ?, ?, ${STATE.available}, ?, ?, ?)`,
    );
    this.#inBatch = db.prepare(`SELECT prekey_id FROM prekeys WHERE agent_id = ? AND state < ${STATE.past}`);
    this.#retire = db.prepare(`UPDATE prekeys SET state = ${STATE.past}, statement = NULL WHERE agent_id = ? AND prekey_id = ?`);
    this.#recall = db.prepare(`UPDATE prekeys SET state = ${STATE.claimed} WHERE agent_id = ? AND prekey_id = ? AND state = ${STATE.past}`);
    this.#count = db.prepare(
      "SELECT count(*) AS n FROM prekeys INDEXED BY prekeys_available WHERE agent_id = ? AND kind = 1 AND state = 0 AND valid_to > ?",
    );
    this.#claimed = db.prepare(`SELECT prekey_id FROM prekeys WHERE agent_id = ? AND state = ${STATE.claimed} ORDER BY prekey_id`);
    this.#next = db.prepare(
      `SELECT prekey_id, statement FROM prekeys INDEXED BY prekeys_available
       WHERE agent_id = ? AND kind = 1 AND state = 0 AND valid_to > ? ORDER BY valid_to, prekey_id LIMIT 1`,
    );
    this.#take = db.prepare(`UPDATE prekeys SET state = ${STATE.claimed}, statement = NULL WHERE agent_id = ? AND prekey_id = ?`);
    this.#statement = db.prepare("SELECT statement FROM prekeys WHERE agent_id = ? AND prekey_id = ?");
  }

  async readLiveBatch(agentId: AgentId): Promise<LiveBatch | undefined> {
    const live = this.#batch.get(agentId);
    return (
      live && { seq: numberOf(live, "seq"), root: bytesOf(live, "root"), wire: bytesOf(live, "wire"), from: numberOf(live, "valid_from") }
    );
  }

  async readSeenPrekeys(agentId: AgentId, ids: readonly Uint8Array[]): Promise<readonly SeenPrekey[]> {
    return ids.flatMap((id) => this.#readSeen(agentId, id) ?? []);
  }

  async replaceBatch(mark: RequestMark, replacement: BatchReplacement, expected: LogHead, now: number): Promise<ReplaceOutcome> {
    const { agentId } = mark;
    return this.#db.transaction(() => {
      if (!this.#agents.hasHead(agentId, expected)) return { kind: "moved" };
      this.#nonces.use(mark);
      const live = this.#batch.get(agentId);
      if (live !== undefined && equalBytes(bytesOf(live, "root"), replacement.root) && replacement.seq <= numberOf(live, "seq")) {
        return { kind: "unchanged", oneTimePrekeys: this.#available(agentId, now) };
      }
      if (live !== undefined && isStale(replacement.from, numberOf(live, "valid_from"), now)) return { kind: "stale" };
      const refusal = this.#refusal(agentId, replacement);
      if (refusal !== undefined) return { kind: refusal };

      const kept = new Set([replacement.signedPrekey.id, ...replacement.carried].map(toHex));
      for (const row of this.#inBatch.all(agentId)) {
        const id = bytesOf(row, "prekey_id");
        if (!kept.has(toHex(id))) this.#retire.run(agentId, id);
      }
      // An id that an earlier batch left out has ended for its owner; it may be counted again, but is not handed out.
      for (const id of replacement.carried) this.#recall.run(agentId, id);
      if (this.#readSeen(agentId, replacement.signedPrekey.id) === undefined) this.#put(agentId, replacement.signedPrekey);
      for (const prekey of replacement.added) this.#put(agentId, prekey);
      const { seq, root, from, to, signedPrekey, wire, leaves } = replacement;
      this.#putBatch.run(agentId, seq, root, from, to, signedPrekey.id, wire, packLeaves(leaves));
      return { kind: "replaced", oneTimePrekeys: this.#available(agentId, now) };
    });
  }

  async readPrekeyStock(mark: RequestMark, now: number): Promise<PrekeyStock> {
    return this.#db.transaction(() => {
      this.#nonces.use(mark);
      const live = this.#batch.get(mark.agentId);
      return {
        oneTimePrekeys: this.#available(mark.agentId, now),
        batch: live && { root: bytesOf(live, "root"), to: numberOf(live, "valid_to") },
        claimed: this.#claimed.all(mark.agentId).map((row) => bytesOf(row, "prekey_id")),
      };
    });
  }

  async claimPrekey(mark: RequestMark, target: AgentId, now: number): Promise<ClaimOutcome> {
    return this.#db.transaction(() => {
      this.#nonces.use(mark);
      const agent = this.#agents.get(target);
      if (agent === undefined) return { kind: "agent-unknown" };
      if (agent.revoked) return { kind: "agent-revoked" };
      const certificate = this.#agents.certificate(target);
      const live = this.#batch.get(target);
      if (certificate === undefined || live === undefined || numberOf(live, "valid_to") <= now) return { kind: "no-prekeys" };
      const signedId = bytesOf(live, "signed_prekey_id");
      const signedRow = this.#statement.get(target, signedId);
      if (signedRow === undefined) throw new TypeError("a batch without its signed prekey");

      const next = this.#next.get(target, now);
      if (next !== undefined) this.#take.run(target, bytesOf(next, "prekey_id"));
      return {
        kind: "claimed",
        events: this.#agents.events(target, -1),
        certificate,
        batch: readBatch(live),
        signedPrekey: { id: signedId, statement: bytesOf(signedRow, "statement") },
        oneTimePrekey: next && { id: bytesOf(next, "prekey_id"), statement: bytesOf(next, "statement") },
      };
    });
  }

  /** Inside the caller's transaction: drops the batch whose log head has a seq below one or from the other on. */
  dropVoid(agentId: AgentId, below: number, from: number): void {
    if (this.#dropBatch.run(agentId, below, from).changes > 0) this.#retireAll.run(agentId);
  }

  /** Why the ids of a replacement cannot be taken, undefined when they can. */
  #refusal(agentId: AgentId, { signedPrekey, carried, added }: BatchReplacement): "id-reused" | "id-unknown" | undefined {
    for (const id of carried) {
      if (this.#readSeen(agentId, id)?.kind !== "one-time-prekey") return "id-unknown";
    }
    for (const { id } of added) {
      if (this.#readSeen(agentId, id) !== undefined) return "id-reused";
    }
    // The signed prekey lives longer than a batch: the same statement again is no reuse. Left out for a while, it has ended.
    const known = this.#seen.get(agentId, signedPrekey.id);
    if (known === undefined) return undefined;
    const same = numberOf(known, "state") !== STATE.past && equalBytes(bytesOf(known, "leaf_hash"), signedPrekey.leafHash);
    return same ? undefined : "id-reused";
  }

  #readSeen(agentId: AgentId, id: Uint8Array): SeenPrekey | undefined {
    const row = this.#seen.get(agentId, id);
    return row && { id, kind: readKind(row), leafHash: bytesOf(row, "leaf_hash") };
  }

  #put(agentId: AgentId, { id, kind, leafHash, to, statement }: PrekeyRecord): void {
    this.#insert.run(agentId, id, KIND_CODES[kind], leafHash, to, statement);
  }

  #available(agentId: AgentId, now: number): number {
    const row = this.#count.get(agentId, now);
    return row === undefined ? 0 : numberOf(row, "n");
  }
}

/** One that starts later than any clock of today may say came by a clock that ran ahead, and does not count. */
function isStale(from: number, liveFrom: number, now: number): boolean {
  return from < liveFrom && liveFrom <= now + CLOCK_SLACK_MILLISECONDS;
}

function readKind(row: Row): PrekeyKind {
  return numberOf(row, "kind") === KIND_CODES["signed-prekey"] ? "signed-prekey" : "one-time-prekey";
}

function readBatch(row: Row): BatchRecord {
  return {
    seq: numberOf(row, "seq"),
    root: bytesOf(row, "root"),
    wire: bytesOf(row, "wire"),
    from: numberOf(row, "valid_from"),
    to: numberOf(row, "valid_to"),
    leaves: unpackLeaves(bytesOf(row, "leaves")),
  };
}

function packLeaves(leaves: readonly PrekeyLeaf[]): Uint8Array {
  const packed = new Uint8Array(leaves.length * LEAF_BYTES);
  leaves.forEach(({ id, leafHash }, i) => {
    packed.set(id, i * LEAF_BYTES);
    packed.set(leafHash, i * LEAF_BYTES + ID_BYTES);
  });
  return packed;
}

function unpackLeaves(packed: Uint8Array): readonly PrekeyLeaf[] {
  const leaves: PrekeyLeaf[] = [];
  for (let at = 0; at < packed.length; at += LEAF_BYTES) {
    leaves.push({ id: packed.subarray(at, at + ID_BYTES), leafHash: packed.subarray(at + ID_BYTES, at + LEAF_BYTES) });
  }
  return leaves;
}
