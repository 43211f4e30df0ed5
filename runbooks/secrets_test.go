package runbooks_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/runbooks"
)

// locker is what a cluster says of Secrets: a table, and keys by name.
type locker struct {
	table   *metav1.Table
	listErr error
	keys    map[string][]string
}

func (l locker) ListSecrets(context.Context, string) (*metav1.Table, error) {
	return l.table, l.listErr
}

func (l locker) Keys(_ context.Context, _, _, name string) ([]string, error) {
	if l.keys == nil {
		return nil, forbidden("Secrets")
	}
	keys, ok := l.keys[name]
	if !ok {
		return nil, errNotInstalled
	}
	return keys, nil
}

// secretTable is what an API server prints.
func secretTable(rows ...string) *metav1.Table {
	table := &metav1.Table{}
	for _, name := range []string{"Name", "Type", "Data", "Age"} {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: name})
	}
	for _, row := range rows {
		var cells []any
		for cell := range strings.SplitSeq(row, " ") {
			cells = append(cells, cell)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	return table
}

// withSecrets is an environment whose gateway takes a key of one Secret, another Secret if it's there, and TLS from a third.
func withSecrets() listed {
	d := *app("gateway", "12345", mongoSecret("mongodb-credentials"), container(func(c *corev1.Container) {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "extras"}, Optional: new(true),
		}})
	}))
	return listed{
		lists: map[string][]any{
			"DeploymentList":  {d},
			"IngressList":     {entrance("ingress-production", apiHost, "gate")},
			"CertificateList": {issuedFor("api-tls", apiHost, noon.Add(-30*24*time.Hour), noon.Add(60*24*time.Hour))},
			"ExternalSecretList": {
				map[string]any{
					"apiVersion": "external-secrets.io/v1",
					"kind":       "ExternalSecret",
					"metadata":   map[string]any{"name": "mongo", "namespace": "production"},
					"spec":       map[string]any{"target": map[string]any{"name": "mongodb-credentials"}},
				},
			},
		},
		instead: map[string]error{"SecretProviderClassList": errNotInstalled},
	}
}

func (l locker) tells(t *testing.T, s listed, object string) []string {
	t.Helper()
	book, ok := runbooks.Find("secrets")
	require.True(t, ok)
	report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: s, Secrets: l, Keys: l}, regarding("secrets", object))
	require.NoError(t, err)
	return shownLines(t, report)
}

func TestSecretsSayWhoUsesThemAndNeverWhatTheyHold(t *testing.T) {
	t.Parallel()
	all := locker{
		table: secretTable(
			"mongodb-credentials Opaque 1 9d",
			"api-tls kubernetes.io/tls 2 30d",
			"unused Opaque 3 400d",
			"sh.helm.release.v1.api.v7 helm.sh/release.v1 1 2d",
		),
		keys: map[string][]string{"mongodb-credentials": {"uri"}, "api-tls": {"tls.crt", "tls.key"}, "unused": {"a", "b", "c"}, "extras": nil},
	}
	require.Equal(t, []string{
		"production: 5 Secrets, nothing that is needed is missing",
		"secret | type | keys | age | used by | owner",
		"api-tls | kubernetes.io/tls | tls.crt, tls.key | 30d | Ingress ingress-production | Certificate api-tls",
		"extras | missing | – | – | gateway | –", // it may be missing
		"mongodb-credentials | Opaque | uri | 9d | gateway | ExternalSecret mongo",
		"unused | Opaque | a, b, c | 400d | – | –",
		"sh.helm.release.v1.api.v7 | helm.sh/release.v1 | 1 key | 2d | – | Helm",
	}, all.tells(t, withSecrets(), ""))
	require.Equal(t, []string{
		"api-tls in production exists", "type: kubernetes.io/tls", "keys: tls.crt, tls.key", "age: 30d", "used by: Ingress ingress-production",
		"owner: Certificate api-tls", "The certificate in it: ready, 60 days left. /algesta cert check api-tls production",
		"What a Secret holds is never shown here, and neither is how long it is.",
	}, all.tells(t, withSecrets(), "secret/api-tls"))

	all.keys["mongodb-credentials"] = []string{"URI"}
	lacks := "Secret mongodb-credentials has no key uri, which gateway can't start without."
	got := all.tells(t, withSecrets(), "")
	require.Equal(t, "production: 1 Secret that something needs is missing or lacks a key", got[0])
	require.Contains(t, got, lacks)
	require.Contains(t, all.tells(t, withSecrets(), "secret/mongodb-credentials"), lacks)

	delete(all.keys, "mongodb-credentials")
	all.table.Rows = all.table.Rows[1:]
	require.Contains(t, all.tells(t, withSecrets(), ""), "There's no Secret mongodb-credentials, which gateway can't start without.")
	require.Equal(t, "There's no Secret mongodb-credentials in production", all.tells(t, withSecrets(), "secret/mongodb-credentials")[0])
}

