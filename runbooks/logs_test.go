package runbooks_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// writing is a cluster that stands still and whose containers have written something.
type writing struct {
	*still
	wrote   map[string][]string // by container, "-previous" after it for the instance before
	err     error
	secrets map[string]string // values by the name of their Secret

	mu    sync.Mutex
	known []string // Secrets that were read
	asked []string
}

func (w *writing) GetLogs(_ context.Context, _, pod string, o corev1.PodLogOptions) ([]string, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := o.Container
	if o.Previous {
		name += "-previous"
	}
	w.asked = append(w.asked, pod[len(pod)-5:]+"/"+name)
	lines, ok := w.wrote[name]
	switch {
	case w.err != nil:
		return nil, false, w.err
	case !ok:
		return nil, false, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no such log.")}
	}
	return lines[max(0, len(lines)-int(*o.TailLines)):], false, nil
}

func (w *writing) HideSecrets(text string) string {
	for _, name := range w.known {
		text = strings.ReplaceAll(text, w.secrets[name], "‹redacted›")
	}
	return text
}

func (w *writing) Keys(_ context.Context, kind, _, name string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.secrets[name]; !ok || kind != "Secret" {
		return nil, forbidden("secrets")
	}
	w.known = append(w.known, name)
	return []string{"value"}, nil
}

// at is a line as a kubelet gives it, so long before noon.
func at(ago time.Duration, text string) string {
	return noon.Add(-ago).Format(time.RFC3339Nano) + " " + text
}

func wrote(s *still, logs map[string][]string) *writing {
	s.lists["PodList"] = []any{}
	for _, p := range s.pods {
		s.lists["PodList"] = append(s.lists["PodList"], p)
	}
	return &writing{still: s, wrote: logs}
}

func logsOf(t *testing.T, w *writing, object string, args algesta.Args) (algesta.Report, error) {
	t.Helper()
	book, ok := runbooks.Find("logs")
	require.True(t, ok)
	in := input("logs", args)
	if object != "" {
		in.Command.Target.Object, in.Command.Target.Service, in.Command.Target.Name = object, "", ""
		in.Workload = in.Command.Target.Workload()
	}
	report, err := book.Answer(t.Context(), whole(w), in)
	requireNoSecret(t, report)
	return report, err
}

// shown is a report as lines.
func shown(r algesta.Report) []string {
	out := []string{r.Title.String()}
	for _, b := range r.Body {
		if len(b.Text) > 0 {
			out = append(out, b.Text.String())
		}
		if b.Pre != "" {
			out = append(out, strings.Split(b.Pre, "\n")...)
		}
		for _, l := range b.List {
			out = append(out, "• "+l.String())
		}
	}
	return out
}

func TestLogsThatPeopleSee(t *testing.T) {
	t.Parallel()
	s := gateway()
	bad := rollouttest.Crashing(s.pod(3, "eeeee", 20*time.Minute), 7, noon.Add(-41*time.Second))
	bad.Status.ContainerStatuses[0].LastTerminationState.Terminated.StartedAt = metav1.NewTime(noon.Add(-43 * time.Second))
	lines := []string{
		at(43*time.Second, `{"level":30,"time":1,"msg":"listening on 3000","pid":1}`),
		at(43*time.Second, `{"level":30,"msg":"retrying"}`),
		at(42*time.Second, `{"level":30,"msg":"retrying"}`),
		at(42*time.Second, "Error: connect ECONNREFUSED 10.0.0.7:27017"),
		at(42*time.Second, "    at TCPConnectWrap.afterConnect (node:net:1555:16)"),
		at(41*time.Second, `{"level":60,"msg":"\u001b[31mgiving up\u001b[0m"}`),
	}
	w := wrote(s, map[string][]string{"api-gateway-previous": lines})
	r, err := logsOf(t, w, "", nil)
	require.NoError(t, err)
	require.Equal(t, []string{
		"api-gateway in production: the log of api-gateway-production-hash3-eeeee (crashing)",
		"api-gateway-production-hash3-eeeee comes first of 5 pods: it is crashing (CrashLoopBackOff, exit code 1, 7 restarts).",
		"api-gateway of api-gateway-production-hash3-eeeee, now waiting (CrashLoopBackOff); the last instance ended 41 s ago with exit code 1 " +
			"(Error) after 2 s:",
		"info listening on 3000",
		"info retrying  ×2, last 42 s ago",
		"Error: connect ECONNREFUSED 10.0.0.7:27017",
		"    at TCPConnectWrap.afterConnect (node:net:1555:16)",
		"fatal giving up",
		"• 4 more pods not shown: /algesta logs api-gateway production --all",
	}, shown(r))
	require.Equal(t, algesta.Warning, r.Tone)
	require.Equal(t, []string{"eeeee/api-gateway-previous"}, w.asked)
}

