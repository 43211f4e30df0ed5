package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shared", Name: name, UID: "u"}
}

// inOneNamespace are a StatefulSet of finance, with what is around it, and a Deployment of the shop. One Secret is of both.
func inOneNamespace() []runtime.Object {
	using := func(labels map[string]string, secrets ...string) corev1.PodTemplateSpec {
		c := corev1.Container{Name: "app", Image: "app:1"}
		for _, name := range secrets {
			c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{
				SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
			})
		}
		return corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{c}},
		}
	}
	books, shop := map[string]string{"app": "ledger"}, map[string]string{"app": "api"}
	set := &appsv1.StatefulSet{ObjectMeta: named("ledger-finance"), Spec: appsv1.StatefulSetSpec{Template: using(books, "books", "mongodb")}}
	pod := &corev1.Pod{ObjectMeta: named("ledger-finance-0"), Spec: set.Spec.Template.Spec}
	pod.Labels = books
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: set.Name, Controller: new(true)}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-0"},
	}}}
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "books"}}
	return []runtime.Object{
		set, pod, &appsv1.Deployment{ObjectMeta: named("api-shop"), Spec: appsv1.DeploymentSpec{Template: using(shop, "mongodb")}},
		&corev1.Service{ObjectMeta: named("books"), Spec: corev1.ServiceSpec{Selector: books}},
		&networkingv1.Ingress{ObjectMeta: named("public"), Spec: networkingv1.IngressSpec{
			DefaultBackend: &backend, TLS: []networkingv1.IngressTLS{{SecretName: "tls"}},
		}},
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"namespace": "shared", "name": "public-tls"},
			"spec": map[string]any{"secretName": "tls"},
		}},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: named("keeps-up"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "StatefulSet", Name: set.Name},
		}},
		&corev1.PersistentVolumeClaim{ObjectMeta: named("data-0")},
		&batchv1.CronJob{ObjectMeta: named("export-finance")},
		&batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shared", Name: "export-finance-1", OwnerReferences: []metav1.OwnerReference{
				{Kind: "CronJob", Name: "export-finance", Controller: new(true)},
			},
		}},
		&corev1.Pod{ObjectMeta: named("debug")},
	}
}

// TestAnObjectIsOfTheEnvironmentOfItsWorkloads: by the same rule for every kind of object, and of none where nobody can tell.
func TestAnObjectIsOfTheEnvironmentOfItsWorkloads(t *testing.T) {
	t.Parallel()
	catalog := environments{inShared("", "shop"), inShared("", "finance")}
	s := facts.NewSnapshot(noon, inOneNamespace(), nil)
	for about, want := range map[facts.Ref]string{
		{Kind: "Deployment", Name: "api-shop"}:              "shop",
		{Kind: "Deployment", Name: "gone-finance"}:          "finance",
		{Kind: "Deployment", Name: "gateway"}:               "",
		{Kind: "StatefulSet", Name: "ledger-finance"}:       "finance",
		{Kind: "Pod", Name: "ledger-finance-0"}:             "finance",
		{Kind: "Pod", Name: "debug"}:                        "",
		{Kind: "Service", Name: "books"}:                    "finance",
		{Kind: "Ingress", Name: "public"}:                   "finance",
		{Kind: "Certificate", Name: "public-tls"}:           "finance",
		{Kind: "HorizontalPodAutoscaler", Name: "keeps-up"}: "finance",
		{Kind: "PersistentVolumeClaim", Name: "data-0"}:     "finance",
		{Kind: "CronJob", Name: "export-finance"}:           "finance",
		{Kind: "Job", Name: "export-finance-1"}:             "finance",
		{Kind: "Secret", Name: "books"}:                     "finance",
		{Kind: "Secret", Name: "mongodb"}:                   "",
		{Kind: "ResourceQuota", Name: "quota"}:              "",
		{Kind: "Certificate", Name: "nowhere-finance"}:      "finance",
	} {
		about.Namespace = "shared"
		require.Equal(t, want, environmentOf(s, diagnosis.Chain{}, inShared("", "shop"), about, catalog), about.String())
	}
	for _, about := range []facts.Ref{{Kind: "Node", Name: "node-finance"}, {Kind: "Namespace", Namespace: "shared", Name: "team-finance"}} {
		require.Empty(t, environmentOf(s, diagnosis.Chain{}, inShared("", "shop"), about, catalog), about.String())
	}
	require.Equal(t, "finance", find(s, inShared("", "shop"), algesta.Signal{
		Rule: CrashLoop, Kind: "StatefulSet", Namespace: "shared", Name: "ledger-finance",
	}, catalog).About.Environment)
}

// quotaFull is a run in which the quota of the shared namespace, which is of nobody, is used up.
func quotaFull(cfg Config, silences ...algesta.Silence) *run {
	r := newRun(cfg)
	r.Silence(silences)
	see := func() Work {
		return r.See(r.now, Observation{
			Place: inShared("", "shop"), Environments: []string{"shop", "finance"},
			Signals: []algesta.Signal{{Rule: QuotaFull, Kind: "ResourceQuota", Namespace: "shared", Name: "quota", Says: "Quota quota is used up."}},
		})
	}
	see()
	r.now = r.now.Add(20 * time.Minute)
	for _, c := range r.Judge(r.now, see(), func(algesta.Signal) Found { return Found{} }) {
		c.Incident.Version++
		r.Stored(c.Incident)
	}
	return r
}

