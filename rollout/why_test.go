package rollout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// ended is a container's last end.
func ended(code int32, reason string) func(*corev1.ContainerStatus) {
	return func(c *corev1.ContainerStatus) {
		c.RestartCount = 3
		c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, FinishedAt: metav1.NewTime(rollouttest.Noon),
		}
	}
}

// TestARolloutEndsWithTheWordsOfTheDiagnosis holds the end of a rollout and the diagnosis below it to one sentence for one cause.
func TestARolloutEndsWithTheWordsOfTheDiagnosis(t *testing.T) {
	t.Parallel()
	waits := func(reason, message string, more ...func(*corev1.ContainerStatus)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { rollouttest.Waiting(p, reason, message, more...) }
	}
	pull := func(message string) func(*corev1.Pod) { return waits("ImagePullBackOff", message) }
	nowhere := func(message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.NodeName, p.Status.Phase, p.Status.ContainerStatuses = "", corev1.PodPending, nil
			p.Status.Conditions = []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
			}}
		}
	}
	causes := map[string]func(*corev1.Pod){
		"a Secret is missing":          waits("CreateContainerConfigError", `secret "mongodb-credentials" not found`),
		"a ConfigMap is missing":       waits("CreateContainerConfigError", `configmap "features" not found`),
		"a key is missing":             waits("CreateContainerConfigError", "couldn't find key uri in Secret production/mongodb-credentials"),
		"root is forbidden":            waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
		"a container can't be made":    waits("CreateContainerError", "the runtime says no"),
		"a command is missing":         waits("RunContainerError", `exec: "node": executable file not found in $PATH`, ended(128, "StartError")),
		"a tag is missing":             pull("manifest unknown: not found"),
		"the registry denies":          pull("401 Unauthorized"),
		"the registry limits":          pull("429 Too Many Requests"),
		"the registry can't be found":  pull("dial tcp: lookup registry: no such host"),
		"the image is for another CPU": pull("no match for platform in manifest"),
		"the node's disk is full":      pull("write: no space left on device"),
		"a pull fails for no reason":   pull("it didn't work"),
		"an image name is none":        waits("InvalidImageName", "couldn't parse image name"),
		"an image is never pulled":     waits("ErrImageNeverPull", "not present with pull policy of Never"),
		"a signature is refused":       waits("SignatureValidationFailed", "no signature"),
		"a program fails":              waits("CrashLoopBackOff", "back-off", ended(1, "Error")),
		"a program ends":               waits("CrashLoopBackOff", "back-off", ended(0, "Completed")),
		"a program panics":             waits("CrashLoopBackOff", "back-off", ended(2, "Error")),
		"a program aborts":             waits("CrashLoopBackOff", "back-off", ended(134, "Error")),
		"a program is killed":          waits("CrashLoopBackOff", "back-off", ended(137, "Error")),
		"a program breaks":             waits("CrashLoopBackOff", "back-off", ended(139, "Error")),
		"memory is short":              waits("CrashLoopBackOff", "back-off", ended(137, "OOMKilled")),
		"a hook fails":                 waits("PostStartHookError", "hook failed"),
		"CPU is short":                 nowhere("0/3 nodes are available: 3 Insufficient cpu."),
		"memory of nodes is short":     nowhere("0/3 nodes are available: 3 Insufficient memory."),
		"a selector fits no node":      nowhere("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
		"taints aren't tolerated":      nowhere("0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: batch}."),
		"the scheduler says otherwise": nowhere("0/3 nodes are available: it didn't work."),
	}
	now := rollouttest.Noon.Add(2 * time.Minute)
	for name, sick := range causes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rolling()
			pod := s.pod(3, "aaaaa", time.Minute)
			pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"memory": resource.MustParse("64Mi")}
			pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("64"), "memory": resource.MustParse("64Gi")}
			sick(pod)
			requireSameCause(t, broken(t, s), diagnosed(pod, now))
		})
	}
}

// broken is how the rollout ends, after the longest patience.
func broken(t *testing.T, s *still) string {
	t.Helper()
	p, f := looks(t, following(time.Minute), s, time.Second)
	if p.Phase != rollout.Broken {
		p, _ = looks(t, f, s, 2*time.Minute)
	}
	require.Equal(t, rollout.Broken, p.Phase)
	return p.Why.String()
}

