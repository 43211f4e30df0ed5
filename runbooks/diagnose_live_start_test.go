package runbooks_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

func made(objects ...runtime.Object) []runtime.Object { return objects }

func healthProbe() *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health", Port: intstr.FromInt32(3000)}}}
}

// reject says of the only pod of a service what a kubelet says that does not take it.
func (w *brokenNamespace) reject(t *testing.T, service, reason, message string) {
	t.Helper()
	w.await(t, service+" has a node", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + service})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].Status.StartTime == nil {
			return false
		}
		pod := &pods.Items[0]
		pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: reason, Message: message, StartTime: pod.Status.StartTime}
		_, err = w.Client.CoreV1().Pods(w.namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
		return err == nil
	})
}

func TestTheFirstLineNamesWhyAnImageIsNotThere(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.make(t, app("unplugged", "12346-pulling"))
	w.reject(
		t,
		"unplugged",
		"UnexpectedAdmissionError",
		"Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which is "+
			"unexpected",
	)
	w.diagnose(t, time.Minute, map[string]brokenCase{
		"a tag that does not exist": {
			rule: "image-not-found",
			made: made(app("notfound", "12346-notfound")),
			was:  "12345",
			says: "Image IMAGE:12346-notfound does not exist in its registry, so the new pods of notfound cannot start; 1 ready pod still " +
				"serves.",
			command: "/algesta rollback notfound NS",
		},
		"the first image ever": {
			rule: "image-not-found", made: made(app("first", "12346-notfound")),
			says:    "Image IMAGE:12346-notfound does not exist in its registry, so no pod of first can start.",
			command: "kubectl describe pod first-",
		},
		"a registry that wants a password": {
			rule: "image-auth", made: made(app("unauthorized", "12346-unauthorized")),
			says: "Registry REGISTRY does not let the nodes pull image IMAGE:12346-unauthorized: “401 Unauthorized”, so no pod of " +
				"unauthorized can start.",
			command: "kubectl describe pod unauthorized-",
		},
		"a registry that limits pulls": {
			rule: "image-rate-limit", made: made(app("ratelimit", "12346-ratelimit")),
			says:    "Registry REGISTRY limits pulls and refuses image IMAGE:12346-ratelimit for now, so no pod of ratelimit can start.",
			command: "kubectl describe pod ratelimit-",
		},
		"another processor": {
			rule: "image-platform", made: made(app("platform", "12346-platform")),
			says:    "Image IMAGE:12346-platform is not built for the platform of the nodes, so no pod of platform can start.",
			command: "kubectl describe pod platform-",
		},
		"a registry that cannot be reached": {
			rule: "image-registry-unreachable", made: made(app("unreachable", "12346-unreachable")),
			says: "The nodes cannot reach registry REGISTRY for image api-gateway:12346-unreachable: “lookup … 168.63.129.16:53: no such " +
				"host”, so no pod of unreachable can start.",
			command: "kubectl describe pod unreachable-",
		},
		"a node without disk": {
			rule: "image-disk-full", made: made(app("nodisk", "12346-nodisk")),
			says:    "The node has no disk space left for image IMAGE:12346-nodisk, so no pod of nodisk can start.",
			command: "kubectl describe pod nodisk-",
		},
		"an error that nobody knows": {
			rule: "image-pull-failed", made: made(app("oldmanifest", "12346-oldmanifest")),
			says: "Image IMAGE:12346-oldmanifest cannot be pulled: “media type application/vnd.d … s no longer supported since containerd " +
				"v2.1”, so no pod of oldmanifest can start.",
			quotes: "is no longer supported since containerd v2.1", command: "kubectl describe pod oldmanifest-",
		},
		"a name that is none": {
			rule: "image-name", made: made(app("badname", "12346-badname")),
			says:    `Image name "IMAGE:12346-badname" is not valid, so no pod of badname can start.`,
			command: "kubectl describe pod badname-",
		},
		"an image that must not be pulled": {
			rule: "image-never-pull",
			made: made(app("neverpull", "12346-neverpull", container(func(c *corev1.Container) { c.ImagePullPolicy = corev1.PullNever }))),
			says: "Image IMAGE:12346-neverpull is not on the node and imagePullPolicy Never forbids pulling it, so no pod of " +
				"neverpull can start.",
			command: "kubectl describe pod neverpull-",
		},
		"a pod that its node does not take": {
			rule:  "pod-rejected",
			about: "deployment/unplugged",
			says: "Node aks-… rejects the pods of unplugged: Allocate failed due to no healthy devices present; cannot allocate unhealthy " +
				"devices nvidia.com/gpu, which is unexpected.",
			command: "kubectl describe node aks-",
		},
		"a rollout that is late, and nothing says why": {
			rule: "rollout-stuck", made: made(app("stalled", "12346-pulling", deadline)), was: "12345",
			says:    "The rollout of stalled is stuck: 0 of 1 new pod is ready.",
			command: "/algesta rollback stalled NS",
		},
		"an image without its signature": {
			rule: "image-signature", made: made(app("unsigned", "12346-unsigned")),
			says:    "The signature of image IMAGE:12346-unsigned was not accepted, so no pod of unsigned can start.",
			command: "kubectl describe pod unsigned-",
		},
	})
}

