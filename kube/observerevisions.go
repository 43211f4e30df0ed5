package kube

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// revisionsRead is the resource that keeps the templates that StatefulSets and DaemonSets had.
const revisionsRead = "controllerrevisions"

// revisions reads what StatefulSets and DaemonSets made pods of before, where a warning may quote that: an event lives for an hour, and the
// template may be another one since. What it spelled out has to be known to be hidden.
func (o *observation) revisions(ctx context.Context) {
	if len(o.statefulSets.Items)+len(o.daemonSets.Items) == 0 {
		return
	}
	if o.eachWarning(func(e *corev1.Event) bool { return mayQuoteABefore(e.InvolvedObject.Kind) }) {
		o.list(ctx, revisionsRead, o.namespace, &appsv1.ControllerRevisionList{})
	}
}

// mayQuoteABefore says that an event of this kind may be about a template that is gone.
func mayQuoteABefore(kind string) bool {
	return kind == "StatefulSet" || kind == "DaemonSet" || kind == "Pod"
}

// unquotable takes the words out of warnings that may quote a template of before, where those couldn't be read: nobody knows what has to be
// hidden in them. Of pods these are those that are gone.
func (o *observation) unquotable() {
	if !o.asked[revisionsRead] || o.unread[revisionsRead] == nil {
		return
	}
	there := map[types.UID]bool{}
	for i := range o.pods.Items {
		there[o.pods.Items[i].UID] = true
	}
	o.eachWarning(func(e *corev1.Event) bool {
		if about := e.InvolvedObject; mayQuoteABefore(about.Kind) && (about.Kind != "Pod" || !there[about.UID]) {
			e.Message = ""
		}
		return false
	})
}

// eachWarning says whether any of the warnings that were read is as is says. It asks until one is.
func (o *observation) eachWarning(is func(*corev1.Event) bool) bool {
	for _, object := range o.objects {
		list, ok := object.(*corev1.EventList)
		if !ok {
			continue
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Type == corev1.EventTypeWarning && is(e) {
				return true
			}
		}
	}
	return false
}
