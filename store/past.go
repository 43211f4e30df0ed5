package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Carried are the requests whose change is, or was, in the workload and that have ended, the last one first, most at most.
func (s *Store) Carried(ctx context.Context, w algesta.Workload, most int) ([]algesta.Request, error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE workload = ? AND status IN ('succeeded', 'failed', 'timed out', 'superseded')
		AND EXISTS (SELECT 1 FROM executions WHERE executions.request = requests.id AND executions.state = 'confirmed')
		ORDER BY updated_at DESC, id DESC LIMIT ?`, w.String(), most)
	if err != nil {
		return nil, fmt.Errorf("reading what was changed of %s: %w", w, err)
	}
	return all, nil
}
