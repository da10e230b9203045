/** The tables, and how an older file becomes a newer one. Must not know who asks what of them. */

/** "TKD1": so that a file of another program is not taken for an empty directory. */
export const APPLICATION_ID = 0x544b4431;

/** Step n brings a file from version n to n + 1. Steps that were released are never changed, only followed by others. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE agents (
    agent_id BLOB NOT NULL PRIMARY KEY,
    head_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    agent_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    wire BLOB NOT NULL,
    PRIMARY KEY (agent_id, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE certificates (
    agent_id BLOB NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    instance_key BLOB NOT NULL,
    hash BLOB NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER NOT NULL,
    wire BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE certificate_conflicts (
    agent_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    wire BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, hash)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE nonces (
    agent_id BLOB NOT NULL,
    nonce BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX nonces_by_expiry ON nonces (expires_at);

  -- leaves: id (8 bytes) and leaf hash (32 bytes) of every statement, ascending by id
  CREATE TABLE batches (
    agent_id BLOB NOT NULL PRIMARY KEY,
    root BLOB NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER NOT NULL,
    signed_prekey_id BLOB NOT NULL,
    wire BLOB NOT NULL,
    leaves BLOB NOT NULL
  ) STRICT;

  -- kind: 0 signed, 1 one-time. state: 0 available, 1 claimed, 2 no longer in a batch.
  -- A row stays for good, so that no id comes twice; the statement only while it can be handed out.
  CREATE TABLE prekeys (
    agent_id BLOB NOT NULL,
    prekey_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    leaf_hash BLOB NOT NULL,
    valid_to INTEGER NOT NULL,
    statement BLOB,
    PRIMARY KEY (agent_id, prekey_id)
  ) STRICT;
  CREATE INDEX prekeys_available ON prekeys (agent_id, valid_to, prekey_id) WHERE kind = 1 AND state = 0;
  CREATE INDEX prekeys_in_batch ON prekeys (agent_id, state) WHERE state < 2;

  -- kind: as in the mailbox page. bytes are gone, and acknowledged_at is there, once the owner has acknowledged.
  CREATE TABLE items (
    seq INTEGER PRIMARY KEY,
    mailbox BLOB NOT NULL,
    envelope_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    depositor BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    acknowledged_at INTEGER,
    bytes BLOB,
    UNIQUE (mailbox, envelope_id)
  ) STRICT;
  CREATE INDEX items_pending ON items (mailbox, seq) WHERE acknowledged_at IS NULL;
  CREATE INDEX items_in_slots ON items (mailbox, kind, depositor) WHERE acknowledged_at IS NULL AND kind > 1;
  CREATE INDEX items_by_expiry ON items (expires_at);

  -- what the pending messages of a mailbox come to
  CREATE TABLE mailbox_usage (
    mailbox BLOB NOT NULL PRIMARY KEY,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE agents ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;

  -- of the log head in the batch: until here no log had more than its inception
  ALTER TABLE batches ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;

  -- events that do not stand: cut off by a recovery event (kind 0), or second to the same place (kind 1)
  CREATE TABLE evidence (
    agent_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    wire BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, hash)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- by the server's clock; of events that came before this column: long ago
  ALTER TABLE events ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
  `,
];
