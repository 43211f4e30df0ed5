package kube_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// heard are the values that were to be hidden.
type heard struct {
	mu     sync.Mutex
	values []string
}

func (h *heard) hide(values [][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		h.values = append(h.values, string(v))
	}
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.values...)
}

// withSecrets opens the namespace as the bot does, with its rights and, where chosen says so, with Secrets.
func (p place) withSecrets(t *testing.T, chosen bool) (*kube.Cluster, *heard) {
	t.Helper()
	h := &heard{}
	cfg := kube.Config{
		Name:       "sandbox",
		Access:     kube.Kubeconfig,
		Kubeconfig: p.ServiceAccount(t, p.w.Namespace, platform.BotRules()),
		Namespaces: []string{p.w.Namespace},
	}
	if chosen {
		cfg.SecretNamespaces, cfg.SecretValues = []string{p.w.Namespace}, h.hide
	}
	bot, err := kube.Open(t.Context(), cfg)
	require.NoError(t, err)
	return bot, h
}

func (p place) secret(t *testing.T, name string, data map[string]string) {
	t.Helper()
	_, err := p.Client.CoreV1().Secrets(p.w.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// secretRequests is how often the bot asked for Secrets, from the audit log.
func (p place) secretRequests(t *testing.T, since time.Time) []control.Request {
	t.Helper()
	all, err := p.Requests(t.Context(), since, p.w.Namespace)
	require.NoError(t, err)
	var out []control.Request
	for _, r := range all {
		if r.Resource == "secrets" && strings.HasPrefix(r.User, "system:serviceaccount:"+p.w.Namespace+":bot-") {
			out = append(out, r)
		}
	}
	return out
}

func TestKeysOfASecretWhereTheBotMayReadIt(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace)
	p.secret(t, "mongodb-credentials", map[string]string{"uri": secretValue, "database": "api-gateway", "user": p.w.Namespace})
	bot, heard := p.withSecrets(t, true)
	since := time.Now()

	keys, err := bot.Keys(t.Context(), "Secret", p.w.Namespace, "mongodb-credentials")
	require.NoError(t, err)
	require.Equal(t, []string{"database", "uri", "user"}, keys)
	require.Equal(t, []string{secretValue}, filled(heard.all(), "api-gateway"), "what is a name as well is not hidden")

	_, err = bot.Keys(t.Context(), "Secret", p.w.Namespace, "jwt-credentials")
	require.ErrorIs(t, err, algesta.ErrNotFound)
	_, err = bot.Keys(t.Context(), "Secret", "kube-system", "mongodb-credentials")
	require.ErrorIs(t, err, algesta.ErrForbidden)
	requireSentence(t, "I don't have permission to read Secrets, by design. What the kubelet says about them is used instead.", err)
	require.Len(t, p.secretRequests(t, since), 2)
	for _, r := range p.secretRequests(t, since) {
		require.Equal(t, "get", r.Verb, "one by one, never all")
	}
}

// filled leaves out a value that is hidden or not depending on whether the caches hold the Deployment of that name yet.
func filled(values []string, without string) []string {
	var out []string
	for _, v := range values {
		if v != without {
			out = append(out, v)
		}
	}
	return out
}

func TestWithoutTheRightNoSecretIsAskedFor(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace) // not even where it would be allowed
	p.secret(t, "mongodb-credentials", map[string]string{"uri": secretValue})
	bot, _ := p.withSecrets(t, false)
	since := time.Now()
	_, err := bot.Keys(t.Context(), "Secret", p.w.Namespace, "mongodb-credentials")
	require.ErrorIs(t, err, algesta.ErrForbidden)
	p.mounts(t, "mongodb-credentials")
	_, unread := bot.Observe(t.Context(), p.w.Namespace)
	requireSentence(
		t,
		"I don't have permission to read Secrets, by design. What the kubelet says about them is used instead.",
		unread["secrets"],
	)
	require.Empty(t, p.secretRequests(t, since))
}

func TestARightThatIsConfiguredAndMissing(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	p.secret(t, "mongodb-credentials", map[string]string{"uri": secretValue})
	bot, heard := p.withSecrets(t, true)
	_, err := bot.Keys(t.Context(), "Secret", p.w.Namespace, "mongodb-credentials")
	require.ErrorIs(t, err, algesta.ErrForbidden)
	requireSentence(t, fmt.Sprintf("I don't have permission to get secrets in %s (403).", p.w.Namespace), err)
	p.mounts(t, "mongodb-credentials")
	objects, unread := bot.Observe(t.Context(), p.w.Namespace)
	require.ErrorIs(t, unread["secrets"], algesta.ErrForbidden)
	require.Empty(t, references(objects), "what could not be read is not missing")
	require.Empty(t, heard.all())
}

