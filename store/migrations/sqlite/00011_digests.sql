-- +goose Up
-- What was filled into a dialog, hashed without its secrets: the same dialog sent again may say something else.
ALTER TABLE inbox ADD COLUMN digest TEXT NOT NULL DEFAULT '';
