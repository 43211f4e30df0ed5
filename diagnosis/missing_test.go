package diagnosis_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// without is a fixture of a rule without the objects of a kind.
func without(t *testing.T, rule, name, kind string) *facts.Snapshot {
	t.Helper()
	objects, err := os.ReadFile(filepath.Join("rules", "testdata", rule, name+".yaml"))
	require.NoError(t, err)
	documents := strings.Split(string(objects), "\n---\n")
	kept := slices.DeleteFunc(slices.Clone(documents), func(d string) bool { return strings.Contains("\n"+d, "\nkind: "+kind+"\n") })
	require.Less(t, len(kept), len(documents))
	if kind == facts.KindService { // the namespace has another one: Services were read
		kept = append(
			kept,
			"apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: production}\nspec: {type: ExternalName, externalName: example.com}",
		)
	}
	return snapshot(t, []byte(strings.Join(kept, "\n---\n")), nil)
}

// No program is called healthy while no request gets to it, because its Service was deleted.
func TestAWorkloadWhoseServiceWasDeletedIsNotHealthy(t *testing.T) {
	t.Parallel()
	s := without(t, "ingress-backend-missing", "healthy", facts.KindService)
	for _, asked := range []facts.Ref{
		{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders-production"},
		{Kind: facts.AnyWorkload, Namespace: "production", Name: "ms-orders"},
		{Kind: facts.KindPod, Namespace: "production", Name: "ms-orders-production-6d4cf56db6-aa0"},
		{Kind: facts.KindService, Namespace: "production", Name: "ms-orders-production"},
	} {
		d := diagnosis.Diagnose(s, asked)
		require.Equal(t, diagnosis.Sick, d.Verdict, "%s\n%s", asked, d.Text())
		require.Equal(t, "ingress-backend-missing", d.Chains[0].Rule)
		require.Contains(t, d.Summary, "leads to Service ms-orders-production, which does not exist")
	}
}

// Another program isn't blamed for a Service whose name only begins like its own.
func TestAMissingServiceIsNotAnothersService(t *testing.T) {
	t.Parallel()
	s := load(t, "ingress-backend-missing", "fires") // ms-order-production, mistyped: ms-orders-production has its Service
	require.Nil(t, s.MeantBy(facts.Ref{Kind: facts.KindService, Namespace: "production", Name: "ms-order-production"}))
	require.Nil(t, s.MeantBy(facts.Ref{Kind: facts.KindService, Namespace: "production", Name: "ms-orders-production-canary"}))
}

// What isn't read isn't called missing.
func TestWhatIsNotReadIsNotCalledMissing(t *testing.T) {
	t.Parallel()
	objects, err := os.ReadFile(filepath.Join("rules", "testdata", "ingress-backend-missing", "healthy.yaml"))
	require.NoError(t, err)
	read := decoded(t, objects)
	for kind, want := range map[string]string{
		"ConfigMap":             "I couldn't check configmap x: configmaps in production weren't read.",
		"PersistentVolumeClaim": "I couldn't check persistentvolumeclaim x: persistentvolumeclaims in production weren't read.",
		"Event":                 "I couldn't check event x: a diagnosis doesn't read objects of this kind.",
		"Gateway":               "I couldn't check gateway x: a diagnosis doesn't read objects of this kind.",
		"Certificate":           "I found no certificate x in production, nor any other certificate: cert-manager may not be installed.",
		"EndpointSlice":         "There's no endpointslice x in production.",
		"Endpoints":             "There's no service x in production.",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			all := facts.NewSnapshot(noon, read.Objects, nil) // a namespace of which every list was asked for
			d := diagnosis.Diagnose(all, facts.Ref{Kind: kind, Namespace: "production", Name: "x"})
			require.Equal(t, diagnosis.Unknown, d.Verdict)
			require.Equal(t, want, d.Summary)
		})
	}
}

// An object that its owner explains is answered with its owner.
func TestAReplicaSetAndEndpointsAreAnsweredByTheirOwners(t *testing.T) {
	t.Parallel()
	s := load(t, "ingress-backend-missing", "healthy")
	for asked, want := range map[string]facts.Ref{
		"ReplicaSet/ms-orders-production-6d4cf56db6": {Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders-production"},
		"endpoints/ms-orders-production":             {Kind: facts.KindService, Namespace: "production", Name: "ms-orders-production"},
	} {
		d := diagnosis.Diagnose(s, s.Subject(asked, "production"))
		require.Equal(t, diagnosis.Healthy, d.Verdict, "%s: %s", asked, d.Text())
		require.Equal(t, want, d.Subject)
	}
}

// The same trouble isn't reported a second time as its consequence.
func TestAFullQuotaDoesNotLeadToANearlyFullOne(t *testing.T) {
	t.Parallel()
	s, about := scenario(t, "quota-stops-scaling")
	require.NotContains(t, diagnosis.Diagnose(s, about).Text(), "nearly full")
}

// For a question about a node, the node comes first.
func TestACordonedNodeIsAnsweredBeforeWhatFailsOnIt(t *testing.T) {
	t.Parallel()
	objects, err := os.ReadFile(filepath.Join("testdata", "scenarios", "same-words-in-two-services", "objects.yaml"))
	require.NoError(t, err)
	node := strings.Index(string(objects), "nodeName: ")
	name, _, _ := strings.Cut(string(objects[node+len("nodeName: "):]), "\n")
	kept := slices.DeleteFunc(strings.Split(string(objects), "\n---\n"), func(d string) bool { return strings.Contains(d, "kind: Node\n") })
	kept = append(kept, "apiVersion: v1\nkind: Node\nmetadata: {name: "+name+"}\nspec: {unschedulable: true}\n"+
		"status: {conditions: [{type: Ready, status: 'True'}]}")
	s := snapshot(t, []byte(strings.Join(kept, "\n---\n")), nil)
	d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindNode, Name: name})
	require.Equal(t, "Node "+name+" is cordoned and accepts no new pods.", d.Summary, d.Text())
	require.Greater(t, len(d.Chains), 1, "what fails on it is told, too\n%s", d.Text())
	require.Equal(t, diagnosis.Sick, d.Verdict)
}
