package incidents

import (
	"cmp"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
)

// The times of an incident's life.
const (
	// recheck is how often an open incident is checked again where nothing changes.
	recheck = time.Minute
	// soon and again are the least time between two checks of the same: of an incident that changed, and of what waits for its
	// channel, or could not be stored.
	soon  = 5 * time.Second
	again = 15 * time.Second
	// week is how long an incident is remembered when the same cause comes back.
	week = 7 * 24 * time.Hour
	// onePer is the time between two new cards of one channel: a storm is read one card at a time.
	onePer = time.Minute
	// mostReady is how many signals of a place are looked at closer after one check: whoever sends alerts must not keep the bot from looking
	// at the rest.
	mostReady = 200
)

// Observation is what the sources see in one place at one moment.
type Observation struct {
	Place   algesta.Target // the environment: its cluster, namespace and name
	Signals []algesta.Signal
	// Environments are all that the namespace is of; empty for that of Place alone.
	Environments []string
	// Nodes are those that an alert fires about, whichever place of the cluster it was sent for.
	Nodes map[string]bool
	// Unchecked are the rules that couldn't look, each with why. What such a rule does not see is not known to be gone.
	Unchecked map[string]string
}

// Work is what has to be diagnosed after a check.
type Work struct {
	Observation Observation
	Ready       []algesta.Signal // have lasted long enough, and belong to no open incident
	Due         []string         // open incidents to check again
}

// Empty reports whether there is nothing to do.
func (w Work) Empty() bool { return len(w.Ready)+len(w.Due) == 0 }

// Book is what is known of the trouble in all places: what is pending, and the incidents of the last week. It decides and does no I/O. It
// is for one goroutine.
type Book struct {
	cfg     Config
	waiting map[waitingKey]time.Time
	tried   map[waitingKey]time.Time // when a signal that waits was checked last
	all     map[string]algesta.Incident
	checked map[string]time.Time
	moved   map[string]bool
	carded  map[string]time.Time // when a channel got its last new card
	healed  int
	// silences are those that people asked for.
	silences []algesta.Silence
	queued   map[waitingKey]queued
	back     map[[2]string]*heldBack // by place, as of its last closer look
}

// heldBack counts causes that nobody is told of yet.
type heldBack struct {
	held   int // they wait for their channel's next card
	silent int // they wait for the end of a silence
}

// heldBack is the sum of all places.
func (b *Book) heldBack() (sum heldBack) {
	for _, one := range b.back {
		sum.held += one.held
		sum.silent += one.silent
	}
	return sum
}

// waitingKey is a signal of a place.
type waitingKey struct{ cluster, place, rule, kind, namespace, name string }

func keyOf(p algesta.Target, s algesta.Signal) waitingKey {
	return waitingKey{p.Cluster, p.Namespace, s.Rule, s.Kind, s.Namespace, s.Name}
}

// NewBook begins with the incidents that the store remembers.
func NewBook(cfg Config, stored []algesta.Incident) *Book {
	b := &Book{
		cfg: cfg, waiting: map[waitingKey]time.Time{}, tried: map[waitingKey]time.Time{}, all: map[string]algesta.Incident{},
		checked: map[string]time.Time{},
		moved:   map[string]bool{}, carded: map[string]time.Time{}, back: map[[2]string]*heldBack{}, queued: map[waitingKey]queued{},
	}
	for _, i := range stored {
		b.Stored(i)
	}
	return b
}

// Stored takes over what became of an incident, once it is in the store.
func (b *Book) Stored(i algesta.Incident) {
	if _, known := b.all[i.ID]; !known && i.OpenedAt.After(b.carded[i.Channel]) {
		b.carded[i.Channel] = i.OpenedAt
	}
	b.all[i.ID] = i
	delete(b.moved, i.ID)
}

// reset begins again with what the store has. What is pending stays pending.
func (b *Book) reset(stored []algesta.Incident) {
	clear(b.all)
	clear(b.moved)
	for _, i := range stored {
		b.Stored(i)
	}
}

