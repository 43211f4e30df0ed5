package incidents

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// town is all that a keeper works with, in memory: a namespace, the policy's answer, and what is stored.
type town struct {
	mu        sync.Mutex
	objects   []runtime.Object
	unread    map[string]error
	noPosts   error // as refused, of posts alone
	unposted  func(ctx context.Context, id, channel string, failed error) error
	tried     int   // posts in an incident channel
	refused   error // of the policy
	unseen    error // of the place
	looks     int
	panics    bool
	incidents map[string]algesta.Incident
	posts     map[algesta.PostKind][]algesta.Report // by kind, each content once
	sent      map[[2]string]bool                    // each message once, by its incident and kind, however often it was edited
	final     bool                                  // the last card is an end
	events    []string
	lines     []algesta.Args
	quicker   bool // another process stores first, once
	alerts    map[string]algesta.Alert
	last      *algesta.Request // the last change of whatever is asked about
	silences  []algesta.Silence
	channels  map[string]algesta.IncidentChannel
	rooms     *rooms
	redact    func(string) string // nil hides nothing
	keeper    *Keeper
}

func (w *town) set(f func(*town)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// told is what a town was asked and told so far.
type told struct {
	looks     int
	incidents map[string]algesta.Incident
	posts     map[algesta.PostKind][]algesta.Report
	events    []string
	lines     []algesta.Args
}

// seen is a copy for the test, while the keeper goes on.
func (w *town) seen() told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return told{w.looks, maps.Clone(w.incidents), maps.Clone(w.posts), slices.Clone(w.events), slices.Clone(w.lines)}
}

// ended reports whether the last content of the card is sent as an end.
func (w *town) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.final
}

// openedBefore makes every incident channel older. The caller holds mu.
func (w *town) openedBefore(age time.Duration) {
	for id, c := range w.channels {
		c.OpenedAt = c.OpenedAt.Add(-age)
		w.channels[id] = c
	}
}

// messages counts the cards, and all messages with them.
func (w *town) messages() (cards, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for message := range w.sent {
		if message[1] == string(algesta.CardPost) {
			cards++
		}
	}
	return cards, len(w.sent)
}

func (w *town) triedPosts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tried
}

// Overview implements Watched.
func (w *town) Overview(context.Context, string, string) ([]runtime.Object, map[string]error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects, w.unread
}

// Observe implements runbooks.Observer.
func (w *town) Observe(context.Context, string) ([]runtime.Object, map[string]error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.panics {
		panic("a mistake in a rule")
	}
	if w.unseen != nil {
		return nil, map[string]error{"pods": w.unseen, "deployments": w.unseen}
	}
	return w.objects, nil
}

// Log implements runbooks.Observer.
func (w *town) Log(context.Context, string, string, string, bool) ([]byte, error) { return nil, nil }

// LookAsRule implements asker.
func (w *town) LookAsRule(
	ctx context.Context, _ commands.RuleCommand, look func(context.Context, runbooks.Cluster, runbooks.Input) error,
) error {
	w.mu.Lock()
	w.looks++
	refused := w.refused
	w.mu.Unlock()
	if refused != nil {
		return refused
	}
	return look(ctx, runbooks.Cluster{Observer: w}, runbooks.Input{Bot: "algesta"})
}

// PostAsRule implements asker.
func (w *town) PostAsRule(
	_ context.Context, _ string, asks commands.RuleCommand, data algesta.Args, store func(commands.Tx) error,
) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if asks.Rule != RuleName || asks.Runbook != "diagnose" {
		return errors.New("it asks for something else")
	}
	if asks.Channel == "C0INC" {
		w.tried++
	}
	if err := errors.Join(w.refused, w.noPosts); err != nil {
		return err
	}
	if err := store(townTx{town: w}); err != nil {
		return err
	}
	w.lines = append(w.lines, data)
	return nil
}

// townTx keeps what a transaction writes.
type townTx struct {
	commands.Tx
	town *town
}

// SaveIncident implements commands.Tx.
func (t townTx) SaveIncident(i algesta.Incident) (bool, error) {
	if t.town.quicker {
		t.town.quicker = false
		return false, nil
	}
	if t.town.incidents[i.ID].Version != i.Version {
		return false, nil
	}
	i.Version++
	t.town.incidents[i.ID] = i
	return true, nil
}

// AppendIncident implements commands.Tx.
func (t townTx) AppendIncident(e algesta.IncidentEvent) error {
	t.town.events = append(t.town.events, e.Kind)
	return nil
}

// Offer implements commands.Tx.
func (t townTx) Offer(algesta.Offer) error { return nil }

// Post implements commands.Tx.
func (t townTx) Post(p algesta.Post) error {
	if t.town.sent == nil {
		t.town.sent = map[[2]string]bool{}
	}
	t.town.sent[[2]string{p.Command, string(p.Kind)}] = true
	if p.Kind == algesta.CardPost {
		t.town.final = p.Final
	}
	all := t.town.posts[p.Kind]
	if len(all) == 0 || text(all[len(all)-1]) != text(p.Report) {
		t.town.posts[p.Kind] = append(all, p.Report)
	}
	return nil
}

// Incidents implements Records.
func (w *town) Incidents(context.Context, time.Time, int) ([]algesta.Incident, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []algesta.Incident
	for _, i := range w.incidents {
		out = append(out, i)
	}
	return out, nil
}

// Incident implements Records.
func (w *town) Incident(_ context.Context, id string) (algesta.Incident, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, found := w.incidents[id]
	return i, found, nil
}

