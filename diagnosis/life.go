package diagnosis

import (
	"encoding/json"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/3astronautas/algesta"
)

// lifeOf is when a ReplicaSet was last made what runs, and the change-cause that was noted then. A set that is gone back to keeps its
// creation time, and annotations stay whoever changes the template: cause is "" where it is about another template.
func lifeOf(set *appsv1.ReplicaSet) (made time.Time, cause string) {
	made = set.CreationTimestamp.Time
	raw, err := json.Marshal(set.Spec.Template)
	if err != nil {
		return made, ""
	}
	template, err := algesta.TemplateHash(raw)
	if err != nil {
		return made, ""
	}
	if algesta.CauseFits(set.Annotations, template) {
		cause = set.Annotations["kubernetes.io/change-cause"]
	}
	if at, ok := algesta.TemplateChangedAt(set.Annotations, template); ok && at.After(made) {
		made = at
	}
	return made, cause
}
