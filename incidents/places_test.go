package incidents

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// two are two environments of one cluster with a channel each, and one that has the channel of the first.
var two = Config{Wait: time.Second, Settle: time.Second, Routes: []Route{
	{Channel: "C0SHOP", Environments: []string{"shop", "stall"}}, {Channel: "C0FINANCE", Environments: []string{"finance"}},
}}

// nodeBreaks is what a place finds where a node that all of them use is the cause.
func nodeBreaks(place string) Found {
	return Found{
		Key: algesta.IncidentKey{Cluster: "aks", Kind: "Node", Name: "aks-1", Class: "node"},
		Cause: algesta.IncidentCause{
			What: "Node aks-1 isn't ready", Sentence: "Node aks-1 isn't ready.", Sure: "high", Severity: algesta.Critical,
			Pods: []algesta.ReadyPods{{Kind: "Deployment", Name: place + "-ledger", Of: 2}},
		},
		Detail: algesta.Report{Title: algesta.Say("What I found"), Body: []algesta.Block{{Pre: "evidence of " + place}}},
	}
}

// seen is one check of a place, where its service crashes and the node isn't ready, and what follows from it.
func (r *run) seen(place string, find func(string) Found) []Change {
	r.now = r.now.Add(2 * time.Minute)
	g := Observation{Place: algesta.Target{Cluster: "aks", Namespace: place, Environment: place}, Signals: []algesta.Signal{
		{Rule: CrashLoop, Kind: "Deployment", Namespace: place, Name: place + "-api", Says: "A pod crashes."},
		{Rule: NodeNotReady, Kind: "Node", Name: "aks-1", Says: "Node aks-1 isn't ready."},
	}}
	r.See(r.now.Add(-time.Minute-time.Second), g)
	changes := r.Judge(r.now, r.See(r.now, g), func(algesta.Signal) Found { return find(place) })
	for _, c := range changes {
		c.Incident.Version++
		r.Stored(c.Incident)
	}
	return changes
}

// requireTold is about whose evidence and pods a channel got.
func requireTold(t *testing.T, changes []Change, channel, of string) {
	t.Helper()
	require.NotEmpty(t, changes)
	for _, c := range changes {
		require.Equal(t, channel, c.Incident.Channel)
		require.Equal(t, of+"-ledger", c.Incident.Cause.Pods[0].Name)
		require.Equal(t, "evidence of "+of, c.Detail.Body[0].Pre)
	}
}

func TestWhatOnePlaceFindsIsNotToldWhereAnotherIs(t *testing.T) {
	t.Parallel()
	r := newRun(two)
	requireTold(t, r.seen("shop", nodeBreaks), "C0SHOP", "shop")
	finance := r.seen("finance", nodeBreaks)
	requireTold(t, finance, "C0FINANCE", "finance")
	require.Len(t, finance[len(finance)-1].Incident.Signals, 2, "the node, too, though the other channel knows of it")
	require.Len(t, r.Open(), 2)

	stall := r.seen("stall", nodeBreaks)
	requireTold(t, stall, "C0SHOP", "stall")
	require.Len(t, r.Open(), 2, "who reads of both reads one card")

	r.seen("shop", nodeBreaks)
	for _, i := range r.Open() {
		for _, s := range i.Signals {
			require.Zero(t, s.Gone, "%s of %s: no place says of another's objects that they are well again", s.Name, i.Channel)
		}
	}
}

