package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/3astronautas/algesta"
)

// incidentColumns are read by scanIncident, in this order.
const incidentColumns = `body, version`

func scanIncident(row scanner) (i algesta.Incident, err error) {
	var body string
	var version int64
	if err = row.Scan(&body, &version); err != nil {
		return i, err
	}
	err = decode(body, &i)
	i.Version = version
	return i, err
}

// causeOf is what one open incident is of: a cause and the channel that it's posted in.
func causeOf(i algesta.Incident) string { return i.Key.String() + "/" + i.Channel }

// SaveIncident stores an incident that is new (its Version is 0), or its new content where its Version is still that of the store. saved is
// false where someone else was quicker: another content is stored, another incident of the same cause is open in its channel, or another
// has its ID.
func (t *Tx) SaveIncident(i algesta.Incident) (saved bool, err error) {
	body, err := encode(i)
	if err != nil {
		return false, fmt.Errorf("storing incident %s: %w", i.ID, err)
	}
	now := ms(time.Now())
	var n int64
	if i.Version == 0 {
		n, err = t.change("storing incident "+i.ID, `INSERT INTO incidents (id, key, state, body, version, opened_at, updated_at)
			VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING`, i.ID, causeOf(i), i.State, body, ms(i.OpenedAt), now)
		return n == 1, err
	}
	n, err = t.change("storing incident "+i.ID, `UPDATE OR IGNORE incidents SET key = ?, state = ?, body = ?, version = version + 1,
		updated_at = ? WHERE id = ? AND version = ?`, causeOf(i), i.State, body, now, i.ID, i.Version)
	return n == 1, err
}

// AppendIncident adds a line to what happened to an incident.
func (t *Tx) AppendIncident(e algesta.IncidentEvent) error {
	return t.exec("adding to incident "+e.Incident, `INSERT INTO incident_events (incident, at, kind, says) VALUES (?, ?, ?, ?)`,
		e.Incident, ms(e.At), e.Kind, e.Says)
}

// Incidents are the open ones and those that something happened to since then, the last one first, most at most.
func (s *Store) Incidents(ctx context.Context, since time.Time, most int) ([]algesta.Incident, error) {
	all, err := list(ctx, s.read, scanIncident, `SELECT `+incidentColumns+` FROM incidents WHERE state = 'open' OR updated_at >= ?
		ORDER BY state = 'open' DESC, updated_at DESC, id LIMIT ?`, ms(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading the incidents: %w", err)
	}
	return all, nil
}

// Incident is the incident with this ID; found is false where there is none.
func (s *Store) Incident(ctx context.Context, id string) (i algesta.Incident, found bool, err error) {
	i, err = scanIncident(s.read.row(ctx, `SELECT `+incidentColumns+` FROM incidents WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return algesta.Incident{}, false, nil
	}
	if err != nil {
		return algesta.Incident{}, false, fmt.Errorf("reading incident %s: %w", id, err)
	}
	return i, true, nil
}

// IncidentEvents are what happened to an incident, oldest first.
func (s *Store) IncidentEvents(ctx context.Context, id string) ([]algesta.IncidentEvent, error) {
	all, err := list(ctx, s.read, func(row scanner) (e algesta.IncidentEvent, err error) {
		var at int64
		err = row.Scan(&e.Incident, &at, &e.Kind, &e.Says)
		e.At = moment(at)
		return e, err
	}, `SELECT incident, at, kind, says FROM incident_events WHERE incident = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("reading what happened to incident %s: %w", id, err)
	}
	return all, nil
}

// SaveAlert stores the latest state of an alert.
func (t *Tx) SaveAlert(a algesta.Alert) error {
	body, err := encode(a)
	if err != nil {
		return fmt.Errorf("storing an alert: %w", err)
	}
	return t.exec("storing an alert", `INSERT INTO alerts (id, body, seen_at) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, seen_at = excluded.seen_at`, a.ID, body, ms(a.SeenAt))
}

// Alerts are those that were seen since then, most at most.
func (s *Store) Alerts(ctx context.Context, since time.Time, most int) ([]algesta.Alert, error) {
	all, err := list(ctx, s.read, func(row scanner) (a algesta.Alert, err error) {
		var body string
		if err = row.Scan(&body); err != nil {
			return a, err
		}
		return a, decode(body, &a)
	}, `SELECT body FROM alerts WHERE seen_at >= ? ORDER BY seen_at DESC, id LIMIT ?`, ms(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading the alerts: %w", err)
	}
	return all, nil
}
