/**
 * The tables of `state.db`, format 1, as the first of the steps in migrations.ts makes them. Columns called `sealed` in a comment hold
 * sealed bytes; everything else is public or metadata, which the threat model names.
 */
export const SCHEMA_1 = `
CREATE TABLE vault (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  agent_id BLOB NOT NULL CHECK (length(agent_id) = 32),
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  vault_key_number INTEGER NOT NULL
) STRICT;

CREATE TABLE slots (
  slot INTEGER PRIMARY KEY CHECK (slot BETWEEN 1 AND 8),
  record BLOB NOT NULL
) STRICT;

CREATE TABLE inventory (
  key_id TEXT PRIMARY KEY CHECK (length(key_id) = 16),
  kind TEXT NOT NULL,
  role TEXT,
  state TEXT NOT NULL,
  algorithm INTEGER NOT NULL,
  public_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER,
  expires_at INTEGER,
  retired_at INTEGER,
  ended_at INTEGER,
  backend TEXT NOT NULL,
  protection TEXT NOT NULL,
  statement BLOB,
  CHECK ((kind = 'identity') = (role IS NOT NULL))
) STRICT;
CREATE INDEX inventory_by_kind ON inventory (kind, state);
CREATE UNIQUE INDEX inventory_one_identity_per_role ON inventory (role) WHERE kind = 'identity' AND state = 'live';
CREATE UNIQUE INDEX inventory_one_live ON inventory (kind) WHERE kind IN ('encryption', 'signed-prekey') AND state = 'live';

CREATE TABLE own_events (
  seq INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  wire BLOB NOT NULL
) STRICT;

CREATE TABLE own_certificate (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  wire BLOB NOT NULL
) STRICT;

CREATE TABLE own_batches (
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  root BLOB NOT NULL UNIQUE,
  wire BLOB NOT NULL,
  head_seq INTEGER NOT NULL,
  head_hash BLOB NOT NULL,
  options INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  valid_to INTEGER NOT NULL,
  published_at INTEGER,
  ids TEXT NOT NULL
) STRICT;

CREATE TABLE peers (
  agent_id BLOB PRIMARY KEY CHECK (length(agent_id) = 32),
  directory TEXT,
  petname TEXT UNIQUE,
  trust TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  head_seq INTEGER NOT NULL,
  head_hash BLOB NOT NULL,
  certificate BLOB,
  certificate_seen_at INTEGER,
  highest_seq INTEGER,
  highest_generation INTEGER,
  highest_instance_key BLOB
) STRICT;

CREATE TABLE peer_events (
  agent_id BLOB NOT NULL,
  seq INTEGER NOT NULL,
  wire BLOB NOT NULL,
  PRIMARY KEY (agent_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE peer_certificates (
  agent_id BLOB NOT NULL,
  hash BLOB NOT NULL,
  wire BLOB NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (agent_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX peer_certificates_by_time ON peer_certificates (seen_at);

CREATE TABLE peer_conflicts (
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  agent_id BLOB NOT NULL,
  kind TEXT NOT NULL,
  first BLOB NOT NULL,
  second BLOB NOT NULL,
  seen_at INTEGER NOT NULL,
  UNIQUE (agent_id, kind, first, second)
) STRICT;

CREATE TABLE sessions (
  session_id BLOB PRIMARY KEY,
  handshake_id BLOB NOT NULL UNIQUE,
  transcript_hash BLOB NOT NULL,
  peer BLOB NOT NULL,
  sending INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  turn_due_at INTEGER,
  state BLOB NOT NULL -- sealed
) STRICT;
CREATE INDEX sessions_by_peer ON sessions (peer);
CREATE UNIQUE INDEX sessions_one_sending ON sessions (peer) WHERE sending = 1;

CREATE TABLE used_handshakes (
  handshake_id BLOB PRIMARY KEY,
  transcript_hash BLOB NOT NULL,
  session_id BLOB NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_handshakes_by_time ON used_handshakes (seen_at);

CREATE TABLE outbox (
  ord INTEGER PRIMARY KEY,
  message_id BLOB NOT NULL UNIQUE,
  peer BLOB NOT NULL,
  peer_address TEXT,
  state TEXT NOT NULL,
  reason TEXT,
  content_type TEXT NOT NULL,
  sign TEXT NOT NULL,
  frame_type INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  deposited_at INTEGER,
  finished_at INTEGER,
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  resent INTEGER NOT NULL,
  session_id BLOB,
  chain BLOB,
  counter INTEGER,
  envelope_id BLOB,
  envelope BLOB,
  body BLOB -- sealed
) STRICT;
CREATE INDEX outbox_pending ON outbox (peer, ord) WHERE state IN ('accepted', 'waiting', 'ready');
CREATE INDEX outbox_deposited ON outbox (envelope_id) WHERE state = 'deposited';
CREATE INDEX outbox_finished ON outbox (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE inbox (
  ord INTEGER PRIMARY KEY,
  sender BLOB NOT NULL,
  message_id BLOB NOT NULL,
  content_type TEXT NOT NULL,
  time INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  resent INTEGER NOT NULL,
  body BLOB -- sealed: length, body, proof
) STRICT;

CREATE TABLE large_values (
  owner TEXT NOT NULL,
  ord INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (owner, ord)
) STRICT;

CREATE TABLE seen (
  sender BLOB NOT NULL,
  message_id BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  acked_at INTEGER,
  told INTEGER,
  PRIMARY KEY (sender, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_untold ON seen (sender, acked_at) WHERE told = 0;
CREATE INDEX seen_by_time ON seen (received_at);

CREATE TABLE opened (
  session_id BLOB NOT NULL,
  chain BLOB NOT NULL,
  counter INTEGER NOT NULL,
  envelope_id BLOB NOT NULL,
  message_id BLOB,
  opened_at INTEGER NOT NULL,
  PRIMARY KEY (session_id, chain, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX opened_by_time ON opened (opened_at);

CREATE TABLE kept (
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  envelope_id BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  depositor BLOB,
  bytes BLOB NOT NULL,
  code TEXT NOT NULL,
  received_at INTEGER NOT NULL
) STRICT;

CREATE TABLE plans (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  step TEXT NOT NULL,
  payload BLOB NOT NULL, -- sealed
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  last_error TEXT,
  done_at INTEGER
) STRICT;

CREATE TABLE audit (
  ord INTEGER PRIMARY KEY,
  entry BLOB NOT NULL
) STRICT;

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;
