package platform

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/3astronautas/algesta/sandbox/control"
)

// revisionAnnotation is the deployment controller's count of templates.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// Apply puts the platform into the cluster and returns when every pod is ready. What is already there stays as it is, so
// that it may be called again and by several processes at once.
func Apply(ctx context.Context, c *control.Cluster) error { return Site{}.Apply(ctx, c) }

// Apply puts a copy of the platform into the cluster, of all environments or only of those that are named, and returns
// when every pod is ready.
func (site Site) Apply(ctx context.Context, c *control.Cluster, only ...string) error {
	var chosen []environment
	for _, e := range environments() {
		if len(only) == 0 || slices.Contains(only, e.name) {
			chosen = append(chosen, e)
		}
	}
	if site.Suffix == "" {
		if err := applyOthers(ctx, c.Client); err != nil {
			return err
		}
	}
	_, err := c.Client.NetworkingV1().IngressClasses().Create(ctx, webAppRouting(), metav1.CreateOptions{})
	if err := unlessExists(err, "the ingress class"); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	for _, e := range chosen {
		work.Go(func() error {
			if err := site.applySurroundings(ctx, c, e); err != nil {
				return err
			}
			deployments, forAll := errgroup.WithContext(ctx)
			for _, s := range services() {
				deployments.Go(func() error { return site.applyService(forAll, c.Client, s, e) })
			}
			if err := deployments.Wait(); err != nil {
				return err
			}
			if err := settle(ctx, c.Client, site.Namespace(e.name)); err != nil || e.name != "production" {
				return err
			}
			// Only now: making the history leaves pods that are still ending, and the quota has no room for those. A refused
			// ReplicaSet tries again later and later.
			_, err := c.Client.CoreV1().ResourceQuotas(site.Namespace(e.name)).Create(ctx, site.productionQuota(), metav1.CreateOptions{})
			return unlessExists(err, "the quota of "+site.Namespace(e.name))
		})
	}
	return work.Wait()
}

// Delete removes a copy's namespaces and does not wait until they are gone.
func (site Site) Delete(ctx context.Context, c *control.Cluster) error {
	for _, e := range environments() {
		err := c.Client.CoreV1().Namespaces().Delete(ctx, site.Namespace(e.name), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting the namespace %s: %w", site.Namespace(e.name), err)
		}
	}
	return nil
}

func applyOthers(ctx context.Context, client kubernetes.Interface) error {
	for name, team := range otherNamespaces() {
		_, err := client.CoreV1().Namespaces().Create(ctx, namespace(name, map[string]string{"team": team}), metav1.CreateOptions{})
		if err := unlessExists(err, "the namespace "+name); err != nil {
			return err
		}
	}
	q := monitoringQuota()
	_, err := client.CoreV1().ResourceQuotas("monitoring").Create(ctx, q, metav1.CreateOptions{})
	return unlessExists(err, "the quota of monitoring")
}

// applySurroundings makes an environment's namespace with all but its services.
func (site Site) applySurroundings(ctx context.Context, c *control.Cluster, e environment) error {
	client, ns := c.Client, site.Namespace(e.name)
	labels := map[string]string{"environment": e.name, "team": "algesta"}
	_, err := client.CoreV1().Namespaces().Create(ctx, namespace(ns, labels), metav1.CreateOptions{})
	if err := unlessExists(err, "the namespace "+ns); err != nil {
		return err
	}
	secrets, err := site.secrets(e)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		_, err := client.CoreV1().Secrets(ns).Create(ctx, s, metav1.CreateOptions{})
		if err := unlessExists(err, "the secret "+s.Name); err != nil {
			return err
		}
	}
	ingress, err := client.NetworkingV1().Ingresses(ns).Create(ctx, site.ingress(e), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return c.AwaitServiceAccount(ctx, ns)
	}
	if err != nil {
		return fmt.Errorf("creating the ingress of %s: %w", ns, err)
	}
	// No ingress controller runs here; this is what it would have written.
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: ingressIP}}
	if _, err := client.NetworkingV1().Ingresses(ns).UpdateStatus(ctx, ingress, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("giving the ingress of %s its address: %w", ns, err)
	}
	return c.AwaitServiceAccount(ctx, ns)
}

