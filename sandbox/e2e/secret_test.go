package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// literals are secrets where none should be: in the template itself, in every revision. Invented.
var literals = []string{
	"lgt-invented-5f0c77d1e9b24a6c",
	"plain words nobody would take for a secret",
	"mongodb+srv://app:invented-Pa55word@cluster0.example.net/algesta",
} //nolint:gochecknoglobals // a constant

func TestALiteralSecretIsNowhereAndSurvives(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.alter = func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{
			{Name: "LEGACY_API_TOKEN", Value: literals[0]}, {Name: "JWT_SECRET", Value: literals[1]}, {Name: "MONGODB_URI", Value: literals[2]},
		}
	}
	w := newWorld(t, options{services: []service{s}})
	r := w.asks(luis, "rollback api-gateway production")
	r.approve()
	require.Contains(t, r.end(luis), "is back on 12344")
	for _, text := range []string{"status", "history", "pods"} {
		w.opens(func() { w.types(marta, ops, text+" api-gateway production") }, "requested by <@U0MARTA>")
	}
	require.NoError(t, w.bot.Stop(t.Context()))

	d, err := w.cluster.Client.AppsV1().Deployments(w.production).Get(t.Context(), deployment, metav1.GetOptions{})
	require.NoError(t, err)
	calls, err := json.Marshal(w.slack.Calls())
	require.NoError(t, err)
	require.NotEmpty(t, calls)
	for i, env := range d.Spec.Template.Spec.Containers[0].Env {
		secret := literals[i]
		require.Equal(t, secret, env.Value, "it has to survive on the cluster")
		require.False(t, bytes.Contains(calls, []byte(secret)), "%s was sent to Slack", env.Name)
		require.NotContains(t, w.everything(), secret)
		require.NotContains(t, w.log.text(), secret)
	}
	w.requireNotOnDisk(literals...)
}

// requireNotOnDisk fails when a file of the bot's folder, the database and its log included, holds one of the texts.
func (w *world) requireNotOnDisk(texts ...string) {
	w.Helper()
	files, err := os.ReadDir(w.config.Dir)
	require.NoError(w, err)
	var database bool
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(w.config.Dir, f.Name()))
		require.NoError(w, err)
		database = database || f.Name() == "algesta.db" && len(content) > 0
		for _, text := range texts {
			require.False(w, bytes.Contains(content, []byte(text)), "%s holds a secret", f.Name())
		}
	}
	require.True(w, database, "there is no database to look into")
}
