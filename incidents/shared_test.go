package incidents

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// inShared is an environment, or a service of it, in the namespace that finance has together with the shop.
func inShared(service, environment string) algesta.Target {
	t := algesta.Target{Service: service, Environment: environment, Cluster: "aks", Namespace: "shared"}
	if service != "" {
		t.Name = service + "-" + environment
	}
	return t
}

// sharedCatalog knows a service of each of the two environments.
type sharedCatalog struct{ environments }

func (sharedCatalog) Called(_, _, deployment string) algesta.Target {
	for _, t := range []algesta.Target{inShared("api", "shop"), inShared("ledger", "finance")} {
		if t.Name == deployment {
			return t
		}
	}
	return algesta.Target{}
}

// breaksIn is a keeper of what is shared, and a book that saw a service of each environment break: the namespace is watched as the shop's.
func breaksIn(silences ...algesta.Silence) (*Keeper, *run) {
	r := newRun(two)
	r.Silence(silences)
	shop := inShared("", "shop")
	see := func() Work {
		return r.See(r.now, Observation{Place: shop, Signals: []algesta.Signal{
			{Rule: CrashLoop, Kind: "Deployment", Namespace: "shared", Name: "api-shop", Says: "A pod crashes."},
			{Rule: CrashLoop, Kind: "Deployment", Namespace: "shared", Name: "ledger-finance", Says: "A pod crashes."},
		}})
	}
	see()
	r.now = r.now.Add(2 * time.Minute)
	catalog := sharedCatalog{environments{shop, inShared("", "finance")}}
	for _, c := range r.Judge(r.now, see(), func(s algesta.Signal) Found {
		return Found{
			Key:   algesta.IncidentKey{Cluster: "aks", Namespace: "shared", Kind: "Secret", Name: "mongodb", Class: "config"},
			About: catalog.Called("aks", "shared", s.Name),
			Cause: algesta.IncidentCause{What: "A Secret is missing", Sentence: "Secret mongodb is missing.", Severity: algesta.Critical},
		}
	}) {
		c.Incident.Version++
		r.Stored(c.Incident)
	}
	return &Keeper{Parts: Parts{Catalog: catalog}, cfg: two, book: r.Book}, r
}

// open are the environments of what is open, by their channels.
func open(r *run) map[string]string {
	out := map[string]string{}
	for _, i := range r.Open() {
		out[i.Channel] = i.About.Environment
	}
	return out
}

// TestAnIncidentIsOfTheEnvironmentOfItsService: two in one namespace may have a cause in common, and a channel each.
func TestAnIncidentIsOfTheEnvironmentOfItsService(t *testing.T) {
	t.Parallel()
	k, r := breaksIn()
	require.Equal(t, map[string]string{"C0SHOP": "shop", "C0FINANCE": "finance"}, open(r))
	about := k.openAbout(inShared("", "finance"))
	require.Len(t, about, 1)
	require.Equal(t, "ledger-finance", about[0].About.Name)
}

// TestASilenceOfAnEnvironmentSilencesNoOtherOfItsNamespace, neither here nor in an Alertmanager.
func TestASilenceOfAnEnvironmentSilencesNoOtherOfItsNamespace(t *testing.T) {
	t.Parallel()
	for of, want := range map[string]map[string]string{
		"shop": {"C0FINANCE": "finance"}, "finance": {"C0SHOP": "shop"},
	} {
		z := silenceOf(inShared("", of), time.Hour)
		k, r := breaksIn(z)
		require.Equal(t, want, open(r), "a silence of %s", of)
		require.Empty(t, k.forAlertmanager([]algesta.Silence{z}), "its alerts know no environment")
	}
	service, alone := silenceOf(inShared("api", "shop"), time.Hour), silenceOf(place, time.Hour)
	k, r := breaksIn(service)
	require.Equal(t, map[string]string{"C0FINANCE": "finance"}, open(r))
	require.Equal(t, []algesta.Silence{service, alone}, k.forAlertmanager([]algesta.Silence{service, alone}))
}

// What is found in a third namespace may be read wherever something of the shared one is told.
func TestADiagnosisOfASharedNamespaceTellsOnlyWhatBothMayRead(t *testing.T) {
	t.Parallel()
	stall := algesta.Target{Cluster: "aks", Namespace: "stall", Environment: "stall"}
	k := &Keeper{Parts: Parts{Catalog: environments{inShared("", "shop"), inShared("", "finance"), stall}}, cfg: two}
	anything := func(string) bool { return true }
	require.False(t, k.sharing(inShared("", "shop"), anything)("stall"), "the channel of finance may not")
	k.Catalog = environments{inShared("", "shop"), stall}
	require.True(t, k.sharing(inShared("", "shop"), anything)("stall"))
}

