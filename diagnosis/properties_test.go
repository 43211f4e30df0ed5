package diagnosis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// service makes a Deployment of production with its ReplicaSet, ready pods and Service.
func service(name string, pods int) []runtime.Object {
	labels := map[string]string{"app": name}
	created := metav1.NewTime(noon.Add(-72 * time.Hour))
	yes, replicas := true, int32(pods)
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: name, Image: "registry.example.com/" + name + ":1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 3000}},
	}}}}
	meta := func(kind, object, owner string) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Namespace: "production", Name: object, UID: "", CreationTimestamp: created, Labels: labels}
		if owner != "" {
			m.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: &yes}}
		}
		return m
	}
	set := name + "-6d4cf56db6"
	objects := []runtime.Object{
		&appsv1.Deployment{
			ObjectMeta: meta("", name, ""),
			Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Template: template, Selector: &metav1.LabelSelector{MatchLabels: labels}},
		},
		&appsv1.ReplicaSet{ObjectMeta: meta("Deployment", set, name), Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: template}},
		&corev1.Service{
			ObjectMeta: meta("", name, ""),
			Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}},
		},
	}
	for i := range pods {
		about := meta("ReplicaSet", fmt.Sprintf("%s-%05d", set, i), set)
		about.Labels = map[string]string{"app": name, appsv1.DefaultDeploymentUniqueLabelKey: "6d4cf56db6"}
		objects = append(objects, &corev1.Pod{
			ObjectMeta: about, Spec: template.Spec,
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: created}},
				ContainerStatuses: []corev1.ContainerStatus{
					{Name: name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: created}}},
				},
			},
		})
	}
	return objects
}

// failing breaks the pods of a service in one of several ways.
func failing(objects []runtime.Object, how int) []runtime.Object {
	for _, o := range objects {
		p, ok := o.(*corev1.Pod)
		if !ok {
			continue
		}
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		state := &p.Status.ContainerStatuses[0]
		state.Ready = false
		state.State = corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "shared" not found`},
		}
		switch how % 3 {
		case 1:
			state.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "manifest unknown"}
		case 2:
			state.RestartCount = 5
			state.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
			state.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				ExitCode:   1,
				Reason:     "Error",
				FinishedAt: metav1.NewTime(noon.Add(-time.Minute)),
			}
		}
	}
	return objects
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var objects []runtime.Object
		broken := 0
		for i := range rapid.IntRange(1, 5).Draw(t, "services") {
			s := service(fmt.Sprintf("svc-%d", i), rapid.IntRange(1, 4).Draw(t, "pods"))
			if rapid.Bool().Draw(t, "broken") {
				s = failing(s, rapid.IntRange(0, 2).Draw(t, "how"))
				broken++
			}
			objects = append(objects, s...)
		}
		about := facts.Ref{Kind: facts.KindNamespace, Name: "production"}
		first := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), about)

		shuffled := rapid.Permutation(objects).Draw(t, "order")
		require.Equal(t, first, diagnosis.Diagnose(facts.NewSnapshot(noon, shuffled, nil), about), "the order of objects changes nothing")

		twice := diagnosis.Diagnose(facts.NewSnapshot(noon, append(slices.Clone(objects), objects...), nil), about)
		require.Equal(t, first, twice, "objects that are read twice count once")

		more := append(slices.Clone(objects), service("healthy-one", 2)...)
		require.Equal(t, first.Chains, diagnosis.Diagnose(facts.NewSnapshot(noon, more, nil), about).Chains, "a healthy service adds no chain")

		require.Equal(t, broken == 0, len(first.Chains) == 0)
		require.LessOrEqual(t, len(first.Chains), broken, "a cause that services share is named once")
		for _, c := range first.Chains {
			require.NotEmpty(t, c.Evidence)
			require.NotEmpty(t, c.Links)
		}
	})
}

// TestEveryKindMayBeForbidden takes each kind away in turn: the rest still answers, and the answer says what is missing.
func TestEveryKindMayBeForbidden(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(runtime.Object) bool{
		"pods":        func(o runtime.Object) bool { _, ok := o.(*corev1.Pod); return ok },
		"deployments": func(o runtime.Object) bool { _, ok := o.(*appsv1.Deployment); return ok },
		"replicasets": func(o runtime.Object) bool { _, ok := o.(*appsv1.ReplicaSet); return ok },
		"services":    func(o runtime.Object) bool { _, ok := o.(*corev1.Service); return ok },
	}
	for kind, is := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			objects := slices.DeleteFunc(failing(service("orders", 2), 0), is)
			missing := facts.NotChecked{Kind: kind, Reason: "my rights in the cluster do not allow it"}
			d := diagnosis.Diagnose(
				facts.NewSnapshot(noon, objects, []facts.NotChecked{missing}),
				facts.Ref{Kind: facts.KindNamespace, Name: "production"},
			)
			require.Contains(t, d.NotChecked, missing)
			if kind == "pods" {
				require.NotContains(t, d.Summary, "healthy:")
				return
			}
			require.Equal(t, []string{"secret-missing"}, rulesOf(d), d.Text())
		})
	}
}

func TestUnknownNamesGetASuggestion(t *testing.T) {
	t.Parallel()
	s := facts.NewSnapshot(noon, service("api-gateway", 2), nil)
	d := diagnosis.Diagnose(s, s.Subject("api-gatewy", "production"))
	require.Equal(t, diagnosis.Unknown, d.Verdict)
	require.Equal(t, "There's no workload api-gatewy in production. Did you mean api-gateway?", d.Summary)
	require.Equal(
		t,
		"I couldn't look for node x: nodes weren't read.",
		diagnosis.Diagnose(
			facts.NewSnapshot(noon, nil, []facts.NotChecked{{Kind: "nodes", Reason: "no rights"}}),
			s.Subject("node/x", ""),
		).Summary,
	)
}

// BenchmarkAnalysis5000PendingPods is the worst case: nothing fits anywhere.
func BenchmarkAnalysis5000PendingPods(b *testing.B) {
	var objects []runtime.Object
	for i := range 100 {
		objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n-%d", i)}})
	}
	for i := range 250 {
		for _, o := range service(fmt.Sprintf("svc-%d", i), 20) {
			if p, ok := o.(*corev1.Pod); ok {
				p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
					{
						Type:    corev1.PodScheduled,
						Status:  corev1.ConditionFalse,
						Reason:  corev1.PodReasonUnschedulable,
						Message: "0/100 nodes are available: 100 Insufficient cpu.",
					},
				}}
			}
			objects = append(objects, o)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
	}
}

func BenchmarkAnalysis5000Pods(b *testing.B) {
	var objects []runtime.Object
	for i := range 250 {
		s := service(fmt.Sprintf("svc-%d", i), 20)
		if i%50 == 0 {
			s = failing(s, i/50)
		}
		objects = append(objects, s...)
	}
	about := facts.Ref{Kind: facts.KindNamespace, Name: "production"}
	b.ReportAllocs()
	for b.Loop() {
		d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), about)
		if len(d.Chains) == 0 {
			b.Fatal("nothing was found")
		}
	}
}
