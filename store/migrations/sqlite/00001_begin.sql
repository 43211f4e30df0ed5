-- +goose Up
-- All times are milliseconds since 1970 in UTC; 0 is "no time".

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- What arrived. The envelope goes when it is answered; the key stays, so that a redelivery is known.
CREATE TABLE inbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  key         TEXT NOT NULL UNIQUE,
  envelope    TEXT,
  received_at INTEGER NOT NULL,
  done_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX inbox_open ON inbox (id) WHERE done_at = 0;
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at <> 0;

CREATE TABLE requests (
  id          TEXT PRIMARY KEY,
  key         TEXT UNIQUE,
  workload    TEXT NOT NULL,
  command     TEXT NOT NULL,
  plan        TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  needs       TEXT NOT NULL,
  status      TEXT NOT NULL,
  version     INTEGER NOT NULL,
  previous    TEXT NOT NULL,
  decided_by  TEXT NOT NULL,
  note        TEXT NOT NULL,
  expires_at  INTEGER NOT NULL,
  start_by    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_alive ON requests (status, workload)
  WHERE status IN ('pending', 'approved', 'executing', 'applied', 'unknown');

CREATE TABLE approvals (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  request     TEXT NOT NULL REFERENCES requests (id),
  person      TEXT NOT NULL,
  approver    TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  reason      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  UNIQUE (request, person)
) STRICT;

CREATE TABLE executions (
  request            TEXT PRIMARY KEY REFERENCES requests (id),
  operation          TEXT NOT NULL UNIQUE,
  workload           TEXT NOT NULL,
  cluster            TEXT NOT NULL,
  namespace          TEXT NOT NULL,
  name               TEXT NOT NULL,
  uid                TEXT NOT NULL,
  resource_version   TEXT NOT NULL,
  generation         INTEGER NOT NULL,
  patch_hash         TEXT NOT NULL,
  state              TEXT NOT NULL,
  attempts           INTEGER NOT NULL,
  applied_version    TEXT NOT NULL,
  applied_generation INTEGER NOT NULL,
  started_at         INTEGER NOT NULL,
  applied_at         INTEGER NOT NULL,
  deadline           INTEGER NOT NULL,
  before             BLOB,
  watch              BLOB
) STRICT;
-- At most one write that may or may not be in the cluster, per workload (design.md, decision 3).
CREATE UNIQUE INDEX executions_one_per_workload ON executions (workload) WHERE state IN ('intended', 'unknown');

-- Every message of every command, the cards too: docs/adr/store-one-outbox.md.
CREATE TABLE posts (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  command  TEXT NOT NULL,
  kind     TEXT NOT NULL,
  lane     TEXT NOT NULL,
  threaded INTEGER NOT NULL,
  final    INTEGER NOT NULL,
  post     TEXT NOT NULL,
  rev      INTEGER NOT NULL,
  sent_rev INTEGER NOT NULL DEFAULT 0,
  ts       TEXT NOT NULL DEFAULT '',
  tried    INTEGER NOT NULL DEFAULT 0,
  tries    INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER NOT NULL DEFAULT 0,
  since    INTEGER NOT NULL,
  sent_at  INTEGER NOT NULL DEFAULT 0,
  lost     TEXT NOT NULL DEFAULT '',
  UNIQUE (command, kind)
) STRICT;
CREATE INDEX posts_owed ON posts (since, id) WHERE rev > sent_rev;
CREATE INDEX posts_owed_in_lane ON posts (lane, id) WHERE rev > sent_rev;
CREATE INDEX posts_retry ON posts (retry_at) WHERE rev > sent_rev;
CREATE INDEX posts_sent ON posts (sent_at) WHERE sent_at <> 0;

CREATE TABLE offers (
  id         TEXT PRIMARY KEY,
  offer      TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX offers_expiry ON offers (expires_at);

-- Which River job rings for which work. turn grows whenever it is scheduled again.
CREATE TABLE jobs (
  kind    TEXT NOT NULL,
  request TEXT NOT NULL,
  at      INTEGER NOT NULL,
  turn    INTEGER NOT NULL,
  river   INTEGER NOT NULL,
  PRIMARY KEY (kind, request)
) STRICT;

CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  request TEXT NOT NULL,
  kind    TEXT NOT NULL,
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL,
  data    TEXT NOT NULL,
  prev    TEXT NOT NULL,
  hash    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_request ON audit (request);
-- The end of the chain: without it nobody would notice that the last lines were cut off.
CREATE TABLE audit_head (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  seq  INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '');

-- +goose StatementBegin
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- +goose StatementEnd
