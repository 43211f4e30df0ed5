package kube

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// TestAChangeCauseThatMayQuoteWhatNobodyKnowsIsLeftOut: the ReplicaSets with their values couldn't be read.
func TestAChangeCauseThatMayQuoteWhatNobodyKnowsIsLeftOut(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(server.Close)
	c, err := OpenREST("sandbox", &rest.Config{Host: server.URL})
	require.NoError(t, err)
	c.hide = func(text string) string { return text }
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		UID: "1", Annotations: map[string]string{causeAnnotation: "set env", "team": "shop"},
	}}
	shown := c.withoutQuotes(t.Context(), "production", []runtime.Object{set})
	require.Equal(t, map[string]string{"team": "shop"}, shown[0].(*appsv1.ReplicaSet).Annotations)
	require.Equal(t, "set env", set.Annotations[causeAnnotation], "the caches keep theirs")
}

// TestAnAnnotationIsKeptInWholeWords: half a secret can't be recognized.
func TestAnAnnotationIsKeptInWholeWords(t *testing.T) {
	t.Parallel()
	keeps := func(value string) string {
		m := metav1.ObjectMeta{Annotations: map[string]string{causeAnnotation: value}}
		stripMeta(&m)
		return m.Annotations[causeAnnotation]
	}
	long := strings.Repeat("a", longestAnnotation-4)
	require.Equal(t, long, keeps(long+" token=walrus"))
	require.Equal(t, long+" own", keeps(long+" own token"))
	require.Empty(t, keeps(strings.Repeat("a", longestAnnotation+1)))
	require.Equal(t, long, keeps(long))
}