// LastChange implements Records.
func (w *town) LastChange(context.Context, algesta.Object) (algesta.Request, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		return algesta.Request{}, false, nil
	}
	return *w.last, true, nil
}

// Offer implements Records.
func (w *town) Offer(context.Context, string) (algesta.Offer, bool, error) {
	return algesta.Offer{ExpiresAt: time.Now().Add(time.Hour)}, true, nil
}

// CardOf implements Records.
func (w *town) CardOf(_ context.Context, id string) (channel, ts string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.channels[id]; ok && len(w.posts[algesta.CardPost]) > 0 {
		return c.Channel, "1.1", nil
	}
	return "", "", nil
}

// Alerts implements Records.
func (w *town) Alerts(context.Context, time.Time, int) ([]algesta.Alert, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []algesta.Alert
	for _, a := range w.alerts {
		out = append(out, a)
	}
	return out, nil
}

// Ended implements Records.
func (w *town) Ended(context.Context, int) ([]algesta.Request, error) { return nil, nil }

// IncidentChannels implements Records.
func (w *town) IncidentChannels(context.Context) ([]algesta.IncidentChannel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(w.channels)), func(c algesta.IncidentChannel) bool { return c.Over }), nil
}

// SaveIncidentChannel implements commands.Tx.
func (t townTx) SaveIncidentChannel(c algesta.IncidentChannel) error {
	for _, known := range t.town.channels {
		if known.Channel == c.Channel && known.ID != c.ID {
			return nil
		}
	}
	t.town.channels[c.ID] = c
	return nil
}

// Known implements Catalog.
func (w *town) Known() []algesta.Target {
	return []algesta.Target{w.Called("aks", "production", "ms-orders"), w.Called("aks", "production", "ms-orders-export")}
}

// Silences implements Records.
func (w *town) Silences() *[]algesta.Silence {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.silences)
	return &all
}

// SilenceOf implements Records.
func (w *town) SilenceOf(context.Context, string) (z algesta.Silence, ended, found bool, err error) {
	return z, false, false, nil
}

// update implements Parts.Update.
func (w *town) update(_ context.Context, f func(commands.Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f(townTx{town: w})
}

// SaveAlert implements commands.Tx.
func (t townTx) SaveAlert(a algesta.Alert) error {
	t.town.alerts[a.ID] = a
	return nil
}

// Called implements Places.
func (w *town) Called(cluster, namespace, deployment string) algesta.Target {
	return algesta.Target{Service: deployment, Environment: "production", Cluster: cluster, Namespace: namespace, Name: deployment}
}

// EnvironmentOf implements Places.
func (w *town) EnvironmentOf(string, string, string, bool) string { return "production" }

// Places implements Catalog: two environments may share a namespace, which is read once.
func (w *town) Places() []algesta.Target { return []algesta.Target{place, place} }

// card is the last content of the one card, "" where there is none.
func (w *town) card() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.posts[algesta.CardPost]
	if len(all) == 0 {
		return ""
	}
	return text(all[len(all)-1])
}

// crashing is ms-orders with one pod that crashes.
func crashing() []runtime.Object {
	one := int32(1)
	labels := map[string]string{"app": "ms-orders"}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
	d := deploymentOf(0)
	d.Spec.Replicas, d.Spec.Template, d.Spec.Selector = &one, template, &metav1.LabelSelector{MatchLabels: labels}
	d.UID, d.CreationTimestamp = "d", metav1.NewTime(noon.Add(-time.Hour))
	set := replicaSet()
	set.Spec, set.UID = appsv1.ReplicaSetSpec{Replicas: &one, Template: template, Selector: d.Spec.Selector}, "s"
	set.OwnerReferences[0].UID, set.OwnerReferences[0].APIVersion = "d", "apps/v1"
	status := ranAgain(5, 1, time.Minute)
	status.Name, status.Ready, status.State = "app", false, waitingFor("CrashLoopBackOff").State
	status.LastTerminationState.Terminated.FinishedAt = metav1.Now()
	p := podOf(status)
	p.Labels, p.Spec, p.CreationTimestamp = labels, template.Spec, metav1.NewTime(noon.Add(-time.Hour))
	p.OwnerReferences[0].UID, p.OwnerReferences[0].APIVersion = "s", "apps/v1"
	return []runtime.Object{d, set, p}
}

// running is ms-orders after it was fixed.
func running() []runtime.Object {
	all := crashing()
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Status.ReadyReplicas = 1
		case *corev1.Pod: // a new one, which runs
			o.Status.Phase = corev1.PodRunning
			o.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			o.Status.ContainerStatuses = []corev1.ContainerStatus{
				{Name: "app", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}
		}
	}
	return all
}

// watches runs a keeper in a town, and stops it at the end of the test.
func watches(t *testing.T, w *town) (stop func()) {
	t.Helper()
	if w.incidents == nil {
		w.incidents, w.posts = map[string]algesta.Incident{}, map[algesta.PostKind][]algesta.Report{}
		w.alerts, w.channels = map[string]algesta.Alert{}, map[string]algesta.IncidentChannel{}
	}
	cfg := quick
	cfg.Channels = ChannelConfig{Pattern: "inc-*"}
	p := Parts{Asker: w, Records: w, Update: w.update, Watched: w, Catalog: w, Redact: asItIs, Log: zap.NewNop(), Panics: &algesta.Panics{}}
	if w.redact != nil {
		p.Redact = w.redact
	}
	p.Unposted = w.unposted
	if w.rooms != nil {
		p.Rooms = w.rooms
	}
	k := New(cfg, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	w.keeper = k
	return func() { cancel(); <-done }
}
