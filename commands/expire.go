package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
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
	note := "expired: nobody approved within " + span(r.ExpiresAt.Sub(r.CreatedAt)) + ". Nothing was changed."
	if len(r.DecidedBy) > 0 {
		note = "expired: not everybody approved within " + span(r.ExpiresAt.Sub(r.CreatedAt)) + ". Nothing was changed."
	}
	return 0, d.end(ctx, id, []algesta.Status{algesta.Pending}, algesta.Expired, note, algesta.Neutral)
}

// end moves a request to an end and says so everywhere. Where somebody was quicker it does nothing.
func (d *Dispatcher) end(ctx context.Context, id string, from []algesta.Status, to algesta.Status, note string, tone algesta.Tone) error {
	defer d.forget(id)
	return d.Store.Update(ctx, func(tx Tx) error {
		_, err := d.endIn(tx, id, from, to, note, tone)
		return err
	})
}

func (d *Dispatcher) endIn(tx Tx, id string, from []algesta.Status, to algesta.Status, note string, tone algesta.Tone) (moved bool, err error) {
	r, moved, err := tx.Move(algesta.Move{ID: id, From: from, To: to, Note: note})
	if err != nil || !moved {
		return false, err
	}
	if err := tx.Append(algesta.Entry{Request: id, Kind: string(to), At: time.Now(), Data: algesta.Args{"note": note}}); err != nil {
		return false, err
	}
	return true, d.close(tx, r, tone)
}
