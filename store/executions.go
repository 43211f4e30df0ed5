package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Intend records a write that is about to be sent. blocker is the request whose write to the same workload is
// intended or doubtful, and then nothing was recorded; it is the request itself when its own write is doubtful.
// A second Intend of the same request, after its write certainly did not happen or before anybody knows, replaces the record
// and counts one attempt more; what Before and Watch hold is kept unless new ones are given. ErrStale when its write is
// confirmed: it happened, and must not happen again.
func (t *Tx) Intend(e algesta.Execution) (blocker string, err error) {
	err = t.row(`SELECT request FROM executions
		WHERE (workload = ? AND state IN ('intended', 'unknown') AND request <> ?) OR (request = ? AND state = 'unknown')`,
		e.Object.String(), e.Request, e.Request).Scan(&blocker)
	if err == nil {
		return blocker, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for other writes to %s: %w", e.Object, err)
	}
	n, err := t.change("recording the intent of "+e.Request, `INSERT INTO executions (request, operation, workload, cluster, namespace, name,
		uid, resource_version, generation, patch_hash, state, attempts, applied_version, applied_generation, started_at, applied_at, deadline,
		before, watch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', 1, '', 0, ?, 0, ?, ?, ?)
		ON CONFLICT (request) DO UPDATE SET operation = excluded.operation, workload = excluded.workload, cluster = excluded.cluster,
		namespace = excluded.namespace, name = excluded.name, uid = excluded.uid, resource_version = excluded.resource_version,
		generation = excluded.generation, patch_hash = excluded.patch_hash, state = 'intended', attempts = attempts + 1,
		started_at = excluded.started_at, deadline = excluded.deadline,
		before = COALESCE(excluded.before, before), watch = COALESCE(excluded.watch, watch)
		WHERE state IN ('intended', 'not done')`,
		e.Request, e.Operation, e.Object.String(), e.Object.Cluster, e.Object.Namespace, e.Object.Name,
		e.UID, e.ResourceVersion, e.Generation, e.PatchHash, ms(e.StartedAt), ms(e.Deadline), e.Before, e.Watch)
	if err == nil && n == 0 {
		return "", &algesta.Error{
			Kind:    algesta.ErrStale,
			Message: algesta.Say("{} is in the cluster already.", algesta.Name(e.Request)),
			Hint:    algesta.Say("Nothing is written a second time."),
		}
	}
	return "", err
}

// Blocker is the request, other than this one, whose write to the workload is intended or doubtful; "" where there is none.
func (s *Store) Blocker(ctx context.Context, w algesta.Object, request string) (blocker string, err error) {
	err = s.read.row(ctx, `SELECT request FROM executions WHERE workload = ? AND state IN ('intended', 'unknown') AND request <> ?`,
		w.String(), request).Scan(&blocker)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for other writes to %s: %w", w, err)
	}
	return blocker, nil
}

// Settle replaces the execution if its state is from; settled is false when it was not, and then nothing changed.
func (t *Tx) Settle(e algesta.Execution, from algesta.ExecutionState) (settled bool, err error) {
	n, err := t.change(
		"recording the outcome of "+e.Request,
		`UPDATE executions SET uid = ?, resource_version = ?, generation = ?, patch_hash = ?,
		state = ?, attempts = ?, applied_version = ?, applied_generation = ?, started_at = ?, applied_at = ?, deadline = ?, before = ?, watch = ?
		WHERE request = ? AND state = ?`,
		e.UID,
		e.ResourceVersion,
		e.Generation,
		e.PatchHash,
		e.State,
		e.Attempts,
		e.AppliedVersion,
		e.AppliedGeneration,
		ms(e.StartedAt),
		ms(e.AppliedAt),
		ms(e.Deadline),
		e.Before,
		e.Watch,
		e.Request,
		from,
	)
	return n == 1, err
}

// Remember stores what the follower has to remember; it does not touch the state. ErrUnknownName when the request has no execution.
func (t *Tx) Remember(request string, watch []byte) error {
	n, err := t.change("remembering the follow of "+request, `UPDATE executions SET watch = ? WHERE request = ?`, watch, request)
	if err == nil && n == 0 {
		return unknownName(request)
	}
	return err
}

// Execution is the record of the request's write; found is false when none was ever intended.
func (s *Store) Execution(ctx context.Context, request string) (e algesta.Execution, found bool, err error) {
	var startedAt, appliedAt, deadline int64
	err = s.read.row(ctx, `SELECT request, operation, cluster, namespace, name, uid, resource_version, generation, patch_hash,
		state, attempts, applied_version, applied_generation, started_at, applied_at, deadline, before, watch
		FROM executions WHERE request = ?`, request).Scan(
		&e.Request, &e.Operation, &e.Object.Cluster, &e.Object.Namespace, &e.Object.Name, &e.UID, &e.ResourceVersion, &e.Generation,
		&e.PatchHash, &e.State, &e.Attempts, &e.AppliedVersion, &e.AppliedGeneration, &startedAt, &appliedAt, &deadline, &e.Before, &e.Watch,
	)
	if errors.Is(err, sql.ErrNoRows) {
		return algesta.Execution{}, false, nil
	}
	if err != nil {
		return algesta.Execution{}, false, fmt.Errorf("reading the execution of %s: %w", request, err)
	}
	e.StartedAt, e.AppliedAt, e.Deadline = moment(startedAt), moment(appliedAt), moment(deadline)
	return e, true, nil
}
