package kube

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// unissued reports whether a certificate is not ready, or was to be renewed.
func (o *observation) unissued() bool {
	for _, object := range o.objects {
		list, ok := object.(*unstructured.UnstructuredList)
		if !ok {
			continue
		}
		for _, item := range list.Items {
			if item.GetKind() == "Certificate" && (!isReady(item) || overdue(item, time.Now())) {
				return true
			}
		}
	}
	return false
}

// overdue says that the moment has passed at which cert-manager renews a certificate. It stays ready until it expires.
func overdue(item unstructured.Unstructured, now time.Time) bool {
	text, _, err := unstructured.NestedString(item.Object, "status", "renewalTime")
	if err != nil {
		return false
	}
	renewal, err := time.Parse(time.RFC3339, text)
	return err == nil && now.After(renewal)
}

func isReady(item unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(item.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Ready" {
			return m["status"] == "True"
		}
	}
	return false
}