// TestWhatMayBeOfSeveralEnvironmentsIsToldWhereAllOfThemAre, or to nobody, and is no incident of one of them.
func TestWhatMayBeOfSeveralEnvironmentsIsToldWhereAllOfThemAre(t *testing.T) {
	t.Parallel()
	require.Empty(t, quotaFull(two).Open(), "each has a channel of its own")
	require.Len(t, quotaFull(quick).Open(), 1)
	both := two
	both.Routes = []Route{
		{Channel: "C0BOOKS", Environments: []string{"finance"}, Severities: []algesta.Severity{algesta.Critical}},
		{Channel: "C0SHOP", Environments: []string{"shop"}, Severities: []algesta.Severity{algesta.Critical}},
		{Channel: "C0ALL"},
	}
	r := quotaFull(both, silenceOf(inShared("", "shop"), time.Hour))
	require.Len(t, r.Open(), 1, "a silence of the shop alone")
	i := r.Open()[0]
	require.Equal(t, "C0ALL", i.Channel)
	require.True(t, i.Shared)
	require.Contains(t, Card(i, Past{}).Title.String(), "(the namespace shared)")
	k := &Keeper{Parts: Parts{Catalog: environments{inShared("", "shop"), inShared("", "finance")}}, cfg: both, book: r.Book}
	require.Empty(t, k.openAbout(inShared("", "shop")))
	require.Empty(t, quotaFull(both, silenceOf(inShared("", "shop"), time.Hour), silenceOf(inShared("", "finance"), time.Hour)).Open())
	require.Empty(t, within(inShared("", "shop"), []string{"shop", "finance"}, Found{
		Key: i.Key, Cause: algesta.IncidentCause{What: "Quota quota is used up"},
	}).Cause.What, "an incident channel is of one")
}

// TestACardSaysNothingOfAnotherEnvironmentOfItsNamespace, unless that may be told there as well.
func TestACardSaysNothingOfAnotherEnvironmentOfItsNamespace(t *testing.T) {
	t.Parallel()
	in := []string{"shop", "finance"}
	found := Found{
		Key: algesta.IncidentKey{Kind: "Secret", Name: "mongodb"}, About: inShared("api", "shop"),
		Cause: algesta.IncidentCause{
			What: "Secret mongodb is missing", Sentence: "Secret mongodb is missing, so no pod of api-shop and ledger-finance can start.",
			Pods:   []algesta.ReadyPods{{Kind: "Deployment", Name: "api-shop"}, {Kind: "StatefulSet", Name: "ledger-finance"}},
			Impact: "ledger-finance serves nothing", Change: "ledger-finance was rolled out", Command: "rollback ledger finance",
		},
		Detail:    algesta.Report{Title: algesta.Say("ledger-finance")},
		workloads: map[[2]string]string{{"Deployment", "api-shop"}: "shop", {"StatefulSet", "ledger-finance"}: "finance"},
	}
	require.NotContains(t, text(Card(algesta.Incident{
		About: found.About, Cause: apart(found, in, two.shares).Cause, Signals: []algesta.Signal{crash("api-shop")},
	}, Past{}))+text(apart(found, in, two.shares).Detail), "ledger")
	require.Equal(t, "Secret mongodb is missing", apart(found, in, two.shares).Cause.What)
	require.Equal(t, found, apart(found, in, func(string, string) bool { return true }))
	require.Equal(t, found, apart(found, in[:1], two.shares))
	found.Key = algesta.IncidentKey{Kind: "StatefulSet", Name: "ledger-finance"}
	found.Cause.What = "ledger-finance crashes"
	require.Equal(t, "The cause is in another environment of its namespace.", apart(found, in, two.shares).Cause.Sentence)

	c := []diagnosis.Chain{{}, {Hits: []facts.Ref{{Kind: "StatefulSet", Namespace: "shared", Name: "ledger-finance"}}}}
	catalog := environments{inShared("", "shop"), inShared("", "finance")}
	require.Equal(t, map[[2]string]string{{"StatefulSet", "ledger-finance"}: "finance", {"Deployment", "api-shop"}: "shop"}, ofWorkloads(
		facts.NewSnapshot(noon, nil, nil), c, facts.Ref{Kind: "Deployment", Namespace: "shared", Name: "api-shop"}, inShared("", "shop"), catalog,
	))
}

// TestAnIncidentTakesNoCauseOverThatIsOfAnotherEnvironment: what is wrong with an object may be of another one later.
func TestAnIncidentTakesNoCauseOverThatIsOfAnotherEnvironment(t *testing.T) {
	t.Parallel()
	d := draft{Book: NewBook(two, nil), seen: Observation{Place: inShared("", "shop"), Environments: []string{"shop", "finance"}}}
	f := Found{Key: algesta.IncidentKey{Kind: "Secret"}, About: inShared("", "finance"), Cause: algesta.IncidentCause{What: "ledger"}}
	d.look = func(algesta.Signal) Found { return f }
	i := algesta.Incident{About: inShared("", "shop"), Channel: "C0SHOP"}
	require.Empty(t, d.foundFor(i, crash("api-shop")).Cause.What)
	require.NotEmpty(t, d.foundFor(i, crash("api-shop")).Unknown)
	f.About = algesta.Target{}
	require.NotEmpty(t, d.foundFor(i, crash("api-shop")).Unknown, "nobody can tell")
	f.About = inShared("api", "shop")
	require.Equal(t, f, d.foundFor(i, crash("api-shop")))
}
