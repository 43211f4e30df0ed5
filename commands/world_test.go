package commands_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// deadline bounds every wait in these tests; nothing takes that long.
const deadline = 20 * time.Second

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
	logged     *observer.ObservedLogs   // of level error
	seq        int
	lostPanics atomic.Bool // reading the lost messages panics
}

func newWorld(t *testing.T) *world {
	t.Helper()
	core, logged := observer.New(zapcore.ErrorLevel) // what goes wrong on purpose is not news
	log := zap.New(core)
	path := filepath.Join(t.TempDir(), "a.db")
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
	w.seq++
	in := algesta.Invocation{
		Key: fmt.Sprintf(
			"key-%d", w.seq,
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
		require.NotNil(w.t, b.Confirm, "%s of %s asks nothing", b.Label, p.Kind)
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
	}, deadline, 5*time.Millisecond, "no request is %s, but: %v", status, lastSaid{w})
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
	return l.Store.Update(ctx, func(tx *store.Tx) error { return f(lentTx{tx, l.world.onPost, l.world.onCreate, l.world.onOffer}) })
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

// fakeCatalog knows api-gateway in production, and ms-gone, whose Deployment was deleted.
//
// It knows ms-late only until it's asked a second time, as a catalogue does whose caches are filled meanwhile.
type fakeCatalog struct{ late *atomic.Int32 }

func (c fakeCatalog) Resolve(_ context.Context, service, environment string, _ func(algesta.Target) bool) (algesta.Target, error) {
	if service == "" && environment != "" && !slices.Contains(c.Environments(), environment) {
		return algesta.Target{}, &algesta.Error{Kind: algesta.ErrUnknownName, Message: algesta.Say("There's no environment \"{}\".", environment)}
	}
	if service == "" {
		return algesta.Target{Environment: environment, Cluster: "aks", Namespace: environment}, nil
	}
	if environment == "" {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUsage,
			Message: algesta.Say("Which environment do you mean: production?"),
			Err:     chosen{service, ""},
		}
	}
	late := service == "ms-late" && c.late.Add(1) == 1
	if service == "api-gatway" {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("There's no service \"{}\" in {}. Did you mean api-gateway?", service, environment),
			Err:     chosen{"api-gateway", environment},
		}
	}
	if service != "api-gateway" && service != "ms-gone" && !late {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("There's no service \"{}\" in {}.", service, environment),
		}
	}
	return algesta.Target{
		Service:     service,
		Environment: environment,
		Cluster:     "aks",
		Namespace:   environment,
		Name:        service + "-" + environment,
	}, nil
}

// chosen is the cause of an error about names with those that were probably meant, "" for one that the person has to choose.
type chosen struct{ service, environment string }

func (c chosen) Error() string                        { return "other names" }
func (c chosen) Meant() (service, environment string) { return c.service, c.environment }

// goneSince is when ms-gone was last there.
var goneSince = time.Date(2026, 3, 10, 14, 3, 0, 0, time.UTC)

func (fakeCatalog) Gone(t algesta.Target) (until time.Time, gone bool) {
	if t.Service == "ms-late" {
		return time.Time{}, true
	}
	return goneSince, t.Service == "ms-gone"
}

func (fakeCatalog) Environments() []string                 { return []string{"production", "staging"} }
func (fakeCatalog) Known(context.Context) []algesta.Target { return nil }

// fakeDirectory knows the people; it also keeps what was posted. As the real one does, it answers with what it was told before where that
// is not older than it may be, and asks Slack otherwise: a person or a place that changed is seen when somebody asks for it freshly.
type fakeDirectory struct {
	mu        sync.Mutex
	people    map[string]algesta.Actor // in Slack
	down      bool                     // Slack doesn't answer about people
	away      bool                     // the bot is in no channel
	absent    []algesta.PersonID
	asked     *atomic.Int64
	onPlace   func() // when set, called before a place is told
	panics    bool   // asking who somebody is panics
	shared    bool   // the channel is shared with another company
	placeDown bool   // nobody tells who reads the channel
	direct    bool   // the channel is the bot's own direct message
	posts     []algesta.Outgoing

	knownPeople map[string]known[algesta.Actor]
	knownPlaces map[string]known[commands.Place]
	passed      time.Duration // since the start, beside the time that passed
}

// known is what was told, and when.
type known[T any] struct {
	what T
	at   time.Time
}

// kept is for how long the real directory keeps what it knows of a place at most.
func kept(p commands.Place) time.Duration {
	if p.Member {
		return time.Minute
	}
	return 2 * time.Second
}

func (d *fakeDirectory) set(f func(*fakeDirectory)) { d.mu.Lock(); defer d.mu.Unlock(); f(d) }

// later lets time pass for what is known.
func (d *fakeDirectory) later(passed time.Duration) {
	d.set(func(d *fakeDirectory) { d.passed += passed })
}

