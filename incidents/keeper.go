package incidents

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// The bounds of the keeper.
const (
	// every is the pause between two checks of a place, which cost the API server nothing where its caches are filled.
	every = 2 * time.Second
	// overviewWithin bounds one check.
	overviewWithin = 15 * time.Second
	// mostRemembered bounds the incidents of a week that are kept in memory.
	mostRemembered = 5_000
	// recentChange is how long before trouble a change of the bot's own may be and still be named.
	recentChange = time.Hour
)

// The rights of a rule that acts on nobody's behalf.
type asker interface {
	LookAsRule(
		ctx context.Context, asks commands.RuleCommand, look func(ctx context.Context, c runbooks.Cluster, in runbooks.Input) error,
	) error
	PostAsRule(ctx context.Context, id string, asks commands.RuleCommand, data algesta.Args, store func(commands.Tx) error) error
}

// Records is what the keeper reads of the store.
type Records interface {
	Incidents(ctx context.Context, since time.Time, most int) ([]algesta.Incident, error)
	Incident(ctx context.Context, id string) (i algesta.Incident, found bool, err error)
	LastChange(ctx context.Context, o algesta.Object) (r algesta.Request, found bool, err error)
	Offer(ctx context.Context, id string) (algesta.Offer, bool, error)
	CardOf(ctx context.Context, command string) (channel, ts string, err error)
	Alerts(ctx context.Context, since time.Time, most int) ([]algesta.Alert, error)
	Ended(ctx context.Context, most int) ([]algesta.Request, error)
	IncidentChannels(ctx context.Context) ([]algesta.IncidentChannel, error)
	Silences() *[]algesta.Silence
	SilenceOf(ctx context.Context, request string) (z algesta.Silence, ended, found bool, err error)
}

// Watched reads a place cheaply, from caches where there are some.
type Watched interface {
	// Overview is what is there, and the kinds that couldn't be read, each with an *algesta.Error.
	Overview(ctx context.Context, cluster, namespace string) (objects []runtime.Object, unread map[string]error)
}

// Catalog names the places and what is in them.
type Catalog interface {
	Places
	// Places are the environments, each with its cluster and namespace.
	Places() []algesta.Target
	// Known are the services that are known so far.
	Known() []algesta.Target
}

// Parts are what a Keeper works with; all but Link are required.
type Parts struct {
	Asker   asker
	Records Records
	// Update runs f in one write transaction.
	Update  func(ctx context.Context, f func(commands.Tx) error) error
	Watched Watched
	Catalog Catalog
	// Redact takes the secrets out of what objects say.
	Redact func(text string) string
	// Link is the address of a message, "" where it is not known; nil knows none.
	Link func(ctx context.Context, channel, ts string) string
	// Public reports whether everybody of the workspace may read a channel; nil and what isn't known are no.
	Public func(ctx context.Context, channel string) bool
	// Unposted tells those who run the bot that nothing about incidents can be posted in a channel, or, with a nil error, that it can again;
	// one such time has one id. nil tells nobody.
	Unposted func(ctx context.Context, id, channel string, failed error) error
	// Rooms act in the channels that people make for incidents; nil tells nothing there.
	Rooms Rooms
	// Remote is the Alertmanager in which silences are made, too; nil for none.
	Remote *Remote
	Log    *zap.Logger
	Panics *algesta.Panics
}

// Keeper watches the places and keeps the cards of their incidents true.
type Keeper struct {
	Parts
	cfg Config
	// mu guards the book and what follows from it: places are checked at the same time, and judged one after the other.
	mu      sync.Mutex
	book    *Book
	busy    map[[2]string]bool // the places that are being checked
	refused map[string]string  // the places where the policy gives the rule nothing, with why
	// unposted are the channels in which nothing can be posted.
	unposted map[string]*unposted
	stats    stats
	alerts   alerts
	// channelDue is when an incident channel is looked at next: a time.Time by its ID.
	channelDue sync.Map
}

type stats struct{ open, healed, held, silent, failed atomic.Int64 }

// Stats are the figures of a keeper.
type Stats struct {
	Open   int64 // incidents now
	Healed int64 // what was over before it was reported
	Held   int64 // causes that wait for their channel's next card
	Silent int64 // causes that wait for the end of a silence
	Failed int64 // looks and posts that ended with an error
}

// New makes a keeper; Run makes it work.
func New(cfg Config, p Parts) *Keeper {
	return &Keeper{Parts: p, cfg: cfg, refused: map[string]string{}, unposted: map[string]*unposted{}, busy: map[[2]string]bool{}}
}

// Stats may be called at any time.
func (k *Keeper) Stats() Stats {
	return Stats{
		Open: k.stats.open.Load(), Healed: k.stats.healed.Load(), Held: k.stats.held.Load(), Silent: k.stats.silent.Load(),
		Failed: k.stats.failed.Load(),
	}
}

