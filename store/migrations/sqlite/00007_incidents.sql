-- +goose Up
-- What goes wrong in the clusters, one row for each cause that was told. body is the incident as JSON.
CREATE TABLE incidents (
  id         TEXT PRIMARY KEY,
  key        TEXT NOT NULL,
  state      TEXT NOT NULL,
  body       TEXT NOT NULL,
  version    INTEGER NOT NULL,
  opened_at  INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
-- One open incident for each cause, whoever saw it first.
CREATE UNIQUE INDEX incidents_one_per_cause ON incidents (key) WHERE state = 'open';
CREATE INDEX incidents_recent ON incidents (updated_at);

CREATE TABLE incident_events (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL REFERENCES incidents (id),
  at       INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  says     TEXT NOT NULL
) STRICT;
CREATE INDEX incident_events_of ON incident_events (incident, id);