// mounts makes a pod that waits for Secrets, and is on no node.
func (p place) mounts(t *testing.T, names ...string) {
	t.Helper()
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "waits", Image: "registry.example.com/waits:1"}}, SchedulerName: "nobody"}
	for i, name := range names {
		spec.Volumes = append(
			spec.Volumes,
			corev1.Volume{Name: fmt.Sprintf("v-%d", i), VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}},
		)
	}
	_, err := p.Client.CoreV1().Pods(
		p.w.Namespace,
	).Create(
		t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: spec}, metav1.CreateOptions{},
	)
	require.NoError(t, err)
}

func references(objects []runtime.Object) []string {
	var out []string
	for _, o := range objects {
		if r, ok := o.(*corev1.ObjectReference); ok {
			out = append(out, r.Kind+" "+r.Name)
		}
	}
	return out
}

func TestObserveReadsTheSecretsThatMatter(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace)
	p.secret(t, "mongodb-credentials", map[string]string{"uri": secretValue})
	p.secret(t, "nobody-names-me", map[string]string{"key": "another value"})
	p.mounts(t, "mongodb-credentials", "signing-keys")
	_, err := p.Client.NetworkingV1().Ingresses(p.w.Namespace).Create(t.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}},
			},
			TLS: []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}, SecretName: "shop-tls"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	bot, heard := p.withSecrets(t, true)
	since := time.Now()
	objects, unread := bot.Observe(t.Context(), p.w.Namespace)
	require.NoError(t, unread["secrets"])
	requireSentence(t, "I only read the Secrets that pods in trouble and Ingresses name.", unread["other secrets"])
	require.ElementsMatch(t, []string{"Secret signing-keys", "Secret shop-tls"}, references(objects))
	var read []string
	for _, o := range objects {
		if s, ok := o.(*corev1.Secret); ok {
			read = append(read, s.Name)
		}
	}
	require.Equal(t, []string{"mongodb-credentials"}, read)
	require.Equal(t, []string{secretValue}, heard.all())
	require.Len(t, p.secretRequests(t, since), 3)
}

// TestObserveReadsSecretsInTheOrderInWhichTheyMatter: where there are too many, those go unread without which a pod can start.
func TestObserveReadsSecretsInTheOrderInWhichTheyMatter(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace)
	key := func(name string, optional bool) []corev1.EnvVar {
		ref := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: "k", Optional: &optional}
		return []corev1.EnvVar{{Name: "V", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}}}
	}
	whole := func(name string, optional bool) []corev1.EnvFromSource {
		return []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional}},
		}
	}
	spec := corev1.PodSpec{
		SchedulerName:    "nobody",
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}},
		InitContainers: []corev1.Container{
			{Name: "init", Image: "i:1", Env: key("init-variable", false), EnvFrom: whole("optional-all", true)},
		},
		Containers: []corev1.Container{
			{Name: "c", Image: "i:1", Env: key("optional-variable", true), EnvFrom: whole("all-variables", false)},
		},
		Volumes: []corev1.Volume{
			{Name: "projected", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "projected"}}},
			}}}},
		},
	}
	want := []string{"Secret init-variable", "Secret all-variables", "Secret projected", "Secret shop-tls"}
	for i := range 12 { // 16 are needed, with these
		name := fmt.Sprintf("volume-%02d", i)
		spec.Volumes = append(
			spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}},
		)
		want = append(want, "Secret "+name)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: spec}
	_, err := p.Client.CoreV1().Pods(p.w.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = p.Client.NetworkingV1().Ingresses(p.w.Namespace).Create(t.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}},
			},
			TLS: []networkingv1.IngressTLS{{SecretName: "shop-tls"}, {SecretName: "volume-00"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	bot, _ := p.withSecrets(t, true)
	objects, unread := bot.Observe(t.Context(), p.w.Namespace)
	require.ElementsMatch(t, want, references(objects))
	requireSentence(t, "Pods in trouble and Ingresses name more than 16 Secrets; I read the first.", unread["secrets"])
}

func TestObserveReadsSixteenSecretsAtMost(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("part-%02d", i))
	}
	p.mounts(t, names...)
	bot, _ := p.withSecrets(t, true)
	since := time.Now()
	objects, unread := bot.Observe(t.Context(), p.w.Namespace)
	require.Len(t, references(objects), 16)
	requireSentence(t, "Pods in trouble and Ingresses name more than 16 Secrets; I read the first.", unread["secrets"])
	require.Len(t, p.secretRequests(t, since), 16)
}

