package commands_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/store/storetest"
)

// deadline bounds every wait in these tests; nothing takes that long.
const deadline = 20 * time.Second

// lookEvery is the time between two looks at what a test waits for. Each reads the store, so more of them slow down what is waited for.
const lookEvery = 25 * time.Millisecond

const rules = `
apiVersion: algesta.io/v1
kind: Policy
roles:
  - {name: operator, allow: [read, restart, scale]}
bindings:
  - {name: operators, subjects: ["group:S0BACKEND"], role: operator, namespaces: [production]}
approvals:
  - name: a second person
    verbs: [change]
    namespaces: [production]
    approvers: ["group:S0PLATFORM", "user:U0CARLA"]
    expiresAfter: 30m
`

var (
	luis  = person("U0LUIS", "Luis", "S0BACKEND")
	carla = person("U0CARLA", "Carla")
	pablo = person("U0PABLO", "Pablo", "S0PLATFORM")
	nico  = person("U0NICO", "Nico")
	marta = person("U0MARTA", "Marta")
)

func person(id, name string, groups ...string) algesta.Actor {
	return algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: id}, Name: name, Standing: algesta.Member, Groups: groups}
}

// world is the order of things on a real store and policy, with a cluster and a directory that are structs of answers.
type world struct {
	t          *testing.T
	store      *store.Store
	dispatcher *commands.Dispatcher
	cluster    *fakeCluster
	people     *fakeDirectory
	rules      atomic.Pointer[policy.Policy]
	refuses    func(algesta.Outgoing) bool // what can't be posted
	panics     algesta.Panics
	path       string                   // of the store
	onPost     func(algesta.Post) error // when set, called in the transaction of every post
	onCreate   func(*algesta.Request)   // when set, called before a request is stored
	onOffer    func(*algesta.Offer)     // when set, called before an offer is stored
	watched    string                   // when set, what transactions read of every follower's memory
	logged     *observer.ObservedLogs   // of level error
	seq        atomic.Int64
	lostPanics atomic.Bool // reading the lost messages panics
	frozenLate atomic.Bool // a freeze in the store is known to its transactions alone, until one has read it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	core, logged := observer.New(zapcore.ErrorLevel) // what goes wrong on purpose is not news
	log := zap.New(core)
	path := storetest.EmptyFile(t)
	s, err := store.Open(t.Context(), "file:"+path, log)
	require.NoError(t, err)
	w := &world{
		t:       t,
		store:   s,
		path:    path,
		logged:  logged,
		cluster: newFakeCluster(),
		people:  &fakeDirectory{people: map[string]algesta.Actor{}},
	}
	for _, p := range []algesta.Actor{luis, carla, pablo, nico, marta} {
		w.people.people[p.ID.User] = p
	}
	w.setRules(rules)
	w.dispatcher, err = commands.New(commands.Config{
		Bot: "algesta", Parser: grammar.NewParser("algesta", runbooks.All()), Policy: w.rules.Load,
		Catalog: fakeCatalog{new(atomic.Int32)}, Directory: w.people, Clusters: w.cluster, Store: lent{s, w},
		Redact: redact.New().String, Soak: time.Second, Log: log, Panics: &w.panics,
	})
	require.NoError(t, err)
	work := map[algesta.JobKind]store.Handler{}
	for kind, job := range w.dispatcher.Jobs() {
		work[kind] = store.Handler(job)
	}
	s.Work(work)
	s.Panics = &w.panics
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, s.Close(ctx))
	})
	return w
}

func (w *world) setRules(text string) {
	w.t.Helper()
	p, err := policy.Load([]byte(text))
	require.NoError(w.t, err)
	w.rules.Store(p)
}

// invocation is something that a person does, as the inbox would keep it.
func (w *world) invocation(by algesta.Actor) algesta.Invocation {
	in := algesta.Invocation{
		Key: fmt.Sprintf(
			"key-%d", w.seq.Add(1),
		),
		Kind:    algesta.Typed,
		Person:  by.ID,
		Channel: "C0OPS",
		Reply:   "https://reply.example.com",
		At:      time.Now(),
	}
	return in
}

