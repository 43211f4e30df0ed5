package store

import (
	"context"
	"fmt"
	"time"
)

// pruneAtOnce is how many rows go in one transaction, so that no envelope waits for long.
const pruneAtOnce = 500

// prunes say what goes after a time, each as: which table, and which of its rows.
var prunes = []struct{ table, rows string }{
	{"inbox", `done_at <> 0 AND done_at < ?`},
	{"offers", `expires_at < ?`},
	{"alerts", `seen_at < ?`},
	{"live_answers", `ended_at <> 0 AND ended_at < ?`},
	// A message of a request that has not ended, or of an open incident, will be edited; what is owed is never forgotten.
	{"posts", `sent_at <> 0 AND sent_at < ? AND rev <= sent_rev AND command NOT IN (
		SELECT id FROM requests WHERE status IN ('pending', 'approved', 'executing', 'applied', 'unknown')
		UNION ALL SELECT id FROM incidents WHERE state = 'open')`},
	{"river_job", `state IN ('completed', 'cancelled', 'discarded')
		AND finalized_at < strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0, 'unixepoch')`},
}

// Prune forgets what was answered, sent, finished or expired before the given time, and says how many rows went. Requests, approvals,
// executions, incidents and the audit stay. It is to be called about once an hour; Slack delivers again for minutes, so a day is a safe
// age.
func (s *Store) Prune(ctx context.Context, before time.Time) (gone int64, err error) {
	for _, p := range prunes {
		query := `DELETE FROM ` + p.table + ` WHERE id IN (SELECT id FROM ` + p.table + ` WHERE ` + p.rows + ` LIMIT ?)`
		for more := true; more; {
			err := s.Update(ctx, func(t *Tx) error {
				n, err := t.change("pruning "+p.table, query, ms(before), pruneAtOnce)
				gone, more = gone+n, n == pruneAtOnce
				return err
			})
			if err != nil {
				return gone, fmt.Errorf("pruning the store: %w", err)
			}
		}
	}
	return gone, s.truncate(ctx)
}
