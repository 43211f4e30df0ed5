package runbooks_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// shelf is a cluster that stands still and whose ConfigMaps and Secrets may be looked into.
type shelf struct {
	*still
	keys    map[string][]string // by "Secret jwt-credentials"
	refused map[string]error    // by kind

	mu    sync.Mutex
	asked []string
}

// Keys implements runbooks.KeyReader.
func (s *shelf) Keys(_ context.Context, kind, _, name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, kind+" "+name)
	if err := s.refused[kind]; err != nil {
		return nil, err
	}
	keys, ok := s.keys[kind+" "+name]
	if !ok {
		return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("It is not there.")}
	}
	return keys, nil
}

// warned are the warnings of rolling the gateway back to a template with these references; revision 1 differs by one variable.
func (s *shelf) warned(t *testing.T, runbook string, args algesta.Args) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	p, err := book.Plan(t.Context(), whole(s), input(runbook, args))
	require.NoError(t, err)
	var out []string
	for _, w := range words(p.Warnings) {
		if strings.Contains(w, "start") || strings.Contains(w, "Couldn't check") {
			out = append(out, w)
		}
	}
	return out
}

func fromKey(kind, name, key string, optional bool) *corev1.EnvVarSource {
	if kind == "Secret" {
		return &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional},
		}
	}
	return &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name},
			Key:                  key,
			Optional:             &optional,
		},
	}
}

func TestAPlanSaysWhatItsPodsWouldMiss(t *testing.T) {
	t.Parallel()
	unreachable := &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
	there := map[string][]string{
		"Secret jwt-credentials":     {"secret"},
		"Secret mongodb-credentials": {"URI", "user"},
		"ConfigMap settings":         {"level"},
	}
	mongodb := func(pod *corev1.PodSpec) {
		pod.Containers[0].Env = append(
			pod.Containers[0].Env,
			corev1.EnvVar{Name: "MONGODB_URI", ValueFrom: fromKey("Secret", "mongodb-credentials", "uri", false)},
		)
	}
	tests := map[string]struct {
		keys    map[string][]string
		refused map[string]error
		needs   func(*corev1.PodSpec)
		want    []string
	}{
		"everything is there": {keys: there, needs: func(pod *corev1.PodSpec) {
			pod.Containers[0].EnvFrom = []corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			}
		}},
		"a key is spelled in other letters": {keys: there, needs: mongodb, want: []string{
			"Secret mongodb-credentials has no key uri, so no pod of this version can start. It has URI and user.",
		}},
		"a Secret is not there": {keys: map[string][]string{"Secret jwt-credentials": {"secret"}}, needs: mongodb, want: []string{
			"Secret mongodb-credentials does not exist, so no pod of this version can start.",
		}},
		"a key that today's pods took with them is gone": {keys: map[string][]string{"Secret jwt-credentials": {}}, want: []string{
			"Secret jwt-credentials has no key secret, so no pod of this version can start. It has no keys at all.",
		}},
		"what is optional is not missed": {keys: there, needs: func(pod *corev1.PodSpec) {
			pod.Containers[0].Env = append(
				pod.Containers[0].Env,
				corev1.EnvVar{Name: "A", ValueFrom: fromKey("Secret", "none", "a", true)},
				corev1.EnvVar{Name: "B", ValueFrom: fromKey("ConfigMap", "settings", "b", true)},
			)
			pod.Volumes = []corev1.Volume{
				{
					Name: "v",
					VolumeSource: corev1.VolumeSource{
						ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}, Optional: new(true)},
					},
				},
			}
		}},
		"files, too": {keys: there, needs: func(pod *corev1.PodSpec) {
			pod.Volumes = []corev1.Volume{
				{
					Name: "v",
					VolumeSource: corev1.VolumeSource{
						Secret: &corev1.SecretVolumeSource{
							SecretName: "mongodb-credentials",
							Items:      []corev1.KeyToPath{{Key: "ca"}, {Key: "user"}, {Key: "cert"}},
						},
					},
				},
				{
					Name: "w",
					VolumeSource: corev1.VolumeSource{
						Projected: &corev1.ProjectedVolumeSource{
							Sources: []corev1.VolumeProjection{
								{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "features"}}},
							},
						},
					},
				},
			}
		}, want: []string{
			"ConfigMap features does not exist, so no pod of this version can start.",
			"Secret mongodb-credentials has no keys ca and cert, so no pod of this version can start. It has URI and user.",
		}},
		"without the right, what is new is not checked": {
			refused: map[string]error{"Secret": forbidden("secrets")},
			needs:   mongodb,
			want: []string{
				"Couldn't check Secret mongodb-credentials (no permission to read it).",
			},
		},
		"without the right, nothing is new": {refused: map[string]error{"Secret": forbidden("secrets")}},
		"without an answer nothing is missing": {refused: map[string]error{"Secret": unreachable}, needs: mongodb, want: []string{
			"Couldn't check Secrets mongodb-credentials and jwt-credentials (the cluster didn't answer in time).",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{still: gateway(), keys: tt.keys, refused: tt.refused}
			if tt.needs != nil {
				tt.needs(&s.sets[0].Spec.Template.Spec)
			}
			require.Equal(t, tt.want, s.warned(t, "rollback", nil))
		})
	}
}

