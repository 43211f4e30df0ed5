package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

const actingPeople = `    impersonate:
      - {slack: U0DANA, user: dana@example.com, groups: [team]}
      - {slack: U0LUIS, user: luis@example.com, groups: [team]}
`

const actingConfig = `apiVersion: algesta.io/v1
kind: Config
clusters:
  - name: main
    access: inCluster
` + actingPeople + `environments:
  - {name: production, cluster: main, namespace: production, deployment: "{service}"}
policyFile: policy.yaml
`

func TestWhoPeopleAreInAClusterIsChecked(t *testing.T) {
	t.Parallel()
	load := func(old, now string) (Config, error) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.Contains(t, actingConfig, old)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(actingConfig, old, now, 1)), 0o600))
		return loadConfigWithoutSlack(path)
	}
	cfg, err := load("team", "team")
	require.NoError(t, err)
	require.Equal(t, map[string]kube.Impersonated{
		"U0DANA": {User: "dana@example.com", Groups: []string{"team"}}, "U0LUIS": {User: "luis@example.com", Groups: []string{"team"}},
	}, cfg.Clusters[0].Impersonate)
	users, groups := cfg.Clusters[0].named()
	require.Equal(t, []string{"dana@example.com", "luis@example.com"}, users)
	require.Equal(t, []string{"team"}, groups)
	for _, c := range [][3]string{
		{"slack: U0DANA", "slack: dana", "write a member ID, such as U0DANA"},
		{"slack: U0LUIS", "slack: U0DANA", "impersonate has U0DANA twice"},
		{"user: luis@example.com", "user: system:admin", "none of the cluster's own"},
		{"groups: [team]", "groups: [system:masters]", "none of the cluster's own"},
		{"user: luis@example.com", "user: ' system:admin'", "none of the cluster's own, without blanks"},
		{"user: luis@example.com", `user: "luis@example.com\t"`, "without blanks at the ends and control characters"},
		{"groups: [team]", `groups: ["\u00a0system:masters"]`, "without blanks at the ends and control characters"},
		{"groups: [team]", `groups: ["te\u0000am"]`, "without blanks at the ends and control characters"},
		{"user: luis@example.com", "usr: luis", "did you mean user?"},
		{", user: luis@example.com", "", "impersonate needs a user"},
		{actingPeople, "    impersonate: []\n", "cluster main: impersonate names nobody"},
		{actingPeople, "    impersonate:\n", "cluster main: impersonate names nobody"},
	} {
		_, err := load(c[0], c[1])
		require.ErrorContains(t, err, c[2])
	}
}

// TestWhoeverAsksIsPassedOn: a requester who isn't named writes nothing, and what only looks whether a write happened is nobody's.
func TestWhoeverAsksIsPassedOn(t *testing.T) {
	t.Parallel()
	c, err := kube.Open(t.Context(), kube.Config{
		Name: "main", Access: kube.Kubeconfig, Kubeconfig: nowhere(t), Impersonate: map[string]kube.Impersonated{"U0DANA": {User: "dana"}},
	})
	require.NoError(t, err)
	all, may := clusters{"main": c}, []string{"patch deployments.apps"}
	by := func(id string) algesta.Requester {
		return algesta.AskedBy(algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: id}})
	}
	_, err = all.Writer("main", may, by("U0DANA"))
	require.NoError(t, err)
	_, err = all.Writer("main", may, by("U0NICO"))
	require.ErrorIs(t, err, algesta.ErrForbidden)
	_, err = all.Writer("main", may, algesta.Requester{})
	require.ErrorIs(t, err, algesta.ErrForbidden)
	_, err = all.Writer("main", nil, algesta.Requester{})
	require.NoError(t, err)
}

func TestTheDoctorSaysWhomTheBotMayNotActAs(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	const named = "access: kubeconfig, impersonate: [{slack: U0DANA, user: dana@example.com, groups: [team]}]"
	p := newPractice(t, c.ServiceAccount(t, namespace, nil), namespace)
	p.replace("config.yaml", "access: kubeconfig", named)
	text, _ := p.says()
	require.Contains(t, text, "FAIL  I may not act as dana@example.com and team")
	p = newPractice(t, c.Kubeconfig, namespace)
	p.replace("config.yaml", "access: kubeconfig", named)
	text, _ = p.says()
	require.Contains(t, text, "ok    changes are made as whoever asks for them: I may act as each of 1 user")
}
