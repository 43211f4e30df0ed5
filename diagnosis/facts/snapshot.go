package facts

import (
	"crypto/x509"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// NotChecked is something that couldn't be checked, and why: no finding may say that it is missing.
type NotChecked struct {
	Kind      string `json:"kind"`                // the resource, as kubectl names it: "secrets", "pods/log"
	Namespace string `json:"namespace,omitempty"` // empty for everywhere
	Reason    string `json:"reason"`              // a sentence without the API's own words
	// Standing marks what this cluster never has, such as a metrics API: it's mentioned only where it would have helped.
	Standing bool `json:"-"`
}

// OtherPods is the kind of NotChecked that says: only the pods of some namespaces were read. What is free on a node is
// then only an upper bound.
const OtherPods = "pods of other namespaces"

// OtherSecrets is the kind of NotChecked that says: Secrets were read one by one. Of another one nothing is known.
const OtherSecrets = "other secrets"

// Snapshot holds the objects of one moment. It keeps names and keys of Secrets and ConfigMaps, never their values.
// Diagnose only reads it; AddLog, AddImage and their like come before and are not safe beside it.
type Snapshot struct {
	now        time.Time
	setting    Setting
	redactor   *redact.Redactor
	notChecked []NotChecked

	deployments  []*appsv1.Deployment
	replicaSets  []*appsv1.ReplicaSet
	statefulSets []*appsv1.StatefulSet
	daemonSets   []*appsv1.DaemonSet
	jobs         []*batchv1.Job
	cronJobs     []*batchv1.CronJob
	pods         []*corev1.Pod
	services     []*corev1.Service
	slices       []*discoveryv1.EndpointSlice
	ingresses    []*networkingv1.Ingress
	classes      []*networkingv1.IngressClass
	autoscalers  []*autoscalingv2.HorizontalPodAutoscaler
	quotas       []*corev1.ResourceQuota
	limitRanges  []*corev1.LimitRange
	budgets      []*policyv1.PodDisruptionBudget
	claims       []*corev1.PersistentVolumeClaim
	volumes      []*corev1.PersistentVolume
	storage      []*storagev1.StorageClass
	nodes        []*corev1.Node
	namespaces   []*corev1.Namespace
	custom       []*unstructured.Unstructured // cert-manager's kinds
	kept         []*corev1.PodSpec            // in revisions of StatefulSets and DaemonSets: an old event quotes a template of before
	policies     []*networkingv1.NetworkPolicy

	keysOf   map[Ref]*Contents // of Secrets and ConfigMaps
	NotThere map[Ref]bool      // asked for by name, and not there
	events   map[Ref][]Event
	leases   map[string]time.Time // of the control plane: when each was renewed
	logs     map[LogRequest]heldLog
	images   map[string]ImageState
	seen     map[Ref]time.Time                      // workloads that were there until then
	usage    map[Ref]map[string]corev1.ResourceList // by pod and container

	index index
	calls func() map[Ref][]Call // by workload; made when first asked for
}

// Contents is what is kept of a Secret or ConfigMap.
type Contents struct {
	Names       map[string]bool
	Known       bool // false when only the name was read
	Kind        corev1.SecretType
	annotations map[string]string
	EndsInBreak []string          // keys whose value ends with a line break
	Changed     time.Time         // when its data was last written; zero when that is not known
	Empty       []string          // keys whose value is empty
	owner       string            // what writes it again when somebody changes it
	hosts       []namedHost       // of a ConfigMap: the hosts that its values name
	Certificate *x509.Certificate // of tls.crt, which is public; nil when there is none or it cannot be read
	corefile    string            // of CoreDNS' own ConfigMaps
	BadPair     bool              // tls.crt is there and holds no certificate
}

// Setting is what the configuration knows and no object says. Without it, commands are written as they are in no chat.
type Setting struct {
	Bot          algesta.Handle    // what people call the bot, for the commands that it can carry out
	Environments map[string]string // what people call a namespace, where they have a name for it
	AKS          bool              // the cluster is one of Azure Kubernetes Service
}

// Configure says how to write the answer. Call it before the diagnosis.
func (s *Snapshot) Configure(setting Setting) { s.setting = setting }

// NewSnapshot takes the objects as the API returns them, in any order: typed objects, lists of them, and unstructured
// objects for cert-manager's kinds and for PodMetrics. An ObjectReference stands for an object that was asked for by its name and is not
// there. Kinds it does not know are ignored. A kind is taken as completely
// read unless notChecked names it. now is the moment of reading. The objects must not change afterwards.
func NewSnapshot(now time.Time, objects []runtime.Object, notChecked []NotChecked) *Snapshot {
	s := &Snapshot{
		now:        now,
		notChecked: slices.Clone(notChecked),
		keysOf:     map[Ref]*Contents{},
		NotThere:   map[Ref]bool{},
		events:     map[Ref][]Event{},
		leases:     map[string]time.Time{},
		logs:       map[LogRequest]heldLog{},
		images:     map[string]ImageState{},
		seen:       map[Ref]time.Time{},
		usage:      map[Ref]map[string]corev1.ResourceList{},
	}
	var secretValues [][]byte
	for _, object := range objects {
		s.add(object, &secretValues)
	}
	s.settle()
	s.redactor = redact.New(s.withoutNames(slices.Concat(secretValues, s.spelledOut()))...)
	return s
}

// Knows says whether a resource was read where it matters: only then does absence mean that something is missing.
func (s *Snapshot) Knows(resource, namespace string) bool {
	return !slices.ContainsFunc(s.notChecked, func(n NotChecked) bool {
		is := n.Kind == resource || n.Kind == OtherSecrets && resource == resources[KindSecret]
		return is && (n.Namespace == "" || namespace == "" || n.Namespace == namespace)
	})
}

// Lacks says that a Secret or ConfigMap that something names is not there: it was asked for by its name, or all of them were read.
func (s *Snapshot) Lacks(ref Ref) bool {
	return s.keysOf[ref] == nil && (s.NotThere[ref] || s.Knows(ref.Resource(), ref.Namespace))
}

// ConfigNames are the names of the Secrets or ConfigMaps that were read in a namespace, in order.
func (s *Snapshot) ConfigNames(kind, namespace string) []string {
	var names []string
	for ref := range s.keysOf {
		if ref.Kind == kind && ref.Namespace == namespace {
			names = append(names, ref.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Quote makes text from the cluster fit to print: redacted, cleaned, on one line, not longer than a reader reads.
func (s *Snapshot) Quote(text string) string { return s.Brief(text, 400) }

// ImageState is what the registry said about an image that a node could not pull.
type ImageState string

// The answers of a registry. Without an answer nothing is added.
const (
	ImageFound   ImageState = "found"
	ImageMissing ImageState = "missing"
)

// AddImage adds what the registry says about an image, as the pod names it (see WantedImages).
func (s *Snapshot) AddImage(image string, state ImageState) { s.images[image] = state }

// ImageUnread records that the registry did not say whether it has a wanted image, and why.
func (s *Snapshot) ImageUnread(image, reason string) {
	s.notChecked = append(s.notChecked, NotChecked{Kind: "image", Reason: s.Quote(image) + ": " + s.Quote(reason)})
}
