package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
)

// requestColumns are read by scanRequest, in this order.
const requestColumns = `id, COALESCE(key, ''), command, plan, fingerprint, needs, status, version, previous, decided_by, note,
	expires_at, start_by, created_at, updated_at, decided_at, glass`

// scanner is a row of a query.
type scanner interface{ Scan(dest ...any) error }

func scanRequest(row scanner) (r algesta.Request, err error) {
	var command, plan, needs, decidedBy, glass string
	var expiresAt, startBy, createdAt, updatedAt, decidedAt int64
	err = row.Scan(&r.ID, &r.Key, &command, &plan, &r.Fingerprint, &needs, &r.Status, &r.Version, &r.Previous, &decidedBy, &r.Note,
		&expiresAt, &startBy, &createdAt, &updatedAt, &decidedAt, &glass)
	if err != nil {
		return algesta.Request{}, err
	}
	r.ExpiresAt, r.StartBy, r.CreatedAt, r.UpdatedAt = moment(expiresAt), moment(startBy), moment(createdAt), moment(updatedAt)
	r.DecidedAt = moment(decidedAt)
	if decidedAt == 0 && len(decidedBy) > len("null") { // stored by a version that had no such time
		r.DecidedAt = r.UpdatedAt
	}
	if glass == "" { // as most have it
		glass = "null"
	}
	err = errors.Join(
		decode(glass, &r.Glass), decode(command, &r.Command), decode(plan, &r.Plan), decode(needs, &r.Needs), decode(decidedBy, &r.DecidedBy),
	)
	if err != nil {
		return algesta.Request{}, err
	}
	return r, nil
}

// Create stores a new request as it is given: the caller has redacted its plan. ErrStale when a request
// with its Key is there: what asks was handled before. ErrTaken when another request has its ID. An empty Key is never there.
func (t *Tx) Create(r algesta.Request) error {
	command, err1 := encode(r.Command)
	plan, err2 := encode(r.Plan)
	needs, err3 := encode(r.Needs)
	decidedBy, err4 := encode(r.DecidedBy)
	glass, err5 := encode(r.Glass)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return fmt.Errorf("storing request %s: %w", r.ID, err)
	}
	n, err := t.change("storing request "+r.ID, `INSERT INTO requests (id, key, object, command, plan, fingerprint, needs, status, version,
		previous, decided_by, note, expires_at, start_by, created_at, updated_at, decided_at, glass)
		VALUES (?, NULLIF(?, ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		r.ID, r.Key, r.Command.Target.Workload().String(), command, plan, r.Fingerprint, needs, r.Status, r.Version,
		r.Previous, decidedBy, r.Note, ms(r.ExpiresAt), ms(r.StartBy), ms(r.CreatedAt), ms(r.UpdatedAt), ms(r.DecidedAt), glass)
	if err != nil || n == 1 {
		return err
	}
	var before string
	switch err := t.row(`SELECT id FROM requests WHERE key = NULLIF(?, '')`, r.Key).Scan(&before); {
	case errors.Is(err, sql.ErrNoRows):
		return taken(r.ID)
	case err != nil:
		return fmt.Errorf("looking for the request of %s: %w", r.Key, err)
	}
	return &algesta.Error{Kind: algesta.ErrStale, Message: algesta.Say("This was asked for already, as {}.", algesta.Name(before))}
}

// Request is the request with this ID; ErrUnknownName when there is none. Times come back in UTC, whole milliseconds.
func (s *Store) Request(ctx context.Context, id string) (algesta.Request, error) {
	return oneRequest(s.read.row(ctx, `SELECT `+requestColumns+` FROM requests WHERE id = ?`, id), id)
}

// Locked is the request, held until the transaction ends: nobody else writes meanwhile. ErrUnknownName when there is none.
func (t *Tx) Locked(id string) (algesta.Request, error) {
	return oneRequest(t.row(`SELECT `+requestColumns+` FROM requests WHERE id = ?`, id), id)
}

func oneRequest(row scanner, id string) (algesta.Request, error) {
	r, err := scanRequest(row)
	if errors.Is(err, sql.ErrNoRows) {
		return algesta.Request{}, unknownName(id)
	}
	if err != nil {
		return algesta.Request{}, fmt.Errorf("reading request %s: %w", id, err)
	}
	return r, nil
}

// Move changes the status if it is one of m.From. r is the request afterwards; moved is false when it had another status, and
// then nothing changed. ErrUnknownName when there is no such request. A request that leaves Pending needs no expiry job
// any more, and nobody is asked or reminded. Of one that is neither being written nor in doubt, what is planned isn't done any more.
func (t *Tx) Move(m algesta.Move) (r algesta.Request, moved bool, err error) {
	if r, err = t.Locked(m.ID); err != nil {
		return algesta.Request{}, false, err
	}
	for _, from := range m.From {
		moved = moved || r.Status == from
	}
	if !moved {
		return r, false, nil
	}
	before := r.Status
	r.Status, r.Version, r.UpdatedAt = m.To, r.Version+1, moment(ms(time.Now()))
	if m.By != nil {
		r.DecidedBy, r.DecidedAt = m.By, time.Time{}
		if len(m.By) > 0 {
			r.DecidedAt = r.UpdatedAt
		}
	}
	if m.Note != "" {
		r.Note = m.Note
	}
	if !m.StartBy.IsZero() {
		r.StartBy = moment(ms(m.StartBy))
	}
	decidedBy, err := encode(r.DecidedBy)
	if err != nil {
		return algesta.Request{}, false, fmt.Errorf("moving request %s: %w", m.ID, err)
	}
	// The condition repeats what was just read, so that this stays right on a database with several writers.
	n, err := t.change(
		"moving request "+m.ID,
		`UPDATE requests SET status = ?, version = ?, decided_by = ?, note = ?, start_by = ?, updated_at = ?,
		decided_at = ? WHERE id = ? AND status = ?`,
		r.Status,
		r.Version,
		decidedBy,
		r.Note,
		ms(r.StartBy),
		ms(r.UpdatedAt),
		ms(r.DecidedAt),
		r.ID,
		before,
	)
	if err != nil {
		return algesta.Request{}, false, err
	}
	if n == 0 {
		r, err = t.Locked(m.ID)
		return r, false, err
	}
	if m.To != algesta.Executing && m.To != algesta.Unknown {
		if err := t.drop(m.ID); err != nil {
			return r, true, err
		}
	}
	if m.To != algesta.Pending {
		for _, kind := range []algesta.JobKind{algesta.ExpireJob, algesta.AskJob, algesta.RemindJob} {
			if err := t.unschedule(kind, m.ID); err != nil {
				return r, true, err
			}
		}
	}
	return r, true, nil
}

// Approve stores one person's yes; fresh is false when they had said so before, and then nothing changed.
func (t *Tx) Approve(a algesta.Approval) (fresh bool, err error) {
	approver, err := encode(a.Approver)
	if err != nil {
		return false, fmt.Errorf("storing an approval of %s: %w", a.Request, err)
	}
	n, err := t.change("storing an approval of "+a.Request, `INSERT INTO approvals (request, person, approver, fingerprint, reason, at)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (request, person) DO NOTHING`,
		a.Request, a.Approver.ID.String(), approver, a.Fingerprint, a.Reason, ms(a.At))
	return n == 1, err
}

// Approvals are those of the request, oldest first.
func (t *Tx) Approvals(request string) ([]algesta.Approval, error) {
	return approvals(t.ctx, t, request)
}

// Approvals are those of the request, oldest first.
func (s *Store) Approvals(ctx context.Context, request string) ([]algesta.Approval, error) {
	return approvals(ctx, s.read, request)
}

// queryer is a pool or a transaction.
type queryer interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func approvals(ctx context.Context, q queryer, request string) ([]algesta.Approval, error) {
	all, err := list(ctx, q, func(row scanner) (a algesta.Approval, err error) {
		var approver string
		var at int64
		if err = row.Scan(&a.Request, &approver, &a.Fingerprint, &a.Reason, &at); err != nil {
			return a, err
		}
		a.At = moment(at)
		return a, decode(approver, &a.Approver)
	}, `SELECT request, approver, fingerprint, reason, at FROM approvals WHERE request = ? ORDER BY id`, request)
	if err != nil {
		return nil, fmt.Errorf("reading the approvals of %s: %w", request, err)
	}
	return all, nil
}

// Followed are the requests that are Applied (still being followed) and about this object or wrote to it, oldest first, without except.
func (t *Tx) Followed(o algesta.Object, except string) ([]algesta.Request, error) {
	all, err := list(t.ctx, t, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status = 'applied' AND id <> ? AND (object = ? OR id IN (SELECT request FROM executions WHERE object = ?))
		ORDER BY created_at, id`, except, o.String(), o.String())
	if err != nil {
		return nil, fmt.Errorf("reading what is followed on %s: %w", o, err)
	}
	return all, nil
}