func (d *fakeDirectory) now() time.Time { return time.Now().Add(d.passed) }

func (d *fakeDirectory) Actor(_ context.Context, id algesta.PersonID, maxAge time.Duration) (algesta.Actor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked != nil {
		d.asked.Add(1)
	}
	if d.panics {
		panic("a mistake in the directory")
	}
	if k, ok := d.knownPeople[id.User]; ok && d.now().Sub(k.at) <= maxAge {
		return k.what, nil
	}
	if d.down {
		return algesta.Actor{}, errors.New("slack does not answer")
	}
	if d.knownPeople == nil {
		d.knownPeople = map[string]known[algesta.Actor]{}
	}
	d.knownPeople[id.User] = known[algesta.Actor]{d.people[id.User], d.now()}
	return d.people[id.User], nil
}

func (d *fakeDirectory) Place(_ context.Context, channel string, maxAge time.Duration) (commands.Place, error) {
	d.mu.Lock()
	onPlace := d.onPlace
	d.mu.Unlock()
	if onPlace != nil {
		onPlace()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if k, ok := d.knownPlaces[channel]; ok && d.now().Sub(k.at) <= min(maxAge, kept(k.what)) {
		return k.what, nil
	}
	if d.placeDown {
		return commands.Place{}, errors.New("slack does not answer")
	}
	if d.knownPlaces == nil {
		d.knownPlaces = map[string]known[commands.Place]{}
	}
	p := commands.Place{Name: "ops", Member: !d.away, Direct: d.direct, External: d.shared}
	d.knownPlaces[channel] = known[commands.Place]{p, d.now()}
	return p, nil
}

func (d *fakeDirectory) Link(_ context.Context, channel, ts string) string {
	return "https://slack.example.com/" + channel + "/" + ts
}

func (d *fakeDirectory) Subject(_ context.Context, s algesta.Subject) string {
	return map[algesta.Subject]string{"group:S0PLATFORM": "@platform", "user:U0CARLA": "Carla"}[s]
}

func (d *fakeDirectory) Person(_ context.Context, s algesta.Subject) string {
	return strings.TrimPrefix(map[algesta.Subject]string{"user:U0CARLA": "U0CARLA"}[s], "user:")
}

// Absent are the absent people, whoever is named.
func (d *fakeDirectory) Absent(
	_ context.Context, _ string, _ []algesta.Subject, most int,
) (absent []algesta.PersonID, more int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(most, len(d.absent))
	return slices.Clone(d.absent[:n]), len(d.absent) - n, nil
}

func (d *fakeDirectory) keep(o algesta.Outgoing) {
	d.set(func(d *fakeDirectory) {
		for i := range d.posts {
			if d.posts[i].ID == o.ID {
				d.posts[i] = o
				return
			}
		}
		d.posts = append(d.posts, o)
	})
}

func (d *fakeDirectory) sent() []algesta.Post {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []algesta.Post
	for _, o := range d.posts {
		out = append(out, o.Post)
	}
	return out
}

// fakeCluster is one Deployment that always comes up at once, and a writer whose answers a test sets.
type fakeCluster struct {
	mu         sync.Mutex
	replicas   int64
	generation int64
	applied    int          // writes that reached the cluster
	operations []string     // their operations, in order
	operation  string       // that the Deployment names as its last
	send       func() error // what happens to a patch between its intent and the cluster
	unreadable error        // the cluster cannot be read
	duringRead func() error // what happens while the rollout is read
	crashes    string       // when set, the pods crash and say this
	apply      func(n int) error
	verify     func(*fakeCluster) (algesta.Verified, error)
	intended   chan struct{}   // when set, Apply waits for it after the intent
	panics     map[string]bool // the methods that panic
	slow       chan struct{}   // when set, reading the Deployment waits for it
	waiting    atomic.Int64    // reads that wait for it now
	coming     bool            // one pod is not ready yet
	touched    atomic.Int64    // reads and writes of any kind
	late       bool            // reading the rollout takes as long as there is time, and answers then
}

func newFakeCluster() *fakeCluster { return &fakeCluster{replicas: 4, generation: 3} }

func (c *fakeCluster) set(f func(*fakeCluster)) { c.mu.Lock(); defer c.mu.Unlock(); f(c) }

// mayPanic is the mistake of a programmer in this method.
func (c *fakeCluster) mayPanic(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.panics[method] {
		panic("a mistake in " + method)
	}
}

func (c *fakeCluster) writes() int { c.mu.Lock(); defer c.mu.Unlock(); return c.applied }

func (c *fakeCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c}, nil
}
func (c *fakeCluster) Writer(string, []string) (commands.Writer, error) { return c, nil }

