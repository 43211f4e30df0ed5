package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestAStrangeValueIsNamed has the only pod of web crash with a line that is about a value.
func TestAStrangeValueIsNamed(t *testing.T) {
	t.Parallel()
	const linked = "ValueError: invalid literal for int() with base 10: 'tcp://10.0.7.7:80'"
	const broken = "Error: net/http: invalid header field value for \"Authorization\""
	token := func(value string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "partner"},
			Data:       map[string][]byte{"token": []byte(value)},
		}
	}
	fromSecret := corev1.EnvVar{Name: "PARTNER_TOKEN", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "partner"}, Key: "token"},
	}}
	for name, c := range map[string]struct {
		line    string
		env     corev1.EnvVar
		change  func(*corev1.PodSpec)
		secret  *corev1.Secret
		want    string
		without string
	}{
		"a variable of a Service": {linked, corev1.EnvVar{}, nil, token("x"), "Variable CACHE_DB_PORT of container web is an address", ""},
		"service links are off": {
			linked,
			corev1.EnvVar{},
			func(p *corev1.PodSpec) { p.EnableServiceLinks = new(bool) }, token("x"), "ends with exit code 1",
			"CACHE_DB_PORT",
		},
		"the template sets it": {
			linked, corev1.EnvVar{Name: "CACHE_DB_PORT", Value: "80"}, nil, token("x"), "ends with exit code 1", "enableServiceLinks",
		},
		"a line break at its end":   {broken, fromSecret, nil, token("abc\n"), "Key token of Secret partner ends with a line break", "abc"},
		"no line break":             {broken, fromSecret, nil, token("abc"), "ends with exit code 1", "line break"},
		"several lines, as a key's": {broken, fromSecret, nil, token("a\nb\n"), "ends with exit code 1", "line break"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := failing(withVariables(service("web", 1), c.env), 2)
			pod := web[3].(*corev1.Pod)
			if c.change != nil {
				c.change(&pod.Spec)
			}
			cache := service("cache-db", 1)
			cache[2].(*corev1.Service).Spec.ClusterIP = "10.0.7.7"
			s := facts.NewSnapshot(noon, append(append(web, cache...), c.secret), nil)
			s.AddLog(facts.LogRequest{Namespace: "production", Pod: pod.Name, Container: "web", Previous: true}, []byte(c.line+"\n"))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.Contains(t, d.Summary, c.want)
			if c.without != "" {
				require.NotContains(t, d.Summary, c.without)
			}
		})
	}
}

// TestALimitThatIsntTheTemplates: raising the template's limit would change nothing, and the remedy doesn't propose it.
func TestALimitThatIsntTheTemplates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ template, pod, want, command string }{
		"the pod has less": {
			"1Gi", "64Mi", "its template says 1Gi, so something changes it when pods are made", "kubectl get limitranges -n production",
		},
		"they agree": {"64Mi", "64Mi", "(limit 64Mi)", "kubectl set resources deployment/web -n production -c web --limits=memory=128Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := failing(service("web", 1), 2)
			pod := web[3].(*corev1.Pod)
			limit := func(s string) corev1.ResourceRequirements {
				return corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(s)}}
			}
			template := web[0].(*appsv1.Deployment).Spec.Template.Spec.Containers[0]
			template.Resources = limit(c.template)
			web[0].(*appsv1.Deployment).Spec.Template.Spec.Containers = []corev1.Container{template}
			template.Resources = limit(c.pod)
			pod.Spec.Containers = []corev1.Container{template}
			pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Reason = "OOMKilled"
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, web, nil), facts.Ref{})
			require.Contains(t, d.Summary, c.want)
			require.Equal(t, c.command, d.Chains[0].Remedy.Command)
		})
	}
}

// TestAPullSecretThatIsntThereIsNamed has a registry refuse a pull for which the kubelet got no credentials.
func TestAPullSecretThatIsntThereIsNamed(t *testing.T) {
	t.Parallel()
	event := func(pod string) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "production", Name: "e"},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "production", Name: pod},
			Reason:         "FailedToRetrieveImagePullSecret", LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
			Message: "Unable to retrieve some image pull secrets (team-pull); attempting to pull the image may not succeed.",
		}
	}
	for name, c := range map[string]struct {
		secrets []runtime.Object
		unread  []facts.NotChecked
		want    string
	}{
		"it doesn't exist":     {nil, nil, "; pull secret team-pull does not exist in namespace production, so"},
		"Secrets weren't read": {nil, []facts.NotChecked{{Kind: "secrets"}}, "; the node did not get pull secret team-pull, so"},
		"another has that name": {
			[]runtime.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "team-pull"}}}, nil, "does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := failing(service("web", 1), 1)
			pod := web[3].(*corev1.Pod)
			pod.Status.ContainerStatuses[0].State.Waiting.Message = "failed to authorize: 401 Unauthorized"
			s := facts.NewSnapshot(noon, append(append(web, event(pod.Name)), c.secrets...), c.unread)
			require.Contains(t, diagnosis.Diagnose(s, facts.Ref{}).Summary, c.want)
		})
	}
}