func TestARestartedContainerShowsTheInstanceBeforeWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		last time.Duration
		args algesta.Args
		want []string
	}{
		"lately":               {5 * time.Minute, nil, []string{"aaaaa/api-gateway", "aaaaa/api-gateway-previous"}},
		"lately, before alone": {5 * time.Minute, algesta.Args{"previous": true}, []string{"aaaaa/api-gateway-previous"}},
		"days ago":             {50 * time.Hour, nil, []string{"aaaaa/api-gateway"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			c := &s.pods[0].Status.ContainerStatuses[0]
			c.RestartCount = 1
			c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				ExitCode:   137,
				Reason:     "OOMKilled",
				FinishedAt: metav1.NewTime(noon.Add(-tt.last)),
			}
			w := wrote(s, map[string][]string{"api-gateway": {at(time.Second, "fine")}, "api-gateway-previous": {at(time.Hour, "too much")}})
			r, err := logsOf(t, w, "pod/"+s.pods[0].Name, tt.args)
			require.NoError(t, err)
			slices.Sort(w.asked)
			require.Equal(t, tt.want, w.asked)
			require.Equal(
				t,
				len(tt.want) > 1 || tt.args != nil,
				strings.Contains(strings.Join(shown(r), "\n"), "ended 5 min ago with exit code 137 (OOMKilled)"),
			)
		})
	}
}

func TestALogShowsNoValueOfTheWorkload(t *testing.T) {
	t.Parallel()
	random := func() string { return "Zq" + strconv.FormatInt(time.Now().UnixNano(), 36) + "x9R" }
	literal, fromSecret := random()+"L", random()+"S"
	s := gateway()
	s.pods = s.pods[:1]
	s.pods[0].Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "GREETING", Value: literal},
		{
			Name: "URI",
			ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongo"}, Key: "uri"},
			},
		},
	}
	escaped := fmt.Sprintf(`{"level":30,"msg":"\u%04x%s"}`, literal[0], literal[1:])
	w := wrote(s, map[string][]string{"api-gateway": {
		at(
			time.Second,
			"one "+literal,
		),
		at(time.Second, "two "+fromSecret),
		at(time.Second, "three \x1b[1m"+literal[:4]+"\x1b[0m"+literal[4:]),
		at(0, escaped),
		at(0, "password="+secretValue),
	}})
	w.secrets = map[string]string{"mongo": fromSecret}
	for _, args := range []algesta.Args{nil, {"grep": literal}, {"grep": fromSecret}} {
		r, err := logsOf(t, w, "", args)
		require.NoError(t, err)
		text := strings.Join(shown(r), "\n")
		if args == nil {
			require.NotContains(t, text, literal)
			require.NotContains(t, text, fromSecret)
			require.Contains(t, text, "one ‹redacted›\ntwo ‹redacted›\nthree ‹redacted›\ninfo ‹redacted›")
			continue
		}
		require.Contains(t, text, "none of the last 5 lines contains", "what is hidden can't be searched for")
	}

	const said = "so its values can't be recognized here."
	r, err := logsOf(t, w, "", nil)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(shown(r), "\n"), said, "it was read")
	w.secrets = nil // it can't be read, and the answer says what that means
	r, err = logsOf(t, w, "", nil)
	require.NoError(t, err)
	require.Contains(t, strings.Join(shown(r), "\n"), "Couldn't read Secret mongo, "+said)
}

func TestWhatIsLongIsCutAndSaid(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.pods = s.pods[:1]
	var lines []string
	for i := range 500 {
		lines = append(lines, at(time.Duration(500-i)*time.Second, fmt.Sprintf("request %d %s", i, strings.Repeat("é", 300))))
	}
	w := wrote(s, map[string][]string{"api-gateway": lines})
	r, err := logsOf(t, w, "", nil)
	require.NoError(t, err)
	all := shown(r)
	require.Equal(t, "Last 9 of 500 lines read. grep=<text> or since=10m finds others.", all[len(all)-1])
	require.Contains(t, all[len(all)-2], "request 499 é")
	require.LessOrEqual(t, len(all[len(all)-2]), 310)

	r, err = logsOf(t, w, "", algesta.Args{"grep": "REQUEST 49", "tail": int64(100)})
	require.NoError(t, err)
	all = shown(r)
	require.Equal(t, "Last 9 of 10 lines that contain “REQUEST 49”, of 100 read.", all[len(all)-1])

	r, err = logsOf(t, w, "", algesta.Args{"tail": int64(2)})
	require.NoError(t, err)
	require.Len(t, shown(r), 4, "all that was asked for")
}

