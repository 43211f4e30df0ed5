-- +goose Up
-- What people asked to be left as it is. A freeze that has ended stays: it is part of what happened.
CREATE TABLE freezes (
  id       TEXT PRIMARY KEY REFERENCES requests (id),
  freeze   TEXT NOT NULL,
  until    INTEGER NOT NULL,
  ended_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX freezes_open ON freezes (until) WHERE ended_at = 0;
