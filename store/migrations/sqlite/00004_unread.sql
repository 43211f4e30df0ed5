-- +goose Up
-- Nobody reads these: when an envelope came is in the envelope, and nothing was ever kept in meta.
ALTER TABLE inbox DROP COLUMN received_at;
DROP TABLE meta;