func TestADeployAndARestartLookAtWhatTheirPodsNeed(t *testing.T) {
	t.Parallel()
	for runbook, args := range map[string]algesta.Args{"deploy": {"image": "12344"}, "restart": nil} {
		s := &shelf{still: gateway()}
		s.images = map[string]string{registry + "12344": "sha256:0123456789abcdef"}
		require.Equal(
			t,
			[]string{"Secret jwt-credentials does not exist, so no pod of this version can start."},
			s.warned(t, runbook, args),
			runbook,
		)
		require.Equal(t, []string{"Secret jwt-credentials"}, s.asked)
	}
}

func TestAPlanLooksAtSixteenReferences(t *testing.T) {
	t.Parallel()
	s := &shelf{
		still:   gateway(),
		refused: map[string]error{"ConfigMap": forbidden("configmaps")},
		keys:    map[string][]string{"Secret jwt-credentials": {"secret"}},
	}
	pod := &s.sets[0].Spec.Template.Spec
	for i := range 20 {
		pod.Containers[0].Env = append(
			pod.Containers[0].Env,
			corev1.EnvVar{Name: fmt.Sprint("V", i), ValueFrom: fromKey("ConfigMap", fmt.Sprintf("part-%02d", i), "a", false)},
		)
	}
	warned := s.warned(t, "rollback", nil)
	require.Len(t, s.asked, 16)
	require.Equal(t, "Couldn't check 5 more of the ConfigMaps and Secrets that the pods need (I look at 16 at most).", warned[len(warned)-1])
}

// hiding is a place whose bot has the rights of the real one, and Secrets where they are chosen.
func (p *place) hiding(t *testing.T, chosen bool) *redact.Redactor {
	t.Helper()
	redactor := redact.New()
	cfg := kube.Config{Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: p.ServiceAccount(t, p.target.Namespace, platform.BotRules())}
	if chosen {
		platform.LetReadSecrets(t, p.Cluster, p.target.Namespace)
		cfg.SecretNamespaces = []string{p.target.Namespace}
		cfg.SecretValues = func(values [][]byte) { redactor.Add(values...) }
	}
	var err error
	p.bot, err = kube.Open(t.Context(), cfg)
	require.NoError(t, err)
	return redactor
}

func (p *place) secret(t *testing.T, name string, data map[string]string) {
	t.Helper()
	_, err := p.Client.CoreV1().Secrets(
		p.target.Namespace,
	).Create(
		t.Context(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data},
		metav1.CreateOptions{},
	)
	require.NoError(t, err)
}

// askedForSecrets says how often the bot did, by the API server's audit log.
func (p *place) askedForSecrets(t *testing.T, since time.Time) int {
	t.Helper()
	all, err := p.Requests(t.Context(), since, p.target.Namespace)
	require.NoError(t, err)
	n := 0
	for _, r := range all {
		if r.Resource == "secrets" && strings.HasPrefix(r.User, "system:serviceaccount:"+p.target.Namespace+":bot-") {
			n++
		}
	}
	return n
}

func TestSecretsOnARealControlPlane(t *testing.T) {
	t.Parallel()
	const value = "kestrel over a quiet field" // a secret that looks like nothing
	for name, chosen := range map[string]bool{"with the right": true, "without the right": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := running(t)
			p.secret(t, "mongodb-credentials", map[string]string{"URI": value, "user": "app"})
			redactor := p.hiding(t, chosen)
			since := time.Now()
			plan := strings.Join(words(p.plan(t, "deploy", algesta.Args{"image": "12346-configerror"}).Warnings), "\n")
			p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346-configerror")
			p.until(t, "new pods are made", func(d *appsv1.Deployment) bool {
				return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas > 0
			})
			d := p.diagnosed(t, "Secret mongodb-credentials has no key uri")
			text := d.Text()
			require.NotContains(t, text, value)
			if !chosen {
				require.Zero(t, p.askedForSecrets(t, since))
				require.NotContains(t, plan, "mongodb-credentials", "it is what the pods use now, and nobody may look")
				require.Contains(t, text, "I don't have permission to read Secrets, by design.")
				return
			}
			require.Contains(t, plan, "Secret mongodb-credentials has no key uri, so no pod of this version can start. It has URI and user.")
			require.Contains(t, text, "its keys are URI and user")
			require.NotContains(t, text, "I don't have permission to read Secrets")
			require.Positive(t, p.askedForSecrets(t, since))
			require.Equal(
				t,
				"connecting with ‹redacted›",
				redactor.String("connecting with "+value),
				"what was read is hidden everywhere from then on",
			)
		})
	}
}

// talkative is a place where every container logs a value of its Secret.
type talkative struct {
	*kube.Cluster
	log string
}

func (c talkative) Log(context.Context, string, string, string, bool) ([]byte, error) {
	return []byte(c.log), nil
}

func TestAValueThatAPodLogsIsHiddenByValue(t *testing.T) {
	t.Parallel()
	const value = "kestrel over a quiet field"
	p := running(t)
	p.secret(t, "mongodb-credentials", map[string]string{"uri": value})
	p.hiding(t, true)
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346-crash")
	o := talkative{p.bot, "FATAL: cannot open the vault with " + value + "\n"}
	about := facts.Ref{Kind: "Deployment", Namespace: p.target.Namespace, Name: p.target.Name}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for { // until it has crashed
		d, err := runbooks.Diagnose(ctx, whole(o), p.target.Namespace, time.Now(), func(*facts.Snapshot) facts.Ref { return about }, nil)
		require.NoError(t, err)
		require.NotContains(t, d.Text(), value)
		if strings.Contains(d.Text(), "cannot open the vault with ‹redacted›") {
			return
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "the log is not quoted", d.Text())
		case <-tick.C:
		}
	}
}
