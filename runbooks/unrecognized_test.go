package runbooks_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// What events, the answer of a pod and its last words quote may be what a Secret holds: it's hidden where the bot may read that, before
// anything is cut, and where it may not the answer says so.
func TestWhatCouldNotBeRecognizedIsSaid(t *testing.T) {
	t.Parallel()
	value := "walrus-" + strings.ToLower(rand.Text())
	quotes := strings.Repeat("some ", 56) + value // the cut goes through the value
	for name, c := range map[string]struct {
		object  string
		cluster func() runbooks.Cluster
	}{
		"keyvault": {"", func() runbooks.Cluster {
			pod := mounting("d")
			pod.Spec.Volumes[0].CSI.NodePublishSecretRef = &corev1.LocalObjectReference{Name: "mongo"}
			event := corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "production"}, Reason: "FailedMount", Message: quotes,
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "d"},
			}
			return whole(listed{lists: map[string][]any{
				"SecretProviderClassList": {providerClass()}, "PodList": {pod}, "EventList": {event},
			}})
		}},
		"secrets": {"", func() runbooks.Cluster {
			l := quoting(quotes)
			pod := l.lists["PodList"][0].(corev1.Pod)
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
				Name:  "app",
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: quotes}},
			}}}
			l.lists["PodList"] = []any{pod}
			return whole(l)
		}},
		"events": {"namespace", func() runbooks.Cluster { return whole(quoting(quotes)) }},
		"pods":   {"pod/" + quotingPod, func() runbooks.Cluster { return whole(quoting(quotes)) }},
		"health": {"", func() runbooks.Cluster {
			p := healthy()
			for _, pod := range p.pods {
				usesSecret(&pod.Spec)
			}
			p.at = map[string]algesta.Exchange{}
			for _, pod := range p.pods {
				p.at[pod.Name] = algesta.Exchange{Status: 500, Wait: time.Millisecond, FirstLine: quotes}
			}
			return whole(p)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book, ok := runbooks.Find(name)
			require.True(t, ok)
			for _, may := range []bool{true, false} {
				cluster, keys := c.cluster(), &writing{}
				if may {
					keys.secrets = map[string]string{"mongo": value}
				}
				cluster.Keys, cluster.Logs = keys, keys
				in := regarding(name, c.object)
				if name == "health" {
					in = input(name, nil)
				}
				report, err := book.Answer(t.Context(), cluster, in)
				require.NoError(t, err)
				text := strings.Join(shownLines(t, report), "\n")
				require.Equal(t, !may, strings.Contains(text, "Couldn't read Secret mongo, so its values can't be recognized here."), text)
				require.Equal(t, !may, strings.Contains(text, value[:8]), text)
			}
		})
	}
}

// quotingPod is a pod that quotes what it has from the Secret mongo.
const quotingPod = "api-gateway-production-76794f4cdb-x2x9b"

func usesSecret(spec *corev1.PodSpec) {
	spec.Containers[0].EnvFrom = append(spec.Containers[0].EnvFrom, corev1.EnvFromSource{
		SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "mongo"}},
	})
}

// quoting is a pod whose last words, and an event about it, are this text.
func quoting(text string) listed {
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: quotingPod, Namespace: "production"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/app:1"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name:  "app",
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: text}},
		}}},
	}
	usesSecret(&pod.Spec)
	event := corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: "production"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: quotingPod, Namespace: "production"},
		Type:           corev1.EventTypeWarning, Reason: "Unhealthy", Message: text, LastTimestamp: metav1.NewTime(noon), Count: 1,
	}
	return listed{lists: map[string][]any{"PodList": {pod}, "EventList": {event}}}
}
