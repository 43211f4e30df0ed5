package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/words"
)

const (
	// askAfter gives the card time to be posted first, because the direct messages link to it.
	askAfter = 2 * time.Second
	// askAgain is the pause where the card isn't posted yet, or Slack doesn't answer.
	askAgain = 5 * time.Second
	// maxDirectly is how many approvers of one request get a direct message: a user group may be a whole department.
	maxDirectly = 8
)

// Ask tells the approvers who aren't in the channel of a pending request: a mention reaches members only. It is the ask job.
func (d *Dispatcher) Ask(ctx context.Context, id string) (again time.Duration, err error) {
	return d.call(ctx, id, false)
}

// Remind reminds everyone whose approval is missing when half of the time is over. It is the remind job, and does so once.
func (d *Dispatcher) Remind(ctx context.Context, id string) (again time.Duration, err error) {
	return d.call(ctx, id, true)
}

func (d *Dispatcher) call(ctx context.Context, id string, reminder bool) (again time.Duration, err error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return 0, err
	}
	if r.Status != algesta.Pending || time.Now().After(r.ExpiresAt) {
		return 0, nil
	}
	channel, ts, err := d.Store.CardOf(ctx, id)
	if err != nil {
		return 0, err
	}
	if ts == "" {
		return askAgain, nil
	}
	approvals, err := d.Store.Approvals(ctx, id)
	if err != nil {
		return 0, err
	}
	needs := d.needs(r)
	missing := d.Policy().Missing(needs, r.Command.Actor, approvals)
	people, more, err := d.absent(ctx, r, needs, missing, approvals)
	if err != nil {
		d.Log.Warn("the approvers who don't see a request could not be found out", zap.String("command", id), zap.Error(err))
		if !reminder {
			return askAgain, nil
		}
	}
	held := d.heldNow(r)
	if reminder && len(held) > 0 {
		if until := d.frozenUntil(r); until.Before(r.ExpiresAt) { // they are reminded once it can run
			return max(askAgain, time.Until(until)), nil
		}
		people = nil
	}
	place, err := d.Directory.Place(ctx, channel, factsAge)
	if err != nil {
		place = Place{}
	}
	link := d.Directory.Link(ctx, channel, ts)
	n := d.names(ctx, needs)
	return 0, d.Store.Update(ctx, func(tx Tx) error {
		now, err := tx.Locked(id)
		if err != nil || now.Status != algesta.Pending {
			return err
		}
		kind := algesta.AskedPost
		if reminder {
			kind = algesta.RemindPost
			said := stillWaiting(now, missing, n)
			if len(held) > 0 {
				said = stillHeld(now, held)
			}
			if err := tx.Post(post(now.Command, kind, said)); err != nil {
				return err
			}
		} else if len(people) > 0 {
			if err := tx.Post(post(now.Command, kind, askedDirectly(people, more))); err != nil {
				return err
			}
		}
		for _, a := range people {
			p := algesta.Post{
				Command: id, Kind: algesta.DirectPost(kind, now.Status, a.ID), Channel: a.ID.User, Direct: true,
				Report: askOne(now, place, link, reminder),
			}
			if err := tx.Post(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// absent are those who may approve what is missing, have not done so, and aren't in the channel.
func (d *Dispatcher) absent(
	ctx context.Context, r algesta.Request, needs []algesta.Requirement, missing []policy.Missing, approvals []algesta.Approval,
) (people []algesta.Actor, more int, err error) {
	var subjects []algesta.Subject
	for _, m := range missing {
		subjects = append(subjects, m.Approvers...)
	}
	said := map[algesta.PersonID]bool{}
	for _, a := range approvals {
		said[a.Approver.ID] = true
	}
	ids, more, err := d.Directory.Absent(ctx, r.Command.Channel, subjects, maxDirectly)
	if err != nil {
		return nil, 0, fmt.Errorf("asking who is in the channel: %w", err)
	}
	for _, id := range ids {
		if said[id] {
			continue
		}
		a, err := d.Directory.Actor(ctx, id, factsAge)
		if err != nil {
			return nil, 0, fmt.Errorf("asking about an approver: %w", err)
		}
		if d.Policy().MayApprove(needs, r.Command.Actor, a).Effect == algesta.Allow {
			people = append(people, a)
		}
	}
	return people, more, nil
}

// question is the sentence that matters on a locked phone, without its question mark: who asks for what, with the versions.
func question(r algesta.Request) algesta.Text {
	what := make(algesta.Text, len(r.Plan.Summary))
	copy(what, r.Plan.Summary)
	if len(what) > 0 && what[0].Kind == algesta.Plain {
		first, size := utf8.DecodeRuneInString(what[0].Text)
		what[0].Text = string(unicode.ToLower(first)) + what[0].Text[size:]
	}
	if placed, env := inPlace(what, r.Command.Target), r.Command.Target.Environment; env != "" && !placed {
		what = withPlace(what, " in "+env)
	}
	out := algesta.Say("{} asks to {}", asker(r.Command.Requester), what)
	if from, to := versions(r.Plan); from != to {
		out = algesta.Say("{} from {} to {}", out, from, to)
	}
	return algesta.Say("{}.", out)
}

// withPlace puts the place behind what a summary is about, which ends with its colon where it has one.
func withPlace(summary algesta.Text, place string) algesta.Text {
	for i, s := range summary {
		if about, rest, ok := strings.Cut(s.Text, ": "); ok && s.Kind == algesta.Plain {
			summary[i].Text = about + place + ": " + rest
			return summary
		}
	}
	return algesta.Say("{}{}", summary, place)
}

// inPlace calls the target in a plan's summary as people do, with its environment: "api-gateway in production". It reports whether the
// environment is said now; the name of an object may hold its name and says nothing.
func inPlace(summary algesta.Text, t algesta.Target) bool {
	said := slices.ContainsFunc(summary, func(s algesta.Span) bool {
		return s.Kind == algesta.Plain && strings.Contains(s.Text, t.Environment)
	})
	for i, span := range summary {
		if t.Name == "" || span.Kind != algesta.Code || span.Text != t.Name {
			continue
		}
		summary[i] = algesta.Span{Text: cmp.Or(t.Service, t.Name)}
		if !said {
			summary[i].Text += " in " + t.Environment
			said = true
		}
	}
	return said
}

// versions are the tags of the plan's image before and after, "" where it has none or more than one image.
func versions(p algesta.Plan) (from, to string) {
	for _, f := range p.Facts {
		before, after, ok := strings.Cut(f.Value.String(), " → ")
		if !strings.HasPrefix(f.Label, "image") || !ok {
			continue
		}
		if from != "" {
			return "", ""
		}
		from, to = tagOf(before), tagOf(after)
	}
	if from == "" || to == "" || strings.Contains(p.Summary.String(), to) {
		return "", ""
	}
	return from, to
}

func tagOf(image string) string {
	image = strings.TrimSpace(image)
	if at := strings.LastIndexByte(image, ':'); at >= 0 && !strings.ContainsAny(image[at:], "/ \n") {
		return image[at+1:]
	}
	return ""
}

// askOne is the direct message to an approver who doesn't see the request.
func askOne(r algesta.Request, place Place, link string, reminder bool) algesta.Report {
	out := algesta.Report{
		Tone: algesta.Waiting, Title: algesta.Say("{} Approve?", question(r)),
		Small: algesta.Say("expires {} · {}", algesta.At(r.ExpiresAt), algesta.Name(r.ID)),
	}
	if reminder {
		out.Title, out.Push = algesta.Say("Still waiting for you: {}", question(r)), soonOver(r)
	}
	where := algesta.Say(
		"The plan and its buttons are in {}", algesta.Span{Kind: algesta.Channel, ID: r.Command.Channel, Text: "#" + place.Name},
	)
	if link != "" {
		where = algesta.Say("{}: {}", where, algesta.Span{Kind: algesta.Link, ID: link, Text: "open the request"})
	}
	where = algesta.Say("{}. If you can't open it, {} can add you to that channel.", where, r.Command.Called())
	out.Body = []algesta.Block{{Text: where}}
	return out
}

// updateDirect brings the direct messages to approvers up to date: once it is decided nothing is asked any more, and at the end they
// say how it ended.
func (d *Dispatcher) updateDirect(tx Tx, r algesta.Request) error {
	for _, kind := range []algesta.PostKind{algesta.AskedPost, algesta.RemindPost} {
		if err := tx.EditDirect(r.ID, kind, cardOf(r, nil, nil)); err != nil {
			return err
		}
	}
	return nil
}

// askedDirectly says in the thread who was asked elsewhere.
func askedDirectly(people []algesta.Actor, more int) algesta.Report {
	said := algesta.Say("Asked in direct messages, because they aren't in this channel: {}.", who(people))
	if more > 0 {
		said = algesta.Say("{} {} who may approve and aren't here weren't asked.", said, words.Plural(more, "other person", "other people"))
	}
	return algesta.Report{Title: said}
}

// stillWaiting is the reminder in the thread. Its mentions come last: they notify, and the sentence is what a phone shows.
func stillWaiting(r algesta.Request, missing []policy.Missing, n names) algesta.Report {
	said := algesta.Say("Still waiting for you: {} It expires at {}.", question(r), algesta.At(r.ExpiresAt))
	for _, m := range missing {
		said = algesta.Say("{} {}", said, n.mentions(m.Approvers))
	}
	return algesta.Report{Tone: algesta.Waiting, Title: said, Push: soonOver(r)}
}

// stillHeld is said in the place of a reminder while what was asked for can't run: nobody is asked to approve it.
func stillHeld(r algesta.Request, held algesta.Text) algesta.Report {
	said := held.Then("The request expires at {}, sooner than that: ask for it again then.", algesta.At(r.ExpiresAt))
	return algesta.Report{Tone: algesta.Waiting, Title: said}
}

// frozenUntil is when the last of the freezes ends that may hold a request back.
func (d *Dispatcher) frozenUntil(r algesta.Request) time.Time {
	var last time.Time
	for _, z := range d.Policy().FrozenFor(r.Command.Target, time.Now()) {
		if z.Until.After(last) {
			last = z.Until
		}
	}
	return last
}

// soonOver is what a reminder notifies with. The message itself stays longer than "in 15 min" is true.
func soonOver(r algesta.Request) algesta.Text {
	return algesta.Say("Still waiting for you: {} It expires in {}.", question(r), words.Span(time.Until(r.ExpiresAt)))
}
