package algesta_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// namespaced is a plan that makes a namespace, asks for a certificate in it and deletes a pod.
func namespaced() algesta.Plan {
	of := func(group, kind, name string) algesta.Object {
		return algesta.Object{Cluster: "aks", Group: group, Kind: kind, Namespace: "shop", Name: name}
	}
	return algesta.Plan{Changes: []algesta.Change{
		{
			Object: algesta.Object{Cluster: "aks", Kind: "Namespace", Name: "shop"}, Verb: algesta.Create, Resource: "namespaces", Version: "v1",
			Content: json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","annotations":{"token":"tiger-7741"}}}`),
		},
		{
			Object: of(
				"cert-manager.io",
				"Certificate",
				"shop-tls",
			),
			Verb:        algesta.Patch,
			Resource:    "certificates.cert-manager.io",
			Subresource: "status",
			Version:     "v1",
			UID:         "u-1",
			Swaps:       []algesta.Swap{{Label: "issuing", Path: "/status/conditions/1", To: json.RawMessage(`{"type":"Issuing"}`)}},
		},
		{Object: of("", "Pod", "api-1"), Verb: algesta.Delete, Resource: "pods", Version: "v1", UID: "u-2", Propagation: "Background"},
	}}
}

func fingerprint(t *testing.T, p algesta.Plan) string {
	t.Helper()
	f, err := p.Fingerprint(algesta.Command{Runbook: "move"})
	require.NoError(t, err)
	return f
}

func TestAFingerprintCoversAllOfEveryChange(t *testing.T) {
	t.Parallel()
	before := map[string]bool{fingerprint(t, namespaced()): true}
	for name, change := range map[string]func(*algesta.Plan){
		"a verb":        func(p *algesta.Plan) { p.Changes[2].Verb = algesta.Patch },
		"a kind":        func(p *algesta.Plan) { p.Changes[2].Object.Kind = "Job" },
		"a group":       func(p *algesta.Plan) { p.Changes[1].Object.Group = "example.com" },
		"a cluster":     func(p *algesta.Plan) { p.Changes[1].Object.Cluster = "other" },
		"a namespace":   func(p *algesta.Plan) { p.Changes[2].Object.Namespace = "kube-system" },
		"a resource":    func(p *algesta.Plan) { p.Changes[2].Resource = "secrets" },
		"a subresource": func(p *algesta.Plan) { p.Changes[1].Subresource = "" },
		"a version":     func(p *algesta.Plan) { p.Changes[1].Version = "v2" },
		"a UID":         func(p *algesta.Plan) { p.Changes[2].UID = "u-3" },
		"a value":       func(p *algesta.Plan) { p.Changes[1].Swaps[0].To = json.RawMessage(`{"type":"Ready"}`) },
		"the content":   func(p *algesta.Plan) { p.Changes[0].Content = json.RawMessage(`{"kind":"Namespace"}`) },
		"what it owns":  func(p *algesta.Plan) { p.Changes[2].Propagation = "Orphan" },
		"the order":     func(p *algesta.Plan) { p.Changes[1], p.Changes[2] = p.Changes[2], p.Changes[1] },
		"one less":      func(p *algesta.Plan) { p.Changes = p.Changes[:2] },
	} {
		p := namespaced()
		change(&p)
		f := fingerprint(t, p)
		require.False(t, before[f], name)
		before[f] = true
	}
	spaced := namespaced()
	spaced.Changes[0].Content = json.RawMessage(
		`{"kind":"Namespace", "apiVersion":"v1", "metadata":{"annotations":{"token":"tiger-7741"}, "name":"shop"}}`,
	)
	require.Equal(t, fingerprint(t, namespaced()), fingerprint(t, spaced), "the order of keys is nothing")
}

func TestAStoredPlanHoldsNoValueOfAnyChange(t *testing.T) {
	t.Parallel()
	p := namespaced()
	stored, err := json.Marshal(p.Redacted())
	require.NoError(t, err)
	require.NotContains(t, string(stored), "tiger")
	require.NotContains(t, string(stored), "Issuing")
	require.Contains(t, string(p.Changes[0].Content), "tiger", "the plan itself keeps it")
	hash, err := algesta.HashJSON(p.Changes[0].Content)
	require.NoError(t, err)
	require.Contains(t, string(stored), hash)
}

