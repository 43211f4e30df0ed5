package incidents

import (
	"cmp"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// mostNotes is how many replies an incident makes beside its end: readers of a thread want to know what changed, not everything.
const mostNotes = 3

// mostEnds is how many incidents of one cause within a week end with a reply: a card shows how often it was there.
const mostEnds = 3

// Found is what the diagnosis says about a signal.
type Found struct {
	// Key is the root cause; its Kind is "" where none was found.
	Key   algesta.IncidentKey
	Cause algesta.IncidentCause
	About algesta.Target // the service that it's reported for
	// Healthy says that nothing is wrong with the object of the signal, or that it isn't there any more.
	Healthy bool
	// Missing says that nothing of the name was found. Healthy is true then, too.
	Missing bool
	// Unknown is why nothing can be said, a sentence; "" where something can.
	Unknown string
	Detail  algesta.Report // what was looked at, for the thread
	// workloads are those of which it tells, as ofWorkloads has them.
	workloads map[[2]string]string
}

// Change is an incident as it is to be stored and shown.
type Change struct {
	Incident algesta.Incident
	// Detail is the message with the evidence; nil where it stays as it is.
	Detail *algesta.Report
	// Note is a reply, of the tone NoteTone; empty for none.
	Note     algesta.Text
	NoteTone algesta.Tone
	Events   []algesta.IncidentEvent
	Rules    []string // that it rests on, for the audit
}

// draft collects what changes while several signals are judged.
type draft struct {
	*Book
	now     time.Time
	seen    Observation
	look    func(algesta.Signal) Found
	changes []*Change
	back    heldBack
}

// Judge decides what the diagnosis means: which incidents begin, change, end or come back. look says what was found about a signal; where
// the cluster couldn't be asked, every Found says so in Unknown. Nothing is taken over until it is Stored.
func (b *Book) Judge(now time.Time, w Work, look func(algesta.Signal) Found) []Change {
	known := map[algesta.Signal]Found{}
	d := draft{Book: b, now: now, seen: w.Observation, look: func(s algesta.Signal) Found {
		about := algesta.Signal{Rule: s.Rule, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}
		f, ok := known[about]
		if !ok {
			f = look(s)
			known[about] = f
		}
		return f
	}}
	at := w.Observation.Place
	b.back[[2]string{at.Cluster, at.Namespace}] = &d.back
	for _, id := range w.Due {
		if b.all[id].State != algesta.IncidentOpen { // another place's check was quicker
			continue
		}
		d.recheck(b.all[id])
		b.checked[id] = now
	}
	ready := slices.Clone(w.Ready)
	slices.SortStableFunc(ready, func(x, y algesta.Signal) int {
		return cmp.Compare(rank(d.found(x).Cause.Severity), rank(d.found(y).Cause.Severity))
	})
	for _, s := range ready {
		if b.onOpenCard(at, s) {
			continue
		}
		d.admit(s)
	}
	d.summarize()
	out := make([]Change, len(d.changes))
	for n, c := range d.changes {
		out[n] = *c
		for _, s := range c.Incident.Signals {
			if !slices.Contains(out[n].Rules, s.Rule) {
				out[n].Rules = append(out[n].Rules, s.Rule)
			}
		}
	}
	return out
}

func rank(s algesta.Severity) int { return slices.Index(algesta.Severities(), s) }

// found is what was found about a signal, with what the signal itself says where that was nothing.
func (d *draft) found(s algesta.Signal) Found {
	f := d.look(s)
	if f.Key.Kind == "" {
		f.Key = algesta.IncidentKey{Cluster: d.seen.Place.Cluster, Namespace: s.Namespace, Kind: s.Kind, Name: s.Name, Class: s.Rule}
		f.Cause.What, f.Cause.Since = s.Says, s.Since
		if f.Cause.Severity == "" {
			f.Cause.Severity = algesta.Degraded
		}
		if s.Rule == Alertmanager {
			f.Cause.Unseen = unseen(f)
		}
	}
	return f
}

// current is an incident as it is after what was judged so far.
func (d *draft) current() []algesta.Incident {
	out := d.Open()
	for n := range out {
		if at := slices.IndexFunc(d.changes, func(c *Change) bool { return c.Incident.ID == out[n].ID }); at >= 0 {
			out[n] = d.changes[at].Incident
		}
	}
	for _, c := range d.changes {
		if !slices.ContainsFunc(out, func(i algesta.Incident) bool { return i.ID == c.Incident.ID }) {
			out = append(out, c.Incident)
		}
	}
	return slices.DeleteFunc(out, func(i algesta.Incident) bool { return i.State != algesta.IncidentOpen })
}

// change is where an incident is changed.
func (d *draft) change(i algesta.Incident) *Change {
	i.Elsewhere = elsewhere(i)
	if at := slices.IndexFunc(d.changes, func(c *Change) bool { return c.Incident.ID == i.ID }); at >= 0 {
		d.changes[at].Incident = i
		return d.changes[at]
	}
	c := &Change{Incident: i}
	d.changes = append(d.changes, c)
	return c
}

func (c *Change) event(at time.Time, kind, says string) {
	c.Events = append(c.Events, algesta.IncidentEvent{Incident: c.Incident.ID, At: at, Kind: kind, Says: says})
}

// placesOf is where something was found: in the environment that it's of, which may be another of the same namespace than the one by which
// the namespace is watched. Where nobody can tell which, it's in all of them.
func (d *draft) placesOf(f Found) []algesta.Target {
	place := d.seen.Place
	if f.About.Cluster == place.Cluster && f.About.Namespace == place.Namespace && f.About.Environment != "" {
		place.Environment = f.About.Environment
		return []algesta.Target{place}
	}
	out := []algesta.Target{place}
	for _, e := range d.seen.Environments {
		if e != d.seen.Place.Environment {
			place.Environment = e
			out = append(out, place)
		}
	}
	return out
}

// sendTo is the channel for what was found, and the environment of whose incidents it is one there: of what may be of several, one to which
// the incidents of all of them go. channel is "" where it's told to nobody.
func (d *draft) sendTo(f Found) (channel string, place algesta.Target) {
	places := d.placesOf(f)
	for _, place := range places {
		channel := d.cfg.channel(place.Environment, f.Cause.Severity)
		goesElsewhere := func(p algesta.Target) bool { return !d.cfg.Leads(p.Environment, channel) }
		if channel != "" && !slices.ContainsFunc(places, goesElsewhere) {
			return channel, place
		}
	}
	return "", places[0]
}

// admit finds the incident that a signal belongs to, or begins one.
func (d *draft) admit(s algesta.Signal) {
	f := d.found(s)
	places := d.placesOf(f)
	for _, i := range d.current() {
		if !d.mayTell(places, i) {
			continue
		}
		sameObject := slices.ContainsFunc(i.Signals, func(o algesta.Signal) bool {
			return o.Kind == s.Kind && o.Namespace == s.Namespace && o.Name == s.Name
		})
		if i.Key == f.Key || sameObject && i.About.Cluster == d.seen.Place.Cluster {
			i.Signals = append(slices.Clone(i.Signals), s)
			c := d.change(i)
			c.event(d.now, "joined", s.Says)
			if i.Key == f.Key && f.Unknown == "" {
				c.Incident.Cause = merged(i.Cause, f.Cause)
				c.Detail = &f.Detail
			}
			if i.Cause.Unseen != "" && s.Rule != Alertmanager { // from now on it's seen
				c.Incident.Cause.Unseen, c.Incident.Cause.What = "", s.Says
			}
			return
		}
	}
	if d.silentIn(places, f) {
		d.back.silent++
		return // it goes on waiting, and is told when the silence is over, if it lasts
	}
	earlier := d.before(places, f.Key)
	if len(earlier) > 0 && d.now.Sub(earlier[0].ResolvedAt) <= reopenWithin(earlier[0].Nth) {
		d.reopen(earlier[0], s, f)
		return
	}
	d.begin(s, f, earlier)
}

// silentIn reports whether what was found is silenced, in all environments that it may be of.
func (d *draft) silentIn(places []algesta.Target, f Found) bool {
	return !slices.ContainsFunc(places, func(place algesta.Target) bool {
		about := f.About
		if about.Cluster == "" {
			about = place
		}
		_, silent := d.silence(algesta.Incident{About: about}, d.now)
		return !silent
	})
}

// begin makes a new incident, where its channel may get another card now.
func (d *draft) begin(s algesta.Signal, f Found, earlier []algesta.Incident) {
	about := f.About
	channel, place := d.sendTo(f)
	if about.Cluster == "" {
		about = place
	}
	if channel == "" {
		return
	}
	last := d.carded[channel]
	for _, c := range d.changes {
		if c.Incident.Version == 0 && c.Incident.Channel == channel {
			last = d.now
		}
	}
	if !last.IsZero() && d.now.Sub(last) < onePer {
		d.back.held++
		d.queue(s, channel, about, f.Cause.Severity)
		return // it stays pending; the worst of those that wait is the next
	}
	delete(d.queued, keyOf(d.seen.Place, s))
	i := algesta.Incident{
		ID: algesta.NewIncidentID(), Key: f.Key, State: algesta.IncidentOpen, About: about, Channel: channel,
		Signals: []algesta.Signal{s}, Cause: f.Cause, Unchecked: f.Unknown, OpenedAt: d.now, Nth: len(earlier) + 1,
	}
	i.Shared = len(d.placesOf(f)) > 1
	i.About.Cluster, i.About.Namespace, i.About.Environment = place.Cluster, place.Namespace, place.Environment
	if len(earlier) > 0 {
		i.Previous = earlier[0].ID
	}
	c := d.change(i)
	c.Detail = &f.Detail
	c.event(d.now, "opened", f.Cause.What)
	d.checked[i.ID] = d.now
}

// reopen takes a cause back on the card that it had.
func (d *draft) reopen(i algesta.Incident, s algesta.Signal, f Found) {
	i.State, i.ResolvedAt, i.Ended = algesta.IncidentOpen, time.Time{}, ""
	i.Signals, i.Unchecked = []algesta.Signal{s}, f.Unknown
	i.Reopened, i.ReopenedAt, i.Missing = i.Reopened+1, d.now, false
	i.Recent = "" // it was before the first time: another change may be why it's back
	i.Cause.Unseen = f.Cause.Unseen
	if f.Unknown == "" {
		i.Cause = f.Cause
	}
	c := d.change(i)
	c.Detail = &f.Detail
	if i.Reopened == 1 && i.Nth <= mostEnds { // the thread's last word was that it's over, and an edited card notifies nobody
		d.note(c, algesta.Warning, algesta.Say(
			"It came back: {}. If it goes and comes again, the card alone says so.", algesta.Dated(c.Incident.Cause.What),
		))
	}
	c.event(d.now, "reopened", f.Cause.What)
	d.checked[i.ID] = d.now
}

// recheck checks an open incident again.
func (d *draft) recheck(i algesta.Incident) {
	i = d.quiet(i)
	if quiet, ok := quietSince(i); ok {
		d.mayEnd(i, quiet)
		return
	}
	at := slices.IndexFunc(i.Signals, func(s algesta.Signal) bool { return s.Gone.IsZero() && sees(d.seen, i, s) })
	if at < 0 { // only what another place reports lasts
		d.change(i)
		return
	}
	lasting := i.Signals[at]
	unchecked := d.seen.Unchecked[lasting.Rule]
	f := d.foundFor(i, lasting)
	if f.Unknown != "" {
		unchecked = f.Unknown
	}
	if unchecked != "" {
		d.unchecked(i, unchecked)
		return
	}
	i.Unchecked = ""
	if f.Key.Kind == "" { // nothing found this time, as when a pod runs for a moment; what was found stays
		if i.Cause.Unseen != "" {
			i.Cause.Unseen = unseen(f)
		}
		d.change(i)
		return
	}
	if f.Key != i.Key {
		d.otherCause(i, f)
		return
	}
	c := d.change(i)
	if rank(f.Cause.Severity) < rank(i.Cause.Severity) {
		d.note(c, algesta.Warning, algesta.Say("It got worse: {}", algesta.Dated(f.Cause.Impact)))
		c.event(d.now, "worse", f.Cause.Impact)
	}
	if differs(i.Cause, f.Cause) {
		c.Detail = &f.Detail
	}
	c.Incident.Cause = merged(i.Cause, f.Cause)
}

// foundFor is what was found about a signal of an incident, as far as it may be told on its card: in a namespace that environments share it
// may be about another one now.
func (d *draft) foundFor(i algesta.Incident, s algesta.Signal) Found {
	f := d.look(s)
	if f.Key.Kind == "" || len(d.seen.Environments) < 2 || d.mayTell(d.placesOf(f), i) {
		return f
	}
	return Found{Unknown: "What I found is about another environment of its namespace, or I can't tell which."}
}

// unchecked says on the card that the cluster couldn't be asked. Nothing else of it changes.
func (d *draft) unchecked(i algesta.Incident, why string) {
	if i.Unchecked == why {
		return
	}
	i.Unchecked = why
	d.change(i).event(d.now, "unchecked", why)
}

// otherCause takes over a cause that is another than the one of the card. Where that is the cause of another incident, this one is merged
// into it.
func (d *draft) otherCause(i algesta.Incident, f Found) {
	for _, other := range d.current() {
		if other.ID == i.ID || other.Key != f.Key || !d.mayTell([]algesta.Target{i.About}, other) {
			continue
		}
		other.Signals = append(slices.Clone(other.Signals), i.Signals...)
		other.Cause = merged(other.Cause, f.Cause)
		d.change(other).event(d.now, "joined", i.ID)
		i.State, i.MergedInto, i.ResolvedAt = algesta.IncidentMerged, other.ID, d.now
		d.change(i).event(d.now, "merged", other.ID)
		return
	}
	found := i.Cause.Sure == ""
	i.Key = f.Key
	c := d.change(i)
	said := algesta.Say("The cause is another one than before: {}", algesta.Dated(f.Cause.Sentence))
	if found {
		said = algesta.Say("Found the cause: {}", algesta.Dated(f.Cause.Sentence))
	}
	d.note(c, algesta.Plainly, said)
	c.event(d.now, "cause", f.Cause.What)
	c.Incident.Cause, c.Detail = merged(i.Cause, f.Cause), &f.Detail
}

// note replies, but not forever.
func (d *draft) note(c *Change, tone algesta.Tone, said algesta.Text) {
	if _, silent := d.silence(c.Incident, d.now); silent || c.Incident.Notes >= mostNotes {
		return
	}
	c.Incident.Notes++
	c.Note, c.NoteTone = said, tone
}

// mayEnd ends an incident whose signals are gone for long enough, if the cluster says that what it was about is well.
func (d *draft) mayEnd(i algesta.Incident, quiet time.Time) {
	for _, s := range i.Signals {
		if why := d.seen.Unchecked[s.Rule]; why != "" {
			d.unchecked(i, why)
			return
		}
	}
	i.Unchecked = ""
	if d.now.Sub(quiet) < d.cfg.Settle {
		d.change(i)
		return
	}
	looked, missing := 0, 0
	for _, s := range i.Signals {
		if !sees(d.seen, i, s) { // its own place saw that it's gone
			continue
		}
		f := d.foundFor(i, s)
		looked++
		if f.Missing {
			missing++
		}
		if f.Unknown != "" {
			d.unchecked(i, f.Unknown)
			return
		}
		if !f.Healthy && f.Key == i.Key {
			i.Cause = merged(i.Cause, f.Cause)
			d.change(i)
			return
		}
	}
	i.State, i.ResolvedAt, i.Missing = algesta.IncidentResolved, quiet, looked > 0 && missing == looked
	c := d.change(i)
	c.event(d.now, "resolved", "after "+words.Span(i.Lasted()))
	_, silent := d.silence(i, d.now)
	if i.Reopened == 0 && i.Nth <= mostEnds && !silent { // the card shows how often it was there this week
		c.Incident.Notes++
		c.NoteTone = algesta.Good
		c.Note = algesta.Say("Resolved after {}: {}.", words.Span(i.Lasted()), afterwards(i))
	}
}

// merged is what was found now, with the earlier beginning.
func merged(before, now algesta.IncidentCause) algesta.IncidentCause {
	if now.Since.IsZero() || !before.Since.IsZero() && before.Since.Before(now.Since) {
		now.Since = before.Since
	}
	if now.Change == "" && now.What == before.What { // of another cause it may be the consequence
		now.Change = before.Change
	}
	return now
}
