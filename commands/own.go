package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// inForce gives the policy with the freezes that people asked for and the glasses that they broke. It is the same value as long as none of
// them is another one, so that whoever holds one can tell whether it's still in force.
func inForce(
	file func() *policy.Policy, asked func() *[]algesta.Freeze, broken func() *[]algesta.BreakGlass,
) func() *policy.Policy {
	type all struct {
		file   *policy.Policy
		asked  *[]algesta.Freeze
		broken *[]algesta.BreakGlass
		out    *policy.Policy
	}
	var last atomic.Pointer[all]
	return func() *policy.Policy {
		p, z, b := file(), asked(), broken()
		if (z == nil || len(*z) == 0) && (b == nil || len(*b) == 0) {
			return p
		}
		if l := last.Load(); l != nil && l.file == p && l.asked == z && l.broken == b {
			return l.out
		}
		made := &all{file: p, asked: z, broken: b, out: p}
		if z != nil {
			made.out = made.out.With(*z)
		}
		if b != nil {
			made.out = made.out.WithBroken(*b)
		}
		last.Store(made)
		return made.out
	}
}

// writer is what writes the changes that somebody asked for: to a cluster, or to the bot's own records.
func (d *Dispatcher) writer(cluster string, book runbooks.Runbook, asked algesta.Requester) (Writer, error) {
	if book.Own {
		return ownWriter{d, book.Writes}, nil
	}
	return d.Clusters.Writer(cluster, book.Writes, asked)
}

// verifier checks whether a write to an object happened, and can't write.
func (d *Dispatcher) verifier(o algesta.Object) (Writer, error) {
	if ownRecord(o) {
		return ownWriter{Dispatcher: d}, nil
	}
	return d.Clusters.Writer(o.Cluster, nil, algesta.Requester{})
}

// ownRecord reports whether an object is the bot's own, and in no cluster.
func ownRecord(o algesta.Object) bool {
	return o.Group == algesta.FreezeGroup &&
		(o.Kind == algesta.FreezeKind || o.Kind == algesta.BreakGlassKind || o.Kind == algesta.SilenceKind)
}

// ownWriter writes freezes, silences and broken glasses to the store, as another writer writes objects to a cluster.
type ownWriter struct {
	*Dispatcher
	may []string
}

// Check implements Writer. What a plan says can always be written.
func (w ownWriter) Check(_ context.Context, c algesta.Change) ([]string, error) {
	if err := w.allow(c); err != nil {
		return nil, err
	}
	return nil, over(c)
}

// over says of a freeze, a silence or a broken glass that would have ended before it begins that it does nothing: what was asked for waited
// too long.
func over(c algesta.Change) error {
	if c.Verb != algesta.Create {
		return nil
	}
	z, err := recorded[struct {
		Until time.Time `json:"until"`
	}](c)
	if err != nil || time.Now().Before(z.Until) {
		return err
	}
	kind, done := "freeze", "frozen"
	switch c.Object.Kind {
	case algesta.SilenceKind:
		kind, done = "silence", "silenced"
	case algesta.BreakGlassKind:
		kind, done = "break-glass", "changed"
	}
	return &algesta.Error{
		Kind:    algesta.ErrInvalid,
		Message: algesta.Say("That {} was to end {}, so it's over already.", kind, algesta.AtDay(z.Until)),
		Hint:    algesta.Say("Nothing was {}. Ask again, with a later end.", done),
	}
}

func (w ownWriter) allow(c algesta.Change) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("checking a change: %w", err)
	}
	for _, may := range w.may {
		if may == c.Right() && ownRecord(c.Object) {
			return nil
		}
	}
	return fmt.Errorf("a change of %s is none of the bot's own records", c.Object)
}

// Apply implements Writer. The freeze or silence holds from its commit on.
func (w ownWriter) Apply(
	ctx context.Context, c algesta.Change, _ string, intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	if err := w.allow(c); err != nil {
		return algesta.Written{}, err
	}
	if err := over(c); err != nil {
		return algesta.Written{}, err
	}
	if err := intend(ctx, algesta.Intent{UID: c.UID}); err != nil {
		return algesta.Written{}, err
	}
	if err := w.write(ctx, c); err != nil { // whether it was committed is looked up
		return algesta.Written{}, &algesta.Error{
			Kind: algesta.ErrUncertain, Err: err, Message: algesta.Say("I don't know whether this was stored."),
		}
	}
	return algesta.Written{}, nil
}

