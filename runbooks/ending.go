package runbooks

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// pollOnce is one poll of an object that is followed: how far it is, and what the next poll has to know.
type pollOnce func(
	ctx context.Context, c Cluster, object algesta.Object, f rollout.Follow, now time.Time,
) (rollout.Progress, rollout.Follow, error)

// Ending is how a command ends once its change is in the cluster: with the write, with a rollout, or with a poll of its own.
type Ending struct {
	poll   pollOnce
	before func(ctx context.Context, c Cluster, object algesta.Object, now time.Time) (rollout.Health, error)
}

// Poll reads the object that was written once, and says how far it is. f is what was remembered at the last poll, and what is
// returned is what to remember for the next. An error is one of reading: nothing is known then.
func (e Ending) Poll(
	ctx context.Context,
	c Cluster,
	object algesta.Object,
	f rollout.Follow,
	now time.Time,
) (rollout.Progress, rollout.Follow, error) {
	return e.poll(ctx, c, object, f, now)
}

// Before is the health of the object before the write; not Known where the end isn't compared with it.
func (e Ending) Before(ctx context.Context, c Cluster, object algesta.Object, now time.Time) (rollout.Health, error) {
	if e.before == nil {
		return rollout.Health{}, nil
	}
	return e.before(ctx, c, object, now)
}

// WithRollout ends a command when the rollout of the object that it wrote has ended.
func WithRollout() Ending {
	return Ending{
		poll: func(ctx context.Context, c Cluster, object algesta.Object, f rollout.Follow, now time.Time) (
			rollout.Progress, rollout.Follow, error,
		) {
			r, err := rollout.Look(ctx, c.Rollout(), object)
			if err != nil {
				return rollout.Progress{}, f, err
			}
			p, f := rollout.Judge(r, f, now)
			return p, f, nil
		},
		before: func(ctx context.Context, c Cluster, object algesta.Object, now time.Time) (rollout.Health, error) {
			r, err := rollout.Look(ctx, c.Rollout(), object)
			if err != nil {
				return rollout.Health{}, err
			}
			return rollout.HealthOf(r, now), nil
		},
	}
}

// WithWrite ends a command with its write: there is nothing to wait for.
func WithWrite() Ending {
	return Ending{
		poll: func(_ context.Context, _ Cluster, _ algesta.Object, f rollout.Follow, now time.Time) (rollout.Progress, rollout.Follow, error) {
			return rollout.Progress{Phase: rollout.Settled, NoPods: true, Took: now.Sub(f.StartedAt)}, f, nil
		},
	}
}

// Polled is what a poll saw.
type Polled struct {
	// Phase is the state: Moving, or one of the ends. A poll that says Broken may say Settled later.
	Phase rollout.Phase
	// Said is a sentence about it: what is waited for, what was reached, or why it can't be reached.
	Said algesta.Text
}

// WithPoll ends a command when poll says so, and stops watching after within, which has to be longer than nothing. It's for what has
// no pods: a certificate, an autoscaler.
func WithPoll(within time.Duration, poll func(ctx context.Context, c Cluster, object algesta.Object) (Polled, error)) Ending {
	return WithPollSince(within, nil, func(ctx context.Context, c Cluster, object algesta.Object, _ string) (Polled, error) {
		return poll(ctx, c, object)
	})
}

// WithPollSince is WithPoll for a poll that compares: was reads the state before the write, in the poll's own words, and the poll is
// given that; "" where it couldn't be read, or was is nil.
func WithPollSince(
	within time.Duration,
	was func(ctx context.Context, c Cluster, object algesta.Object) (string, error),
	poll func(ctx context.Context, c Cluster, object algesta.Object, was string) (Polled, error),
) Ending {
	ends := Ending{poll: polled(within, poll)}
	if was != nil {
		ends.before = func(ctx context.Context, c Cluster, object algesta.Object, _ time.Time) (rollout.Health, error) {
			state, err := was(ctx, c, object)
			return rollout.Health{State: state}, err
		}
	}
	return ends
}

// polled is how a poll is followed.
func polled(
	within time.Duration,
	poll func(ctx context.Context, c Cluster, object algesta.Object, was string) (Polled, error),
) pollOnce {
	return func(ctx context.Context, c Cluster, object algesta.Object, f rollout.Follow, now time.Time) (
		rollout.Progress, rollout.Follow, error,
	) {
		seen, err := poll(ctx, c, object, f.Before.State)
		if err != nil {
			return rollout.Progress{}, f, err
		}
		if f.Deadline.IsZero() {
			f.Deadline = f.StartedAt.Add(within)
		}
		f.Mark = string(seen.Phase) + " " + seen.Said.String()
		p := rollout.Progress{Phase: seen.Phase, NoPods: true, Line: seen.Said, Short: seen.Said, Took: now.Sub(f.StartedAt)}
		switch {
		case seen.Phase == rollout.Settled:
			p.Result = seen.Said
		case seen.Phase == rollout.Broken && !f.BrokenAt.IsZero(): // it was said, and may still come
			p.Phase = rollout.Moving
		case seen.Phase == rollout.Broken:
			f.BrokenAt, p.Why = now, seen.Said
		case seen.Phase != rollout.Moving:
			p.Why = seen.Said
		}
		if p.Phase == rollout.Moving && !now.Before(f.Deadline) {
			p.Phase, p.Why = rollout.OutOfTime, seen.Said
		}
		return p, f, nil
	}
}