// Open are the open incidents, the oldest first.
func (b *Book) Open() []algesta.Incident {
	var out []algesta.Incident
	for _, i := range b.all {
		if i.State == algesta.IncidentOpen {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b algesta.Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// See records a check and says what has to be diagnosed. Nothing of it is posted yet.
func (b *Book) See(now time.Time, g Observation) Work {
	g.Signals = slices.DeleteFunc(slices.Clone(g.Signals), func(s algesta.Signal) bool {
		_, on := b.cfg.waits(s.Rule)
		return !on
	})
	w := Work{Observation: g}
	b.dropGone(g)
	b.forget(now)
	for _, i := range b.Open() {
		if i.About.Cluster != g.Place.Cluster {
			continue
		}
		if b.follow(&i, g, now) || b.silenceMoved(i, now) {
			b.all[i.ID], b.moved[i.ID] = i, true
		}
		if i.About.Namespace == g.Place.Namespace && b.due(i, now) {
			w.Due = append(w.Due, i.ID)
		}
	}
	if len(g.Signals) == 0 {
		delete(b.back, [2]string{g.Place.Cluster, g.Place.Namespace})
	}
	for _, s := range g.Signals {
		key := keyOf(g.Place, s)
		if b.onOpenCard(g.Place, s) {
			delete(b.waiting, key)
			delete(b.tried, key)
			delete(b.queued, key)
			continue
		}
		first, known := b.waiting[key]
		if !known {
			first = now
			b.waiting[key] = first
		}
		if wait, _ := b.cfg.waits(s.Rule); now.Sub(first) >= wait && now.Sub(b.tried[key]) >= again {
			s.Since = first
			w.Ready = append(w.Ready, s)
		}
	}
	w.Ready = b.turn(now, g.Place, w.Ready)
	return w
}

// turn are the signals whose turn it is: what the bot sees itself before what it's told, and those first that waited longest for a look.
func (b *Book) turn(now time.Time, place algesta.Target, ready []algesta.Signal) []algesta.Signal {
	told := func(s algesta.Signal) int {
		if s.Rule == Alertmanager {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ready, func(x, y algesta.Signal) int {
		return cmp.Or(
			cmp.Compare(told(x), told(y)), b.tried[keyOf(place, x)].Compare(b.tried[keyOf(place, y)]), x.Since.Compare(y.Since),
		)
	})
	ready = ready[:min(len(ready), mostReady)]
	for _, s := range ready {
		b.tried[keyOf(place, s)] = now
	}
	return ready
}

// dropGone forgets what was pending and is gone. What couldn't be checked stays pending.
func (b *Book) dropGone(g Observation) {
	seen := map[waitingKey]bool{}
	for _, s := range g.Signals {
		seen[keyOf(g.Place, s)] = true
	}
	for key := range b.waiting {
		if key.cluster != g.Place.Cluster || key.place != g.Place.Namespace || g.Unchecked[key.rule] != "" {
			continue
		}
		if !seen[key] {
			delete(b.waiting, key)
			delete(b.tried, key)
			delete(b.queued, key)
			b.healed++
		}
	}
}

// sees reports whether a check covers a signal for an incident: each place covers its own objects, and that of the incident those
// without a namespace.
func sees(g Observation, i algesta.Incident, s algesta.Signal) bool {
	return s.Namespace == g.Place.Namespace || s.Namespace == "" && i.About.Namespace == g.Place.Namespace
}

// follow notes which signals of an incident ended or came back.
func (b *Book) follow(i *algesta.Incident, g Observation, now time.Time) (moved bool) {
	i.Signals = slices.Clone(i.Signals)
	for n := range i.Signals {
		s := &i.Signals[n]
		there := slices.ContainsFunc(g.Signals, s.Same) || s.Rule == Alertmanager && s.Kind == "Node" && g.Nodes[s.Name]
		switch {
		case !sees(g, *i, *s):
		case there && !s.Gone.IsZero():
			s.Gone, moved = time.Time{}, true
		case !there && s.Gone.IsZero() && g.Unchecked[s.Rule] == "":
			s.Gone, moved = now, true
		}
	}
	return moved
}

// due says that an open incident has to be diagnosed again: something about it changed, it may be over, or a minute has passed.
func (b *Book) due(i algesta.Incident, now time.Time) bool {
	last := b.checked[i.ID]
	if b.moved[i.ID] && now.Sub(last) >= soon || now.Sub(last) >= recheck {
		return true
	}
	quiet, ok := quietSince(i)
	over := quiet.Add(b.cfg.Settle)
	return ok && !now.Before(over) && last.Before(over)
}

// quietSince is when the last signal of an incident ended; ok is false while one lasts.
func quietSince(i algesta.Incident) (at time.Time, ok bool) {
	for _, s := range i.Signals {
		if s.Gone.IsZero() {
			return time.Time{}, false
		}
		if s.Gone.After(at) {
			at = s.Gone
		}
	}
	return at, len(i.Signals) > 0
}

// onOpenCard says that a signal belongs to an open incident where those of its place are shown.
func (b *Book) onOpenCard(place algesta.Target, s algesta.Signal) bool {
	for _, i := range b.all {
		if i.State == algesta.IncidentOpen && i.About.Cluster == place.Cluster && b.mayShow(place, i) && slices.ContainsFunc(i.Signals, s.Same) {
			return true
		}
	}
	return false
}

// mayTell says that what is found in a place may be told on the card of an incident: that is of the same place, or is shown where the
// incidents of that place are. What may be of several places may be told where the incidents of all of them are.
func (b *Book) mayTell(places []algesta.Target, i algesta.Incident) bool {
	same := func(place algesta.Target) bool {
		return i.About.Cluster == place.Cluster && i.About.Namespace == place.Namespace && i.About.Environment == place.Environment
	}
	if len(places) == 1 && same(places[0]) {
		return true
	}
	return !slices.ContainsFunc(places, func(place algesta.Target) bool { return !b.cfg.Leads(place.Environment, i.Channel) })
}

// mayShow says that what is seen in a namespace may stand on the card of an incident already: a signal doesn't say which of the
// environments of its namespace it's of.
func (b *Book) mayShow(place algesta.Target, i algesta.Incident) bool {
	return i.About.Cluster == place.Cluster && i.About.Namespace == place.Namespace || b.cfg.Leads(place.Environment, i.Channel)
}

// elsewhere are the namespaces other than that of an incident's place of which it tells, and told before.
func elsewhere(i algesta.Incident) []string {
	out := slices.Clone(i.Elsewhere)
	add := func(namespace string) {
		if namespace != "" && namespace != i.About.Namespace && !slices.Contains(out, namespace) {
			out = append(out, namespace)
		}
	}
	add(i.Key.Namespace)
	for _, s := range i.Signals {
		add(s.Namespace)
	}
	return out
}

// forget drops what ended more than a week ago.
func (b *Book) forget(now time.Time) {
	for id, i := range b.all {
		if i.State != algesta.IncidentOpen && now.Sub(i.ResolvedAt) > week {
			delete(b.all, id)
			delete(b.checked, id)
		}
	}
}

// before are the earlier incidents of the same cause on whose cards what is found in these places may be shown, the last one first.
func (b *Book) before(places []algesta.Target, key algesta.IncidentKey) []algesta.Incident {
	var out []algesta.Incident
	for _, i := range b.all {
		if i.Key == key && i.State == algesta.IncidentResolved && b.mayTell(places, i) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b algesta.Incident) int { return b.OpenedAt.Compare(a.OpenedAt) })
	return out
}

// reopenWithin is how long after its end an incident takes the same cause back on its card. It is half an hour; a cause that has come back
// more and more often within the week gets longer, so that readers of the channel don't get the same every hour.
func reopenWithin(nth int) time.Duration {
	switch {
	case nth <= 2:
		return 30 * time.Minute
	case nth == 3:
		return 2 * time.Hour
	case nth == 4:
		return 8 * time.Hour
	case nth == 5:
		return 24 * time.Hour
	}
	return 48 * time.Hour
}
