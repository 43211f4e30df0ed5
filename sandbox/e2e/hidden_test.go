package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/redact"
)

// said is the annotation that has the sandbox's kubelet write a message of ours into a pod.
const said = "sandbox.algesta.io/message"

// requireNowhere fails when a text was sent to Slack, logged, or is in a file of the bot.
func (w *world) requireNowhere(texts ...string) {
	w.Helper()
	require.NoError(w, w.bot.Stop(w.Context()))
	calls, err := json.Marshal(w.slack.Calls())
	require.NoError(w, err)
	for _, text := range texts {
		require.NotContains(w, string(calls), text, "it was sent to Slack")
		require.NotContains(w, w.everything(), text)
		require.NotContains(w, w.log.text(), text, "it was logged")
	}
	w.requireNotOnDisk(texts...)
}

// asksToRead asks a question and waits until the answer's card holds a text.
func (w *world) asksToRead(text, holds string) {
	w.Helper()
	r := w.opens(func() { w.types(marta, ops, text) }, "requested by <@U0MARTA>")
	ctx, cancel := w.wait()
	defer cancel()
	require.NoError(w, w.slack.WaitFor(ctx, func() bool { return strings.Contains(r.thread(), holds) }), "%s says:\n%s", text, r.thread())
}

// causes writes why the Deployment was changed, as kubectl does.
func (w *world) causes(cause string) {
	w.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{changeCause: cause}}})
	require.NoError(w, err)
	require.NoError(w, change(w.Context(), w.cluster, w.production, deployment, types.StrategicMergePatchType, patch))
}

// TestALiteralIsHiddenWhateverQuotesIt: nothing but the template says that the value is to be hidden.
func TestALiteralIsHiddenWhateverQuotesIt(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 10)
	_, _ = rand.Read(raw)
	ledger := "qz7" + hex.EncodeToString(raw)
	require.Contains(t, (*redact.Redactor)(nil).String("the ledger "+ledger+" is away"), ledger, "its form says nothing")
	s := gateway()
	s.alter = func(d *appsv1.Deployment) {
		d.Spec.Template.Annotations = map[string]string{said: "the ledger " + ledger + " is away"}
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LEDGER", Value: ledger}, {Name: "MODE", Value: "standalone"}}
	}
	w := newWorld(t, options{services: []service{s}, before: func(w *world) {
		w.causes("kubectl set env deployment/api-gateway LEDGER=" + ledger + " --record=true")
	}})
	w.asksToRead("history api-gateway production", "LEDGER="+redact.Mask+" --record=true")
	w.asksToRead("status api-gateway production", "LEDGER="+redact.Mask+" --record=true")
	r := w.asks(luis, "deploy api-gateway production 12346-configerror")
	r.approve()
	require.Contains(t, r.end(luis), "the ledger "+redact.Mask+" is away")
	w.requireNowhere(ledger)
}

// TestASecretsValueIsHiddenByAFreshBot kills the bot so often that no earlier command can have read the Secret.
func TestASecretsValueIsHiddenByAFreshBot(t *testing.T) {
	t.Parallel()
	const phrase = "kestrel over a quiet field"
	s := gateway()
	s.alter = func(d *appsv1.Deployment) {
		d.Spec.Template.Annotations = map[string]string{said: "cannot open " + phrase + " for reading"}
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri"},
		}}}
	}
	w := newWorld(t, options{services: []service{s}, secrets: true, gated: true, before: func(w *world) {
		_, err := w.cluster.Client.CoreV1().Secrets(w.production).Create(w.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "mongodb-credentials"}, StringData: map[string]string{"uri": phrase},
		}, metav1.CreateOptions{})
		require.NoError(w, err)
		w.causes("after the " + phrase + " was moved")
	}})
	w.asksToRead("history api-gateway production", "after the "+redact.Mask+" was moved")
	w.restart()
	w.asksToRead("status api-gateway production", "after the "+redact.Mask+" was moved")
	patched := w.api.hold(answered, isPatch)
	r := w.asks(luis, "deploy api-gateway production 12346-configerror")
	r.approve()
	patched.wait(t)
	w.restart()
	require.Contains(t, r.end(luis), "cannot open "+redact.Mask+" for reading")
	w.requireNowhere(phrase)
}
