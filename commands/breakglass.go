package commands

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// whileUntold is the pause in which a change waits for the security channel to be told.
const whileUntold = 300 * time.Millisecond

// announcedAs is what the announcement of a request belongs to: a thread of its own, in another channel than the request's.
func announcedAs(request string) string { return "announced-" + request }

// glassRule is what the policy says about breaking the glass, as a plan is handed it.
func (d *Dispatcher) glassRule(ctx context.Context) runbooks.GlassRule {
	b, ok := d.Policy().BreakGlass()
	if !ok {
		return runbooks.GlassRule{}
	}
	told := "the security channel"
	if place, err := d.Directory.Place(ctx, b.AnnounceIn, factsAge); err == nil && place.Name != "" {
		told = "#" + place.Name
	}
	return runbooks.GlassRule{Lasts: b.Lasts, Told: told}
}

// glassUse is set where a request goes without the approval that it would need: because a glass is broken, or because it breaks one. It's
// refused where the security channel can't be told.
func (d *Dispatcher) glassUse(ctx context.Context, c algesta.Command, decision algesta.Decision) (*algesta.GlassUse, error) {
	breaks := c.Runbook == algesta.BreakGlassVerb
	if decision.Glass == "" && !breaks {
		return nil, nil //nolint:nilnil // none and no error
	}
	rule, ok := d.Policy().BreakGlass()
	if !ok { // it was taken out of the policy just now
		return nil, &algesta.Error{
			Kind: algesta.ErrRefused, Message: algesta.Say("The policy lets nobody change anything without approvals any more."),
		}
	}
	use := &algesta.GlassUse{ID: c.ID, Channel: rule.AnnounceIn, Reason: c.Reason, Until: c.At.Add(rule.Lasts)}
	if !breaks {
		b, ended, found, err := d.Store.GlassOf(ctx, decision.Glass)
		if err != nil {
			return nil, err
		}
		if !found || ended {
			return nil, glassOver()
		}
		use.ID, use.Reason, use.Until = b.ID, b.Reason, b.Until
	}
	place, err := d.Directory.Place(ctx, rule.AnnounceIn, placeAge)
	switch {
	case err != nil:
		d.Log.Warn("the security channel could not be checked", zap.String("command", c.ID), zap.Error(err))
		return nil, cannotAnnounce("I couldn't check in Slack whether I can post in the security channel")
	case place.External:
		return nil, cannotAnnounce("The security channel is shared with another company")
	case !place.Member:
		return nil, cannotAnnounce("I'm not in the security channel")
	}
	return use, nil
}

func cannotAnnounce(why string) *algesta.Error {
	return &algesta.Error{
		Kind:    algesta.ErrRefused,
		Message: algesta.Say("{}, so nothing goes without approvals. Nothing was run.", why),
		Hint:    algesta.Say("Ask for an approval instead, or have me invited to the channel that breakGlass.announceIn of the policy names."),
	}
}

func glassOver() *algesta.Error {
	return &algesta.Error{
		Kind: algesta.ErrRefused, Message: algesta.Say("The break-glass is over, so this needs its approval again."),
		Hint: algesta.Say("Ask for it again."),
	}
}

// endedHow is how a request ended, in the bot's own words.
var endedHow = map[algesta.Status]string{
	algesta.Failed: "failed", algesta.TimedOut: "didn't get there in time", algesta.Rejected: "was refused",
	algesta.Cancelled: "was cancelled", algesta.Superseded: "was replaced", algesta.Expired: "expired", algesta.Stale: "was not run",
}

// toSecurity is what the security channel reads of a request that goes without approvals. It's edited as the request goes on.
func toSecurity(r algesta.Request) algesta.Post {
	m := viewOf(r.Status)
	tone := m.shown
	if !r.Status.Ended() && r.Status != algesta.Unknown {
		tone = algesta.Down
	}
	became := m.title(r)
	if how, noted := endedHow[r.Status]; noted { // a note holds what pods and people wrote, and others may read the channel by now
		became = algesta.Say("{} {}. Its thread says why.", r.Plan.Title, how)
	}
	title := algesta.Say("Break-glass by {}: {}", r.Command.Called(), became)
	if r.Glass.ID != r.ID {
		title = algesta.Say("Without approval, break-glass by {}: {}", r.Command.Called(), became)
	}
	report := algesta.Report{
		Tone: tone, Title: title,
		Small: algesta.Say("until {} · {}", algesta.At(r.Glass.Until), algesta.Name(r.ID)),
		Body: []algesta.Block{{Fields: []algesta.Field{
			{Label: "reason", Value: algesta.Say("{}", quote(r.Glass.Reason))},
			{Label: "what", Value: r.Plan.Title},
			{Label: "where", Value: algesta.Say("{} / {}", r.Command.Target.Cluster, r.Command.Target.Namespace)},
			{Label: "thread", Value: algesta.Text{{Kind: algesta.Channel, ID: r.Command.Channel, Text: "#" + r.Command.Channel}}},
		}}},
	}
	return algesta.Post{
		Command: announcedAs(r.ID), Kind: algesta.CardPost, Channel: r.Glass.Channel, About: r.Command.Target, Report: report,
		Final: r.Status.Ended(),
	}
}