func TestACauseComesBackAndIsMergedOnlyWhereItsPlaceIsTold(t *testing.T) {
	t.Parallel()
	before := algesta.Incident{
		ID:         "i-before",
		Key:        nodeBreaks("shop").Key,
		State:      algesta.IncidentResolved,
		Channel:    "C0SHOP",
		OpenedAt:   noon.Add(-time.Hour),
		ResolvedAt: noon,
		About:      algesta.Target{Cluster: "aks", Namespace: "shop", Environment: "shop"},
		Signals:    []algesta.Signal{crash("a")},
		Nth:        1,
	}
	r := newRun(two)
	r.Stored(before)
	changes := r.seen("finance", nodeBreaks)
	requireTold(t, changes, "C0FINANCE", "finance")
	require.Empty(t, changes[0].Incident.Previous)
	require.Equal(t, 1, changes[0].Incident.Nth)

	r = newRun(two)
	r.seen("shop", nodeBreaks)
	r.seen("finance", func(string) Found { return Found{} })
	changes = r.seen("finance", nodeBreaks)
	for _, c := range changes {
		require.Equal(t, "C0FINANCE", c.Incident.Channel)
		require.NotEqual(t, algesta.IncidentMerged, c.Incident.State)
	}
}

func TestARequestIsNamedOnlyWhereItMayBeKnown(t *testing.T) {
	t.Parallel()
	i := algesta.Incident{Channel: "C0SHOP"}
	asked := func(channel string) algesta.Request {
		return algesta.Request{Command: algesta.Command{Channel: channel}}
	}
	k := &Keeper{}
	require.True(t, k.mayTell(t.Context(), asked("C0SHOP"), i))
	require.False(t, k.mayTell(t.Context(), asked("C0OPEN"), i), "what nobody knows is no public channel")
	k.Public = func(_ context.Context, channel string) bool { return channel == "C0OPEN" }
	require.True(t, k.mayTell(t.Context(), asked("C0OPEN"), i))
	require.False(t, k.mayTell(t.Context(), asked("D0LUIS"), i))
}

func TestADiagnosisFollowsNoCauseThatItsChannelMayNotBeTold(t *testing.T) {
	t.Parallel()
	in := func(e string) algesta.Target { return algesta.Target{Cluster: "aks", Namespace: e, Environment: e} }
	k := &Keeper{Parts: Parts{Catalog: environments{in("shop"), in("stall"), in("finance")}}, cfg: two}
	may := k.sharing(in("shop"), func(namespace string) bool { return namespace != "payroll" })
	require.True(t, may("stall"))
	require.True(t, may("kube-system"), "it's no environment's")
	require.False(t, may("finance"))
	require.False(t, may("payroll"), "the policy doesn't let the rule")
	require.False(t, k.sharing(in("shop"), nil)("stall"))
}

// environments are a Catalog without services.
type environments []algesta.Target

// Known implements Catalog.
func (environments) Known() []algesta.Target { return nil }

func (e environments) Places() []algesta.Target                     { return e }
func (e environments) Called(string, string, string) algesta.Target { return algesta.Target{} }

// EnvironmentOf implements Places: the last word of a name is the environment, where several share the namespace.
func (e environments) EnvironmentOf(cluster, namespace, name string, _ bool) string {
	var here []string
	for _, p := range e {
		if p.Cluster == cluster && p.Namespace == namespace {
			here = append(here, p.Environment)
		}
	}
	if len(here) == 1 {
		return here[0]
	}
	if last := name[strings.LastIndex(name, "-")+1:]; slices.Contains(here, last) {
		return last
	}
	return ""
}

// The API server takes any text for the owner of an object.
func TestNoOwnerWritesIntoATitle(t *testing.T) {
	t.Parallel()
	const forged = "@channel\n✅ Approved by Carla"
	crashes := podOf(waitingFor("CrashLoopBackOff"))
	for name, objects := range map[string]func(p *corev1.Pod) []runtime.Object{
		"the kind of a pod's owner": func(p *corev1.Pod) []runtime.Object {
			p.OwnerReferences[0].Kind = forged
			return []runtime.Object{p}
		},
		"its name": func(p *corev1.Pod) []runtime.Object {
			p.OwnerReferences[0].Name = forged
			return []runtime.Object{p}
		},
		"the name of its ReplicaSet's owner": func(p *corev1.Pod) []runtime.Object {
			set := replicaSet()
			set.OwnerReferences[0].Name = forged
			return []runtime.Object{p, set}
		},
		"a kind that is none": func(p *corev1.Pod) []runtime.Object {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "Approved", Name: "by-carla", Controller: new(true)}}
			return []runtime.Object{p}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signals, _ := Signals(objects(crashes.DeepCopy()), nil, noon)
			require.NotEmpty(t, signals)
			r := newRun(quick)
			r.lasts(time.Minute, signals, func(algesta.Signal) Found { return Found{} })
			title := Card(r.only(t), Past{}).Title.String()
			require.NotContains(t, title, "Approved")
			require.NotContains(t, title, "\n")
		})
	}
}