func TestWithoutTheRightNothingAboutSecretsIsGuessed(t *testing.T) {
	t.Parallel()
	none := locker{listErr: forbidden("Secrets")}
	got := none.tells(t, withSecrets(), "")
	require.Equal(t, "production: 3 Secrets that something names; whether there are others couldn't be checked", got[0])
	require.Contains(t, got, "mongodb-credentials | not checked | not checked | – | gateway | ExternalSecret mongo")
	require.Contains(t, got, "Couldn't check Secrets: I don't have permission to read Secrets.")
	require.Equal(t, "I couldn't check whether the Secret elsewhere in production exists", none.tells(t, withSecrets(), "secret/elsewhere")[0])

	gets := locker{
		listErr: forbidden("Secrets"),
		keys:    map[string][]string{"mongodb-credentials": {"uri"}, "api-tls": {"tls.crt"}, "extras": {"x"}},
	}
	require.Contains(t, gets.tells(t, withSecrets(), ""), "mongodb-credentials | not checked | uri | – | gateway | ExternalSecret mongo")
	require.Equal(t, "mongodb-credentials in production exists", gets.tells(t, withSecrets(), "secret/mongodb-credentials")[0])

	book, _ := runbooks.Find("secrets")
	report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: withSecrets()}, regarding("secrets", ""))
	require.NoError(t, err)
	require.Contains(t, shownLines(t, report), "Couldn't check Secrets: I can't list Secrets in this cluster.")
}

