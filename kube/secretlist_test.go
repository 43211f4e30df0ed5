package kube_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// The list is what the API server prints for kubectl: the values and the annotations that repeat them never reach the bot.
func TestAListOfSecretsIsWhatKubectlPrints(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	value := "hunter" + rand.String(12)
	_, err := p.Client.CoreV1().Secrets(p.w.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "mongodb-credentials", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: value}},
		StringData: map[string]string{"uri": value, "user": value},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	unchosen, _ := p.withSecrets(t, false)
	_, err = unchosen.ListSecrets(t.Context(), p.w.Namespace)
	require.ErrorIs(t, err, algesta.ErrForbidden)

	bot, told := p.withSecrets(t, true)
	_, err = bot.ListSecrets(t.Context(), p.w.Namespace)
	require.ErrorIs(t, err, algesta.ErrForbidden, "get alone lists nothing")

	list := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}
	may, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: p.ServiceAccount(t, p.w.Namespace, []rbacv1.PolicyRule{list}),
		Namespaces: []string{p.w.Namespace}, SecretNamespaces: []string{p.w.Namespace}, SecretValues: told.hide,
	})
	require.NoError(t, err)
	var table *metav1.Table
	require.Eventually(t, func() bool {
		table, err = may.ListSecrets(t.Context(), p.w.Namespace)
		return err == nil
	}, time.Minute, 50*time.Millisecond, "the API server takes up the right")
	b, err := json.Marshal(table)
	require.NoError(t, err)
	require.NotContains(t, string(b), value)
	require.NotContains(t, string(b), base64.StdEncoding.EncodeToString([]byte(value)))
	require.Empty(t, told.all(), "there was nothing to hide")
	require.Len(t, table.Rows, 1)
	require.Equal(t, []any{"mongodb-credentials", "Opaque"}, table.Rows[0].Cells[:2])
	require.EqualValues(t, 2, table.Rows[0].Cells[2])
}
