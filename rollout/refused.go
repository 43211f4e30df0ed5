package rollout

import (
	"context"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// How long the API server may refuse pods before a rollout counts as failed.
const (
	// refusalPatience is for what the pods themselves are refused for: another attempt would end the same way.
	refusalPatience = 3 * time.Second
	// roomPatience is for what passes on its own. The ReplicaSet controller tries again after 5 ms, 10 ms, 20 ms and so on
	// (client-go's workqueue): between two attempts half a minute may go by, and its condition stays until the next one.
	roomPatience = 30 * time.Second
	// lateStop is how long after its grace period a pod still counts as stopping. A quota no longer counts it then.
	lateStop = 30 * time.Second
)

// Room is what decides whether a namespace takes more pods. Look reads it only when a quota refuses some.
type Room struct {
	Quotas []corev1.ResourceQuota
	// LastStop is when the grace period of the namespace's last stopping pod ends, of any workload: a quota counts a pod
	// until it is gone. Zero when none stops.
	LastStop time.Time
	Unread   error // nil when the quotas could be read
}

// readRoom reads what a refusal depends on now; what the refusal itself says is as old as the last attempt.
func readRoom(ctx context.Context, c Cluster, namespace string) *Room {
	var quotas corev1.ResourceQuotaList
	room := &Room{Unread: c.List(ctx, namespace, "", &quotas)}
	room.Quotas = quotas.Items
	if c.Stops != nil {
		if at, known := c.Stops.LastStop(namespace); known {
			room.LastStop = at
			return room
		}
	}
	var pods metav1.PartialObjectMetadataList
	pods.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "PodList"})
	if err := c.List(ctx, namespace, "", &pods); err == nil { // without them the workload's own pods are known
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp != nil && pod.DeletionTimestamp.After(room.LastStop) {
				room.LastStop = pod.DeletionTimestamp.Time
			}
		}
	}
	return room
}

// replicaFailure is why the ReplicaSet may not make pods, "" when it may. The condition of the Deployment is not used:
// it may speak of an old ReplicaSet.
func replicaFailure(set *appsv1.ReplicaSet) string {
	for _, c := range set.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Reason == "FailedCreate" {
			return orElse(c.Message, "the API server refused")
		}
	}
	return ""
}

// Refused reports that the API server refuses pods which the current revision wants: whether these could start isn't known.
func (r Rollout) Refused() bool { return r.Controller != nil && r.refused() != "" }

// refused is why the controller may not make a pod that it wants, "" when it may or wants none: the condition of a ReplicaSet stays
// until its next sync, also when its last pod has been made.
func (r Rollout) refused() string {
	c := r.Controller
	if c.Refusal == "" || max(c.Made, r.made()) >= c.Wanted {
		return ""
	}
	return c.Refusal
}

// made is how many pods there are without those that stop: of a ReplicaSet its own, and else of every revision.
func (r Rollout) made() int32 {
	var n int32
	pods := r.Pods
	if r.Controller.label == "" {
		pods, _ = r.Split()
	}
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil {
			n++
		}
	}
	return n
}

// heldBack is the refusal that counts now, "" when it may pass: while pods stop, and when the quota has room again.
func (r Rollout) heldBack(now time.Time) string {
	message := r.refused()
	if !strings.Contains(message, "exceeded quota") {
		return message
	}
	if room, known := r.roomAgain(message); room && known || r.stops(now) {
		return ""
	}
	return message
}

// stops reports that pods of the workload or, where a quota refuses more, of its namespace are on their way out: what they
// free may be all that is missing.
func (r Rollout) stops(now time.Time) bool {
	return stopping(r.Pods, now) || r.Room != nil && now.Before(r.Room.LastStop.Add(lateStop)) && !r.Room.LastStop.IsZero()
}

func stopping(pods []*corev1.Pod, now time.Time) bool {
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil && now.Before(pod.DeletionTimestamp.Add(lateStop)) {
			return true
		}
	}
	return false
}

// roomAgain reports that the quota which refused a pod would take it now. known is false where that can't be determined.
func (r Rollout) roomAgain(message string) (room, known bool) {
	refusal, is := facts.ReadQuotaRefusal(message)
	if !is || r.Room == nil || r.Room.Unread != nil {
		return false, false
	}
	for i := range r.Room.Quotas {
		if r.Room.Quotas[i].Name == refusal.Quota {
			return refusal.Fits(&r.Room.Quotas[i])
		}
	}
	return true, true // a quota that was deleted refuses nothing
}

// passes reports that what a pod was refused for may be gone at the next attempt, without a change of the template.
func passes(message string) bool {
	for _, sign := range []string{"exceeded quota", "failed calling webhook", "serviceaccount", "timeout", "try again"} {
		if strings.Contains(strings.ToLower(message), sign) {
			return true
		}
	}
	return false
}

// patienceWith is how long pods may be refused with this message.
func patienceWith(message string) time.Duration {
	if passes(message) {
		return roomPatience
	}
	return refusalPatience
}

// refusedNow says why further pods are refused, or why they were and will not be for long; nil when none are.
func (r Rollout) refusedNow(now time.Time) algesta.Text {
	message := r.refused()
	refusal, byQuota := facts.ReadQuotaRefusal(message)
	switch room, known := r.roomAgain(message); {
	case message == "":
		return nil
	case byQuota && known && room:
		return algesta.Say(
			"ResourceQuota {} refused a pod of {} and has room again: the next attempt follows on its own.",
			algesta.Name(quote(refusal.Quota)),
			algesta.Name(r.Workload.Name),
		)
	case byQuota && r.stops(now):
		return algesta.Say(
			"ResourceQuota {} has no room for another pod of {} until pods that are stopping are gone.",
			algesta.Name(quote(refusal.Quota)),
			algesta.Name(r.Workload.Name),
		)
	}
	return r.whyRefused(message, now)
}
