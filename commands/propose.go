package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// plan makes the plan of a command with a client that cannot write, and has the API server try it without storing anything.
func (d *Dispatcher) plan(ctx context.Context, book runbooks.Runbook, c algesta.Command) (algesta.Plan, error) {
	reader, err := d.Clusters.Reader(c.Target.Cluster)
	if err != nil {
		return algesta.Plan{}, fmt.Errorf("opening the cluster: %w", err)
	}
	in, err := d.input(ctx, c)
	if err != nil {
		return algesta.Plan{}, err
	}
	in.Allowed = d.mayRead(ctx, c, "namespaces")
	in.Approval = d.Policy().Decide(policy.Facts{Command: c, Verb: book.Verb, At: time.Now()}).Effect == algesta.NeedsApproval
	p, err := book.Plan(ctx, reader, in)
	if err != nil {
		return algesta.Plan{}, fmt.Errorf("planning %s: %w", book.Name, d.gone(ctx, c, err))
	}
	p.Of = d.named(ctx, p.Of)
	return p, nil
}

// named is a Deployment with its service's name: as the catalogue knows it, or, while it doesn't, as it would be called.
func (d *Dispatcher) named(ctx context.Context, of algesta.Target) algesta.Target {
	if of.Name == "" {
		return of
	}
	for _, known := range d.Catalog.Known(ctx) {
		if known.Workload() == of.Workload() {
			of.Service, of.Environment = known.Service, known.Environment // what was typed may be another one of the same namespace
			return of
		}
	}
	for _, environment := range d.Catalog.Environments() {
		everything := func(algesta.Target) bool { return true }
		if t, err := d.Catalog.Resolve(ctx, of.Name, environment, everything); err == nil && t.Workload() == of.Workload() {
			of.Service, of.Environment = t.Service, t.Environment
			return of
		}
	}
	return of
}

// shared reports whether another environment is in the namespace of a target.
func (d *Dispatcher) shared(ctx context.Context, t algesta.Target) bool {
	return slices.ContainsFunc(d.Catalog.Environments(), func(name string) bool {
		other, err := d.Catalog.Resolve(ctx, "", name, func(algesta.Target) bool { return true })
		return err != nil || other.Environment != t.Environment && other.Cluster == t.Cluster && other.Namespace == t.Namespace
	})
}

// mostPast bounds how many earlier changes a runbook is given: more than a Deployment keeps revisions.
const mostPast = 50

// input is what a runbook is given: the command, and what became of earlier changes to the same workload.
func (d *Dispatcher) input(ctx context.Context, c algesta.Command) (runbooks.Input, error) {
	in := runbooks.Input{Command: c, Workload: c.Target.Workload(), Bot: d.Bot, Frozen: *d.Store.Frozen(), Silences: *d.Store.Silences()}
	if c.Runbook == algesta.BreakGlassVerb {
		in.Glass, in.Shared = d.glassRule(ctx), d.shared(ctx, c.Target)
	}
	if until, gone := d.Catalog.Gone(c.Target); gone {
		in.Seen = until
	}
	if c.Target.Service == "" && c.Target.Environment != "" {
		in.Lost = d.Catalog.LostIn(c.Target.Environment)
	}
	done, err := d.Store.Carried(ctx, in.Workload, mostPast)
	if err != nil {
		return in, fmt.Errorf("reading what became of earlier changes: %w", err)
	}
	for _, r := range done {
		if past, ok := algesta.PastOf(r); ok {
			in.Past = append(in.Past, past)
		}
	}
	if isUndo(c) {
		r, err := d.Store.Request(ctx, c.Args.String("undoes"))
		switch {
		case err == nil:
			in.Undone = &r.Plan
		case !is(err, algesta.ErrUnknownName):
			return in, fmt.Errorf("reading what is undone: %w", err)
		}
	}
	return in, nil
}