// diagnosed is the first line of a diagnosis that knows only the pod.
func diagnosed(pod *corev1.Pod, now time.Time) string {
	pod = pod.DeepCopy()
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: "api-gateway-production", Controller: new(true)}}
	unread := []facts.NotChecked{{Kind: "nodes"}, {Kind: "events"}, {Kind: "secrets"}, {Kind: "configmaps"}, {Kind: "deployments"}}
	return diagnosis.Diagnose(facts.NewSnapshot(now, []runtime.Object{pod}, unread), facts.Ref{}).Summary
}

// requireSameCause compares what comes before what it stops. A first line that is too long leaves out the middle of a quotation, or what
// comes before the reason in it.
func requireSameCause(t *testing.T, end, diagnosis string) {
	t.Helper()
	cause, _, cut := strings.Cut(diagnosis, ", so ")
	require.True(t, cut, diagnosis)
	begins, ends, shortened := strings.Cut(cause, " … ")
	if shortened {
		require.True(t, strings.HasPrefix(end, begins), "%s\n%s", end, diagnosis)
		require.Contains(t, end, ends+", so ")
		return
	}
	if before, quoted, ok := strings.Cut(cause, "“"); ok {
		require.True(t, strings.HasPrefix(end, before+"“"), "%s\n%s", end, diagnosis)
		require.Contains(t, end, quoted+", so ")
		return
	}
	require.True(t, strings.HasPrefix(end, cause+", so "), "%s\n%s", end, diagnosis)
}

func TestARefusalIsSaidWithTheWordsOfTheDiagnosis(t *testing.T) {
	t.Parallel()
	forbidden := `pods "x" is forbidden: `
	for name, message := range map[string]string{
		"a quota":            rollouttest.OverQuota,
		"values for a quota": forbidden + "failed quota: q: must specify limits.cpu for: app",
		"a LimitRange":       forbidden + "maximum memory usage per Container is 1Gi, but limit is 2Gi",
		"Pod Security":       forbidden + `violates PodSecurity "restricted:latest": runAsNonRoot != true`,
		"a webhook":          `admission webhook "policy.example.com" denied the request: no latest tag`,
		"a webhook away":     `Internal error occurred: failed calling webhook "policy.example.com": connection refused`,
		"a ServiceAccount":   forbidden + `error looking up service account production/gateway: serviceaccount "gateway" not found`,
		"a field":            `Pod "x" is invalid: spec.containers[0].image: Required value`,
		"something else":     "it didn't work",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rolling()
			rollouttest.Refusing(s.sets[2], message)
			s.quota("4")
			now := rollouttest.Noon.Add(2 * time.Minute)
			end := broken(t, s)
			objects := []runtime.Object{s.deployment, s.sets[2]}
			unread := []facts.NotChecked{{Kind: "events"}, {Kind: "pods"}, {Kind: "resourcequotas"}}
			requireSameCause(t, end, diagnosis.Diagnose(facts.NewSnapshot(now, objects, unread), facts.Ref{}).Summary)
		})
	}
}

func TestNamesInACauseAreNames(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Waiting(s.pod(3, "aaaaa", time.Minute), "CreateContainerConfigError",
		"couldn't find key uri in Secret production/mongodb-credentials")
	p, _ := looks(t, following(time.Minute), s, time.Second, time.Minute)
	require.Equal(t, algesta.Say(
		"Secret {} has no key {}, so no pod of revision 3 can start.", algesta.Name("mongodb-credentials"), algesta.Name("uri"),
	), p.Why)
}

// A state that no rule knows is described by its own words, in a sentence.
func TestAStateThatNoRuleKnowsIsASentence(t *testing.T) {
	t.Parallel()
	s := rolling()
	pod := rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
	pod.Spec.Containers = nil
	pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = "ledger: no such customer"
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: s}, workload)
	require.NoError(t, err)
	p, _ := rollout.Judge(r, following(5*time.Second), rollouttest.Noon)
	require.Equal(t, rollout.Broken, p.Phase)
	require.Equal(
		t,
		"Pod "+pod.Name+" of revision 3 is crashing (CrashLoopBackOff): back-off 10s restarting failed container. It said: “ledger: no such "+
			"customer”",
		p.Why.String(),
	)
}
