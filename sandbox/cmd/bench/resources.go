package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	quiet    = 60 * time.Second
	morePods = 500
	perNode  = 25 // of the nodes' 30
)

// ready measures the start and the size of the binary.
func (w *world) ready(ctx context.Context, r *results) error {
	var took []float64
	for range 5 {
		w.bot.Kill()
		began := time.Now()
		if err := w.start(ctx); err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
	}
	info, err := os.Stat(w.binary)
	if err != nil {
		return fmt.Errorf("looking at the binary: %w", err)
	}
	r.add(
		figure{Key: "ready_s", What: "start of the process → /readyz says yes, median of 5", Value: median(took), Unit: "s", Goal: 1},
		figure{Key: "binary_mb", What: "the stripped binary", Value: float64(info.Size()) / 1e6, Unit: "MB", Goal: 60},
	)
	return nil
}

// resources measures memory and idle CPU of a fresh bot, with the platform and with 500 more pods.
func (w *world) resources(ctx context.Context, r *results) error {
	w.bot.Kill()
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	rss, err := resident(w.bot.PID)
	if err != nil {
		return err
	}
	before, err := cpu(w.bot.PID)
	if err != nil {
		return err
	}
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	after, err := cpu(w.bot.PID)
	if err != nil {
		return err
	}
	r.add(
		figure{Key: "rss_mib_platform", What: "resident memory, the platform, after 60 s", Value: rss, Unit: "MiB", Goal: 64},
		figure{
			Key:   "idle_cpu_pct",
			What:  "CPU over 60 idle seconds, of one core",
			Value: 100 * (after - before) / quiet.Seconds(),
			Unit:  "%",
			Goal:  0.5,
		},
	)
	if err := w.addPods(ctx); err != nil {
		return err
	}
	w.bot.Kill()
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	if rss, err = resident(w.bot.PID); err != nil {
		return err
	}
	r.add(figure{Key: "rss_mib_500_pods", What: "the same with 500 more pods in development", Value: rss, Unit: "MiB", Goal: 64})
	return nil
}

// addPods runs 500 more pods in development, on further nodes, unless they are there already.
func (w *world) addPods(ctx context.Context) error {
	if w.crowded {
		return nil
	}
	w.crowded = true
	if err := w.cluster.AddNodes(ctx, morePods/perNode); err != nil {
		return err
	}
	labels := map[string]string{"app": "many"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "many-development", Namespace: "development", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](morePods), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "many", Image: "acralgestadev.azurecr.io/many:1", Env: environment()}},
				},
			},
		},
	}
	client := w.cluster.Client.AppsV1().Deployments("development")
	if _, err := client.Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating 500 pods: %w", err)
	}
	for {
		d, err := client.Get(ctx, d.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("waiting for 500 pods: %w", err)
		}
		if d.Status.ReadyReplicas == morePods {
			return nil
		}
		if err := rest(ctx, time.Second); err != nil {
			return fmt.Errorf("waiting for 500 pods, %d are ready: %w", d.Status.ReadyReplicas, err)
		}
	}
}

// environment is as large as a real service's, so that what the caches drop counts.
func environment() (out []corev1.EnvVar) {
	for i := range 16 {
		out = append(out, corev1.EnvVar{Name: "SETTING_" + strconv.Itoa(i), Value: strings.Repeat("x", 40)})
	}
	return out
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// resident is the process's resident memory in MiB.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of the bot: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("the memory of process %d is not told", pid)
}

// cpu is the processor time of the process so far, in seconds.
func cpu(pid int) (float64, error) {
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go runs on
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of the bot: %w", err)
	}
	_, after, _ := strings.Cut(string(b), ") ") // the name may hold anything
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0, fmt.Errorf("the processor time of process %d is not told", pid)
	}
	user, err := strconv.ParseFloat(f[11], 64)
	if err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	system, err := strconv.ParseFloat(f[12], 64)
	return (user + system) / ticksPerSecond, err
}