// types has somebody type a command and waits for its handling.
func (w *world) types(by algesta.Actor, text string) {
	in := w.invocation(by)
	in.Text = text
	w.handle(in)
}

// votes has somebody click a button.
func (w *world) votes(by algesta.Actor, action algesta.VoteAction, id string) {
	w.handle(w.vote(by, action, id))
}

func (w *world) vote(by algesta.Actor, action algesta.VoteAction, id string) algesta.Invocation {
	in := w.invocation(by)
	in.Kind, in.Vote = algesta.Voted, &algesta.Vote{Action: action, ID: id}
	return in
}

func (w *world) handle(in algesta.Invocation) {
	w.t.Helper()
	fresh, err := w.store.Receive(w.t.Context(), in)
	require.NoError(w.t, err)
	require.True(w.t, fresh)
	w.dispatcher.Handle(w.t.Context(), in)
}

// said are the titles of what was posted so far, of this kind, newest last.
func (w *world) said(kind algesta.PostKind) []string {
	w.t.Helper()
	var out []string
	for _, p := range w.posts() {
		if p.Kind == kind {
			out = append(out, p.Report.Title.String())
		}
	}
	return out
}

// posts are all messages in their present content. Whatever is due is taken as sent, so that threads go on.
func (w *world) posts() []algesta.Post {
	w.t.Helper()
	for {
		due, err := w.store.Due(w.t.Context(), 100)
		require.NoError(w.t, err)
		if len(due) == 0 {
			break
		}
		var sent []algesta.Delivery
		for _, o := range due {
			if w.refuses != nil && w.refuses(o) {
				sent = append(sent, algesta.Delivery{ID: o.ID, Rev: o.Rev, Lost: "restricted_action"})
				continue
			}
			w.asksFirst(o.Post)
			w.people.keep(o)
			sent = append(sent, algesta.Delivery{ID: o.ID, Rev: o.Rev, TS: fmt.Sprintf("%d.000100", o.ID)})
		}
		require.NoError(w.t, w.store.Delivered(w.t.Context(), sent))
	}
	return w.people.sent()
}

// asksFirst holds every button of every message of these tests to asking before it acts, with the service and the environment, and
// with what becomes what where the plan knows that, within what Slack takes.
func (w *world) asksFirst(p algesta.Post) {
	w.t.Helper()
	for _, b := range p.Report.Buttons {
		if b.Action == algesta.Fill || b.Action == algesta.Stop { // the form is sent, and stopping changes nothing
			continue
		}
		require.NotNil(w.t, b.Confirm, "%s of %s asks nothing", b.Label, p.Kind)
		if r, err := w.store.Request(w.t.Context(), p.Command); err == nil && r.Command.Target.Service == "" {
			require.Contains(w.t, b.Confirm.Text, r.Plan.Title.String(), b.Label)
			continue
		}
		require.Contains(w.t, b.Confirm.Text, "api-gateway in production", b.Label)
		require.LessOrEqual(w.t, utf8.RuneCountInString(b.Confirm.Text), 300, b.Label)
		require.LessOrEqual(w.t, utf8.RuneCountInString(b.Confirm.Title), 100, b.Label)
		require.LessOrEqual(w.t, max(utf8.RuneCountInString(b.Confirm.Yes), utf8.RuneCountInString(b.Confirm.No)), 30, b.Label)
		if r, err := w.store.Request(w.t.Context(), p.Command); err == nil && r.Command.Runbook == "scale" && p.Kind != algesta.DiagnosePost {
			require.Regexp(w.t, `\(\d+ → \d+ pods?\)`, b.Confirm.Text, b.Label)
		}
	}
}

// request is the newest request with this status; it waits until there is one.
func (w *world) request(status algesta.Status) algesta.Request {
	w.t.Helper()
	var found algesta.Request
	require.Eventually(w.t, func() bool {
		for _, p := range w.posts() {
			if p.Kind != algesta.CardPost {
				continue
			}
			if r, err := w.store.Request(w.t.Context(), p.Command); err == nil && r.Status == status {
				found = r
			}
		}
		return found.ID != ""
	}, deadline, lookEvery, "no request is %s, but: %v", status, lastSaid{w})
	return found
}

