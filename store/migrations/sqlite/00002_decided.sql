-- +goose Up
-- When those who decided did so: updated_at moves on with the request.
ALTER TABLE requests ADD COLUMN decided_at INTEGER NOT NULL DEFAULT 0;
