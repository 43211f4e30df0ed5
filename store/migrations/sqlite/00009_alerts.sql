-- +goose Up
-- What somebody else's monitoring says, the last of each alert. body is the alert as JSON.
CREATE TABLE alerts (
  id      TEXT PRIMARY KEY,
  body    TEXT NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_seen ON alerts (seen_at);
