package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const brokenPods = 10

// diagnose measures a diagnosis as the command makes it, without the messages, against the manual's kubectl sequence for one service.
func (w *world) diagnose(ctx context.Context, r *results) error {
	var peer []float64
	cold, warm, err := w.looks(ctx, namespace, rounds, func() error {
		manual, err := w.manual(ctx)
		peer = append(peer, manual)
		return err
	})
	if err != nil {
		return err
	}
	calls, err := w.diagnoseCalls(ctx)
	if err != nil {
		return err
	}
	mc, mw, mp := median(cold), median(warm), median(peer)
	r.add(
		figure{
			Key:   "diagnose_vs_kubectl_warm",
			What:  "diagnose production with filled caches, against the manual's seven kubectl commands",
			Value: mw / mp,
			Goal:  0.1,
			Note:  fmt.Sprintf("%.0f ms against %.0f ms", 1000*mw, 1000*mp),
		},
		figure{
			Key:   "diagnose_vs_kubectl_cold",
			What:  "the same with a fresh client",
			Value: mc / mp,
			Goal:  0.3,
			Note:  fmt.Sprintf("%.0f ms", 1000*mc),
		},
		figure{Key: "diagnose_calls_cold", What: "API calls of it", Value: float64(calls), Goal: 18},
	)
	if err := w.many(ctx, r); err != nil {
		return err
	}
	return pure(ctx, r)
}

// open opens the cluster with the bot's rights. Its caches are not started.
func (w *world) open(ctx context.Context, namespaces ...string) (*kube.Cluster, error) {
	return kube.Open(ctx, kube.Config{
		Name:       platform.ClusterProduction,
		Access:     kube.Kubeconfig,
		Kubeconfig: w.cfg.Kubeconfig,
		Context:    platform.ClusterProduction,
		Version:    "bench",
		Namespaces: namespaces,
	})
}

// looks times diagnoses of a namespace: cold with a fresh client, warm with one whose caches are filled, as the running bot's are, and
// between each two what else is to be measured.
func (w *world) looks(ctx context.Context, namespace string, rounds int, between func() error) (cold, warm []float64, err error) {
	running, err := w.open(ctx, namespace)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); running.Start(ctx) }()
	defer func() { stop(); <-ended }()
	for !running.Synced() {
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
	for range rounds {
		fresh, err := w.open(ctx)
		if err != nil {
			return nil, nil, err
		}
		first, err := timed(func() error { return look(ctx, fresh, namespace) })
		if err != nil {
			return nil, nil, err
		}
		again, err := timed(func() error { return look(ctx, running, namespace) })
		if err != nil {
			return nil, nil, err
		}
		cold, warm = append(cold, first), append(warm, again)
		if err := between(); err != nil {
			return nil, nil, err
		}
	}
	return cold, warm, nil
}

func look(ctx context.Context, c *kube.Cluster, namespace string) error {
	_, err := runbooks.Diagnose(ctx, runbooks.AllOf(c), namespace, time.Now(), func(*facts.Snapshot) facts.Ref {
		return facts.Ref{Kind: "Namespace", Name: namespace}
	}, nil)
	return err
}

func timed(f func() error) (seconds float64, err error) {
	began := time.Now()
	err = f()
	return time.Since(began).Seconds(), err
}

// manual is what the operations manual does by hand for one service.
func (w *world) manual(ctx context.Context) (seconds float64, err error) {
	for _, args := range [][]string{
		{"describe", "deployment", deployment},
		{"get", "pods", "-l", "app=ms-orders"},
		{"get", "events"},
		{"logs", "deployment/" + deployment, "--tail=100"},
		{"describe", "service", deployment},
		{"get", "endpointslices"},
		{"describe", "ingress"},
	} {
		took, err := w.kubectl(ctx, args...)
		if err != nil {
			return 0, err
		}
		seconds += took
	}
	return seconds, nil
}

func (w *world) diagnoseCalls(ctx context.Context) (int, error) {
	c, err := w.open(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := look(ctx, c, namespace); err != nil {
		return 0, err
	}
	all, err := w.cluster.Requests(ctx, began, "")
	n := 0
	for _, q := range all {
		if q.UserAgent == "algesta/bench" {
			n++
		}
	}
	return n, err
}

// many measures 500 pods of which ten are broken.
func (w *world) many(ctx context.Context, r *results) error {
	if err := w.addPods(ctx); err != nil {
		return err
	}
	if err := w.addBroken(ctx); err != nil {
		return err
	}
	cold, warm, err := w.looks(ctx, "development", 5, func() error { return nil })
	if err != nil {
		return err
	}
	r.add(
		figure{Key: "diagnose_500_cold_s", What: "500 pods, 10 of them broken, a fresh client", Value: median(cold), Unit: "s", Goal: 1},
		figure{Key: "diagnose_500_warm_ms", What: "the same with filled caches", Value: 1000 * median(warm), Unit: "ms", Goal: 150},
	)
	return nil
}

func (w *world) addBroken(ctx context.Context) error {
	labels := map[string]string{"app": "broken"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "broken-development", Namespace: "development", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](brokenPods), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "broken", Image: "acralgestadev.azurecr.io/broken:1-crash"}}},
			},
		},
	}
	if _, err := w.cluster.Client.AppsV1().Deployments("development").Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating broken pods: %w", err)
	}
	return rest(ctx, 10*time.Second) // until they have crashed
}

// pure takes the figures of the pure analysis from its own benchmarks.
func pure(ctx context.Context, r *results) error {
	out, err := exec.CommandContext(
		ctx, "go", "test", "-run", "^$", "-bench", "Analysis5000Pods|Fixtures|Folder", "-benchtime", "5x", "./diagnosis", "./diagnosis/dump",
	).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running the benchmarks of the analysis: %w: %s", err, out)
	}
	for _, f := range []struct {
		figure
		form  string
		scale float64
	}{
		{
			figure{Key: "analysis_5000_ms", What: "pure analysis of 5,000 pods", Unit: "ms", Goal: 50},
			`Analysis5000Pods\S*\s+\d+\s+(\d+) ns/op`,
			1e-6,
		},
		{figure{Key: "fixtures_root_first", What: "fixtures of which the root cause comes first", Free: true}, `([\d.]+) root_first`, 1},
		{figure{Key: "fixtures_false_alarms", What: "causes named on healthy look-alikes", Goal: 0}, `([\d.]+) false_alarms`, 1},
		{
			figure{Key: "folder_logs_cpu_s", What: "CPU to diagnose a folder of 6 MB that logs fill", Unit: "s", Goal: 0.5},
			`Folder/logs\S*\s+.* ([\d.]+) cpu-s/op`,
			1,
		},
		{
			figure{Key: "folder_objects_cpu_s", What: "the same of 4.6 MB of objects in YAML, with 2,800 pods", Unit: "s", Free: true},
			`Folder/objects\S*\s+.* ([\d.]+) cpu-s/op`,
			1,
		},
	} {
		found := regexp.MustCompile(f.form).FindSubmatch(out)
		if found == nil {
			return fmt.Errorf("the benchmarks do not say %s:\n%s", f.Key, out)
		}
		v, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return fmt.Errorf("reading %s: %w", f.Key, err)
		}
		f.Value = v * f.scale
		r.add(f.figure)
	}
	return nil
}
