-- +goose Up
-- The glasses that people broke: what they may change without an approval for a while. One that has ended stays, as part of what happened.
CREATE TABLE glasses (
  id       TEXT PRIMARY KEY REFERENCES requests (id),
  glass    TEXT NOT NULL,
  ended_at INTEGER NOT NULL DEFAULT 0
) STRICT;
-- By which of them a request goes without an approval, as JSON; '' where it goes by none.
ALTER TABLE requests ADD COLUMN glass TEXT NOT NULL DEFAULT '';