// TestALongLogIsAFile: what the answer doesn't show is in its file, to the end of each line and without the workload's values; what it
// shows whole has none.
func TestALongLogIsAFile(t *testing.T) {
	t.Parallel()
	literal := "Zq" + strconv.FormatInt(time.Now().UnixNano(), 36) + "x9R"
	s := gateway()
	s.pods = s.pods[:1]
	s.pods[0].Spec.Containers[0].Env = []corev1.EnvVar{{Name: "GREETING", Value: literal}}
	var lines []string
	for i := range 400 {
		lines = append(lines, at(time.Duration(400-i)*time.Second, fmt.Sprintf("request %d %s %s end", i, literal, strings.Repeat("é", 300))))
	}
	lines = append(lines, at(0, fmt.Sprintf(`{"level":30,"msg":"\u%04x%s"}`, literal[0], literal[1:])))
	r, err := logsOf(t, wrote(s, map[string][]string{"api-gateway": lines}), "", nil)
	require.NoError(t, err)
	require.NotNil(t, r.File)
	require.Equal(t, "logs-api-gateway-production", r.File.Name)
	require.NotContains(t, r.File.Text, literal)
	require.NotContains(t, r.File.Text, literal[1:])
	for i := range 400 {
		require.Contains(t, r.File.Text, fmt.Sprintf("request %d ‹redacted› %s end\n", i, strings.Repeat("é", 300)))
	}

	r, err = logsOf(t, wrote(s, map[string][]string{"api-gateway": lines}), "", algesta.Args{"grep": "request 39", "tail": int64(400)})
	require.NoError(t, err)
	require.NotNil(t, r.File)
	require.Contains(t, r.File.Text, "request 390 ")
	require.NotContains(t, r.File.Text, "request 38", "only what was asked for")

	r, err = logsOf(t, wrote(s, map[string][]string{"api-gateway": {at(0, "one"), at(0, "two")}}), "", nil)
	require.NoError(t, err)
	require.Nil(t, r.File)
}

func TestTheKubeletsOwnWordsAreNotTheProgram(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"unable to retrieve container logs for containerd://0123456789abcdef",
		`failed to try resolving symlinks in path "/var/log/pods/production_x/api-gateway/0.log": lstat /var/log/pods: no such file or directory`,
	} {
		s := gateway()
		s.pods = s.pods[:1]
		rollouttest.Crashing(s.pods[0], 2, noon.Add(-time.Minute))
		s.pods[0].Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = "panic: no database"
		r, err := logsOf(t, wrote(s, map[string][]string{"api-gateway-previous": {words}}), "", nil)
		require.NoError(t, err)
		text := strings.Join(shown(r), "\n")
		require.NotContains(t, text, words)
		require.Contains(t, text, "the node no longer has its log.\nWhat it left as the message of its end:\npanic: no database")
	}
}

func TestSeveralPodsAndContainersAreBounded(t *testing.T) {
	t.Parallel()
	s := gateway()
	for i := range 2000 {
		s.pod(3, fmt.Sprintf("p%04d", i), time.Hour)
	}
	w := wrote(s, map[string][]string{"api-gateway": {at(time.Second, "hello")}})
	r, err := logsOf(t, w, "", algesta.Args{"all": true})
	require.NoError(t, err)
	require.Len(t, w.asked, 5)
	require.Contains(t, shown(r), "• 1999 more pods not shown.")

	s = gateway()
	s.pods = s.pods[:1]
	logs := map[string][]string{"api-gateway": {at(0, "x")}}
	for i := range 11 {
		name := fmt.Sprintf("side-%d", i)
		s.pods[0].Spec.Containers = append(s.pods[0].Spec.Containers, corev1.Container{Name: name})
		s.pods[0].Status.ContainerStatuses = append(s.pods[0].Status.ContainerStatuses, corev1.ContainerStatus{
			Name:  name,
			Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Hour))}},
		})
		logs[name] = []string{at(0, name)}
	}
	w = wrote(s, maps.Clone(logs))
	r, err = logsOf(t, w, "", algesta.Args{"all-containers": true})
	require.NoError(t, err)
	require.Len(t, w.asked, 5)
	require.Contains(t, shown(r), "• 7 more logs not shown: I read 5 at a time. --container=<name> chooses one.")
	r, err = logsOf(t, wrote(s, logs), "", nil)
	require.NoError(t, err)
	require.Contains(t, strings.Join(shown(r), "\n"), "has 12 containers: api-gateway, side-0,")
}

// TestALogIsSettledWithItsPod: of a service the next pod may come at any time.
func TestALogIsSettledWithItsPod(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("logs")
	require.True(t, ok)
	followed := input("logs", algesta.Args{"follow": true})
	require.True(t, book.Follows(followed.Command.Args))
	s := wrote(gateway(), nil)
	pod := s.pods[0]
	for phase, settled := range map[corev1.PodPhase]bool{corev1.PodRunning: false, corev1.PodSucceeded: true, corev1.PodFailed: true} {
		pod.Status.Phase = phase
		followed.Command.Target.Object = "pod/" + pod.Name
		said, err := book.Settled(t.Context(), whole(s), followed)
		require.NoError(t, err)
		require.Equal(t, settled, len(said) > 0, phase)
		followed.Command.Target.Object = ""
		said, err = book.Settled(t.Context(), whole(s), followed)
		require.NoError(t, err)
		require.Empty(t, said)
	}
}