// financeTown has finance in the namespace that is watched as production.
type financeTown struct{ *town }

func (w financeTown) Called(cluster, namespace, deployment string) algesta.Target {
	t := w.town.Called(cluster, namespace, deployment)
	t.Environment = "finance"
	return t
}

func (financeTown) EnvironmentOf(string, string, string, bool) string { return "finance" }

// What an incident advises names the environment of its service.
func TestAnIncidentAdvisesCommandsInItsOwnEnvironment(t *testing.T) {
	t.Parallel()
	objects := crashing()
	now := objects[1].(*appsv1.ReplicaSet)
	before := now.DeepCopy()
	before.Name, before.UID, before.Spec.Replicas = "ms-orders-5c4", "s-before", new(int32)
	before.Spec.Template.Spec.Containers[0].Image = "app:0"
	const revision = "deployment.kubernetes.io/revision"
	now.Annotations, before.Annotations = map[string]string{revision: "2"}, map[string]string{revision: "1"}
	objects[0].(*appsv1.Deployment).Annotations = now.Annotations
	w := &town{objects: append(objects, before)}
	k := &Keeper{Parts: Parts{Asker: w, Catalog: financeTown{w}}}
	find, err := k.look(t.Context(), place)
	require.NoError(t, err)
	f := find(crash("ms-orders"))
	require.Equal(t, "finance", f.About.Environment)
	require.Contains(t, f.Cause.Command, "rollback ms-orders finance")
}

// ended are Records of requests that are over.
type ended struct {
	Records
	all []algesta.Request
}

func (e ended) Ended(context.Context, int) ([]algesta.Request, error) { return e.all, nil }

// TestAnIncidentChannelTellsOfNoOtherEnvironmentOfItsNamespace: neither what is wrong there nor what was changed.
func TestAnIncidentChannelTellsOfNoOtherEnvironmentOfItsNamespace(t *testing.T) {
	t.Parallel()
	shop := inShared("", "shop")
	now := metav1.Now()
	var objects []runtime.Object
	var requests []algesta.Request
	for _, of := range []algesta.Target{inShared("api", "shop"), inShared("ledger", "finance")} {
		owner := metav1.OwnerReference{Kind: "Deployment", Name: of.Name, Controller: new(true)}
		objects = append(objects, &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: of.Name + "-1", CreationTimestamp: now, OwnerReferences: []metav1.OwnerReference{owner},
		}}, &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Name: of.Name},
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Name: of.Name}},
			Status:     autoscalingv2.HorizontalPodAutoscalerStatus{LastScaleTime: &now, DesiredReplicas: 6},
		})
		restart := algesta.Request{Status: algesta.Succeeded, CreatedAt: now.Time, Plan: algesta.Plan{
			Title: algesta.Say("Restart of {} in {}", of.Service, of.Environment), Changes: []algesta.Change{{Object: of.Workload()}},
		}}
		restart.Command.Channel, restart.Command.Target = "C0INC", of
		pod := restart
		pod.Plan.Title, pod.Plan.Of = algesta.Say("Removal of a pod of {}", of.Service), of
		pod.Command.Target = shop // as it was typed
		requests = append(requests, restart, pod)
	}
	k := &Keeper{Parts: Parts{
		Catalog: sharedCatalog{environments{shop, inShared("", "finance")}}, Records: ended{all: requests},
		Redact: func(text string) string { return text },
	}}
	var said []string
	for _, line := range k.timeline(t.Context(), algesta.IncidentChannel{Channel: "C0INC", About: shop}, objects) {
		said = append(said, line.String())
	}
	require.Len(t, said, 4)
	require.NotContains(t, strings.Join(said, "\n"), "ledger")
	both := []string{"shop", "finance"}
	found := Found{
		Key: algesta.IncidentKey{Kind: "Secret"}, About: inShared("ledger", "finance"),
		Cause: algesta.IncidentCause{What: "Secret ledger is missing"},
	}
	require.Empty(t, within(shop, both, found).Cause.What)
	require.NotEmpty(t, within(inShared("", "finance"), both, found).Cause.What)
}
