-- +goose Up
-- The answers that people follow, one row each. body is the answer as JSON; one that has ended is forgotten with its messages.
CREATE TABLE live_answers (
  id       TEXT PRIMARY KEY,
  body     TEXT NOT NULL,
  version  INTEGER NOT NULL,
  ended_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX live_answers_open ON live_answers (id) WHERE ended_at = 0;
