package runbooks_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// TestAnEventQuotesNoTemplateThatNobodyRead: a controller repeats what an admission webhook said of a template. A ReplicaSet may be gone or
// unreadable, and an operator's kind isn't known; what is said of kinds that make no pods stays.
func TestAnEventQuotesNoTemplateThatNobodyRead(t *testing.T) {
	t.Parallel()
	value := "walrus-" + strings.ToLower(rand.Text())
	about := func(kind, name, reason string) *corev1.Event {
		said := `Error creating: admission webhook "x" denied the request: app/` + value + " isn't allowed"
		e := eventOf(name, "Warning", reason, said, time.Minute, 1)
		e.InvolvedObject.Kind = kind
		e.Source.Component = "replicaset-controller"
		return e
	}
	set := []any{setNamed("orders-5d4f8c7b9", value)}
	for name, l := range map[string]listed{
		"a set that is there": {lists: map[string][]any{
			"ReplicaSetList": set, "EventList": {about("ReplicaSet", "orders-5d4f8c7b9", "FailedCreate")},
		}},
		"a set that is gone": {lists: map[string][]any{"EventList": {about("ReplicaSet", "orders-5d4f8c7b9", "FailedCreate")}}},
		"sets that can't be read": {
			lists:   map[string][]any{"ReplicaSetList": set, "EventList": {about("ReplicaSet", "orders-5d4f8c7b9", "FailedCreate")}},
			instead: map[string]error{"ReplicaSetList": forbidden("replicasets")},
		},
		"an operator's kind":    {lists: map[string][]any{"EventList": {about("Rollout", "orders", "FailedCreate")}}},
		"an older kind of sets": {lists: map[string][]any{"EventList": {about("ReplicationController", "orders", "FailedCreate")}}},
	} {
		text := strings.Join(tells(t, l, regarding("events", "")), "\n")
		require.NotContains(t, text, value, name)
		require.Contains(t, text, "FailedCreate", name)
		if l.instead != nil {
			require.Contains(t, text, "Couldn't check replicasets")
		}
	}
	for _, e := range []*corev1.Event{
		about("Certificate", "orders", "Failed"), about("Service", "orders", "SyncLoadBalancerFailed"),
		about("Rollout", "orders", "ScalingReplicaSet"),
	} {
		e.Message = "something to read"
		text := strings.Join(tells(t, listed{lists: map[string][]any{"EventList": {e}}}, regarding("events", "")), "\n")
		require.Contains(t, text, "something to read", e.InvolvedObject.Kind)
	}
}
