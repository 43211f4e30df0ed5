package runbooks_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// everything is a template that uses most of what a pod can have. Every value that could be a secret has secretValue in it.
func everything() corev1.PodTemplateSpec {
	t := template("12345", map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-22T09:00:00Z", "vault/token": secretValue})
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
		Path: "/health", Port: intstr.FromInt32(8080), HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Key", Value: secretValue}},
	}}}
	c := &t.Spec.Containers[0]
	c.Command, c.Args = []string{"/bin/gateway", "--key", secretValue}, []string{"--token", secretValue}
	c.EnvFrom = []corev1.EnvFromSource{
		{Prefix: "A_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "gateway-env"}}},
	}
	c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
	c.LivenessProbe = probe
	c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"stop", secretValue}}}}
	c.SecurityContext = &corev1.SecurityContext{
		Privileged: new(false), RunAsUser: new(int64(1000)), AllowPrivilegeEscalation: new(false),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"CHOWN"}},
	}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "tmp", MountPath: "/tmp"}}
	sidecar := corev1.Container{
		Name:      "proxy",
		Image:     "mirror.example.net/proxy:1",
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("1")}},
	}
	t.Spec.Containers = append(t.Spec.Containers, sidecar)
	t.Spec.InitContainers = []corev1.Container{
		{Name: "migrate", Image: "mirror.example.net/migrate:1"},
		{Name: "wait", Image: "mirror.example.net/wait:1"},
	}
	t.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/data"}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{
			Name: "csi",
			VolumeSource: corev1.VolumeSource{
				CSI: &corev1.CSIVolumeSource{Driver: "files", VolumeAttributes: map[string]string{"key": secretValue}},
			},
		},
	}
	t.Spec.ServiceAccountName, t.Spec.AutomountServiceAccountToken = "gateway", new(false)
	t.Spec.HostNetwork, t.Spec.HostPID, t.Spec.HostIPC = true, true, true
	t.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true), FSGroup: new(int64(2000))}
	t.Spec.Tolerations = []corev1.Toleration{{Key: "spot", Operator: corev1.TolerationOpExists}}
	t.Spec.NodeSelector = map[string]string{"pool": "general"}
	t.Spec.TerminationGracePeriodSeconds = new(int64(30))
	return t
}

// spot is a place in a template, by keys and indices.
type spot struct {
	path []string
	in   any // the map or list
	key  any // the string or int
}

func spots(v any, path []string) []spot {
	var out []spot
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			at := append(slices.Clone(path), key)
			out = append(append(out, spot{at, v, key}), spots(child, at)...)
		}
	case []any:
		for i, child := range v {
			at := append(slices.Clone(path), fmt.Sprintf("[%d]", i))
			out = append(append(out, spot{at, v, i}), spots(child, at)...)
		}
	}
	slices.SortFunc(out, func(a, b spot) int { return slices.Compare(a.path, b.path) })
	return out
}

// mutate changes one place of the template; what is the nearest name in its path, "" where nothing could be changed.
func mutate(t *rapid.T, template map[string]any) (what string, path []string) {
	at := rapid.SampledFrom(spots(template, nil)).Draw(t, "place")
	for _, step := range at.path {
		if !strings.HasPrefix(step, "[") {
			what = step
		}
	}
	list, isList := at.in.([]any)
	if isList {
		i, _ := at.key.(int)
		j := rapid.IntRange(0, len(list)-1).Draw(t, "other")
		list[i], list[j] = list[j], list[i]
		return what, at.path
	}
	object, _ := at.in.(map[string]any)
	key, _ := at.key.(string)
	switch old := object[key].(type) {
	case bool:
		object[key] = !old
	case float64:
		object[key] = old + 1
	case string:
		object[key] = old + rapid.SampledFrom([]string{"x", " ", strings.Repeat("y", 600)}).Draw(t, "more")
	default:
		delete(object, key)
	}
	return what, at.path
}

// decoded is a typed template as plain JSON.
func decoded(t require.TestingT, v any) map[string]any {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

func TestWhateverARollbackWritesToATemplateIsARowOfItsPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := everything()
		changedTemplate := decoded(t, now)
		what, path := mutate(t, changedTemplate)
		b, err := json.Marshal(changedTemplate)
		require.NoError(t, err)
		var then corev1.PodTemplateSpec
		if json.Unmarshal(b, &then) != nil {
			t.Skip("no template any more")
		}
		s := gateway()
		s.sets, s.pods = nil, nil
		s.deployment.Spec.Template = now
		if then.Labels == nil {
			then.Labels = map[string]string{}
		}
		s.revision(1, then, "by hand", 72*time.Hour)
		s.revision(2, now, "by hand", time.Hour)
		book, _ := runbooks.Find("rollback")
		p, err := book.Plan(t.Context(), whole(s), input("rollback", algesta.Args{"to-revision": int64(1)}))
		require.NoError(t, err)
		if len(p.Changes) == 0 || hashOf(now) == hashOf(then) {
			require.Empty(t, p.Diff, "nothing is written")
			return
		}
		require.NotEmpty(t, p.Diff, "%s changes without a row", path)
		rows := p.Diff
		for _, f := range p.Facts {
			rows += "\n" + f.Label + " " + f.Value.String()
		}
		if top := path[0] + "." + what; !slices.Contains([]string{"spec.spec", "metadata.metadata"}, top) {
			named := strings.Contains(rows, what) || strings.Contains(rows, strings.TrimSuffix(what, "s"))
			// The element of a list that has a name is told by it, and a list that is gone by what was in it.
			require.True(
				t,
				named || slices.Contains([]string{"containers", "initContainers", "valueFrom", "value", "name", "secretKeyRef", "key"}, what),
				"%v is not named in:\n%s",
				path,
				rows,
			)
		}
		if main := then.Spec.Containers; len(main) == 0 || len(main[0].Command) == 0 ||
			main[0].Command[0] != secretValue { // the name of a program is shown
			require.NotContains(t, rows, secretValue, "%v", path)
		}
	})
}