// write stores a change, or its end.
func (w ownWriter) write(ctx context.Context, c algesta.Change) error {
	silence := c.Object.Kind == algesta.SilenceKind
	switch {
	case c.Object.Kind == algesta.BreakGlassKind:
		return w.breakGlass(ctx, c)
	case silence && c.Verb == algesta.Delete:
		return w.Store.Update(ctx, func(tx Tx) error { _, err := tx.EndSilence(c.UID, time.Now()); return err })
	case silence:
		z, err := recorded[algesta.Silence](c)
		if err != nil {
			return err
		}
		return w.Store.Update(ctx, func(tx Tx) error { return tx.Silence(z) })
	case c.Verb == algesta.Delete:
		return w.unfreeze(ctx, c.UID)
	}
	return w.freeze(ctx, c)
}

// recorded is the record in the content of a change.
func recorded[T any](c algesta.Change) (record T, err error) {
	var content struct {
		Spec T `json:"spec"`
	}
	if json.Unmarshal(c.Content, &content) != nil {
		return record, fmt.Errorf("a %s can't be read", strings.ToLower(c.Object.Kind))
	}
	return content.Spec, nil
}

// freeze stores a freeze, plans its end, and says in the requests that wait that they are frozen.
func (w ownWriter) freeze(ctx context.Context, c algesta.Change) error {
	z, err := recorded[algesta.Freeze](c)
	if err != nil {
		return err
	}
	told, err := w.heldBy(ctx, z)
	if err != nil {
		return err
	}
	return w.Store.Update(ctx, func(tx Tx) error {
		if err := tx.Freeze(z); err != nil {
			return err
		}
		for id, note := range told {
			note.by = &z
			if err := w.showFreeze(tx, id, note); err != nil {
				return err
			}
		}
		return tx.Schedule(algesta.ThawJob, z.ID, z.Until)
	})
}

// Verify implements Writer.
func (w ownWriter) Verify(ctx context.Context, c algesta.Change, _ algesta.Execution) (algesta.Verified, error) {
	if c.Object.Kind == algesta.BreakGlassKind {
		_, _, found, err := w.Store.GlassOf(ctx, c.Object.Name)
		if err != nil {
			return algesta.Verified{}, fmt.Errorf("looking for a broken glass: %w", err)
		}
		return algesta.Verified{Yes: found}, nil
	}
	look := func() (ended, found bool, err error) {
		_, ended, found, err = w.Store.FreezeOf(ctx, c.Object.Name)
		return ended, found, err
	}
	if c.Object.Kind == algesta.SilenceKind {
		look = func() (ended, found bool, err error) {
			_, ended, found, err = w.Store.SilenceOf(ctx, c.Object.Name)
			return ended, found, err
		}
	}
	ended, found, err := look()
	if err != nil {
		return algesta.Verified{}, fmt.Errorf("looking for a record: %w", err)
	}
	return algesta.Verified{Yes: found && (c.Verb == algesta.Create || ended)}, nil
}

// Thaw ends a freeze whose time is up, and says so in its thread. It is the thaw job: a freeze that someone ended is no longer news.
func (d *Dispatcher) Thaw(ctx context.Context, id string) (again time.Duration, err error) {
	z, ended, found, err := d.Store.FreezeOf(ctx, id)
	if err != nil || ended || !found {
		return 0, err
	}
	now := time.Now()
	if left := z.Until.Sub(now); left > 0 {
		return left, nil
	}
	told, err := d.heldBy(ctx, z)
	if err != nil {
		return 0, err
	}
	return 0, d.Store.Update(ctx, func(tx Tx) error {
		if ended, err := tx.Thaw(id, now); err != nil || !ended {
			return err
		}
		if err := d.tellHeld(tx, told); err != nil {
			return err
		}
		if err := tx.Append(
			algesta.Entry{Request: id, Kind: "freeze ended", At: now, Data: algesta.Args{"note": "its time was up"}},
		); err != nil {
			return err
		}
		r, err := tx.Locked(id)
		if err != nil {
			return err
		}
		return tx.Post(post(r.Command, algesta.ThawPost, algesta.Report{Tone: algesta.Good, Title: algesta.Say(
			"The freeze of {} has ended after {}, as planned. What the policy allows can be changed again. {}", z.Place(),
			words.Span(z.Until.Sub(z.From)), algesta.Mention(z.By),
		)}))
	})
}
