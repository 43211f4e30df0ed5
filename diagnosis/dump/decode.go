package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// newObject makes an empty object of a kind. Older versions of a group are read as the current one: the fields that
// rules use are the same.
func newObject(apiVersion, kind string) runtime.Object {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	switch group + "/" + kind {
	case "/Pod":
		return &corev1.Pod{}
	case "/Service":
		return &corev1.Service{}
	case "/Node":
		return &corev1.Node{}
	case "/Namespace":
		return &corev1.Namespace{}
	case "/Event":
		return &corev1.Event{}
	case "/Secret":
		return &corev1.Secret{}
	case "/ConfigMap":
		return &corev1.ConfigMap{}
	case "/ResourceQuota":
		return &corev1.ResourceQuota{}
	case "/LimitRange":
		return &corev1.LimitRange{}
	case "/PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	case "/PersistentVolume":
		return &corev1.PersistentVolume{}
	case "apps/Deployment", "extensions/Deployment":
		return &appsv1.Deployment{}
	case "apps/ReplicaSet", "extensions/ReplicaSet":
		return &appsv1.ReplicaSet{}
	case "apps/StatefulSet":
		return &appsv1.StatefulSet{}
	case "apps/DaemonSet", "extensions/DaemonSet":
		return &appsv1.DaemonSet{}
	case "batch/Job":
		return &batchv1.Job{}
	case "batch/CronJob":
		return &batchv1.CronJob{}
	case "autoscaling/HorizontalPodAutoscaler":
		return &autoscalingv2.HorizontalPodAutoscaler{}
	case "networking.k8s.io/Ingress":
		return &networkingv1.Ingress{}
	case "networking.k8s.io/NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "networking.k8s.io/IngressClass":
		return &networkingv1.IngressClass{}
	case "policy/PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "discovery.k8s.io/EndpointSlice":
		return &discoveryv1.EndpointSlice{}
	case "storage.k8s.io/StorageClass":
		return &storagev1.StorageClass{}
	case "coordination.k8s.io/Lease":
		return &coordinationv1.Lease{}
	case "events.k8s.io/Event":
		return &eventsv1.Event{}
	}
	if facts.IsCustom(group, kind) || facts.MayBeOperated(group) {
		return &unstructured.Unstructured{}
	}
	if group == "cert-manager.io" || group == "acme.cert-manager.io" || group == "metrics.k8s.io" {
		return &unstructured.Unstructured{}
	}
	return nil
}

// document is as much of a file as is needed to know what it holds.
type document struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

func (r *reader) addObjects(name string, data []byte, isJSON bool) {
	broken := 0
	r.inFile = map[string]bool{}
	if reason := tooMuch(data, isJSON); reason != "" {
		r.note(name, reason)
		r.incomplete(name)
		return
	}
	parts := documents(data, isJSON)
	for _, part := range parts {
		if r.full {
			return
		}
		err := r.addDocument(name, part, isJSON, len(parts) > 1)
		if err == nil {
			continue
		}
		broken++
		if whole := untilLastItem(part); !isJSON && whole != nil && errors.Is(err, errCutOff) {
			r.cut = true
			_ = r.addDocument(name, whole, false, false) // what is there before the cut helps; that some is missing is recorded below
			r.cut = false
		}
	}
	if broken > 0 {
		r.note(name, "a part of it couldn't be read: it is cut off, or no list of Kubernetes objects")
		r.incomplete(name)
	}
}

// errCutOff is the error of a document that is no YAML or a list without a kind, usually because its end is missing.
var errCutOff = errors.New("not all of it is YAML")

// untilLastItem cuts a list in YAML before its last item, which is the broken one when a file was not written to its end.
func untilLastItem(data []byte) []byte {
	at := bytes.LastIndex(data, []byte("\n- "))
	if at < 0 {
		return nil
	}
	return data[:at+1]
}