// gone says that a Deployment that was not found is gone, until when it was there, and where to find out why.
func (d *Dispatcher) gone(ctx context.Context, c algesta.Command, err error) error {
	if !is(err, algesta.ErrNotFound) || c.Target.Service == "" {
		return err
	}
	until, gone := d.Catalog.Gone(c.Target)
	if !gone { // the caches haven't seen yet that it went, or something else is missing
		return d.missing(c, err)
	}
	if until.IsZero() { // the name was looked up before the caches were filled; now they are, and may know that it's a typo
		visible := func(t algesta.Target) bool { return d.Policy().Visible(c.Actor, t) }
		if _, unknown := d.Catalog.Resolve(ctx, c.Target.Service, c.Target.Environment, visible); unknown != nil {
			typed := grammar.Parsed{Runbook: c.Runbook, Service: c.Target.Service, Environment: c.Target.Environment, Args: c.Args}
			return d.suggest(ctx, typed, unknown, visible)
		}
	}
	out := &algesta.Error{
		Kind: algesta.ErrNotFound, Err: err,
		Message: algesta.Say("The Deployment of {} in {} isn't there.", c.Target.Service, c.Target.Environment),
	}
	if !until.IsZero() {
		out.Message = algesta.Say(
			"The Deployment of {} in {} is gone (seen until {}).", c.Target.Service, c.Target.Environment, algesta.AtDay(until),
		)
	}
	if book, ok := d.find(c.Runbook); ok && book.Plan != nil {
		out.Hint = algesta.Say("Its revisions went with it: only its manifest, applied again, brings it back.")
	}
	if look := d.diagnoseCommand(c); look != "" {
		out.Hint = out.Hint.Then("Ask why: {}", algesta.Name(look))
	}
	return out
}

// diagnoseCommand diagnoses what a command is about, "" for someone who may not diagnose that.
func (d *Dispatcher) diagnoseCommand(c algesta.Command) string {
	book, ok := d.find("diagnose")
	c.Runbook, c.Args = book.Name, nil
	if !ok || !d.allows(c, book.Verb) {
		return ""
	}
	return d.Bot.Typed(book.Name, c.Target.Service, c.Target.Environment)
}

// missing adds to the error about something that isn't in the cluster what to look at next.
func (d *Dispatcher) missing(c algesta.Command, err error) error {
	known, ok := errors.AsType[*algesta.Error](err)
	if !ok {
		return err
	}
	told := *known
	told.Err = err
	look := d.diagnoseCommand(c)
	if look == "" {
		look = "kubectl get deployments -n " + c.Target.Namespace
	}
	told.Hint = join(known.Hint, algesta.Say("To see what is there now: {}", algesta.Name(look)))
	return &told
}

// tryOut has the API server check every change without storing it, and adds its warnings to the plan.
func (d *Dispatcher) tryOut(ctx context.Context, book runbooks.Runbook, c algesta.Command, p *algesta.Plan) error {
	writer, err := d.writer(c.Target.Cluster, book, c.Requester)
	if err != nil {
		return fmt.Errorf("opening the cluster: %w", err)
	}
	found, errs := make([][]string, len(p.Changes)), make([]error, len(p.Changes))
	var checks conc.WaitGroup
	for i, change := range p.Changes {
		if before := followsFrom(p.Changes[:i], change); before != nil {
			p.Warnings = append(p.Warnings, algesta.Say("I couldn't check {} by a dry run: it comes after {}.", what(change), what(*before)))
			continue
		}
		checks.Go(func() { found[i], errs[i] = writer.Check(ctx, change) })
	}
	checks.Wait()
	for i, warnings := range found {
		if errs[i] != nil {
			return fmt.Errorf("trying out the change: %w", errs[i])
		}
		for _, w := range warnings {
			p.Warnings = append(p.Warnings, algesta.Say("{}", d.Redact(w)))
		}
	}
	return nil
}

// followsFrom is the change that has to be made before another one can be tried out: it makes its namespace, or is of the same object. nil
// where there is none.
func followsFrom(earlier []algesta.Change, c algesta.Change) *algesta.Change {
	for i, e := range earlier {
		makesNamespace := e.Verb == algesta.Create && e.Object.Kind == "Namespace" && e.Object.Group == "" && e.Object.Name == c.Object.Namespace
		if e.Object == c.Object || makesNamespace && e.Object.Cluster == c.Object.Cluster {
			return &earlier[i]
		}
	}
	return nil
}