func TestThePlanShowsWhatAnApproverMustNotMiss(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		with func(*corev1.PodSpec)
		want string
	}{
		"another registry": {
			func(p *corev1.PodSpec) { p.Containers[0].Image = "evil.example.net/mirror/api-gateway:12345" },
			"image      " + registry + "12345 → evil.example.net/mirror/api-gateway:12345",
		},
		"another digest": {
			func(p *corev1.PodSpec) { p.Containers[0].Image = registry + "12345@sha256:aa" },
			"image      …/api-gateway:12345 → …/api-gateway:12345@sha256:aa",
		},
		"another service account": {
			func(p *corev1.PodSpec) { p.ServiceAccountName, p.DeprecatedServiceAccount = "admin", "admin" },
			"serviceAccountName none → admin",
		},
		"the node's network":       {func(p *corev1.PodSpec) { p.HostNetwork = true }, "hostNetwork none → true"},
		"the node's processes":     {func(p *corev1.PodSpec) { p.HostPID = true }, "hostPID    none → true"},
		"the node's shared memory": {func(p *corev1.PodSpec) { p.HostIPC = true }, "hostIPC    none → true"},
		"the node's files": {func(p *corev1.PodSpec) {
			p.Volumes = []corev1.Volume{
				{Name: "run", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/run/containerd"}}},
			}
		}, "volumes    run.hostPath.path none → /run/containerd\nvolumes    run.name none → run"},
		"privileges": {func(p *corev1.PodSpec) {
			p.Containers[0].SecurityContext = &corev1.SecurityContext{
				Privileged:   new(true),
				RunAsUser:    new(int64(0)),
				Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "SYS_ADMIN"}},
			}
		}, "securityContext capabilities.add none → NET_ADMIN, SYS_ADMIN\nsecurityContext privileged none → true\nsecurityContext runAsUser " +
			"none → 0"},
		"a token in the pod": {
			func(p *corev1.PodSpec) { p.AutomountServiceAccountToken = new(true) },
			"automountServiceAccountToken none → true",
		},
		"another program": {
			func(p *corev1.PodSpec) { p.Containers[0].Command = []string{"/bin/sh", "-c", "curl -u " + secretValue} },
			"command    the image's own → /bin/sh (arguments are not shown)",
		},
		"other arguments": {
			func(p *corev1.PodSpec) { p.Containers[0].Args = []string{"--token", secretValue} },
			"args       changed (0 → 2, not shown)",
		},
		"a privileged sidecar": {func(p *corev1.PodSpec) {
			p.Containers = append(
				p.Containers,
				corev1.Container{Name: "agent", Image: "evil.example.net/agent:1", SecurityContext: &corev1.SecurityContext{Privileged: new(true)}},
			)
		}, "agent container added\nagent image none → evil.example.net/agent:1\nagent securityContext privileged none → true\nagent resources " +
			"added"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			s.sets = nil
			then := template("12345", nil)
			s.deployment.Spec.Template = template("12345", nil)
			tt.with(&then.Spec)
			s.revision(1, then, "by hand", time.Hour)
			s.revision(2, template("12345", nil), "by hand", time.Minute)
			p, err := planned(t, s, "rollback", algesta.Args{"to-revision": int64(1)})
			require.NoError(t, err)
			got := strings.ReplaceAll(p.Diff, "\nagent name none → agent", "")
			require.Equal(t, tt.want, got)
			requireNoSecret(t, p.Diff, p.Facts)
		})
	}
}

func TestAnImageOfAnotherRepositoryIsNamedWholeInEverySentence(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.sets[0].Spec.Template.Spec.Containers[0].Image = "evil.example.net/mirror/api-gateway:12345"
	p, err := planned(t, s, "rollback", algesta.Args{"to-revision": int64(1)})
	require.NoError(t, err)
	for _, said := range []algesta.Text{p.Title, p.Summary, p.Doing} {
		require.Contains(t, said.String(), registry+"12345 → evil.example.net/mirror/api-gateway:12345")
	}
}
