package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Annotations that set what a pod's first container uses, as Kubernetes quantities.
const (
	annotationCPU    = "sandbox.algesta.io/cpu"
	annotationMemory = "sandbox.algesta.io/memory"
)

// What a container uses of its requests when nothing says otherwise, in percent. Memory is so close to the 80 % at which
// the platform's autoscalers aim that they leave every number of pods as it is.
const (
	usualCPU    = 35
	usualMemory = 77
)

const metricsPath = "/apis/metrics.k8s.io/v1beta1"

// metrics serves metrics.k8s.io in the place of a metrics-server: invented usage of the pods that run.
type metrics struct{ client kubernetes.Interface }

func (m metrics) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+metricsPath, m.discovery)
	mux.HandleFunc("GET "+metricsPath+"/pods", m.pods)
	mux.HandleFunc("GET "+metricsPath+"/namespaces/{namespace}/pods", m.pods)
	mux.HandleFunc("GET "+metricsPath+"/namespaces/{namespace}/pods/{name}", m.pod)
	mux.HandleFunc("GET "+metricsPath+"/nodes", m.nodes)
	mux.HandleFunc("GET "+metricsPath+"/nodes/{name}", m.nodes)
}

func (m metrics) discovery(w http.ResponseWriter, _ *http.Request) {
	verbs := []string{"get", "list"}
	answer(w, map[string]any{
		"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
		"resources": []map[string]any{
			{"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": verbs},
			{"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": verbs},
		},
	})
}

func (m metrics) pods(w http.ResponseWriter, r *http.Request) {
	list, err := m.client.CoreV1().Pods(r.PathValue("namespace")).List(r.Context(), metav1.ListOptions{
		LabelSelector: r.URL.Query().Get("labelSelector"), ResourceVersion: "0",
	})
	if err != nil {
		refuse(w, err)
		return
	}
	items := []map[string]any{}
	for i := range list.Items {
		if p := &list.Items[i]; p.Status.Phase == corev1.PodRunning {
			items = append(items, podMetrics(p))
		}
	}
	answer(w, map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items})
}

func (m metrics) pod(w http.ResponseWriter, r *http.Request) {
	pod, err := m.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("name"), metav1.GetOptions{})
	if err == nil && pod.Status.Phase != corev1.PodRunning {
		err = apierrors.NewNotFound(corev1.Resource("podmetrics"), r.PathValue("namespace")+"/"+r.PathValue("name"))
	}
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, podMetrics(pod))
}

// nodes answers with the sum of the pods and of what the node itself needs.
func (m metrics) nodes(w http.ResponseWriter, r *http.Request) {
	nodes, err := m.client.CoreV1().Nodes().List(
		r.Context(), metav1.ListOptions{LabelSelector: r.URL.Query().Get("labelSelector"), ResourceVersion: "0"},
	)
	if err != nil {
		refuse(w, err)
		return
	}
	pods, err := m.client.CoreV1().Pods("").List(r.Context(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		refuse(w, err)
		return
	}
	items := []map[string]any{}
	for i := range nodes.Items {
		item := nodeMetrics(&nodes.Items[i], pods.Items)
		if r.PathValue("name") == nodes.Items[i].Name {
			answer(w, item)
			return
		}
		items = append(items, item)
	}
	if r.PathValue("name") != "" {
		refuse(w, apierrors.NewNotFound(corev1.Resource("nodemetrics"), r.PathValue("name")))
		return
	}
	answer(w, map[string]any{"kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items})
}

func podMetrics(p *corev1.Pod) map[string]any {
	containers := []map[string]any{}
	for i := range p.Spec.Containers {
		cpu, memory := usage(p, i)
		containers = append(containers, map[string]any{"name": p.Spec.Containers[i].Name, "usage": quantities(cpu, memory)})
	}
	return map[string]any{
		"kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "containers": containers,
		"metadata":  map[string]any{"name": p.Name, "namespace": p.Namespace, "labels": p.Labels},
		"timestamp": time.Now().UTC().Format(time.RFC3339), "window": "15s",
	}
}

func nodeMetrics(n *corev1.Node, pods []corev1.Pod) map[string]any {
	cpu, memory := int64(90), int64(700<<20)
	for i := range pods {
		if pods[i].Spec.NodeName != n.Name || pods[i].Status.Phase != corev1.PodRunning {
			continue
		}
		for j := range pods[i].Spec.Containers {
			c, m := usage(&pods[i], j)
			cpu, memory = cpu+c, memory+m
		}
	}
	return map[string]any{
		"kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "usage": quantities(cpu, memory),
		"metadata":  map[string]any{"name": n.Name, "labels": n.Labels},
		"timestamp": time.Now().UTC().Format(time.RFC3339), "window": "15s",
	}
}

// usage is what a container uses: millicores and bytes.
func usage(p *corev1.Pod, container int) (cpu, memory int64) {
	requests := p.Spec.Containers[container].Resources.Requests
	cpu = requests.Cpu().MilliValue() * usualCPU / 100
	memory = requests.Memory().Value() * usualMemory / 100
	if container > 0 {
		return cpu, memory
	}
	if q, err := resource.ParseQuantity(p.Annotations[annotationCPU]); err == nil {
		cpu = q.MilliValue()
	}
	if q, err := resource.ParseQuantity(p.Annotations[annotationMemory]); err == nil {
		memory = q.Value()
	}
	return cpu, memory
}

func quantities(milliCPU, memory int64) map[string]string {
	return map[string]string{"cpu": fmt.Sprintf("%dn", milliCPU*1_000_000), "memory": fmt.Sprintf("%dKi", memory>>10)}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the reader went away
}

// refuse passes on the API server's own refusal.
func refuse(w http.ResponseWriter, err error) {
	status := apierrors.NewInternalError(err).Status()
	if s := apierrors.APIStatus(nil); errors.As(err, &s) {
		status = s.Status()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
}

// registerMetrics tells the API server to ask port for metrics.k8s.io. The way to a process outside of the cluster is a
// service that is only a name: localhost.
func registerMetrics(ctx context.Context, client kubernetes.Interface, port int) error {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics-server", Namespace: "kube-system"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	if _, err := client.CoreV1().Services("kube-system").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating the metrics service: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1beta1.metrics.k8s.io"},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
			"insecureSkipTLSVerify": true, // the certificate is for localhost, not for the service's name
			"service":               map[string]any{"name": "metrics-server", "namespace": "kube-system", "port": port},
		},
	})
	if err != nil {
		return fmt.Errorf("encoding the metrics API: %w", err)
	}
	rest := client.CoreV1().RESTClient()
	if err := rest.Post().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").Body(body).Do(ctx).Error(); err != nil {
		return fmt.Errorf("registering the metrics API: %w", err)
	}
	return nil
}
