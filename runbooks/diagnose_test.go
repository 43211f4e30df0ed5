package runbooks_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/runbooks"
)

// seen is a cluster that was looked at, with a registry.
type seen struct {
	objects  []runtime.Object
	unread   map[string]error
	registry error // what it says of every image
}

func (s seen) Observe(context.Context, string) ([]runtime.Object, map[string]error) {
	return s.objects, s.unread
}

func (s seen) Log(context.Context, string, string, string, bool) ([]byte, error) { return nil, nil }

func (s seen) Image(context.Context, string, string) (string, error) { return "", s.registry }

// A registry that does not answer is no evidence: the kubelet's words stand alone, and what was not checked is said.
func TestTheRegistryIsEvidenceOnlyWhereItAnswers(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-600e9))},
		Spec:       corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "web", Image: registry + "12346"}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{
			{
				Name:  "web",
				Image: registry + "12346",
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"}},
			},
		}},
	}
	no := func(kind algesta.ErrorKind) error {
		return &algesta.Error{Kind: kind, Message: algesta.Say("The registry does not let me look.")}
	}
	cases := map[string]struct {
		registry  error
		rule      string
		unchecked bool
	}{
		"it has no such image": {no(algesta.ErrNotFound), "image-not-found", false},
		"it wants a password":  {no(algesta.ErrForbidden), "image-pull-failed", true},
		"it does not answer":   {no(algesta.ErrUnreachable), "image-pull-failed", true},
		"it has the image":     {nil, "image-pull-failed", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := runbooks.Diagnose(
				t.Context(),
				whole(seen{objects: []runtime.Object{pod.DeepCopy()}, registry: c.registry}),
				"production",
				noon,
				func(*facts.Snapshot) facts.Ref { return facts.Ref{Kind: "Namespace", Name: "production"} },
				nil,
			)
			require.NoError(t, err)
			require.NotEmpty(t, d.Chains)
			require.Equal(t, c.rule, d.Chains[0].Rule, d.Text())
			told := false
			for _, n := range d.NotChecked {
				told = told || n.Kind == "image" && n.Reason == registry+"12346: The registry does not let me look."
			}
			require.Equal(t, c.unchecked, told, d.NotChecked)
		})
	}
}
