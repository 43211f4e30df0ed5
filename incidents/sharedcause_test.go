package incidents

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/runbooks"
)

// callingTown has finance in the namespace of production, and pods whose log says that they can't reach one of its Services.
type callingTown struct{ *town }

func (callingTown) Log(context.Context, string, string, string, bool) ([]byte, error) {
	return []byte("Error: connect ECONNREFUSED ledger-finance:80\nError: connect ECONNREFUSED ledger-finance:80\n"), nil
}

func (w callingTown) LookAsRule(
	ctx context.Context, _ commands.RuleCommand, look func(context.Context, runbooks.Cluster, runbooks.Input) error,
) error {
	return look(ctx, runbooks.Cluster{Observer: w}, runbooks.Input{Bot: "algesta"})
}

func (callingTown) EnvironmentOf(_, _, name string, _ bool) string {
	return map[string]string{"ms-orders": "production", "ledger-finance": "finance"}[name]
}

func (callingTown) Places() []algesta.Target {
	finance := place
	finance.Environment = "finance"
	return []algesta.Target{place, finance}
}

// TestACardSaysNothingOfAServiceOfAnotherEnvironment, also where that is why its own service crashes.
func TestACardSaysNothingOfAServiceOfAnotherEnvironment(t *testing.T) {
	t.Parallel()
	objects := crashing()
	calls := []corev1.EnvVar{{Name: "LEDGER_URL", Value: "http://ledger-finance:80"}}
	objects[0].(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Env = calls
	objects[1].(*appsv1.ReplicaSet).Spec.Template.Spec.Containers[0].Env = calls
	objects[2].(*corev1.Pod).Spec.Containers[0].Env = calls
	w := callingTown{&town{objects: append(objects, serviceOf("ledger-finance", "walrus"))}}
	k := &Keeper{Parts: Parts{Asker: w, Catalog: w}, cfg: Config{Routes: []Route{
		{Channel: "C0SHOP", Environments: []string{"production"}}, {Channel: "C0FINANCE", Environments: []string{"finance"}},
	}}}
	find, err := k.look(t.Context(), place)
	require.NoError(t, err)
	f := find(crash("ms-orders"))
	require.Contains(t, f.Cause.What, "walrus")
	f = apart(f, k.environmentsOf(place), k.cfg.shares)
	card := text(Card(algesta.Incident{About: f.About, Cause: f.Cause, Signals: []algesta.Signal{crash("ms-orders")}}, Past{}))
	require.NotContains(t, card+text(f.Detail), "walrus")
	require.NotContains(t, card+text(f.Detail), "ledger")
}

func serviceOf(name, app string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{{Port: 80}},
	}}
}

// TestAServiceIsOfTheEnvironmentOfThePodsBehindIt, where its name says nothing.
func TestAServiceIsOfTheEnvironmentOfThePodsBehindIt(t *testing.T) {
	t.Parallel()
	ref := func(name string) facts.Ref {
		return facts.Ref{Kind: facts.KindService, Namespace: "production", Name: name}
	}
	s := facts.NewSnapshot(noon, append(crashing(), []runtime.Object{serviceOf("books", "ms-orders"), serviceOf("nobody", "x")}...), nil)
	chains := []diagnosis.Chain{{Subject: ref("books")}, {Subject: ref("nobody")}, {Subject: ref("ledger-finance")}}
	require.Equal(t, map[[2]string]string{
		{"Deployment", "ms-orders"}: "production", {"Service", "books"}: "production", {"Service", "ledger-finance"}: "finance",
	}, ofWorkloads(s, chains, facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders"}, place, callingTown{}))
}
