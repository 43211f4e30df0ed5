package runbooks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// whole production is what the input is about, or an object in it.
func about(runbook, object string, args algesta.Args) runbooks.Input {
	in := input(runbook, args)
	in.Command.Target = algesta.Target{Environment: "production", Cluster: "aks-algesta-production", Namespace: "production", Object: object}
	in.Workload = in.Command.Target.Workload()
	return in
}

// asked is the report of a command about a whole environment, or about an object in it, as lines.
func asked(t *testing.T, s *still, runbook, object string, args algesta.Args) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(s), about(runbook, object, args))
	require.NoError(t, err)
	requireNoSecret(t, report)
	return lines(report)
}

// manyServices is an environment with a pod that crashes, one that is not ready, one that runs and one that ended.
func manyServices() *still {
	s := gateway()
	named := func(p *corev1.Pod, name string) corev1.Pod {
		p.Name, p.Labels, p.Status.PodIP = name, map[string]string{"app": "shop"}, "10.0.0.7"
		return *p
	}
	unready := rollouttest.Pod(3, "b", time.Hour)
	rollouttest.Unready(unready)
	ended := rollouttest.Pod(3, "d", 48*time.Hour)
	ended.Status.Phase = corev1.PodSucceeded
	s.lists["PodList"] = []any{
		named(ended, "backup-1"), named(rollouttest.Pod(3, "a", time.Hour), "fine-1"), named(unready, "slow-1"),
		named(rollouttest.Crashing(rollouttest.Pod(3, "c", time.Hour), 7, noon), "crash-1"),
	}
	return s
}

func TestPodsOfAnEnvironmentPutTheWorstFirst(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"production: 1 of 3 pods ready, 1 in trouble, 1 ended",
		"pod | state | restarts | age | node",
		"crash-1 | crashing (CrashLoopBackOff) | 7 | 60 min | aks-stdarproduction-0",
		"slow-1 | running, not ready | 0 | 60 min | aks-stdarproduction-0",
		"fine-1 | ready | 0 | 60 min | aks-stdarproduction-0",
		"backup-1 | ended | 0 | 2 days | aks-stdarproduction-0",
	}, asked(t, manyServices(), "pods", "namespace", nil))
}

func TestPodsAsTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args algesta.Args
		want []string
	}{
		"broken": {algesta.Args{"broken": true}, []string{
			"production: 1 of 3 pods ready, 1 in trouble, 1 ended", "pod | state | restarts | age | node",
			"crash-1 | crashing (CrashLoopBackOff) | 7 | 60 min | aks-stdarproduction-0",
			"slow-1 | running, not ready | 0 | 60 min | aks-stdarproduction-0",
		}},
		"wide, with labels": {algesta.Args{"broken": true, "output": "wide", "labels": true}, []string{
			"production: 1 of 3 pods ready, 1 in trouble, 1 ended", "pod | state | restarts | age | node | ip | image | labels",
			"crash-1 | crashing (CrashLoopBackOff) | 7 | 60 min | aks-stdarproduction-0 | 10.0.0.7 | …/api-gateway:12345 | app=shop",
			"slow-1 | running, not ready | 0 | 60 min | aks-stdarproduction-0 | 10.0.0.7 | …/api-gateway:12345 | app=shop",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, asked(t, manyServices(), "pods", "namespace", tc.args))
		})
	}
}

func TestOnePod(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"slow-1 in production: running, not ready, 0 restarts", "node: aks-stdarproduction-0", "ip: 10.0.0.7", "age: 60 min",
		"image: …/api-gateway:12345", "labels: app=shop",
	}, asked(t, manyServices(), "pods", "pod/slow-1", nil))
	book, _ := runbooks.Find("pods")
	_, err := book.Answer(t.Context(), whole(manyServices()), about("pods", "pod/gone", nil))
	require.ErrorIs(t, err, algesta.ErrNotFound)
}

func TestPodsThatMayNotBeReadAreNotSaidToBeMissing(t *testing.T) {
	t.Parallel()
	s := manyServices()
	s.forbidden["PodList"] = true
	for _, object := range []string{"namespace", "pod/slow-1"} {
		require.Equal(
			t,
			[]string{"I couldn't check the pods of production: I don't have permission to read them."},
			asked(t, s, "pods", object, nil),
		)
	}
}

func TestPodsOfALargeEnvironmentAreBounded(t *testing.T) {
	t.Parallel()
	s := gateway()
	for i := range 2000 {
		p := rollouttest.Pod(3, "x", time.Hour)
		p.Name = fmt.Sprintf("api-%d", i)
		s.lists["PodList"] = append(s.lists["PodList"], *p)
	}
	got := asked(t, s, "pods", "namespace", nil)
	require.Equal(t, "production: 2000 of 2000 pods ready", got[0])
	require.Len(t, got, 1+1+1000+1)
	require.Equal(t, "1000 more pods not shown.", got[len(got)-1])
}

func TestASelectorThatCannotBeReadIsAnErrorOfUsage(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("pods")
	for _, in := range []runbooks.Input{
		about("pods", "namespace", algesta.Args{"selector": "app in"}), input("pods", algesta.Args{"selector": "!!"}),
	} {
		_, err := book.Answer(t.Context(), whole(manyServices()), in)
		require.ErrorIs(t, err, algesta.ErrUsage)
	}
}

func TestPodsOfAServiceCanBeChosen(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("pods")
	report, err := book.Answer(t.Context(), whole(gateway()), input("pods", algesta.Args{"selector": "app=other"}))
	require.NoError(t, err)
	require.Equal(t, []string{"api-gateway in production with app=other: no pod runs"}, lines(report))
}
