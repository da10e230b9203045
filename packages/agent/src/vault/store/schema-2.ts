/** Format 2 of `state.db`: what the life of keys needs beyond format 1. A step that was released never changes. */
export const SCHEMA_2 = `
ALTER TABLE peer_events ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN told_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN trust_since INTEGER;
ALTER TABLE peers ADD COLUMN forked_at INTEGER;
ALTER TABLE peers ADD COLUMN session_replaced_at INTEGER;
ALTER TABLE peers ADD COLUMN greet_since INTEGER;
ALTER TABLE peers ADD COLUMN greeting BLOB;
ALTER TABLE peers ADD COLUMN greeting_session BLOB;
ALTER TABLE peers ADD COLUMN corresponded_at INTEGER;
UPDATE peers SET corresponded_at = first_seen_at WHERE agent_id IN
  (SELECT peer FROM sessions UNION SELECT peer FROM outbox UNION SELECT sender FROM seen WHERE acked_at IS NOT NULL);
CREATE TABLE notifications (
  peer BLOB NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  deposited_at INTEGER,
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  last_error TEXT,
  acknowledged_at INTEGER,
  ended_at INTEGER,
  PRIMARY KEY (peer, seq, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_open ON notifications (next_attempt_at) WHERE ended_at IS NULL;
CREATE TABLE audit_edge (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  edge BLOB NOT NULL
) STRICT;
CREATE TABLE seen_signatures (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  agent_id BLOB NOT NULL,
  head_seq INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE cut_off_events (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  agent_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  wire BLOB NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cut_off_events_by_agent ON cut_off_events (agent_id, seq);
CREATE TABLE peer_forks (
  agent_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  standing BLOB NOT NULL CHECK (length(standing) = 32),
  of_recovery INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  decided_at INTEGER,
  PRIMARY KEY (agent_id, seq, standing)
) STRICT, WITHOUT ROWID;
`;

/**
 * For a look at format 1, which changes no byte of it: stand-ins that live in memory with the connection and hide the tables of the same
 * name. What format 2 added is empty there.
 */
export const VIEW_OF_1_AS_2 = `
CREATE TEMP VIEW peer_events AS SELECT *, 0 AS seen_at FROM main.peer_events;
CREATE TEMP VIEW peers AS SELECT *, 0 AS told_seq, NULL AS trust_since, NULL AS forked_at, NULL AS session_replaced_at, NULL AS greet_since,
  NULL AS greeting, NULL AS greeting_session, NULL AS corresponded_at FROM main.peers;
CREATE TEMP TABLE notifications (
  peer, seq, hash, created_at, deposited_at, attempts, next_attempt_at, last_error, acknowledged_at, ended_at
);
CREATE TEMP TABLE audit_edge (id, edge);
CREATE TEMP TABLE seen_signatures (hash, agent_id, head_seq, seen_at);
CREATE TEMP TABLE cut_off_events (hash, agent_id, seq, wire, seen_at);
CREATE TEMP TABLE peer_forks (agent_id, seq, standing, of_recovery, seen_at, decided_at);
`;
