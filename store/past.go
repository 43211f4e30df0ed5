package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Carried are the requests whose change the bot saw in the workload and that have ended, the last one first, most at most. What is there by
// somebody's word alone (of a change in doubt) nobody watched, so it says nothing about how it came up.
func (s *Store) Carried(ctx context.Context, w algesta.Object, most int) ([]algesta.Request, error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE workload = ? AND status IN ('succeeded', 'failed', 'timed out', 'superseded')
		AND EXISTS (SELECT 1 FROM executions WHERE executions.request = requests.id AND executions.state = 'confirmed' AND executions.applied_at > 0)
		ORDER BY updated_at DESC, id DESC LIMIT ?`, w.String(), most)
	if err != nil {
		return nil, fmt.Errorf("reading what was changed of %s: %w", w, err)
	}
	return all, nil
}

// LastChange is the request whose change of the workload was begun last, of those whose change is in the cluster, whether it has ended or
// is still being followed. A change by somebody's word counts.
func (s *Store) LastChange(ctx context.Context, w algesta.Object) (r algesta.Request, found bool, err error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests JOIN (SELECT request, started_at FROM executions
		WHERE state = 'confirmed') ON request = requests.id WHERE workload = ? ORDER BY started_at DESC, id DESC LIMIT 1`, w.String())
	if err != nil {
		return algesta.Request{}, false, fmt.Errorf("reading what was changed last of %s: %w", w, err)
	}
	if len(all) == 0 {
		return algesta.Request{}, false, nil
	}
	return all[0], true, nil
}
