package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"
)

// The crowd: so many pods in one environment, then twice as many.
const (
	crowdIn     = "pruebas"
	crowdPods   = 5_000
	crowdMaking = 16 // at once
)

// crowdOf measures one command about an environment with 5,000 pods against the same with a handful, and the memory with 10,000.
func (w *world) crowdOf(ctx context.Context, r *results) error {
	ask := "pods " + crowdIn
	if _, _, err := w.answered(ctx, ask); err != nil { // warm
		return err
	}
	_, few, err := w.answered(ctx, ask)
	if err != nil {
		return err
	}
	if err := w.addCrowd(ctx, 0, crowdPods); err != nil {
		return err
	}
	if err := rest(ctx, quiet/6); err != nil { // until the caches have them
		return err
	}
	var took []float64
	many := 0
	for range rounds {
		seconds, calls, err := w.answered(ctx, ask)
		if err != nil {
			return err
		}
		took, many = append(took, seconds), calls
		if err := rest(ctx, postsApart); err != nil {
			return err
		}
	}
	r.add(
		figure{
			Key: "pods_5000_ms", What: fmt.Sprintf("%s with %d more pods, typed → whole answer", ask, crowdPods),
			Value: 1000 * median(took), Unit: "ms", Goal: 300,
		},
		figure{
			Key: "pods_5000_calls", What: "API calls of it beyond those with a handful of pods", Value: float64(many - few), Goal: 0,
			Note: fmt.Sprintf("%d and %d", many, few),
		},
	)
	if err := w.addCrowd(ctx, crowdPods, crowdPods); err != nil {
		return err
	}
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
	r.add(figure{
		Key: "rss_mib_10000_pods", What: "resident memory with 10,000 pods more, 60 s after the start", Value: rss, Unit: "MiB", Goal: 160,
	})
	return nil
}

// addCrowd makes pods that are on a node already: scheduling them is nobody's figure here.
func (w *world) addCrowd(ctx context.Context, from, n int) error {
	cfg := clientrest.CopyConfig(w.cluster.Config)
	cfg.QPS, cfg.Burst = -1, 0
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("opening the cluster: %w", err)
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	making, within := errgroup.WithContext(ctx)
	making.SetLimit(crowdMaking)
	for i := from; i < from+n; i++ {
		making.Go(func() error {
			_, err := client.CoreV1().Pods(crowdIn).Create(within, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("crowd-%05d", i), Labels: map[string]string{"app": "crowd"}},
				Spec: corev1.PodSpec{
					NodeName:   nodes.Items[i%len(nodes.Items)].Name,
					Containers: []corev1.Container{{Name: "crowd", Image: "acralgestadev.azurecr.io/crowd:1", Env: environment()}},
				},
			}, metav1.CreateOptions{})
			return err
		})
	}
	if err := making.Wait(); err != nil {
		return fmt.Errorf("creating %d pods: %w", n, err)
	}
	for {
		pods, err := client.CoreV1().Pods(crowdIn).List(ctx, metav1.ListOptions{
			LabelSelector: "app=crowd", FieldSelector: "status.phase=Pending", Limit: 1, ResourceVersion: "0",
		})
		if err != nil {
			return fmt.Errorf("waiting for %d pods: %w", n, err)
		}
		if len(pods.Items) == 0 {
			return nil
		}
		if err := rest(ctx, time.Second); err != nil {
			return fmt.Errorf("waiting for %d pods: %w", n, err)
		}
	}
}