// newest is the request that was opened last, whatever became of it.
func (w *world) newest() (found algesta.Request) {
	w.t.Helper()
	for _, p := range w.posts() {
		if p.Kind != algesta.CardPost {
			continue
		}
		if r, err := w.store.Request(w.t.Context(), p.Command); err == nil {
			found = r
		}
	}
	require.NotEmpty(w.t, found.ID, "%v", lastSaid{w})
	return found
}

// unanswered is how many invocations the next start would find in the inbox.
func (w *world) unanswered() (n int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.path+"?mode=ro") // the driver is registered by the store
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	require.NoError(w.t, db.QueryRowContext(w.t.Context(), `SELECT COUNT(*) FROM inbox WHERE done_at = 0`).Scan(&n))
	return n
}

type lent struct {
	*store.Store
	world *world
}

func (l lent) Update(ctx context.Context, f func(commands.Tx) error) error {
	w := l.world
	knows := false
	err := l.Store.Update(ctx, func(tx *store.Tx) error {
		return f(lentTx{tx, w.onPost, w.onCreate, w.onOffer, w.watched, func(n int) { knows = knows || n > 0 }})
	})
	if knows {
		w.frozenLate.Store(false)
	}
	return err
}

func (l lent) Frozen() *[]algesta.Freeze {
	if l.world.frozenLate.Load() {
		return nil
	}
	return l.Store.Frozen()
}

func (l lent) LostPosts(ctx context.Context, request string) ([]algesta.LostPost, error) {
	if l.world.lostPanics.Load() {
		panic("a mistake in LostPosts")
	}
	return l.Store.LostPosts(ctx, request)
}

type lentTx struct {
	*store.Tx
	onPost   func(algesta.Post) error
	onCreate func(*algesta.Request)
	onOffer  func(*algesta.Offer)
	watched  string
	onFrozen func(n int) // called with how many freezes a transaction read
}

func (l lentTx) Freezes() ([]algesta.Freeze, error) {
	all, err := l.Tx.Freezes()
	l.onFrozen(len(all))
	return all, err
}

func (l lentTx) Watch(id string) ([]byte, error) {
	if l.watched != "" {
		return []byte(l.watched), nil
	}
	return l.Tx.Watch(id)
}

func (l lentTx) Offer(o algesta.Offer) error {
	if l.onOffer != nil {
		l.onOffer(&o)
	}
	return l.Tx.Offer(o)
}

func (l lentTx) Create(r algesta.Request) error {
	if l.onCreate != nil {
		l.onCreate(&r)
	}
	return l.Tx.Create(r)
}

func (l lentTx) Post(p algesta.Post) error {
	if l.onPost != nil {
		if err := l.onPost(p); err != nil {
			return err
		}
	}
	return l.Tx.Post(p)
}

// lastSaid prints what was said, for the message of a failure.
type lastSaid struct{ w *world }

func (l lastSaid) String() string {
	var out []string
	for _, p := range l.w.people.sent() {
		out = append(out, string(p.Kind)+": "+p.Report.Title.String())
	}
	return strings.Join(out, "\n")
}

// plan are the buttons of the newest plan.
func (l lastSaid) plan() string {
	var labels []string
	for _, p := range l.w.posts() {
		if p.Kind == algesta.PlanPost {
			labels = nil
			for _, b := range p.Report.Buttons {
				labels = append(labels, b.Label)
			}
		}
	}
	return strings.Join(labels, " ")
}

// startBy moves the time by which the only request has to start, as the clock would.
func (w *world) startBy(at time.Time) {
	w.startByOf(w.request(algesta.Executing), at)
}

func (w *world) startByOf(r algesta.Request, at time.Time) {
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.Move(algesta.Move{ID: r.ID, From: []algesta.Status{r.Status}, To: r.Status, StartBy: at})
		return err
	}))
}
