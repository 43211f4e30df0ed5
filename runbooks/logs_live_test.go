package runbooks_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// untilPod waits for a pod that is so.
func (p *place) untilPod(t *testing.T, what string, is func(corev1.Pod) bool) corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		pods, err := p.Client.CoreV1().Pods(p.target.Namespace).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		for _, pod := range pods.Items {
			if is(pod) {
				return pod
			}
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "waiting until "+what)
		case <-tick.C:
		}
	}
}

func (p *place) logs(t *testing.T, object string, args algesta.Args) (algesta.Report, error) {
	t.Helper()
	book, ok := runbooks.Find("logs")
	require.True(t, ok)
	in := p.input("logs", args)
	if object != "" {
		in.Command.Target.Object, in.Command.Target.Service, in.Command.Target.Name = object, "", ""
		in.Workload = in.Command.Target.Workload()
	}
	r, err := book.Answer(t.Context(), whole(p.bot), in)
	requireNoSecret(t, r)
	return r, err
}

// The kubelet's own answers: a crash loop among healthy pods, the instance before, a container that never ran, and a pod that is gone.
func TestLogsOfARealCluster(t *testing.T) {
	t.Parallel()
	p := running(t)
	r, err := p.logs(t, "", nil)
	require.NoError(t, err)
	tick := time.NewTicker(100 * time.Millisecond) // the bot's caches follow the cluster a moment later
	defer tick.Stop()
	for began := time.Now(); strings.Contains(strings.Join(shown(r), "\n"), "running, not ready") && time.Since(began) < longestWait; {
		<-tick.C
		r, err = p.logs(t, "", nil)
		require.NoError(t, err)
	}
	require.Contains(t, strings.Join(shown(r), "\n"), "no pod is in trouble, and it is the newest")
	require.Contains(t, strings.Join(shown(r), "\n"), "running for")

	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346-crash")
	bad := p.untilPod(t, "the new pod was restarted", func(pod corev1.Pod) bool {
		return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].LastTerminationState.Terminated != nil &&
			pod.Status.ContainerStatuses[0].State.Waiting != nil
	})
	r, err = p.logs(t, "", nil)
	require.NoError(t, err)
	lines := shown(r)
	require.Contains(t, lines[0], "the log of "+bad.Name+" (crashing)")
	require.Contains(t, lines[1], bad.Name+" comes first of 3 pods: it is crashing (")
	require.Regexp(t, `ended \d+ s ago with exit code 1 \(Error\) after \d+ s:$`, lines[2])
	require.NotContains(t, strings.Join(lines, "\n"), `{"level"`, "JSON is reduced")

	r, err = p.logs(t, "pod/"+bad.Name, algesta.Args{"previous": true, "tail": int64(2), "container": "api-gateway"})
	require.NoError(t, err)
	require.Contains(t, r.Title.String(), "Pod "+bad.Name+" in production: its log")

	_, err = p.logs(t, "pod/api-gateway-production-zzz", nil)
	require.ErrorIs(t, err, algesta.ErrNotFound)
	_, err = p.logs(t, "pod/"+bad.Name, algesta.Args{"container": "web"})
	require.ErrorIs(t, err, algesta.ErrUnknownName)

	_, _, err = p.bot.GetLogs(t.Context(), p.target.Namespace, bad.Name, corev1.PodLogOptions{Container: "nothing"})
	require.ErrorIs(t, err, algesta.ErrNotFound)
	require.NotContains(t, err.Error(), "is not valid", "no API error body")
}
