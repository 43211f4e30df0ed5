-- +goose Up
-- How many processes found the row open at their start: one that kills the process would be replayed at every start.
ALTER TABLE inbox ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
