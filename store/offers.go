package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
)

// Offer stores a command that a button proposes; ErrTaken when there is one with this ID.
func (t *Tx) Offer(o algesta.Offer) error {
	text, err := encode(o)
	if err != nil {
		return fmt.Errorf("storing offer %s: %w", o.ID, err)
	}
	n, err := t.change("storing offer "+o.ID, `INSERT INTO offers (id, offer, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		o.ID, text, ms(o.ExpiresAt))
	if err == nil && n == 0 {
		return taken(o.ID)
	}
	return err
}

// Use notes which request a click on an offer opened, once, and hides its button: by is the request that an earlier click opened, "" when
// this one was first.
func (t *Tx) Use(offer, request string) (by string, err error) {
	var text string
	if err := t.row(`SELECT offer FROM offers WHERE id = ?`, offer).Scan(&text); err != nil {
		return "", fmt.Errorf("reading offer %s: %w", offer, err)
	}
	var o algesta.Offer
	if err := decode(text, &o); err != nil {
		return "", fmt.Errorf("reading offer %s: %w", offer, err)
	}
	if o.Request == "" {
		if err := t.setUser(o, request); err != nil {
			return "", err
		}
	}
	return o.Request, t.showButton(offer, false)
}

// setUser notes which request an offer was used for, "" for none.
func (t *Tx) setUser(o algesta.Offer, request string) error {
	o.Request = request
	text, err := encode(o)
	if err != nil {
		return fmt.Errorf("using offer %s: %w", o.ID, err)
	}
	return t.exec("using offer "+o.ID, `UPDATE offers SET offer = ? WHERE id = ?`, text, o.ID)
}

// Release gives the offers that were used for a request of which nothing was written to the request that replaced it, or, where next is
// "", back to their buttons, unless their target was changed after these were shown.
func (t *Tx) Release(request, next string) error {
	used, err := list(t.ctx, t, scanOffer, `SELECT offer FROM offers WHERE json_extract(offer, '$.request') = ?1
		AND NOT EXISTS (SELECT 1 FROM executions WHERE request = ?1 AND state IN ('intended', 'confirmed', 'unknown'))`, request)
	if err != nil {
		return fmt.Errorf("looking for the offer that %s used: %w", request, err)
	}
	for _, o := range used {
		if err := t.setUser(o, next); err != nil {
			return err
		}
		if next != "" || time.Now().After(o.ExpiresAt) {
			continue
		}
		later, err := t.changedSince(o)
		if err != nil {
			return err
		}
		if later { // it would take back more than it says
			continue
		}
		if err := t.showButton(o.ID, true); err != nil {
			return err
		}
	}
	return nil
}

// changedSince reports whether a write was begun after an offer was made that is there, or may be: of what it is about, for a command
// about that, or of what the request wrote that it takes back. A freeze of what it's about changes nothing of that.
func (t *Tx) changedSince(o algesta.Offer) (yes bool, err error) {
	about := o.Target.Workload()
	if about.Name == "" { // it's about an object of its own, which the request wrote
		about = algesta.Object{}
	}
	err = t.row(
		`SELECT EXISTS (SELECT 1 FROM executions WHERE state IN ('intended', 'confirmed', 'unknown') AND started_at > ?2 AND (object = ?1
		OR api_group <> ?4 AND request IN (SELECT id FROM requests WHERE requests.object = ?1)
		OR object IN (SELECT object FROM executions WHERE request = ?3)))`,
		about.String(), ms(o.MadeAt), o.Args.String("undoes"), algesta.FreezeGroup,
	).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("looking for changes after the offer %s: %w", o.ID, err)
	}
	return yes, nil
}

// Offer is the offer with this ID, also when it has expired: ExpiresAt says so.
func (s *Store) Offer(ctx context.Context, id string) (o algesta.Offer, found bool, err error) {
	var text string
	err = s.read.row(ctx, `SELECT offer FROM offers WHERE id = ?`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return algesta.Offer{}, false, nil
	}
	if err == nil {
		err = decode(text, &o)
	}
	if err != nil {
		return algesta.Offer{}, false, fmt.Errorf("reading offer %s: %w", id, err)
	}
	return o, true, nil
}

// UndoOf is the newest offer to undo a request.
func (s *Store) UndoOf(ctx context.Context, request string) (o algesta.Offer, found bool, err error) {
	all, err := list(ctx, s.read, scanOffer,
		`SELECT offer FROM offers WHERE json_extract(offer, '$.args.undoes') = ? ORDER BY expires_at DESC LIMIT 1`, request)
	if err != nil {
		return algesta.Offer{}, false, fmt.Errorf("looking for the offer to undo %s: %w", request, err)
	}
	if len(all) == 0 {
		return algesta.Offer{}, false, nil
	}
	return all[0], true, nil
}

func scanOffer(row scanner) (o algesta.Offer, err error) {
	var text string
	if err = row.Scan(&text); err != nil {
		return o, err
	}
	return o, decode(text, &o)
}