// Unwritten are the requests about this object, or whose plans write to one of the others, whose writes are not all made yet, oldest first:
// they wait for an approval, for their turn or for the answer of the cluster.
func (t *Tx) Unwritten(o algesta.Object, writes []algesta.Object) ([]algesta.Request, error) {
	all, err := list(t.ctx, t, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status IN ('pending', 'approved', 'executing') ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("reading what is asked for about %s: %w", o, err)
	}
	return slices.DeleteFunc(all, func(r algesta.Request) bool { return r.Command.Target.Workload() != o && !writesTo(r, writes) }), nil
}

// writesTo reports whether the plan of a request writes to one of the objects.
func writesTo(r algesta.Request, objects []algesta.Object) bool {
	return slices.ContainsFunc(r.Plan.Changes, func(c algesta.Change) bool { return slices.Contains(objects, c.Object) })
}

// Waiting are the approved requests whose plans write to one of the objects, oldest first.
func (t *Tx) Waiting(objects []algesta.Object) ([]algesta.Request, error) {
	all, err := list(t.ctx, t, scanRequest, `SELECT `+requestColumns+` FROM requests WHERE status = 'approved' ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("reading what waits for its turn: %w", err)
	}
	return slices.DeleteFunc(all, func(r algesta.Request) bool { return !writesTo(r, objects) }), nil
}

// Alive are the requests that have not ended, oldest first: for `status`, metrics and the operator.
func (s *Store) Alive(ctx context.Context) ([]algesta.Request, error) {
	all, err := list(ctx, s.read, scanRequest, `SELECT `+requestColumns+` FROM requests
		WHERE status IN ('pending', 'approved', 'executing', 'applied', 'unknown') ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("reading the open requests: %w", err)
	}
	return all, nil
}

// list reads all rows of a query.
func list[T any](ctx context.Context, q queryer, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