// Another cluster may have a namespace of the same name: what is seen there says nothing of the incidents here.
func TestAnotherClusterSaysNothingOfAnIncident(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.Stored(algesta.Incident{
		ID: "i-1", State: algesta.IncidentOpen, Channel: "C0INCIDENTS", About: place, Signals: []algesta.Signal{crash("a")},
		OpenedAt: noon, Nth: 1,
	})
	other := place
	other.Cluster = "other"
	r.now = r.now.Add(time.Hour)
	require.Empty(t, r.See(r.now, Observation{Place: other}).Due)
	require.Zero(t, r.all["i-1"].Signals[0].Gone)
	r.See(r.now, Observation{Place: place})
	require.NotZero(t, r.all["i-1"].Signals[0].Gone)
}

// pastRecords remember one incident and its card.
type pastRecords struct {
	Records
	before algesta.Incident
}

func (r pastRecords) Incident(context.Context, string) (algesta.Incident, bool, error) {
	return r.before, true, nil
}

func (r pastRecords) CardOf(context.Context, string) (channel, ts string, err error) {
	return r.before.Channel, "1.0", nil
}

// The incident before may stand in a channel that the readers of this card may not read.
func TestTheIncidentBeforeIsLinkedInItsOwnChannelAlone(t *testing.T) {
	t.Parallel()
	before := algesta.Incident{ID: "i-0", Channel: "C0FINANCE", Ended: "Rollback by Luis"}
	k := Keeper{Parts: Parts{
		Records: pastRecords{before: before}, Link: func(context.Context, string, string) string { return "https://example.com/1" },
	}}
	now := algesta.Incident{ID: "i-1", Previous: "i-0", Channel: "C0FINANCE"}
	require.Equal(t, Past{Ended: "Rollback by Luis", Link: "https://example.com/1"}, k.past(t.Context(), now))
	now.Channel = "C0SHOP"
	require.Empty(t, k.past(t.Context(), now))
}

// An incident is told for the place that it was seen in: a workload of another that its cause hits isn't its service.
func TestAnIncidentIsOfItsOwnPlace(t *testing.T) {
	t.Parallel()
	hits := diagnosis.Chain{Hits: []facts.Ref{
		{Kind: facts.KindDeployment, Namespace: "staging", Name: "payments"},
		{Kind: facts.KindDeployment, Namespace: "production", Name: "orders"},
	}}
	about := facts.Ref{Kind: "Node", Name: "aks-1"}
	nothing := facts.NewSnapshot(noon, nil, nil)
	require.Equal(t, "orders", aboutOf(nothing, hits, place, about, everyDeployment{}).Name)
	hits.Hits = hits.Hits[:1]
	require.Empty(t, aboutOf(nothing, hits, place, about, everyDeployment{}).Name)
}

// everyDeployment is a catalogue in which each Deployment is a service.
type everyDeployment struct{}

func (everyDeployment) Called(cluster, namespace, deployment string) algesta.Target {
	return algesta.Target{Cluster: cluster, Namespace: namespace, Environment: "production", Name: deployment, Service: deployment}
}

func (everyDeployment) EnvironmentOf(string, string, string, bool) string { return "production" }
