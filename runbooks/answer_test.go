package runbooks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// answered is a report as lines: the title, texts, fields, and the rows of tables.
func answered(t *testing.T, s *still, runbook string) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(s), input(runbook, nil))
	require.NoError(t, err)
	requireNoSecret(t, report)
	return lines(report)
}

// lines are a report as it is read.
func lines(report algesta.Report) []string {
	out := []string{report.Title.String()}
	for _, b := range report.Body {
		for _, f := range b.Fields {
			out = append(out, f.Label+": "+f.Value.String())
		}
		if b.Table != nil {
			out = append(out, strings.Join(b.Table.Head, " | "))
			for _, row := range b.Table.Rows {
				out = append(out, strings.Join(words(row), " | "))
			}
		}
		out = append(out, words(b.List)...)
		if len(b.Text) > 0 {
			out = append(out, b.Text.String())
		}
	}
	return out
}

func TestStatusThatPeopleSee(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.hpa()
	require.Equal(t, []string{
		"api-gateway in production: 4 of 4 ready on 12345, oldest pod 3 h",
		"image: acralgestaproduction.azurecr.io/api-gateway:12345",
		"revision: 3: “deploy 12345 by Luis (c-2)”",
		"pods: 4 wanted, 4 ready, autoscaled 2–10",
		"pod | state | restarts | age | node",
		"…-aaaaa | ready | 0 | 3 h | aks-stdarproduction-0",
		"…-bbbbb | ready | 0 | 3 h | aks-stdarproduction-0",
		"…-ccccc | ready | 0 | 3 h | aks-stdarproduction-0",
		"…-ddddd | ready | 0 | 3 h | aks-stdarproduction-0",
		"The names of the pods begin with api-gateway-production-hash3.",
	}, answered(t, s, "status"))
}

// TestStatusIsSettledWithItsRollout: kubectl's rollout status returns then, too.
func TestStatusIsSettledWithItsRollout(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("rollout status")
	require.True(t, ok)
	watched := input("status", algesta.Args{"watch": true})
	require.True(t, book.Follows(watched.Command.Args))
	require.False(t, book.Follows(algesta.Args{"watch": false}), "kubectl's --watch=false")
	said, err := book.Settled(t.Context(), whole(gateway()), watched)
	require.NoError(t, err)
	require.Equal(t, "The rollout is complete.", said.String())
	said, err = book.Settled(t.Context(), whole(rolling()), watched)
	require.NoError(t, err)
	require.Empty(t, said)
	watched.Command.Target.Object = "namespace"
	said, err = book.Settled(t.Context(), whole(gateway()), watched)
	require.NoError(t, err)
	require.Empty(t, said, "an environment is never settled")
}

func TestStatusOfAFailingRolloutPutsTheTroubleFirst(t *testing.T) {
	t.Parallel()
	s := rolling()
	for _, old := range s.pods {
		old.Spec.Containers[0].Image = oldTemplate().Spec.Containers[0].Image
	}
	rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Minute), 3, noon.Add(-time.Minute))
	lines := answered(t, s, "status")
	require.Equal(t, "api-gateway in production: 12345 doesn't come up, 0 of 4 ready; 2 old pods on 12344 still serve", lines[0])
	require.Contains(t, lines, "image: acralgestaproduction.azurecr.io/api-gateway:12345, wanted: 0 of 4 ready")
	require.Contains(t, lines, "pods: 4 wanted, 0 ready, 2 old pods on 12344 ready")
	require.Equal(t, "api-gateway in production: 2 of 3 pods ready (2 old pods on 12344)", answered(t, s, "pods")[0])
	require.Contains(t, lines, "The only pod of the current revision crashes (exit 1, 3 restarts in 5 min). The 2 old pods still serve users.")
	require.Contains(t, lines[6], "aaaaa | crashing (CrashLoopBackOff) | 3")
}

// What a full quota holds back could start: nobody is told that it can't, and led away from it.
func TestARestartOfWhatAQuotaRefusesSaysNothingOfItsVersion(t *testing.T) {
	t.Parallel()
	const advice = "A restart doesn't fix a version that can't start"
	s := rolling()
	rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
	p, err := planned(t, s, "restart", nil)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(words(p.Warnings), " "), advice)
	s = rolling()
	rollouttest.Crashing(s.pod(3, "aaaaa", time.Minute), 3, noon)
	p, err = planned(t, s, "restart", nil)
	require.NoError(t, err)
	require.Contains(t, strings.Join(words(p.Warnings), " "), advice)
}

func TestANodeThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Unready(s.pod(3, "aaaaa", time.Minute))
	s.nodes(rollouttest.DeadNode("aks-stdarproduction-0", noon.Add(-40*time.Second)))
	require.Contains(
		t,
		answered(t, s, "status"),
		"Node aks-stdarproduction-0 hasn't answered for 40 s, and 1 pod is on it. The 2 old pods still serve users.",
	)
}

func TestWhatBlocksARolloutIsSaid(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ hard, used, says string }{
		"no room": {
			"4",
			"3900m",
			"ResourceQuota production-quota is used up (requested: requests.cpu=250m, used: requests.cpu=3900m, limited: " +
				"requests.cpu=4), so no further pod of api-gateway-production can be created. The 2 old pods still serve users.",
		},
		"room": {
			"4",
			"3",
			"ResourceQuota production-quota refused a pod of api-gateway-production and has room again: the next attempt follows on its " +
				"own. The 2 old pods still serve users.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.quota(amounts("requests.cpu", tt.hard), amounts("requests.cpu", tt.used))
			for _, runbook := range []string{"status", "pods"} {
				require.Contains(t, answered(t, s, runbook), tt.says, runbook)
			}
		})
	}
	s := rolling()
	s.pods = nil
	rollouttest.Refusing(s.sets[2], "failed quota: q: must specify limits.cpu for: app")
	require.Equal(t, []string{
		"api-gateway in production has no pods (4 wanted).",
		"ResourceQuota q requires requests or limits that are not set (limits.cpu for: app), so no further pod of api-gateway-production " +
			"can be created. The API server says: failed quota: q: must specify limits.cpu for: app. No pod serves users.",
	}, answered(t, s, "pods"))
}

func TestRestartsAreCountedNoFurtherBackThanThePodsAreOld(t *testing.T) {
	t.Parallel()
	s := rolling()
	s.pods = nil
	rollouttest.Crashing(s.pod(3, "aaaaa", 2*time.Minute), 3, noon.Add(-time.Second))
	require.Contains(
		t,
		answered(t, s, "status"),
		"The only pod of the current revision crashes (exit 1, 3 restarts in 2 min). No pod serves users.",
	)
	r, err := rollout.Look(t.Context(), whole(s).Rollout(), input("status", nil).Workload)
	require.NoError(t, err)
	require.Equal(t, 2*time.Minute, rollout.HealthOf(r, noon).Window)
	s.pod(2, "ooooo", time.Hour) // of the revision before, and it was never restarted
	r, err = rollout.Look(t.Context(), whole(s).Rollout(), input("status", nil).Workload)
	require.NoError(t, err)
	require.Len(t, r.Pods, 2)
	require.Equal(t, 2*time.Minute, rollout.HealthOf(r, noon).Window, "they were restarts of the pod that is 2 min old")
	require.Contains(
		t,
		answered(t, s, "status"),
		"The only pod of the current revision crashes (exit 1, 3 restarts in 2 min). The old pod still serves users.",
	)
}

func TestHistoryThatPeopleSee(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"api-gateway in production runs revision 3 (12345); 3 revisions are kept",
		"revision | version | made | ready | cause",
		"3 (now, a restart) | 12345 | 3 h ago | 0 | changed outside the bot",
		"2 | 12345 | 5 h ago | 0 | deploy 12345 by Luis (c-2)",
		"1 | 12344 | 3 days ago | 0 | deploy 12344 by Dana (c-1)",
		"/algesta rollback api-gateway production would go to revision 1.",
	}, answered(t, gateway(), "history"))
}

func TestPodsThatPeopleSee(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.lists["PodMetricsList"] = []any{map[string]any{
		"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": map[string]any{"name": "api-gateway-production-hash3-aaaaa"},
		"containers": []any{map[string]any{"name": "api-gateway", "usage": map[string]any{"cpu": "120000000n", "memory": "419840Ki"}}},
	}}
	lines := answered(t, s, "pods")
	require.Equal(t, "api-gateway in production: 4 of 4 pods ready", lines[0])
	require.Equal(t, "pod | state | restarts | age | node | cpu | memory", lines[1])
	require.Equal(t, "…-aaaaa | ready | 0 | 3 h | aks-stdarproduction-0 | 120m | 410Mi", lines[2])
	require.Equal(t, "…-bbbbb | ready | 0 | 3 h | aks-stdarproduction-0 | – | –", lines[3])
	require.Equal(t, "The names of the pods begin with api-gateway-production-hash3.", lines[6])
}

func TestADeploymentThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"status", "history", "pods"} {
		book, _ := runbooks.Find(name)
		_, err := book.Answer(t.Context(), whole(&still{}), input(name, nil))
		var e *algesta.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, algesta.ErrNotFound, e.Kind)
		require.Equal(t, "There's no deployment api-gateway-production in namespace production.", e.Message.String())
	}
}