// Run watches until ctx ends. What the store remembers is taken over first, as often as it takes.
func (k *Keeper) Run(ctx context.Context) {
	if !k.cfg.On() {
		return
	}
	k.sayApart()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var work conc.WaitGroup
	defer work.Wait()
	if k.Remote != nil {
		work.Go(func() { k.syncSilences(ctx) })
	}
	if k.Rooms != nil && k.cfg.Channels.Pattern != "" {
		work.Go(func() { k.keepChannels(ctx) })
	}
	for {
		k.guarded(func() { k.round(ctx, &work) })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// guarded does a piece of work in which a mistake of the programmer must not end the bot.
func (k *Keeper) guarded(work func()) {
	if caught := k.Panics.Catch(work); caught != nil {
		k.stats.failed.Add(1)
		k.Log.Error("panic in the incidents", zap.Error(caught))
	}
}

// round begins to check every place that isn't being checked still: a cluster that is slow delays nobody else's card.
func (k *Keeper) round(ctx context.Context, work *conc.WaitGroup) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book == nil {
		stored, err := k.Records.Incidents(ctx, time.Now().Add(-week), mostRemembered)
		if err != nil {
			k.fail(ctx, "reading the incidents", err)
			return
		}
		k.book = NewBook(k.cfg, stored)
	}
	k.book.Silence(*k.Records.Silences())
	seen := map[[2]string]bool{}
	for _, place := range k.Catalog.Places() {
		at := [2]string{place.Cluster, place.Namespace}
		if seen[at] || k.busy[at] || ctx.Err() != nil {
			continue
		}
		seen[at], k.busy[at] = true, true
		work.Go(func() {
			k.guarded(func() { k.place(ctx, place) })
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.busy, at)
		})
	}
	k.stats.open.Store(int64(len(k.book.Open())))
	k.stats.healed.Store(int64(k.book.healed))
	back := k.book.heldBack()
	k.stats.held.Store(int64(back.held))
	k.stats.silent.Store(int64(back.silent))
}

// place checks a place once and does what follows from it.
func (k *Keeper) place(ctx context.Context, place algesta.Target) {
	bounded, cancel := context.WithTimeout(ctx, overviewWithin)
	objects, unread := k.Watched.Overview(bounded, place.Cluster, place.Namespace)
	cancel()
	signals, unchecked := Signals(objects, unread, time.Now())
	alerting, nodes, why := k.alerting(ctx, place, objects)
	signals = append(signals, alerting...)
	if why != "" {
		unchecked[Alertmanager] = why
	}
	k.mu.Lock()
	w := k.book.See(time.Now(), Observation{
		Place: place, Environments: k.environmentsOf(place), Signals: signals, Nodes: nodes, Unchecked: unchecked,
	})
	k.mu.Unlock()
	if w.Empty() {
		return
	}
	look, err := k.look(ctx, place)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.refuse(ctx, place, err)
		return
	}
	delete(k.refused, place.Cluster+"/"+place.Namespace)
	told := func(s algesta.Signal) Found { return apart(look(s), k.environmentsOf(place), k.cfg.shares) }
	for _, c := range k.book.Judge(time.Now(), w, told) {
		if err := k.store(ctx, c); err != nil {
			k.fail(ctx, "telling of an incident", err)
		}
	}
}

// asks is what the rule asks the policy for.
func asks(place algesta.Target, channel string) commands.RuleCommand {
	return commands.RuleCommand{Rule: RuleName, Runbook: "diagnose", Target: place, Channel: channel}
}

// look takes the snapshot of a place as the rule may see it, once for all that is asked about it. Where the cluster can't be asked, every
// answer says so; an error is a refusal of the policy.
func (k *Keeper) look(ctx context.Context, place algesta.Target) (func(algesta.Signal) Found, error) {
	place.Object = "namespace"
	var s *facts.Snapshot
	var setting facts.Setting
	err := k.Asker.LookAsRule(ctx, asks(place, ""), func(ctx context.Context, c runbooks.Cluster, in runbooks.Input) error {
		about := func(s *facts.Snapshot) facts.Ref {
			setting = facts.Setting{Bot: in.Bot, Environments: map[string]string{place.Namespace: place.Environment}, AKS: c.AKS}
			s.Configure(setting)
			return facts.Ref{Kind: facts.KindNamespace, Name: place.Namespace}
		}
		var err error
		s, _, err = runbooks.TakeSnapshot(ctx, c, place.Namespace, time.Now(), about, k.sharing(place, in.Allowed))
		return err
	})
	if errors.Is(err, algesta.ErrRefused) {
		return nil, err
	}
	if err != nil {
		k.fail(ctx, "looking at "+place.Cluster+"/"+place.Namespace, err)
		said := sentenceOf(err)
		return func(algesta.Signal) Found { return Found{Unknown: said} }, nil
	}
	return func(signal algesta.Signal) Found {
		place, about := place, facts.Ref{Kind: signal.Kind, Namespace: signal.Namespace, Name: signal.Name}
		if of := environmentOf(s, diagnosis.Chain{}, place, about, k.Catalog); of != "" {
			place.Environment = of // of several in the namespace: commands that are advised name it
		}
		setting.Environments = map[string]string{place.Namespace: place.Environment}
		s.Configure(setting)
		return find(s, place, signal, k.Catalog)
	}, nil
}

