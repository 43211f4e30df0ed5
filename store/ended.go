package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Ended are the requests that ended last, the last one first, most at most.
func (s *Store) Ended(ctx context.Context, most int) ([]algesta.Request, error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status NOT IN ('pending', 'approved', 'executing', 'applied', 'unknown') ORDER BY updated_at DESC, id DESC LIMIT ?`, most)
	if err != nil {
		return nil, fmt.Errorf("reading the requests that ended: %w", err)
	}
	return all, nil
}
