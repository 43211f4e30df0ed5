-- +goose Up
-- One incident of a cause is open in each channel, and its key ends with that. Those that were stored before have keys of four slashes. Where
-- one is open in its channel a second time, the older row is part of the newer one: nobody could store it again.
UPDATE incidents AS old SET state = 'merged', body = json_set(old.body, '$.state', 'merged', '$.mergedInto', newer.id,
  '$.resolvedAt', strftime('%Y-%m-%dT%H:%M:%SZ', newer.opened_at / 1000, 'unixepoch'))
FROM incidents AS newer
WHERE old.state = 'open' AND length(old.key) - length(replace(old.key, '/', '')) = 4
  AND newer.state = 'open' AND newer.key = old.key || '/' || json_extract(old.body, '$.channel');
UPDATE incidents SET key = key || '/' || json_extract(body, '$.channel') WHERE length(key) - length(replace(key, '/', '')) = 4;
