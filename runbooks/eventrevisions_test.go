package runbooks_test

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// An event of an hour ago may quote the template of before: a StatefulSet and a DaemonSet keep it in a ControllerRevision.
func TestEventsDontQuoteTheTemplateOfBefore(t *testing.T) {
	t.Parallel()
	before := "qz8" + strings.ToLower(rand.Text())
	old, err := json.Marshal(map[string]any{"spec": map[string]any{"template": corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "LEDGER", Value: before}}}},
	}}}})
	require.NoError(t, err)
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: "production"} }
	events := map[string]*corev1.Event{}
	for kind, name := range map[string]string{"StatefulSet": "s", "DaemonSet": "a"} {
		e := eventOf(name, "Warning", "FailedUpdate", "denied the request: the ledger "+before+" isn't allowed", time.Minute, 1)
		e.InvolvedObject.Kind = kind
		events[kind] = e
	}
	s := listed{lists: map[string][]any{
		"StatefulSetList":        {appsv1.StatefulSet{ObjectMeta: named("s")}},
		"DaemonSetList":          {appsv1.DaemonSet{ObjectMeta: named("a")}},
		"ControllerRevisionList": {appsv1.ControllerRevision{ObjectMeta: named("s-1"), Data: runtime.RawExtension{Raw: old}}},
	}, instead: map[string]error{}}
	for kind, e := range events {
		s.lists["EventList"] = []any{e}
		got := strings.Join(tells(t, s, regarding("events", "")), "\n")
		require.NotContains(t, got, before, kind)
		require.Contains(t, got, "isn't allowed", kind)
		s.instead["ControllerRevisionList"] = forbidden("controllerrevisions")
		got = strings.Join(tells(t, s, regarding("events", "")), "\n")
		require.NotContains(t, got, before, kind)
		require.Contains(t, got, "left out", kind)
		delete(s.instead, "ControllerRevisionList")
	}
}
