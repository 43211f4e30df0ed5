package kube

import (
	"context"
	"errors"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// drains says that a node is cordoned while a budget of the namespace allows no disruption: what is said about the node tells whether its
// drain waits for that.
func (o *observation) drains() bool {
	return slices.ContainsFunc(o.nodes.Items, func(n corev1.Node) bool { return n.Spec.Unschedulable }) &&
		slices.ContainsFunc(o.budgets.Items, func(b policyv1.PodDisruptionBudget) bool { return b.Status.DisruptionsAllowed == 0 })
}

// unattended says that no scheduler has looked at a pod, or that a controller has not seen the newest spec of a workload: the control
// plane may be why.
func (o *observation) unattended() bool {
	return slices.ContainsFunc(o.pods.Items, func(p corev1.Pod) bool {
		return p.Spec.NodeName == "" && p.Status.Phase == corev1.PodPending && p.DeletionTimestamp == nil && len(p.Status.Conditions) == 0
	}) ||
		slices.ContainsFunc(o.deployments.Items, func(d appsv1.Deployment) bool { return d.Status.ObservedGeneration < d.Generation }) ||
		slices.ContainsFunc(o.statefulSets.Items, func(s appsv1.StatefulSet) bool { return s.Status.ObservedGeneration < s.Generation })
}

// leases reads when the scheduler and the controller manager last renewed theirs. A cluster whose controllers don't elect a leader has
// none.
func (o *observation) leases(ctx context.Context) {
	if !o.first("leases") {
		return
	}
	for _, name := range []string{"kube-scheduler", "kube-controller-manager"} {
		o.work.Go(func() {
			o.slots <- struct{}{}
			defer func() { <-o.slots }()
			ctx, cancel := context.WithTimeout(ctx, perCall)
			defer cancel()
			lease := &coordinationv1.Lease{}
			err := o.cluster.lists.Get().AbsPath("/apis/coordination.k8s.io/v1").Namespace(metav1.NamespaceSystem).
				Resource("leases").Name(name).Do(ctx).Into(lease)
			err = o.cluster.explain(attempt{"get", "leases.coordination.k8s.io", metav1.NamespaceSystem, name}, err)
			o.mu.Lock()
			defer o.mu.Unlock()
			switch {
			case err == nil:
				o.objects = append(o.objects, lease)
			case errors.Is(err, algesta.ErrNotFound):
			default:
				o.unread["leases"] = err
			}
		})
	}
}