// applyService makes a service with its history: the template is really changed from tag to tag.
func (site Site) applyService(ctx context.Context, client kubernetes.Interface, s service, e environment) error {
	ns, name := site.Namespace(e.name), s.name+"-"+e.name
	_, err := client.CoreV1().Services(ns).Create(ctx, site.clusterIP(s, e), metav1.CreateOptions{})
	if err := unlessExists(err, "the service "+name); err != nil {
		return err
	}
	_, err = client.AppsV1().Deployments(ns).Create(ctx, site.deployment(s, e), metav1.CreateOptions{})
	if err := unlessExists(err, "the deployment "+name); err != nil {
		return err
	}
	for i := range tags {
		d, err := await(ctx, client, ns, name, func(d *appsv1.Deployment) bool { return revision(d) >= i+1 })
		if err != nil {
			return err
		}
		if i+1 < len(tags) && revision(d) == i+1 {
			if err := site.advance(ctx, client, s, e, tags[i+1]); err != nil {
				return err
			}
		}
	}
	if err := site.scale(ctx, client, s, e); err != nil {
		return err
	}
	if _, err := await(ctx, client, ns, name, complete); err != nil {
		return err
	}
	// Only now: the autoscaler would have scaled the first revisions.
	_, err = client.AutoscalingV2().HorizontalPodAutoscalers(ns).Create(ctx, site.autoscaler(s, e), metav1.CreateOptions{})
	return unlessExists(err, "the autoscaler of "+name)
}

// advance sets the next image and its change-cause, as a pipeline does.
func (site Site) advance(ctx context.Context, client kubernetes.Interface, s service, e environment, tag string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}},"spec":{"template":{"spec":{"containers":[{"name":%q,"image":%q}]}}}}`,
		changeCause, cause(tag), s.name, image(s, e, tag))
	return site.patch(ctx, client, s, e, patch)
}

// scale gives a service that was just made the pods that it runs with. Somebody else's number is left alone.
func (site Site) scale(ctx context.Context, client kubernetes.Interface, s service, e environment) error {
	d, err := client.AppsV1().Deployments(site.Namespace(e.name)).Get(ctx, s.name+"-"+e.name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the deployment: %w", err)
	}
	if revision(d) != len(tags) || *d.Spec.Replicas != 1 {
		return nil
	}
	return site.patch(ctx, client, s, e, fmt.Sprintf(`{"spec":{"replicas":%d}}`, podCount(s, e)))
}

func (site Site) patch(ctx context.Context, client kubernetes.Interface, s service, e environment, patch string) error {
	name := s.name + "-" + e.name
	_, err := client.AppsV1().Deployments(site.Namespace(e.name)).
		Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("changing the deployment %s: %w", name, err)
	}
	return nil
}

// await polls a Deployment until ok holds. Twelve of them are made at once, for which a watch each would cost more.
func await(
	ctx context.Context, client kubernetes.Interface, ns, name string, ok func(*appsv1.Deployment) bool,
) (*appsv1.Deployment, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := client.AppsV1().Deployments(ns).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("reading the deployment %s: %w", name, err)
		}
		if ok(d) {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the deployment %s: %w", name, ctx.Err())
		case <-tick.C:
		}
	}
}

// settle waits until no pod of an older revision is left.
func settle(ctx context.Context, client kubernetes.Interface, ns string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		pods, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("listing the pods of %s: %w", ns, err)
		}
		if !slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the old pods of %s: %w", ns, ctx.Err())
		case <-tick.C:
		}
	}
}

func revision(d *appsv1.Deployment) int {
	n, err := strconv.Atoi(d.Annotations[revisionAnnotation])
	if err != nil || d.Status.ObservedGeneration < d.Generation {
		return 0 // the controller has not seen the template yet
	}
	return n
}

// complete is kubectl's own idea of a finished rollout.
func complete(d *appsv1.Deployment) bool {
	s, want := d.Status, *d.Spec.Replicas
	return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == want && s.Replicas == want && s.AvailableReplicas == want
}

// unlessExists turns an error of Create into one that says what was being created; that it is there already is none.
func unlessExists(err error, what string) error {
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("creating %s: %w", what, err)
}