// incomplete notes that objects of a kind may be there and were not read, so that nothing is called missing.
func (r *reader) incomplete(name string) {
	kind := kindOfFile(name)
	if kind == "" { // a file of several kinds
		for _, resource := range sorted(r.inFile) {
			r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{Kind: resource, Reason: "a part of their file couldn't be read"})
		}
		return
	}
	missing := facts.NotChecked{Kind: resourceOf(kind), Reason: "a part of their file couldn't be read"}
	if folder := path.Dir(name); folder != "." {
		missing.Namespace = path.Base(folder)
	}
	r.dump.NotChecked = append(r.dump.NotChecked, missing)
}

// documents splits YAML at its separators; JSON is one document.
func documents(data []byte, isJSON bool) [][]byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if isJSON {
		return [][]byte{data}
	}
	var parts [][]byte
	const most = 1000
	for part := range bytes.SplitSeq(append([]byte("\n"), data...), []byte("\n---")) {
		if len(bytes.TrimSpace(part)) > 0 && len(parts) < most {
			parts = append(parts, part)
		}
	}
	return parts
}

// addDocument turns the panic of a decoder into an error: the files are a stranger's. many says that the file holds
// several documents and so is a list in itself; one object alone does not mean that there are no others.
func (r *reader) addDocument(name string, data []byte, isJSON, many bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoding %s: %v", name, p)
		}
	}()
	if !isJSON {
		return r.addYAML(name, data, many)
	}
	return r.addJSON(name, data, many)
}

// addJSON decodes one document of JSON.
func (r *reader) addJSON(name string, data []byte, many bool) error {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	if doc.Kind == "" && doc.Items != nil {
		if !r.cut {
			return errCutOff // kubectl writes the kind after the items: what is before the last item is whole
		}
		doc.Kind = kindOfFile(name) + "List"
	}
	if doc.Kind == "" {
		return errors.New("decoding: it has no kind")
	}
	if !strings.HasSuffix(doc.Kind, "List") {
		return r.addItem(name, doc.APIVersion, doc.Kind, data, many)
	}
	itemKind := strings.TrimSuffix(doc.Kind, "List")
	if itemKind == "" {
		itemKind = kindOfFile(name)
	}
	if len(doc.Items) == 0 {
		r.emptyList(name, itemKind)
	}
	var failed error
	for _, item := range doc.Items {
		if r.full {
			break
		}
		if err := r.addItem(name, doc.APIVersion, itemKind, item, true); err != nil {
			failed = err
		}
	}
	return failed
}

// emptyList records that there is none of a kind, or that a file doesn't say of what it lists none.
func (r *reader) emptyList(name, itemKind string) {
	switch {
	case itemKind != "":
		r.sawList(name, resourceOf(itemKind), nil)
	case r.unnamed == "":
		r.unnamed = name
	}
}

// hasStatus says that an object of an operator tells how it is.
func hasStatus(data []byte) bool {
	var own struct {
		Status struct {
			Conditions []json.RawMessage `json:"conditions"`
			Phase      string            `json:"phase"`
		} `json:"status"`
	}
	return json.Unmarshal(data, &own) == nil && (len(own.Status.Conditions) > 0 || own.Status.Phase != "")
}

// addItem decodes one object. Items of a typed list carry no kind of their own.
func (r *reader) addItem(name, apiVersion, kind string, data []byte, listed bool) error {
	var own metav1.TypeMeta
	if err := json.Unmarshal(data, &own); err != nil {
		return fmt.Errorf("decoding item: %w", err)
	}
	if own.Kind != "" {
		apiVersion, kind = own.APIVersion, own.Kind
	}
	return r.addObject(name, apiVersion, kind, data, listed)
}