// sharing leaves only those of the namespaces that the rule may diagnose which may be shown wherever the incidents of a place are.
func (k *Keeper) sharing(place algesta.Target, allowed func(namespace string) bool) func(namespace string) bool {
	return func(namespace string) bool {
		if allowed == nil || !allowed(namespace) {
			return false
		}
		all := k.Catalog.Places()
		told := slices.DeleteFunc(slices.Clone(all), func(p algesta.Target) bool { // the environments of the place's own namespace
			return p.Cluster != place.Cluster || p.Namespace != place.Namespace
		})
		return !slices.ContainsFunc(all, func(p algesta.Target) bool {
			return p.Cluster == place.Cluster && p.Namespace == namespace && namespace != place.Namespace &&
				slices.ContainsFunc(append(told, place), func(t algesta.Target) bool { return !k.cfg.shares(p.Environment, t.Environment) })
		})
	}
}

// refuse notes once that the policy gives the rule nothing in a place.
func (k *Keeper) refuse(ctx context.Context, place algesta.Target, err error) {
	at := place.Cluster + "/" + place.Namespace
	if k.refused[at] == err.Error() {
		return
	}
	k.refused[at] = err.Error()
	k.fail(ctx, "the policy lets nobody be told of incidents in "+at, err)
}

func (k *Keeper) fail(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	k.stats.failed.Add(1)
	k.Log.Warn("incidents", zap.String("doing", doing), zap.Error(err))
}

// enrich adds what the record knows: who changed what shortly before, who ended it, and which button was used.
func (k *Keeper) enrich(ctx context.Context, i *algesta.Incident) {
	for n, b := range i.Buttons {
		if o, found, err := k.Records.Offer(ctx, b.ID); err == nil {
			i.Buttons[n].Used = found && o.Request != ""
			if !found || time.Now().After(o.ExpiresAt) {
				i.Buttons, i.ButtonFor = nil, ""
				break
			}
		}
	}
	if i.About.Name == "" {
		return
	}
	last, found, err := k.Records.LastChange(ctx, i.About.Workload())
	if err != nil {
		k.fail(ctx, "reading what was changed", err)
		return
	}
	if !found || !last.Plan.TouchesCluster() || !k.mayTell(ctx, last, *i) {
		return
	}
	start := i.Began() // whole seconds, as the cluster tells times: what was asked for in the same one came before
	switch before := !last.CreatedAt.Truncate(time.Second).After(start); {
	case before && i.Recent == "" && start.Sub(last.CreatedAt) < recentChange:
		i.Recent = doneBy(last)
	case !before && i.State == algesta.IncidentResolved && i.Ended == "":
		i.Ended = doneBy(last)
	}
}

// mayTell reports whether a request may be mentioned on a card: where it was asked for in the same channel, or in public.
func (k *Keeper) mayTell(ctx context.Context, r algesta.Request, i algesta.Incident) bool {
	asked := r.Command.Channel
	return asked == i.Channel || k.Public != nil && k.Public(ctx, asked)
}

// doneBy is "Deploy to api-gateway in production (12345 → 12346) by Luis, approved by Carla, 2026-11-22 12:00 UTC".
func doneBy(r algesta.Request) string {
	said := r.Plan.Title.String() + " by " + r.Command.Called()
	if len(r.DecidedBy) > 0 {
		var approvers []string
		for _, a := range r.DecidedBy {
			approvers = append(approvers, a.Called())
		}
		said += ", approved by " + words.List(approvers)
	}
	return said + ", " + algesta.AtDay(r.CreatedAt).Text
}

// past is what the card says of the incident before.
func (k *Keeper) past(ctx context.Context, i algesta.Incident) Past {
	var p Past
	if i.Previous == "" {
		return p
	}
	before, found, err := k.Records.Incident(ctx, i.Previous)
	if err != nil || !found || before.Channel != i.Channel { // readers of this card may not be allowed to read the other
		return p
	}
	p.Ended = before.Ended
	if channel, ts, err := k.Records.CardOf(ctx, i.Previous); err == nil && ts != "" && k.Link != nil {
		p.Link = k.Link(ctx, channel, ts)
	}
	return p
}

// placeOf is the environment of an incident, as the policy is asked about it.
func placeOf(i algesta.Incident) algesta.Target {
	return algesta.Target{Cluster: i.About.Cluster, Namespace: i.About.Namespace, Environment: i.About.Environment, Object: "namespace"}
}

// sentenceOf is an error as people may read it.
func sentenceOf(err error) string {
	if known, ok := errors.AsType[*algesta.Error](err); ok {
		return known.Message.String()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "It took too long."
	}
	return "Something went wrong on my side."
}
