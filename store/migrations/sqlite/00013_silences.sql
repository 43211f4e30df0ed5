-- +goose Up
-- Of which incidents nobody is to be told for a while. A silence that has ended stays: it is part of what happened.
CREATE TABLE silences (
  id       TEXT PRIMARY KEY REFERENCES requests (id),
  silence  TEXT NOT NULL,
  until    INTEGER NOT NULL,
  ended_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX silences_open ON silences (until) WHERE ended_at = 0;

-- Channels that people made for an incident. body is what is told there, as JSON; over is 1 once nothing is any more.
CREATE TABLE incident_channels (
  id      TEXT PRIMARY KEY,
  channel TEXT NOT NULL UNIQUE,
  over    INTEGER NOT NULL DEFAULT 0,
  body    TEXT NOT NULL
) STRICT;
CREATE INDEX incident_channels_open ON incident_channels (id) WHERE over = 0;
