package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

// The API server's own names.
const (
	changeCause = "kubernetes.io/change-cause"
	revisionOf  = "deployment.kubernetes.io/revision"
	registry    = "registry.example.com/"
)

// service is a Deployment with a history.
type service struct {
	name     string // "api-gateway"
	replicas int32
	tags     []string // of the revisions, oldest first
	alter    func(*appsv1.Deployment)
	// broken says that the last revision never comes up.
	broken bool
}

// gateway is the service of most tests: three revisions, two pods.
func gateway() service {
	return service{name: "api-gateway", replicas: 2, tags: []string{"12343", "12344", "12345"}}
}

// furnish makes the services and waits until they run.
func furnish(t *testing.T, c *control.Cluster, namespace, environment string, services ...service) {
	t.Helper()
	var work sync.WaitGroup
	errs := make([]error, len(services))
	for i, s := range services {
		work.Go(func() { errs[i] = s.create(t.Context(), c, namespace, s.name+"-"+environment) })
	}
	work.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func (s service) create(ctx context.Context, c *control.Cluster, namespace, name string) error {
	labels := map[string]string{"app": s.name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{changeCause: "deploy " + s.tags[0]}},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: ptr.To[int64](1),
					Containers:                    []corev1.Container{{Name: s.name, Image: registry + s.name + ":" + s.tags[0]}},
				},
			},
		},
	}
	if s.alter != nil {
		s.alter(d)
	}
	deployments := c.Client.AppsV1().Deployments(namespace)
	if _, err := deployments.Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	// The history is made without pods, which is quicker; they come with the last revision that can run.
	scaled := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, s.replicas)
	for i := range s.tags {
		if i > 0 {
			if err := setImage(ctx, c, namespace, name, registry+s.name+":"+s.tags[i], "deploy "+s.tags[i]); err != nil {
				return err
			}
		}
		if err := until(
			ctx, c, namespace, name, func(d *appsv1.Deployment) bool { return d.Annotations[revisionOf] == strconv.Itoa(i+1) },
		); err != nil {
			return err
		}
		if i != s.lastGood() {
			continue
		}
		if err := change(ctx, c, namespace, name, types.StrategicMergePatchType, scaled); err != nil {
			return err
		}
		if err := until(ctx, c, namespace, name, func(d *appsv1.Deployment) bool { return *d.Spec.Replicas > 0 && complete(d) }); err != nil {
			return err
		}
	}
	return nil
}

// setImage changes the image of the only container as a pipeline does.
func setImage(ctx context.Context, c *control.Cluster, namespace, name, image, cause string) error {
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image},
		{"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": cause},
	})
	if err != nil {
		return err
	}
	return change(ctx, c, namespace, name, types.JSONPatchType, patch)
}

// change patches a Deployment as an administrator.
func change(
	ctx context.Context, c *control.Cluster, namespace, name string, kind types.PatchType, patch []byte, subresources ...string,
) error {
	if _, err := c.Client.AppsV1().Deployments(namespace).Patch(ctx, name, kind, patch, metav1.PatchOptions{}, subresources...); err != nil {
		return fmt.Errorf("changing %s: %w", name, err)
	}
	return nil
}

// until waits for a Deployment to be as ok says.
func until(ctx context.Context, c *control.Cluster, namespace, name string, ok func(*appsv1.Deployment) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := c.Client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if d.Status.ObservedGeneration >= d.Generation && ok(d) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; it is %+v", name, ctx.Err(), d.Status)
		}
	}
}

// complete is kubectl's own idea of a finished rollout.
func complete(d *appsv1.Deployment) bool {
	s, want := d.Status, *d.Spec.Replicas
	return s.UpdatedReplicas == want && s.Replicas == want && s.AvailableReplicas == want
}

// lastGood is the index of the last revision that comes up.
func (s service) lastGood() int {
	if s.broken {
		return len(s.tags) - 2
	}
	return len(s.tags) - 1
}