// prepared is a command that was planned and decided: a request to open, or nothing to do.
type prepared struct {
	request algesta.Request
	nothing algesta.Text
	names   names
}

// prepare plans a change and decides about the plan. It writes nothing.
// approved says that it takes the place of a request that rested on approvals, so no broken glass counts.
func (d *Dispatcher) prepare(ctx context.Context, key string, book runbooks.Runbook, c algesta.Command, approved bool) (prepared, error) {
	p, err := d.plan(ctx, book, c)
	if err != nil {
		return prepared{}, err
	}
	if len(p.Changes) == 0 {
		return prepared{nothing: p.Nothing}, nil
	}
	if err := d.tryOut(ctx, book, c, &p); err != nil {
		return prepared{}, err
	}
	now := time.Now()
	decision := d.Policy().Decide(policy.Facts{Command: c, Verb: book.Verb, Plan: &p, At: now, Approved: approved})
	if decision.Effect == algesta.Refuse {
		return prepared{}, d.refused(decision, c.Actor)
	}
	if err := nobodyApproves(decision.Needs, c.Actor); err != nil {
		return prepared{}, err
	}
	glass, err := d.glassUse(ctx, c, decision)
	if err != nil {
		return prepared{}, err
	}
	expires := startWithin
	for i, n := range decision.Needs {
		if n.ReasonRequired && c.Reason == "" {
			return prepared{}, &algesta.Error{
				Kind:    algesta.ErrUsage,
				Message: algesta.Say("Rule \"{}\" requires a reason.", n.Rule),
				Hint:    algesta.Say("Ask again with {} at the end.", algesta.Name(`--reason "…"`)),
			}
		}
		if i == 0 || n.ExpiresAfter < expires {
			expires = n.ExpiresAfter
		}
	}
	fingerprint, err := p.Fingerprint(c)
	if err != nil {
		return prepared{}, err
	}
	r := algesta.Request{
		ID: c.ID, Key: key, Command: c, Plan: p.Redacted(), Fingerprint: fingerprint, Needs: decision.Needs,
		Glass: glass, Status: algesta.Pending, ExpiresAt: now.Add(expires), CreatedAt: now, UpdatedAt: now,
	}
	if decision.Effect == algesta.Allow {
		r.Status, r.StartBy = algesta.Approved, now.Add(startWithin)
	}
	return prepared{request: r, names: d.names(ctx, decision.Needs)}, nil
}

// nobodyApproves refuses at once what would wait for user groups where the workspace has none: it would expire, and nobody would know why.
func nobodyApproves(needs []algesta.Requirement, requester algesta.Actor) error {
	if !requester.Ungrouped {
		return nil
	}
	for _, n := range needs {
		if !slices.ContainsFunc(n.Approvers, isPerson) {
			return &algesta.Error{
				Kind: algesta.ErrRefused,
				Message: algesta.Say(
					"Nobody can approve this: rule \"{}\" names only user groups, and this Slack workspace has none (its plan doesn't "+
						"include them).", n.Rule,
				),
				Hint: algesta.Say("Ask the people who write the policy to add people to that rule's approvers, such as {}.", algesta.Name("user:U0…")),
			}
		}
	}
	return nil
}

// draws is how often an ID is drawn for one command. Two in a row that are taken mean that the random source is broken.
const draws = 3

// propose answers a request for a change: by a request with its card and plan, or by saying that there is nothing to do. The ID is written
// into the plan, so another ID is another plan.
func (d *Dispatcher) propose(ctx context.Context, from origin, book runbooks.Runbook, c algesta.Command) (err error) {
	for range draws {
		if err = d.proposeAs(ctx, from, book, c); !errors.Is(err, algesta.ErrTaken) {
			return err
		}
		d.Log.Warn("an ID is taken: drawing another", zap.String("command", c.ID))
		c.ID = algesta.NewCommandID()
	}
	return fmt.Errorf("drawing an ID: %w", err)
}