func TestTheRestOfAPlanIsExactlyWhatWasApproved(t *testing.T) {
	t.Parallel()
	approved := namespaced().Redacted()
	var read algesta.Plan
	b, err := json.Marshal(approved)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &read), "as the store gives it back")
	rest, ok := read.Rest(namespaced(), 1)
	require.True(t, ok)
	require.Equal(t, namespaced().Changes[1:], rest.Changes, "with its values")
	left := namespaced()
	left.Changes = left.Changes[1:]
	_, ok = read.Rest(left, 1)
	require.True(t, ok, "what is done need not be planned any more")
	for name, again := range map[string]func(*algesta.Plan){
		"another value": func(p *algesta.Plan) { p.Changes[1].Swaps[0].To = json.RawMessage(`{"type":"Ready"}`) },
		"another UID":   func(p *algesta.Plan) { p.Changes[2].UID = "u-3" },
		"one more":      func(p *algesta.Plan) { p.Changes = append(p.Changes, p.Changes[0]) },
		"one less":      func(p *algesta.Plan) { p.Changes = p.Changes[2:] },
		"none":          func(p *algesta.Plan) { p.Changes = nil },
		"other images":  func(p *algesta.Plan) { p.Digests = map[string]string{"a": "sha256:1"} },
	} {
		p := namespaced()
		again(&p)
		_, ok := read.Rest(p, 1)
		require.False(t, ok, name)
	}
	_, ok = read.Rest(namespaced(), 3)
	require.False(t, ok, "nothing is left")
}

func TestAChangeThatContradictsItselfIsNone(t *testing.T) {
	t.Parallel()
	for _, c := range namespaced().Changes {
		require.NoError(t, c.Validate())
	}
	for name, tt := range map[string]struct {
		of     int
		change func(*algesta.Change)
	}{
		"no name":                       {2, func(c *algesta.Change) { c.Object.Name = "" }},
		"no version":                    {2, func(c *algesta.Change) { c.Version = "" }},
		"another group":                 {1, func(c *algesta.Change) { c.Resource = "certificates" }},
		"a subresource that isn't one":  {1, func(c *algesta.Change) { c.Subresource = "exec" }},
		"a delete of a status":          {2, func(c *algesta.Change) { c.Subresource = "status" }},
		"a create with a UID":           {0, func(c *algesta.Change) { c.UID = "u-1" }},
		"a delete without a UID":        {2, func(c *algesta.Change) { c.UID = "" }},
		"a patch of nothing":            {1, func(c *algesta.Change) { c.Swaps = nil }},
		"a delete that changes":         {2, func(c *algesta.Change) { c.Swaps = []algesta.Swap{{Path: "/a", To: json.RawMessage(`1`)}} }},
		"a delete of who knows what":    {2, func(c *algesta.Change) { c.Propagation = "" }},
		"content of another name":       {0, func(c *algesta.Change) { c.Object.Name = "other" }},
		"content of another namespace":  {0, func(c *algesta.Change) { c.Object.Namespace = "other" }},
		"content of another kind":       {0, func(c *algesta.Change) { c.Object.Kind = "Secret" }},
		"content of another version":    {0, func(c *algesta.Change) { c.Version = "v2" }},
		"content that cannot be read":   {0, func(c *algesta.Change) { c.Content = json.RawMessage(`{`) }},
		"a patch with content":          {1, func(c *algesta.Change) { c.Content = json.RawMessage(`{}`) }},
		"a verb that isn't one of ours": {2, func(c *algesta.Change) { c.Verb = "update" }},
	} {
		c := namespaced().Changes[tt.of]
		tt.change(&c)
		require.Error(t, c.Validate(), name)
	}
	require.Equal(t, "patch certificates.cert-manager.io/status", namespaced().Changes[1].Right())
}

func TestOperationsAreNamedByTheirPlace(t *testing.T) {
	t.Parallel()
	require.Equal(t, "op-c-7f3a9k", algesta.Operation("c-7f3a9k", 0), "as they were with one change")
	require.Equal(t, "op-c-7f3a9k-2", algesta.Operation("c-7f3a9k", 1))
	wrote := func(op string) bool {
		return algesta.WroteLast("c-7f3a9k", map[string]string{algesta.OperationAnnotation: op})
	}
	require.True(t, wrote("op-c-7f3a9k"))
	require.True(t, wrote("op-c-7f3a9k-3"))
	require.False(t, wrote("op-c-7f3a9kx"))
	require.False(t, wrote(""))
}
