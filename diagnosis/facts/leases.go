package facts

import (
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The controllers of the control plane, by the names of their Leases in kube-system: whoever leads renews its own every two seconds.
const (
	Scheduler         = "kube-scheduler"
	ControllerManager = "kube-controller-manager"
)

// KindLease is the kind by which a controller of the control plane is named.
const KindLease = "Lease"

// keepLease keeps the Leases of the control plane; there is one of each node, too.
func (s *Snapshot) keepLease(o *coordinationv1.Lease) {
	if o.Namespace == metav1.NamespaceSystem && slices.Contains([]string{Scheduler, ControllerManager}, o.Name) && o.Spec.RenewTime != nil {
		s.leases[o.Name] = o.Spec.RenewTime.Time
	}
}

// Renewed is when a controller of the control plane last said that it leads; ok is false where its Lease was not read.
func (s *Snapshot) Renewed(controller string) (at time.Time, ok bool) {
	at, ok = s.leases[controller]
	return at, ok
}

// LeaseOf is the Lease of a controller of the control plane.
func LeaseOf(controller string) Ref { return Ref{KindLease, metav1.NamespaceSystem, controller} }