func TestAPodThatWaitsForASecretIsQuoted(t *testing.T) {
	t.Parallel()
	s := withSecrets()
	s.lists["PodList"] = []any{corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "gateway-a", Namespace: "production"},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "mongodb-credentials" not found`},
		}}}},
	}}
	require.Contains(t, locker{listErr: forbidden("Secrets")}.tells(t, s, ""), `Pod gateway-a waits: secret "mongodb-credentials" not found`)
}

// vaultClass is the class of the manual.
const vaultClass = "azure-keyvault-provider"

// mounting is a pod that mounts it.
func mounting(name string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{
		Name: "vault", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{
			Driver: "secrets-store.csi.k8s.io", VolumeAttributes: map[string]string{"secretProviderClass": vaultClass},
		}},
	}}}}
}

// mountedIn is what the driver says of it in a pod.
func mountedIn(pod, version string) map[string]any {
	return map[string]any{
		"apiVersion": "secrets-store.csi.x-k8s.io/v1",
		"kind":       "SecretProviderClassPodStatus",
		"metadata":   map[string]any{"name": pod + "-" + vaultClass, "namespace": "production"},
		"status": map[string]any{
			"podName":                 pod,
			"secretProviderClassName": vaultClass,
			"mounted":                 true,
			"objects":                 []any{map[string]any{"id": "secret/mongo", "version": version}},
		},
	}
}

func providerClass() map[string]any {
	return map[string]any{
		"apiVersion": "secrets-store.csi.x-k8s.io/v1",
		"kind":       "SecretProviderClass",
		"metadata":   map[string]any{"name": vaultClass, "namespace": "production"},
		"spec":       map[string]any{"provider": "azure", "parameters": map[string]any{"keyvaultName": "kv-algesta", "usePodIdentity": "true"}},
	}
}

func TestKeyvaultTellsWhichVersionEachPodHas(t *testing.T) {
	t.Parallel()
	s := listed{lists: map[string][]any{
		"SecretProviderClassList": {providerClass()},
		"SecretProviderClassPodStatusList": {
			mountedIn("a", "0123456789abcdef"),
			mountedIn("b", "0123456789abcdef"),
			mountedIn("c", "fedcba9876543210"),
		},
		"PodList": {
			mounting("a"),
			mounting("b"),
			mounting("c"),
			mounting("d"),
		},
		"EventList": {
			corev1.Event{
				ObjectMeta: metav1.ObjectMeta{
					Name:      "e",
					Namespace: "production",
				},
				Reason:         "FailedMount",
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "d"},
				Message: "MountVolume.SetUp failed: keyvault.BaseClient#GetSecret: Failure responding to request: StatusCode=403 " +
					"Code=\"Forbidden\"",
			},
		},
	}}
	require.Equal(t, []string{
		"production: 1 SecretProviderClass, 1 of 4 pods couldn't mount it",
		"class | pod | mounted | object@version",
		"azure-keyvault-provider | d | no | –",
		"azure-keyvault-provider | c | yes, another version | secret/mongo@fedcba98…",
		"azure-keyvault-provider | a | yes | secret/mongo@01234567…",
		"azure-keyvault-provider | b | yes | secret/mongo@01234567…",
		"azure-keyvault-provider, d: Key Vault refuses the identity (403): it lacks a role or an access policy for the vault.",
		"azure-keyvault-provider reads from the vault kv-algesta (azure).",
		"azure-keyvault-provider uses pod identity, which Azure ended: name a clientID, or useVMManagedIdentity.",
	}, tells(t, s, regarding("keyvault", "")))

	s.instead = map[string]error{"SecretProviderClassPodStatusList": forbidden("secretproviderclasspodstatuses")}
	got := tells(t, s, regarding("keyvault", ""))
	require.Equal(t, "production: 1 SecretProviderClass for 4 pods, whether it's mounted couldn't be checked", got[0])
	require.Contains(t, got, "azure-keyvault-provider | a | not checked | –")
	require.Contains(t, got, "Couldn't check secretproviderclasspodstatuses: I don't have permission to read secretproviderclasspodstatuses.")

	s.instead = map[string]error{"SecretProviderClassList": errNotInstalled}
	require.Equal(
		t,
		"The Secrets Store CSI driver isn't installed in this cluster, so nothing is mounted from a Key Vault.",
		tells(t, s, regarding("keyvault", ""))[0],
	)
	s.instead = map[string]error{"SecretProviderClassList": forbidden("secretproviderclasses")}
	require.Equal(t, "I couldn't check the SecretProviderClasses in production.", tells(t, s, regarding("keyvault", ""))[0])
	require.Equal(
		t,
		"production: no SecretProviderClass, so nothing is mounted from a Key Vault",
		tells(t, listed{}, regarding("keyvault", ""))[0],
	)
	require.Equal(t, []string{
		"production: no SecretProviderClass",
		"Couldn't check secretproviderclasspodstatuses: I don't have permission to read secretproviderclasspodstatuses.",
	}, tells(t, listed{instead: map[string]error{"SecretProviderClassPodStatusList": forbidden("secretproviderclasspodstatuses")}},
		regarding("keyvault", "")))
	delete(s.lists, "SecretProviderClassList")
	s.instead = nil
	require.Equal(
		t, "production: no SecretProviderClass, 1 of 4 pods couldn't mount it", tells(t, s, regarding("keyvault", ""))[0],
		"the class was deleted, and pods mount it",
	)
}

// A list of a whole namespace shows nobody what its pods spell out, so it is hidden in the messages.
func TestAWaitingPodsMessageDoesNotQuoteWhatItSpellsOut(t *testing.T) {
	t.Parallel()
	s := withSecrets()
	spelled := "walrus-" + "garden-" + "lantern"
	s.lists["PodList"] = []any{corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "gateway-a", Namespace: "production"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: spelled}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: "can't use " + spelled},
		}}}},
	}}
	got := locker{listErr: forbidden("Secrets")}.tells(t, s, "")
	require.Contains(t, got, "Pod gateway-a waits: can't use ‹redacted›")
}
