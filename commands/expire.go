package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Expire ends a request that nobody approved in time. It is the expire job: again is how long to wait, 0 when it is done.
func (d *Dispatcher) Expire(ctx context.Context, id string) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return 0, err
	}
	if r.Status != algesta.Pending {
		return 0, nil
	}
	if left := time.Until(r.ExpiresAt); left > 0 {
		return left, nil
	}
	note := "expired: nobody approved within " + words.Span(r.ExpiresAt.Sub(r.CreatedAt)) + ". Nothing was changed."
	if len(r.DecidedBy) > 0 {
		note = "expired: not everyone approved within " + words.Span(r.ExpiresAt.Sub(r.CreatedAt)) + ". Nothing was changed."
	}
	_, err = d.step(ctx, step{id: id, from: []algesta.Status{algesta.Pending}, to: algesta.Expired, note: note})
	return 0, err
}

// expireSilently ends a request that nobody approved in time and whose end can't be posted, because building the message panics: nobody can
// approve it any more, and the same could not be asked for while it waits.
func (d *Dispatcher) expireSilently(ctx context.Context, r algesta.Request) error {
	if time.Now().Before(r.ExpiresAt) {
		return fmt.Errorf("request %s has not expired yet", r.ID)
	}
	return d.Store.Update(ctx, func(tx Tx) error {
		now, moved, err := tx.Move(
			algesta.Move{ID: r.ID, From: []algesta.Status{algesta.Pending}, To: algesta.Expired, Note: "expired. Nothing was changed."},
		)
		if err != nil || !moved {
			return err
		}
		return tx.Append(step{to: algesta.Expired}.entry(now))
	})
}
