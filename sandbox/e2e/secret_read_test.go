package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logged is a secret that the crashing program of the sandbox happens to log: nothing about it looks like a secret.
const logged = "Config validation error"

// secretRequests are the bot's calls about Secrets, from the API server's audit log.
func (w *world) secretRequests() []string {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	all, err := w.cluster.Requests(ctx, w.since, w.production)
	require.NoError(w, err)
	var out []string
	for _, r := range all {
		if r.Resource == "secrets" && strings.HasPrefix(r.User, "system:serviceaccount:"+w.production+":bot-") {
			out = append(out, r.Verb+" "+r.Name)
		}
	}
	return out
}

func TestSecretsWithAndWithoutTheRight(t *testing.T) {
	t.Parallel()
	for name, may := range map[string]bool{"with the right": true, "without the right": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			s.alter = func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{
					SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri"},
				}}}
			}
			w := newWorld(t, options{services: []service{s}, secrets: may, before: func(w *world) {
				_, err := w.cluster.Client.CoreV1().Secrets(w.production).Create(w.Context(), &corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Name: "mongodb-credentials"}, StringData: map[string]string{"URI": literals[0], "phrase": logged},
				}, metav1.CreateOptions{})
				require.NoError(w, err)
			}})
			r := w.asks(luis, "deploy api-gateway production 12346-crash")
			plan := r.plan().Plain()
			r.approve()
			require.Contains(t, r.end(luis), "keeps crashing")
			r.says(`"PAYMENTS_URL" is required`)
			told := r.thread() + w.asks(luis, "diagnose api-gateway production").thread()
			require.NoError(t, w.bot.Stop(t.Context()))

			require.NotContains(t, w.everything(), literals[0])
			w.requireNotOnDisk(literals[0])
			if !may {
				require.Empty(t, w.secretRequests())
				require.NotContains(t, plan, "no key")
				require.Contains(t, told, "secrets: I don't have permission to read Secrets, by design.")
				require.Contains(t, told, logged, "nobody knows that it is a secret")
				return
			}
			require.Contains(t, plan, "Secret mongodb-credentials has no key uri, so no pod of this version can start. It has URI and phrase.")
			require.NotContains(t, told, "I don't have permission to read Secrets")
			require.Contains(t, told, `‹redacted›: "PAYMENTS_URL" is required`)
			require.NotEmpty(t, w.secretRequests())
			for _, r := range w.secretRequests() {
				require.Equal(t, "get mongodb-credentials", r)
			}
			calls, err := json.Marshal(w.slack.Calls())
			require.NoError(t, err)
			require.NotContains(t, string(calls), logged)
			require.NotContains(t, w.log.text(), logged)
			require.NotContains(t, w.log.text(), literals[0])
			w.requireNotOnDisk(logged)
		})
	}
}