// What an API server, or something in its place, may answer: nothing of it is quoted, and only the API server's own 404 means missing.
func TestWhatAnAnswerAboutASecretMeans(t *testing.T) {
	t.Parallel()
	whole := func(o any) string {
		b, err := json.Marshal(o)
		require.NoError(t, err)
		return string(b)
	}
	tests := map[string]struct {
		code        int
		contentType string
		body        string
		kind        algesta.ErrorKind
	}{
		"half an answer": {200, "application/json", `{"metadata":{"name":"x"},"data":{"uri":"` + secretValue, algesta.ErrUnreachable},
		"a value that is no value": {
			200,
			"application/json",
			`{"metadata":{"name":"x"},"data":{"uri":"` + secretValue + `"}}`,
			algesta.ErrUnreachable,
		},
		"another Secret": {
			200,
			"application/json",
			whole(corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "y"}, Data: map[string][]byte{"uri": []byte(secretValue)}}),
			algesta.ErrUnreachable,
		},
		"without end": {
			200,
			"application/json",
			`{"metadata":{"name":"x"},"data":{"uri":"` + strings.Repeat("QUFB", 2<<20) + `"}}`,
			algesta.ErrUnreachable,
		},
		"a proxy's page":    {404, "text/html", "<h1>" + secretValue + "</h1>", algesta.ErrUnreachable},
		"the server's 404":  {404, "application/json", status(404, "NotFound", secretValue), algesta.ErrNotFound},
		"no right":          {403, "application/json", status(403, "Forbidden", secretValue), algesta.ErrForbidden},
		"an internal error": {500, "application/json", status(500, "InternalError", secretValue), algesta.ErrUnreachable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			t.Cleanup(s.Close)
			h := &heard{}
			path := filepath.Join(t.TempDir(), "kubeconfig")
			require.NoError(t, control.WriteKubeconfig(path, &rest.Config{Host: s.URL}, "sandbox"))
			bot, err := kube.Open(t.Context(), kube.Config{
				Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: path, SecretNamespaces: []string{"production"}, SecretValues: h.hide,
			})
			require.NoError(t, err)
			_, err = bot.Keys(t.Context(), "Secret", "production", "x")
			require.ErrorIs(t, err, tt.kind)
			require.NotContains(t, fmt.Sprintf("%v %+v", err, err), secretValue)
			require.Empty(t, h.all())
		})
	}
}

func TestSecretsAreReadOnlyWhereSomebodyHidesThem(t *testing.T) {
	t.Parallel()
	_, err := kube.Open(t.Context(), kube.Config{Name: "a", Access: kube.Kubeconfig, SecretNamespaces: []string{"production"}})
	require.ErrorContains(t, err, "cluster a: Secrets are read only where somebody hides their values")
}

// TestWithListAndWatchTheBotDoesNothingMore gives the bot every right to read Secrets: it still gets them one by one.
func TestWithListAndWatchTheBotDoesNothingMore(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	platform.LetReadSecrets(t, p.Cluster, p.w.Namespace)
	roles := p.Client.RbacV1().Roles(p.w.Namespace)
	role, err := roles.Get(t.Context(), "algesta-secrets", metav1.GetOptions{})
	require.NoError(t, err)
	role.Rules[0].Verbs = []string{"get", "list", "watch"}
	_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
	require.NoError(t, err)
	p.secret(t, "mongodb-credentials", map[string]string{"uri": secretValue})
	p.secret(t, "of-nobody", map[string]string{"uri": secretValue})
	p.mounts(t, "mongodb-credentials")
	bot, _ := p.withSecrets(t, true)
	since := time.Now()
	_, err = bot.Keys(t.Context(), "Secret", p.w.Namespace, "mongodb-credentials")
	require.NoError(t, err)
	bot.Observe(t.Context(), p.w.Namespace)
	asked := p.secretRequests(t, since)
	require.NotEmpty(t, asked)
	for _, r := range asked {
		require.Equal(t, "get", r.Verb)
	}
}