// addObject decodes one object of a kind that is known.
func (r *reader) addObject(name, apiVersion, kind string, data []byte, listed bool) error {
	object := newObject(apiVersion, kind)
	if object == nil {
		r.unknown[kind]++
		return nil
	}
	if !r.admits(kind) {
		return nil
	}
	if custom, ok := object.(*unstructured.Unstructured); ok {
		if group, _, _ := strings.Cut(apiVersion, "/"); facts.MayBeOperated(group) && !hasStatus(data) {
			r.unknown[kind]++
			return nil
		}
		if err := json.Unmarshal(data, &custom.Object); err != nil {
			return fmt.Errorf("decoding %s: %w", kind, err)
		}
		custom.SetAPIVersion(apiVersion)
		custom.SetKind(kind)
	} else if err := json.Unmarshal(data, object); err != nil {
		return fmt.Errorf("decoding %s: %w", kind, err)
	}
	r.dump.Objects = append(r.dump.Objects, object)
	if listed {
		r.sawList(name, resourceOf(kind), object)
	} else {
		r.saw(resourceOf(kind))
	}
	return nil
}

func (r *reader) saw(resource string) *listing {
	r.inFile[resource] = true
	at := r.seen[resource]
	if at == nil {
		at = &listing{namespaces: map[string]bool{}}
		r.seen[resource] = at
	}
	return at
}

// sawList records how far a list reaches. One in a namespace's folder is of that namespace; an empty one elsewhere is
// taken as complete, and one that holds objects of several namespaces is of all of them.
func (r *reader) sawList(name, resource string, object runtime.Object) {
	at := r.saw(resource)
	if object == nil {
		if folder := path.Dir(name); folder != "." {
			at.namespaces[path.Base(folder)] = true
			return
		}
		at.everywhere = true
		return
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return
	}
	if accessor.GetNamespace() == "" {
		at.everywhere = true
		return
	}
	at.namespaces[accessor.GetNamespace()] = true
	if path.Dir(name) == "." && len(at.namespaces) > 1 {
		at.everywhere = true
	}
}

// resourceOf is the plural by which kubectl names a kind.
func resourceOf(kind string) string {
	lower := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(lower, "metrics"):
		return lower
	case strings.HasSuffix(lower, "ss"):
		return lower + "es"
	case strings.HasSuffix(lower, "cy"):
		return strings.TrimSuffix(lower, "y") + "ies"
	}
	return lower + "s"
}

// kindsOfFiles are the kinds that people name files after; only an empty list needs them.
var kindsOfFiles = map[string]string{
	"hpa":                     "HorizontalPodAutoscaler",
	"ingress":                 "Ingress",
	"ing":                     "Ingress",
	"secret":                  "Secret",
	"configmap":               "ConfigMap",
	"cm":                      "ConfigMap",
	"pvc":                     "PersistentVolumeClaim",
	"quota":                   "ResourceQuota",
	"resourcequota":           "ResourceQuota",
	"limitrange":              "LimitRange",
	"pdb":                     "PodDisruptionBudget",
	"poddisruptionbudget":     "PodDisruptionBudget",
	"job":                     "Job",
	"cronjob":                 "CronJob",
	"endpointslice":           "EndpointSlice",
	"certificate":             "Certificate",
	"ingressclass":            "IngressClass",
	"statefulset":             "StatefulSet",
	"service":                 "Service",
	"horizontalpodautoscaler": "HorizontalPodAutoscaler",
	"persistentvolumeclaim":   "PersistentVolumeClaim",
	"event":                   "Event",
	"node":                    "Node",
	"order":                   "Order",
	"challenge":               "Challenge",
	"issuer":                  "Issuer",
	"clusterissuer":           "ClusterIssuer",
	"certificaterequest":      "CertificateRequest",
	"storageclass":            "StorageClass",
	"pod":                     "Pod",
	"deployment":              "Deployment",
	"replicaset":              "ReplicaSet",
	"daemonset":               "DaemonSet",
}

func kindOfFile(name string) string {
	stem := strings.ToLower(strings.TrimSuffix(path.Base(name), path.Ext(name)))
	for _, candidate := range []string{stem, strings.TrimSuffix(stem, "s"), strings.TrimSuffix(stem, "es")} {
		if kind := kindsOfFiles[candidate]; kind != "" {
			return kind
		}
	}
	return ""
}