func TestTheFirstLineNamesWhyAPullTakesLong(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, 3*time.Minute, map[string]brokenCase{ // a pull may take two minutes
		"an image that is being pulled": {
			rule: "image-slow-pull", made: made(app("pulling", "12346-pulling")),
			onlyEvents: true, says: "Image IMAGE:12346-pulling is still being pulled by node aks-…, since …, so no pod of pulling can start.",
			command: "kubectl describe pod pulling-",
		},
	})
}

func first(policy *corev1.ContainerRestartPolicy) func(*appsv1.Deployment) {
	return pod(func(p *corev1.PodSpec) {
		p.InitContainers = []corev1.Container{{Name: "migrate", Image: "acralgestaproduction.azurecr.io/migrate:7", RestartPolicy: policy}}
	})
}

func TestTheFirstLineNamesWhyAContainerIsNotMade(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, time.Minute, map[string]brokenCase{
		"a Secret without the key": {
			rule: "secret-key-missing", made: made(app("secretkey", "12346-configerror", mongoSecret("orders-db"))), was: "12345",
			says:    "Secret orders-db has no key uri, so the new pods of secretkey cannot start; 1 ready pod still serves.",
			command: "kubectl edit secret/orders-db -n NS",
		},
		"a Secret that is not there": {
			rule: "secret-missing", made: made(app("nosecret", "12346-nosecret", mongoSecret("billing-db"))),
			says:    "Secret billing-db does not exist in namespace NS, so no pod of nosecret can start.",
			command: "kubectl create secret generic billing-db -n NS --from-file=uri=FILE",
		},
		"a ConfigMap without the key": {
			rule: "configmap-key-missing",
			made: made(
				app("configkey", "12346-noconfigkey", configEnv("TARIFF", "tariffs", "zone-7")),
				&corev1.ConfigMap{ObjectMeta: named("tariffs"), Data: map[string]string{"zone-1": "a"}},
			),
			says:    "ConfigMap tariffs has no key zone-7, so no pod of configkey can start.",
			command: "kubectl edit configmap/tariffs -n NS",
		},
		"a ConfigMap that is not there": {
			rule: "configmap-missing", made: made(app("noconfig", "12346-noconfig", configEnv("TARIFF", "tarifs", "zone-1"))),
			says:    "ConfigMap tarifs does not exist in namespace NS, so no pod of noconfig can start.",
			command: "kubectl create configmap tarifs -n NS --from-file=zone-1=FILE",
		},
		"a program that would be root": {
			rule: "run-as-root",
			made: made(
				app(
					"rootuser",
					"12346-rootuser",
					pod(func(p *corev1.PodSpec) { p.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true)} }),
				),
			),
			says:    "The image of container app would run as root, which the pod's runAsNonRoot forbids, so no pod of rootuser can start.",
			command: "kubectl describe pod rootuser-",
		},
		"an error that nobody knows": {
			rule:    "container-not-created",
			made:    made(app("notcreated", "12346-notcreated")),
			says:    "The node cannot create container app: “name is reserved for another container”, so no pod of notcreated can start.",
			command: "kubectl describe pod notcreated-",
		},
		"a hook that fails": {rule: "post-start-hook", made: made(app("poststart", "12346-poststart", container(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/app/warm-up.sh"}}}}
		}))), says: "The postStart hook of container app fails, so every pod of poststart keeps crashing.", command: "kubectl describe pod " +
			"poststart-"},
		"a Secret to mount": {
			rule: "volume-source-missing",
			made: made(
				app("secretvolume", "12346-novolume", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "orders-tls"}})),
			),
			onlyEvents: true,
			says:       "Secret orders-tls does not exist in namespace NS, so no pod of secretvolume can start.",
			command:    "kubectl create secret generic orders-tls -n NS",
		},
		"a ConfigMap to mount": {
			rule: "volume-source-missing",
			made: made(
				app(
					"configvolume",
					"12346-novolume",
					volume(
						corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nginx-conf"}}},
					),
				),
			),
			says:    "ConfigMap nginx-conf does not exist in namespace NS, so no pod of configvolume can start.",
			command: "kubectl create configmap nginx-conf -n NS",
		},
		"a node without addresses": {
			rule:       "sandbox-failed",
			made:       made(app("noaddress", "12346-noaddress")),
			onlyEvents: true,
			says:       "Node aks-… cannot set up the network of new pods (azure): there is no free IP address, so no pod of noaddress can start.",
			command:    "kubectl describe node aks-",
		},
		"an init container that crashes": {
			rule: "program-error",
			made: made(app("initcrash", "12346-initcrash", first(nil))),
			says: "The program in init container migrate ends with exit code 1 after “Index build failed: E11000 duplicate key error " +
				"collection: algesta.orders”, so every pod of initcrash keeps crashing.",
			command: "kubectl logs initcrash-",
		},
		"a sidecar that does not start": {
			rule: "sidecar-not-started", made: made(app("sidecar", "12346-initwaits", first(ptr.To(corev1.ContainerRestartPolicyAlways)))),
			says:    "Sidecar migrate has not started, and the containers after it wait, so no pod of sidecar can start.",
			command: "kubectl logs sidecar-",
		},
		"a gate that nobody opens": {
			rule: "readiness-gate", made: made(app("gate", "12346", pod(func(p *corev1.PodSpec) {
				p.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/in-the-load-balancer"}}
			}))),
			says:    "Readiness gate example.com/in-the-load-balancer is not set, so no pod of gate becomes ready.",
			command: "kubectl describe pod gate-",
		},
		"a container that is never ready": {
			rule:       "readiness-failing",
			made:       made(app("neverready", "12346-neverready", container(func(c *corev1.Container) { c.ReadinessProbe = healthProbe() }))),
			was:        "12345",
			onlyEvents: true,
			says: "The readiness probe of container app fails: the program answers with a server error, so the new pods of neverready do " +
				"not become ready; 1 ready pod still serves.",
			command: "/algesta rollback neverready NS",
		},
		"a probe that nobody declared": {
			rule: "readiness-failing", made: made(app("noprobe", "12346-neverready")),
			says:    "Container app runs but is not ready, so no pod of noprobe becomes ready.",
			command: "kubectl describe pod noprobe-",
		},
	})
}

func TestTheFirstLineNamesAnInitContainerThatWaits(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, 6*time.Minute, map[string]brokenCase{ // an init container may run for five minutes
		"an init container that waits": {
			rule: "init-waits", made: made(app("initwaits", "12346-initwaits", first(nil))),
			says:    "Init container migrate has been running since … and the others wait for it, so no pod of initwaits can start.",
			command: "kubectl logs initwaits-",
		},
	})
}