func (d *Dispatcher) proposeAs(ctx context.Context, from origin, book runbooks.Runbook, c algesta.Command) error {
	p, err := d.prepare(ctx, from.key, book, c, false)
	if err != nil {
		return nothingChanged(err)
	}
	if len(p.nothing) > 0 {
		if isUndo(c) && from.offer != "" { // what it would bring back is there
			if err := d.dropButton(ctx, from.offer); err != nil {
				return err
			}
		}
		return d.reply(ctx, from, c.ID, algesta.Report{Tone: algesta.Neutral, Title: p.nothing}, readEntry(c, true))
	}
	if err := d.intoFailure(ctx, from, p.request); err != nil {
		return err
	}
	if err := d.asSaid(ctx, from, p.request); err != nil {
		return err
	}
	if _, err := d.placeForChanges(ctx, from, c, placeAge); err != nil { // people of another company may have joined while the plan was made
		return err
	}
	err = d.Store.Update(ctx, func(tx Tx) error {
		if err := askedAlready(tx, from.key, p.request); err != nil {
			return err
		}
		if err := d.open(tx, p, nil); err != nil {
			return err
		}
		if from.offer != "" {
			if err := useUp(tx, from.offer, c.ID); err != nil {
				return err
			}
		}
		return from.closed(tx)
	})
	if same, ok := errors.AsType[askedError](err); ok {
		return d.alreadyAsked(ctx, same.by, c.Actor, c.Channel, "the same")
	}
	if used, ok := errors.AsType[usedError](err); ok {
		return d.alreadyUsed(ctx, used.by, c.Actor, c.Channel)
	}
	if errors.Is(err, algesta.ErrStale) { // the same invocation was handled before a restart
		return d.Store.Update(ctx, from.closed)
	}
	return err
}

// nothingChanged adds to the error of a cluster that does not answer what people fear then.
func nothingChanged(err error) error {
	known, ok := errors.AsType[*algesta.Error](err)
	if !ok || known.Kind != algesta.ErrUnreachable {
		return err
	}
	told := *known
	told.Hint = join(algesta.Say("Nothing was changed."), known.Hint)
	told.Err = err
	return &told
}

// open stores a prepared request with its card, its plan and its timer. why is shown above the plan, where the
// request replaces another.
func (d *Dispatcher) open(tx Tx, p prepared, why algesta.Text) error {
	r := p.request
	if err := tx.Create(r); err != nil {
		return err
	}
	requested := algesta.Args{
		"runbook": r.Command.Runbook, "target": placed(r.Command.Target), "fingerprint": r.Fingerprint, "reason": r.Command.Reason,
		"channel": r.Command.Channel,
	}
	nameObject(requested, r.Command.Target)
	if err := tx.Append(entry(r.ID, "requested", r.Command.Identity(), requested)); err != nil {
		return err
	}
	if r.Glass != nil {
		if err := tx.Append(entry(r.ID, "break-glass", r.Command.Identity(), algesta.Args{
			"glass": r.Glass.ID, "reason": r.Glass.Reason, "announced": r.Glass.Channel,
		})); err != nil {
			return err
		}
		if err := tx.Post(toSecurity(r)); err != nil {
			return err
		}
	}
	missing := d.Policy().Missing(r.Needs, r.Command.Actor, nil)
	if err := tx.Post(post(r.Command, algesta.CardPost, cardOf(r, missing, p.names))); err != nil {
		return err
	}
	if err := tx.Post(post(r.Command, algesta.PlanPost, planOf(r, missing, p.names, why))); err != nil {
		return err
	}
	if r.Status == algesta.Approved {
		return tx.Schedule(algesta.ExecuteJob, r.ID, time.Now())
	}
	if err := tx.Schedule(algesta.AskJob, r.ID, time.Now().Add(askAfter)); err != nil {
		return err
	}
	if err := tx.Schedule(algesta.RemindJob, r.ID, r.CreatedAt.Add(r.ExpiresAt.Sub(r.CreatedAt)/2)); err != nil {
		return err
	}
	return tx.Schedule(algesta.ExpireJob, r.ID, r.ExpiresAt)
}
