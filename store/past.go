package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Carried are the requests whose change the bot saw in the object and that have ended, the last one first, most at most. A change that
// counts as done by someone's word alone (it was in doubt) was not watched, so it says nothing about how it came up.
func (s *Store) Carried(ctx context.Context, o algesta.Object, most int) ([]algesta.Request, error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status IN ('succeeded', 'failed', 'timed out', 'superseded')
		AND id IN (SELECT request FROM executions WHERE object = ? AND state = 'confirmed' AND applied_at > 0)
		ORDER BY updated_at DESC, id DESC LIMIT ?`, o.String(), most)
	if err != nil {
		return nil, fmt.Errorf("reading what was changed of %s: %w", o, err)
	}
	return all, nil
}

// LastChange is the request whose change was begun last of those that wrote to the object, or were asked for about it and wrote to another,
// such as its autoscaler. Their change is in the cluster, or may be; it has ended, or is still being followed. A change by someone's word
// counts, and a freeze doesn't: it changes nothing of the object.
func (s *Store) LastChange(ctx context.Context, o algesta.Object) (r algesta.Request, found bool, err error) {
	all, err := list(
		ctx,
		s.read,
		scanRequest,
		`SELECT `+requestColumns+` FROM requests JOIN (SELECT request, MAX(started_at) AS begun FROM executions
		WHERE state IN ('intended', 'confirmed', 'unknown')
		AND (object = ?1 OR api_group <> ?2 AND request IN (SELECT id FROM requests WHERE requests.object = ?1))
		GROUP BY request) ON request = requests.id ORDER BY begun DESC, id DESC LIMIT 1`,
		o.String(), algesta.FreezeGroup,
	)
	if err != nil {
		return algesta.Request{}, false, fmt.Errorf("reading what was changed last of %s: %w", o, err)
	}
	if len(all) == 0 {
		return algesta.Request{}, false, nil
	}
	return all[0], true, nil
}
