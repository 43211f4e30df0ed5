package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// undecided are the states in which a request keeps others away from the objects of its plan.
const undecided = `('planned', 'intended', 'unknown')`

// Intend records writes of one request, in the order of its plan: the one that is about to be sent and, at the first, those whose turn
// comes after it, as planned. blocker is the request that keeps one of their objects to itself, because one of its writes is planned,
// intended or doubtful, and then nothing was recorded; it is the request itself when a write of its own is doubtful.
// A second Intend of the same write, before its turn, after it certainly did not happen or before anyone knows, replaces the record
// and counts one attempt more; what Before and Watch hold is kept unless new ones are given. ErrStale when a write is
// confirmed: it happened, and must not happen again.
func (t *Tx) Intend(all ...algesta.Execution) (blocker string, err error) {
	if len(all) == 0 {
		return "", errors.New("recording the intent of nothing")
	}
	request, objects := all[0].Request, make([]algesta.Object, len(all))
	for i, e := range all {
		objects[i] = e.Object
	}
	slices.SortFunc(objects, func(a, b algesta.Object) int { return strings.Compare(a.String(), b.String()) })
	if blocker, err = blockerOf(t.row, objects, request); err != nil || blocker != "" {
		return blocker, err
	}
	switch err := t.row(`SELECT request FROM executions WHERE request = ? AND state = 'unknown'`, request).Scan(&blocker); {
	case err == nil:
		return blocker, nil
	case !errors.Is(err, sql.ErrNoRows):
		return "", fmt.Errorf("looking for doubts about %s: %w", request, err)
	}
	for _, e := range all {
		if err := t.intend(e); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (t *Tx) intend(e algesta.Execution) error {
	state := algesta.Intended
	attempts := 1
	if e.State == algesta.Planned {
		state, attempts = algesta.Planned, 0
	}
	o := e.Object
	n, err := t.change(
		"recording the intent of "+e.Request,
		`INSERT INTO executions (request, change, operation, verb, object, cluster, api_group,
		kind, namespace, name, uid, resource_version, generation, patch_hash, state, attempts, applied_version, applied_generation, started_at,
		applied_at, deadline, before, watch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?, 0, ?, ?, ?)
		ON CONFLICT (request, change) DO UPDATE SET operation = excluded.operation, verb = excluded.verb, object = excluded.object,
		cluster = excluded.cluster, api_group = excluded.api_group, kind = excluded.kind, namespace = excluded.namespace, name = excluded.name,
		uid = excluded.uid, resource_version = excluded.resource_version, generation = excluded.generation, patch_hash = excluded.patch_hash,
		state = excluded.state, attempts = attempts + excluded.attempts, started_at = excluded.started_at, deadline = excluded.deadline,
		before = COALESCE(excluded.before, before), watch = COALESCE(excluded.watch, watch)
		WHERE state IN ('planned', 'intended', 'not done')`,
		e.Request,
		e.Change,
		e.Operation,
		e.Verb,
		o.String(),
		o.Cluster,
		o.Group,
		o.Kind,
		o.Namespace,
		o.Name,
		e.UID,
		e.ResourceVersion,
		e.Generation,
		e.PatchHash,
		state,
		attempts,
		ms(e.StartedAt),
		ms(e.Deadline),
		e.Before,
		e.Watch,
	)
	if err == nil && n == 0 {
		return &algesta.Error{
			Kind:    algesta.ErrStale,
			Message: algesta.Say("{} is in the cluster already.", algesta.Name(e.Request)),
			Hint:    algesta.Say("Nothing is written a second time."),
		}
	}
	return err
}

// blockerOf is the request, other than this one, that keeps one of the objects to itself; "" where there is none.
func blockerOf(row func(string, ...any) *sql.Row, objects []algesta.Object, request string) (blocker string, err error) {
	for _, o := range objects {
		err = row(`SELECT e.request FROM executions e WHERE e.object = ? AND e.request <> ?
			AND EXISTS (SELECT 1 FROM executions u WHERE u.request = e.request AND u.state IN `+undecided+`)`, o.String(), request).Scan(&blocker)
		if err == nil {
			return blocker, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("looking for other writes to %s: %w", o, err)
		}
	}
	return "", nil
}

// Blocker is the request, other than this one, that keeps one of the objects to itself: one of its writes is planned, intended or doubtful.
// "" where there is none.
func (s *Store) Blocker(ctx context.Context, objects []algesta.Object, request string) (blocker string, err error) {
	return blockerOf(func(query string, args ...any) *sql.Row { return s.read.row(ctx, query, args...) }, objects, request)
}

// drop marks the planned changes of a request as not done: nothing is written for it any more, so it blocks nobody.
func (t *Tx) drop(request string) error {
	_, err := t.change(
		"dropping what is left of "+request,
		`UPDATE executions SET state = 'not done' WHERE request = ? AND state = 'planned'`,
		request,
	)
	return err
}

// Settle replaces the execution if its state is from; settled is false when it was not, and then nothing changed.
func (t *Tx) Settle(e algesta.Execution, from algesta.ExecutionState) (settled bool, err error) {
	n, err := t.change(
		"recording the outcome of "+e.Request,
		`UPDATE executions SET uid = ?, resource_version = ?, generation = ?, patch_hash = ?,
		state = ?, attempts = ?, applied_version = ?, applied_generation = ?, started_at = ?, applied_at = ?, deadline = ?, before = ?, watch = ?
		WHERE request = ? AND change = ? AND state = ?`,
		e.UID, e.ResourceVersion, e.Generation, e.PatchHash,
		e.State, e.Attempts, e.AppliedVersion, e.AppliedGeneration, ms(e.StartedAt), ms(e.AppliedAt), ms(e.Deadline), e.Before, e.Watch,
		e.Request, e.Change, from)
	return n == 1, err
}

// Watch is what Remember stored last for the request, nil where there is nothing.
func (t *Tx) Watch(request string) (watch []byte, err error) {
	err = t.row(`SELECT watch FROM executions WHERE request = ? AND change = 0`, request).Scan(&watch)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what the follow of %s remembers: %w", request, err)
	}
	return watch, nil
}

// Remember stores what the follower has to remember, in the first record of the request; it does not touch the state. ErrUnknownName when
// the request has no execution.
func (t *Tx) Remember(request string, watch []byte) error {
	n, err := t.change(
		"remembering the follow of "+request,
		`UPDATE executions SET watch = ? WHERE request = ? AND change = 0`,
		watch,
		request,
	)
	if err == nil && n == 0 {
		return unknownName(request)
	}
	return err
}

// Executions are the records of the request's writes, in the order of its plan; none where none was ever intended.
func (s *Store) Executions(ctx context.Context, request string) ([]algesta.Execution, error) {
	all, err := list(ctx, s.read, scanExecution, `SELECT request, change, operation, verb, cluster, api_group, kind, namespace, name, uid,
		resource_version, generation, patch_hash, state, attempts, applied_version, applied_generation, started_at, applied_at, deadline,
		before, watch FROM executions WHERE request = ? ORDER BY change`, request)
	if err != nil {
		return nil, fmt.Errorf("reading the executions of %s: %w", request, err)
	}
	return all, nil
}

func scanExecution(row scanner) (e algesta.Execution, err error) {
	var startedAt, appliedAt, deadline int64
	err = row.Scan(&e.Request, &e.Change, &e.Operation, &e.Verb, &e.Object.Cluster, &e.Object.Group, &e.Object.Kind, &e.Object.Namespace,
		&e.Object.Name, &e.UID, &e.ResourceVersion, &e.Generation, &e.PatchHash, &e.State, &e.Attempts, &e.AppliedVersion, &e.AppliedGeneration,
		&startedAt, &appliedAt, &deadline, &e.Before, &e.Watch)
	e.StartedAt, e.AppliedAt, e.Deadline = moment(startedAt), moment(appliedAt), moment(deadline)
	return e, err
}
