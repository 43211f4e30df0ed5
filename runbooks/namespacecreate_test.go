package runbooks_test

import (
	"context"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

var _ = isAbout("namespace create", otherThing{
	object: "namespace/payments", still: func(*testing.T) runbooks.Reader { return listed{lists: map[string][]any{}} },
})

// newNamespaceOf is what somebody asks for who makes a namespace.
func newNamespaceOf(name string, args algesta.Args) runbooks.Input {
	in := regarding("namespace create", "namespace/"+name)
	in.Command.Target = algesta.Target{Cluster: "sandbox", Object: "namespace/" + name}
	in.Command.Args = algesta.Args{"environment": "dev", "team": "backend"}
	maps.Copy(in.Command.Args, args)
	in.Allowed = func(string) bool { return true }
	return in
}

func planNamespace(t *testing.T, s listed, name string, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find("create namespace")
	require.True(t, ok)
	return book.Plan(t.Context(), whole(s), newNamespaceOf(name, args))
}

func TestANewNamespaceHasTheLabelsOfTheManualAndTheQuotaThatWasAskedFor(t *testing.T) {
	t.Parallel()
	p, err := planNamespace(t, listed{lists: map[string][]any{}}, "payments", algesta.Args{
		"requests.cpu": "4", "limits.memory": "16Gi", "pods": "50",
	})
	require.NoError(t, err)
	require.Len(t, p.Changes, 2)
	require.JSONEq(
		t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"payments","labels":{"environment":"dev","team":"backend"}}}`,
		string(p.Changes[0].Content),
	)
	require.JSONEq(
		t, `{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"payments-quota","namespace":"payments"},
			"spec":{"hard":{"requests.cpu":"4","limits.memory":"16Gi","pods":"50"}}}`, string(p.Changes[1].Content),
	)
	require.Equal(t, "Make the namespace payments on sandbox", p.Summary.String())
	require.Nil(t, p.Undo)
	require.Equal(t, []string{
		"I have no way back: deleting a namespace deletes everything in it, and I don't do that.",
		"No command works in it until an environment of my configuration is in it and the roles that I need are bound there: " +
			"ask the people who run me.",
		"Pods whose containers don't say requests.cpu and limits.memory are refused in it, unless a LimitRange fills that in. I make none.",
	}, words(p.Warnings))

	p, err = planNamespace(t, listed{lists: map[string][]any{}}, "payments", nil)
	require.NoError(t, err)
	require.Len(t, p.Changes, 1)
	require.Contains(t, words(p.Warnings), "No quota: what runs in it is limited by the nodes alone.")
}

func TestANamespaceThatIsThereIsLeftAlone(t *testing.T) {
	t.Parallel()
	there := corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "development", CreationTimestamp: metav1.NewTime(noon.Add(-72 * time.Hour)), Labels: map[string]string{"environment": "dev"},
		},
	}
	p, err := planNamespace(t, listed{lists: map[string][]any{"NamespaceList": {there}}}, "development", nil)
	require.NoError(t, err)
	require.Empty(t, p.Changes)
	require.Equal(
		t, "The namespace development already exists, 3 days old, with environment=dev. I don't change existing namespaces.", p.Nothing.String(),
	)
	there.DeletionTimestamp = &metav1.Time{Time: noon.Add(-time.Hour)}
	_, err = planNamespace(t, listed{lists: map[string][]any{"NamespaceList": {there}}}, "development", nil)
	require.ErrorContains(t, err, "The namespace development is being deleted, for 60 min now.")

	// Whoever may make a namespace may not read every other one: that there is one is all that they have to know.
	book, _ := runbooks.Find("create namespace")
	in := newNamespaceOf("development", nil)
	for _, in.Allowed = range []func(string) bool{nil, func(namespace string) bool { return namespace != "development" }} {
		p, err = book.Plan(t.Context(), whole(listed{lists: map[string][]any{"NamespaceList": {there}}}), in)
		require.NoError(t, err)
		require.Empty(t, p.Changes)
		require.Equal(t, "The namespace development already exists. I don't change existing namespaces.", p.Nothing.String())
	}
}

func TestANamespaceThatKubernetesWouldNotTakeIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for said, in := range map[string]struct {
		name string
		args algesta.Args
	}{
		"pay.ments can't be the name of a namespace":       {"pay.ments", nil},
		"Names that begin with kube- are Kubernetes' own.": {"kube-payments", nil},
		"team is back end, which can't be a label":         {"payments", algesta.Args{"team": "back end"}},
		"pods is many, which is no amount":                 {"payments", algesta.Args{"pods": "many"}},
		"requests.cpu is -4, which is no amount":           {"payments", algesta.Args{"requests.cpu": "-4"}},
	} {
		_, err := planNamespace(t, listed{lists: map[string][]any{}}, in.name, in.args)
		require.ErrorContains(t, err, said)
	}
	_, err := planNamespace(t, listed{instead: map[string]error{"NamespaceList": &algesta.Error{Kind: algesta.ErrForbidden}}}, "payments", nil)
	require.ErrorIs(t, err, algesta.ErrForbidden, "what can't be read isn't missing")
}

// TestANamespaceIsMadeWithItsQuota makes one in a real control plane, with the rights that the command declares and no others, and follows
// it until its quota is in force.
func TestANamespaceIsMadeWithItsQuota(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	book, _ := runbooks.Find("namespace create")
	bot := w.onlyAllowed(t, "makes-namespaces", book)
	name := w.namespace + "-new"
	in := newNamespaceOf(name, algesta.Args{"requests.cpu": "4", "pods": "50"})
	in.Command.Target.Cluster = "sandbox"
	plan, err := book.Plan(t.Context(), whole(bot), in)
	require.NoError(t, err)
	writer := bot.Writer(book.Writes)
	_, err = writer.Check(t.Context(), plan.Changes[0])
	require.NoError(t, err)
	_, err = w.Client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	require.Error(t, err, "a dry run makes nothing")
	t.Cleanup(func() {
		_ = w.Client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}) // it may not be there
	})

	f := rollout.Begin(plan.Redacted(), time.Second)
	for i, change := range plan.Changes {
		_, err := writer.Apply(t.Context(), change, algesta.Operation("c-1", i), func(context.Context, algesta.Intent) error { return nil })
		require.NoError(t, err)
		verified, err := bot.Writer(nil).Verify(
			t.Context(), plan.Redacted().Changes[i], algesta.Execution{Operation: algesta.Operation("c-1", i), StartedAt: time.Now()},
		)
		require.NoError(t, err)
		require.True(t, verified.Yes)
	}
	f.StartedAt = time.Now()
	var end rollout.Progress
	w.await(t, "the namespace and its quota are in force", func() bool {
		end, f, err = book.Ends.Poll(t.Context(), whole(bot), plan.Changes[1].Object, f, time.Now())
		require.NoError(t, err)
		return end.Phase != rollout.Moving
	})
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, "It's active, and its quota "+name+"-quota is in force.", end.Result.String())
	made, err := w.Client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "dev/backend", made.Labels["environment"]+"/"+made.Labels["team"])
	quota, err := w.Client.CoreV1().ResourceQuotas(name).Get(t.Context(), name+"-quota", metav1.GetOptions{})
	require.NoError(t, err)
	require.True(t, quota.Status.Hard.Pods().Equal(resource.MustParse("50")))

	again, err := book.Plan(t.Context(), whole(bot), in)
	require.NoError(t, err)
	require.Contains(t, again.Nothing.String(), "already exists")
	_, err = writer.Apply(t.Context(), plan.Changes[0], "op-c-2", func(context.Context, algesta.Intent) error { return nil })
	require.ErrorIs(t, err, algesta.ErrConflict, "what was approved was a new one")
	require.NotContains(t, string(plan.Redacted().Changes[0].Content), name)
	require.True(t, json.Valid(plan.Changes[0].Content))
}