func (c *fakeCluster) object() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.replicas
	labels := map[string]any{"app": "api-gateway"}
	return map[string]any{
		"apiVersion": "apps/v1",
		"kind":       "Deployment",
		"metadata": map[string]any{
			"name": "api-gateway-production", "namespace": "production", "uid": "uid-1", "resourceVersion": "7", "generation": c.generation,
			"annotations": map[string]any{algesta.OperationAnnotation: c.operation},
		},
		"spec": map[string]any{
			"replicas": n,
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{
					"containers": []any{map[string]any{"name": "api-gateway", "image": "registry.example.com/api-gateway:12345"}},
				},
			},
		},
		"status": map[string]any{
			"observedGeneration": int64(4),
			"replicas":           n,
			"updatedReplicas":    n,
			"readyReplicas":      c.ready(),
			"availableReplicas":  c.ready(),
		},
	}
}

// ready is how many pods are, with c.mu held.
func (c *fakeCluster) ready() int64 {
	if c.coming {
		return c.replicas - 1
	}
	return c.replicas
}

func (c *fakeCluster) Deployment(context.Context, algesta.Object) (*unstructured.Unstructured, error) {
	c.mu.Lock()
	err, slow := c.unreadable, c.slow
	c.mu.Unlock()
	c.touched.Add(1)
	if slow != nil {
		c.waiting.Add(1)
		<-slow
		c.waiting.Add(-1)
	}
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: c.object()}, nil
}

func (c *fakeCluster) List(context.Context, string, string, runtime.Object) error {
	c.touched.Add(1)
	c.mayPanic("List")
	return nil
}

func (c *fakeCluster) Workload(ctx context.Context, _ algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	c.touched.Add(1)
	c.mayPanic("Workload")
	c.mu.Lock()
	duringRead, late := c.duringRead, c.late
	c.mu.Unlock()
	if late {
		<-ctx.Done()
	}
	if duringRead != nil {
		if err := duringRead(); err != nil {
			return nil, nil, nil, err
		}
	}
	b, err := json.Marshal(c.object())
	if err != nil {
		return nil, nil, nil, err
	}
	var d appsv1.Deployment
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, nil, nil, err
	}
	template, err := json.Marshal(d.Spec.Template)
	if err != nil {
		return nil, nil, nil, err
	}
	hash, err := algesta.TemplateHash(template)
	if err != nil {
		return nil, nil, nil, err
	}
	d.Annotations = map[string]string{rollout.TemplateAnnotation: hash}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: d.Name + "-1", UID: "set-1", Annotations: d.Annotations}}
	var pods []*corev1.Pod
	for i := range d.Status.ReadyReplicas {
		pods = append(pods, readyPod(fmt.Sprintf("%s-%d", set.Name, i)))
	}
	c.mu.Lock()
	says := c.crashes
	c.mu.Unlock()
	if says != "" {
		d.Status.ReadyReplicas, d.Status.AvailableReplicas = 0, 0
		for _, p := range pods {
			crash(p, says)
		}
	}
	return &d, []*appsv1.ReplicaSet{set}, pods, nil
}

func readyPod(name string) *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			UID:             types.UID(name),
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", UID: "set-1", Controller: &yes}},
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "api-gateway", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			},
		},
	}
}

// crash has the pod's container end again and again, with these last words.
func crash(p *corev1.Pod, says string) {
	p.CreationTimestamp = metav1.Now()
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
		Name:         "api-gateway",
		RestartCount: 3,
		State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: says, FinishedAt: metav1.Now()},
		},
	}
}

func (c *fakeCluster) Check(context.Context, algesta.Change) ([]string, error) {
	c.touched.Add(1)
	c.mayPanic("Check")
	return nil, nil
}

func (c *fakeCluster) Apply(
	ctx context.Context,
	change algesta.Change,
	operation string,
	intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	c.mu.Lock()
	c.touched.Add(1)
	hold, send := c.intended, c.send // as they are before anybody can see the intent
	c.mu.Unlock()
	if err := intend(ctx, algesta.Intent{UID: change.UID, ResourceVersion: "7", Generation: 3, PatchHash: "h"}); err != nil {
		return algesta.Written{}, err
	}
	if hold != nil {
		<-hold
	}
	c.mayPanic("Apply")
	if send != nil {
		if err := send(); err != nil {
			return algesta.Written{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
	c.operations = append(c.operations, operation+" "+change.Right())
	c.generation = 4
	if c.apply != nil {
		if err := c.apply(c.applied); err != nil {
			return algesta.Written{}, err
		}
	}
	for _, swap := range change.Swaps {
		if swap.Path == "/spec/replicas" {
			if err := json.Unmarshal(swap.To, &c.replicas); err != nil {
				return algesta.Written{}, err
			}
		}
	}
	return algesta.Written{ResourceVersion: "8", Generation: 4}, nil
}

func (c *fakeCluster) Verify(context.Context, algesta.Change, algesta.Execution) (algesta.Verified, error) {
	c.mayPanic("Verify")
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verify(c)
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