// announceFirst holds a request that goes without approvals until the security channel has been told of it, and ends it where that can't
// be.
// told is true where it may go on.
func (d *Dispatcher) announceFirst(ctx context.Context, r algesta.Request) (told bool, again time.Duration, err error) {
	if r.Glass == nil {
		return true, 0, nil
	}
	rule, ok := d.Policy().BreakGlass()
	if !ok || rule.AnnounceIn != r.Glass.Channel {
		return false, 0, d.refuseNow(ctx, r, algesta.Say("What the policy says about break-glass has changed. Ask again."))
	}
	place, err := d.Directory.Place(ctx, rule.AnnounceIn, placeAge) // others may read it since it was asked for
	switch {
	case err != nil && time.Now().After(r.StartBy):
		return true, 0, nil // it ends as too late
	case err != nil:
		d.Log.Warn("the security channel could not be checked", zap.String("command", r.ID), zap.Error(err))
		return false, whileUnreachable, d.waits(ctx, r, algesta.Say("I couldn't check in Slack who reads the security channel."))
	case place.External:
		no := algesta.Say("The security channel is shared with another company, so nothing goes without approvals.")
		return false, 0, d.refuseNow(ctx, r, no)
	case !place.Member:
		return false, 0, d.refuseNow(ctx, r, algesta.Say("I'm not in the security channel any more, so nothing goes without approvals."))
	}
	lost, err := d.Store.LostPosts(ctx, announcedAs(r.ID))
	if err != nil {
		return false, 0, err
	}
	channel, ts, err := d.Store.CardOf(ctx, announcedAs(r.ID))
	switch {
	case err != nil:
		return false, 0, err
	case ts != "" && channel == rule.AnnounceIn:
		return true, 0, nil
	case len(lost) > 0:
		no := algesta.Say("I couldn't tell the security channel, and without that nothing goes without approvals.")
		return false, 0, d.refuseNow(ctx, r, no)
	}
	if time.Now().After(r.StartBy) {
		return true, 0, nil // it ends as too late
	}
	if time.Since(r.UpdatedAt) < lagging { // it takes a moment, and nobody has to read of that
		return false, whileUntold, nil
	}
	return false, whileUntold, d.waits(ctx, r, algesta.Say("The security channel is told first."))
}

// breakGlass stores a broken glass and plans its end.
func (w ownWriter) breakGlass(ctx context.Context, c algesta.Change) error {
	var content struct {
		Spec algesta.BreakGlass `json:"spec"`
	}
	if err := json.Unmarshal(c.Content, &content); err != nil {
		return errors.New("a broken glass can't be read")
	}
	b := content.Spec
	return w.Store.Update(ctx, func(tx Tx) error {
		if err := tx.BreakGlass(b); err != nil {
			return err
		}
		return tx.Schedule(algesta.GlassJob, b.ID, b.Until)
	})
}

// EndGlass ends a broken glass whose time is up, and says so in its thread and in the security channel. It is the glass job.
func (d *Dispatcher) EndGlass(ctx context.Context, id string) (again time.Duration, err error) {
	b, ended, found, err := d.Store.GlassOf(ctx, id)
	if err != nil || ended || !found {
		return 0, err
	}
	now := time.Now()
	if left := b.Until.Sub(now); left > 0 {
		return left, nil
	}
	n, err := d.Store.Under(ctx, id)
	if err != nil {
		return 0, err
	}
	return 0, d.Store.Update(ctx, func(tx Tx) error {
		if ended, err := tx.EndGlass(id, now); err != nil || !ended {
			return err
		}
		if err := tx.Append(
			algesta.Entry{Request: id, Kind: "break-glass ended", At: now, Data: algesta.Args{"note": words.Count(n, "request") + " went under it"}},
		); err != nil {
			return err
		}
		r, err := tx.Locked(id)
		if err != nil {
			return err
		}
		said := algesta.Report{Tone: algesta.Good, Title: algesta.Say(
			"The break-glass for {} is over after {}, as planned. Without approval went {}. {}", b.What(), words.Span(b.Until.Sub(b.From)),
			words.Count(n, "request"), algesta.Mention(b.By),
		)}
		if err := tx.Post(post(r.Command, algesta.GlassPost, said)); err != nil {
			return err
		}
		told := toSecurity(r)
		told.Kind, told.Report, told.Final = algesta.EndPost, said, false
		return tx.Post(told)
	})
}

// rests says on what a request rests, for the policy: on one broken glass, or on approvals.
func rests(f policy.Facts, r algesta.Request) policy.Facts {
	switch {
	case r.Glass == nil, r.Command.Runbook == algesta.BreakGlassVerb:
		f.Approved = true
	default:
		f.Glass = r.Glass.ID
	}
	return f
}
