package rollout_test

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// still is a cluster that stands still.
type still struct {
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet
	pods       []*corev1.Pod
	quotas     []corev1.ResourceQuota
	nodes      []corev1.Node
	others     []metav1.PartialObjectMetadata // pods of the namespace
}

var workload = algesta.Object{Cluster: "aks-algesta-production", Namespace: "production", Name: "api-gateway-production"}

// gateway is the manual's api-gateway in production: four pods on 12345 (revision 3), restarted once, 12344 before.
func gateway() *still {
	d := rollouttest.Deployment()
	s := &still{deployment: d, sets: rollouttest.Revisions(d)}
	for _, name := range []string{"aaaaa", "bbbbb", "ccccc", "ddddd"} {
		s.pod(3, name, 3*time.Hour)
	}
	return s
}

// rolling is the gateway in the middle of a rollout: two pods of revision 3 are new, two of revision 1 serve.
func rolling() *still {
	s := gateway()
	s.pods = nil
	s.pod(1, "xxxxx", time.Hour)
	s.pod(1, "yyyyy", time.Hour)
	s.deployment.Status = rollouttest.Rolling()
	return s
}

// pod adds a ready pod of a revision.
func (s *still) pod(revision int, name string, age time.Duration) *corev1.Pod {
	p := rollouttest.Pod(revision, name, age)
	s.pods = append(s.pods, p)
	return p
}

// quota has room for four cores, of which so much is used.
func (s *still) quota(used string) {
	s.quotas = []corev1.ResourceQuota{rollouttest.Quota(cpu("4"), cpu(used))}
}

func cpu(amount string) corev1.ResourceList {
	return corev1.ResourceList{"requests.cpu": resource.MustParse(amount)}
}

// dead makes a node one that has not answered since then.
func (s *still) dead(name string, since time.Time) {
	s.nodes = []corev1.Node{rollouttest.DeadNode(name, since)}
}

func (s *still) Workload(context.Context, algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	if s.deployment == nil {
		return nil, nil, nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no such deployment.")}
	}
	d := s.deployment.DeepCopy()
	d.Annotations[rollout.TemplateAnnotation] = rollouttest.TemplateHash(d.Spec.Template)
	var sets []*appsv1.ReplicaSet
	for _, set := range s.sets {
		c := set.DeepCopy()
		c.Annotations[rollout.TemplateAnnotation] = rollouttest.TemplateHash(c.Spec.Template)
		sets = append(sets, c)
	}
	return d, sets, s.pods, nil
}

func (s *still) List(_ context.Context, _, _ string, into runtime.Object) error {
	switch l := into.(type) {
	case *corev1.ResourceQuotaList:
		l.Items = s.quotas
	case *corev1.NodeList:
		l.Items = s.nodes
	case *metav1.PartialObjectMetadataList:
		l.Items = s.others
	}
	return nil
}

func lines(texts []algesta.Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, t.String())
	}
	return out
}
