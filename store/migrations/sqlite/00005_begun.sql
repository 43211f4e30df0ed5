-- +goose Up
-- How often work that an earlier process left was begun again and never ended: it may be what ends the process.
ALTER TABLE jobs ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
