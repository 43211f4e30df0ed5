-- +goose Up
-- A change is about an object of any kind, and a plan may hold several: docs/adr/a-plan-may-hold-several-changes.md.
-- What was stored before is one patch of one Deployment for each request.
CREATE TABLE changes (
  request            TEXT NOT NULL REFERENCES requests (id),
  change             INTEGER NOT NULL, -- which of the plan's, from 0
  operation          TEXT NOT NULL UNIQUE,
  verb               TEXT NOT NULL,
  object             TEXT NOT NULL, -- the key of the five that follow
  cluster            TEXT NOT NULL,
  api_group          TEXT NOT NULL,
  kind               TEXT NOT NULL,
  namespace          TEXT NOT NULL,
  name               TEXT NOT NULL,
  uid                TEXT NOT NULL,
  resource_version   TEXT NOT NULL,
  generation         INTEGER NOT NULL,
  patch_hash         TEXT NOT NULL,
  state              TEXT NOT NULL,
  attempts           INTEGER NOT NULL,
  applied_version    TEXT NOT NULL,
  applied_generation INTEGER NOT NULL,
  started_at         INTEGER NOT NULL,
  applied_at         INTEGER NOT NULL,
  deadline           INTEGER NOT NULL,
  before             BLOB,
  watch              BLOB,
  PRIMARY KEY (request, change)
) STRICT;
INSERT INTO changes SELECT request, 0, operation, 'patch', cluster || '/apps/Deployment/' || namespace || '/' || name, cluster, 'apps',
  'Deployment', namespace, name, uid, resource_version, generation, patch_hash, state, attempts, applied_version, applied_generation,
  started_at, applied_at, deadline, before, watch FROM executions;
DROP TABLE executions;
ALTER TABLE changes RENAME TO executions;
-- At most one write that may or may not be in the cluster, per object (design.md, decision 3).
CREATE UNIQUE INDEX executions_one_per_object ON executions (object) WHERE state IN ('intended', 'unknown');
CREATE INDEX executions_object ON executions (object);

ALTER TABLE requests RENAME COLUMN workload TO object;
UPDATE requests SET object = COALESCE(json_extract(command, '$.target.cluster'), '') || '/apps/Deployment/' ||
  COALESCE(json_extract(command, '$.target.namespace'), '') || '/' || COALESCE(json_extract(command, '$.target.name'), '');
UPDATE requests SET plan = json_set(plan, '$.changes', json((
  SELECT json_group_array(json_remove(json_set(c.value, '$.version', 'v1', '$.object', json_object(
    'cluster', json_extract(c.value, '$.workload.cluster'), 'group', 'apps', 'kind', 'Deployment',
    'namespace', json_extract(c.value, '$.workload.namespace'), 'name', json_extract(c.value, '$.workload.name'))), '$.workload'))
  FROM json_each(plan, '$.changes') c)))
WHERE json_type(plan, '$.changes') = 'array';
