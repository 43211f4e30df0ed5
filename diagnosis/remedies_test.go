package diagnosis_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// setsLimit is the one command by which a remedy changes a limit.
var setsLimit = regexp.MustCompile(`^kubectl set resources ([a-z]+)/([\w.-]+) -n [\w-]+ -c ([\w.-]+) --limits=(memory|cpu)=(\S+)$`)

// changesObject is a command of kubectl that writes one object.
var changesObject = regexp.MustCompile(
	`^kubectl (?:edit|patch|set \w+|scale|annotate|label|apply|replace|rollout \w+|uncordon|cordon|drain) ([a-z.]+)[ /]([\w.-]+)`,
)

// podSpecs are the pods, and the templates that a change of a limit is written into.
func podSpecs(objects []runtime.Object) []*corev1.PodSpec {
	var specs []*corev1.PodSpec
	for _, object := range objects {
		switch o := object.(type) {
		case *corev1.Pod:
			specs = append(specs, &o.Spec)
		case *appsv1.Deployment:
			specs = append(specs, &o.Spec.Template.Spec)
		case *appsv1.StatefulSet:
			specs = append(specs, &o.Spec.Template.Spec)
		case *appsv1.DaemonSet:
			specs = append(specs, &o.Spec.Template.Spec)
		}
	}
	return specs
}

// owners are the ways in which something else says that it writes an object again.
var owners = map[string]func(metav1.Object){
	"nobody": func(metav1.Object) {},
	"Argo CD": func(o metav1.Object) {
		o.SetAnnotations(with(o.GetAnnotations(), "argocd.argoproj.io/tracking-id", "shop:apps/x"))
	},
	"Argo CD by label": func(o metav1.Object) { o.SetLabels(with(o.GetLabels(), "argocd.argoproj.io/instance", "shop")) },
	"Flux":             func(o metav1.Object) { o.SetLabels(with(o.GetLabels(), "kustomize.toolkit.fluxcd.io/name", "shop")) },
	"Flux by Helm":     func(o metav1.Object) { o.SetLabels(with(o.GetLabels(), "helm.toolkit.fluxcd.io/name", "shop")) },
	"an operator": func(o metav1.Object) {
		if len(o.GetOwnerReferences()) == 0 {
			o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Shop", Name: "shop", Controller: new(true)}})
		}
	},
}

// TestNoRemedyLowersALimitOrDeletesOrWritesWhatSomethingElseOwns draws a fixture of a rule, who owns its objects, and other memory limits
// for pods and templates, which may differ from each other: a limit in the cluster isn't always the template's.
func TestNoRemedyLowersALimitOrDeletesOrWritesWhatSomethingElseOwns(t *testing.T) {
	t.Parallel()
	var fixtures []string
	read := map[string]dump.Dump{}
	for _, rule := range rules.Rules() {
		if !rule.Advice {
			fixtures = append(fixtures, rule.ID)
			data, err := os.ReadFile(filepath.Join("rules", "testdata", rule.ID, "fires.yaml"))
			require.NoError(t, err)
			read[rule.ID] = decoded(t, data)
		}
	}
	names := []string{"nobody", "Argo CD", "Argo CD by label", "Flux", "Flux by Helm", "an operator"}
	rapid.Check(t, func(rt *rapid.T) {
		id, owner := rapid.SampledFrom(fixtures).Draw(rt, "fixture"), rapid.SampledFrom(names).Draw(rt, "owner")
		d := read[id]
		d.Objects = slices.Clone(d.Objects)
		owned := map[string]bool{}
		for i, object := range d.Objects {
			d.Objects[i] = object.DeepCopyObject()
			if o, err := meta.Accessor(d.Objects[i]); err == nil && o.GetNamespace() != "" {
				owners[owner](o)
				owned[o.GetName()] = owner != "nobody" && (owner != "an operator" || ownedByOperator(o))
			}
		}
		if rapid.Bool().Draw(rt, "newer") {
			d.Objects = withNewer(d.Objects)
		}
		largest := map[string]resource.Quantity{} // by container
		for _, spec := range podSpecs(d.Objects) {
			for i := range spec.Containers {
				c := &spec.Containers[i]
				if _, limited := c.Resources.Limits[corev1.ResourceMemory]; !limited {
					continue
				}
				limit := *resource.NewQuantity(rapid.Int64Range(16, 8192).Draw(rt, "MiB")<<20, resource.BinarySI)
				c.Resources.Limits[corev1.ResourceMemory] = limit
				if before := largest[c.Name]; limit.Cmp(before) > 0 {
					largest[c.Name] = limit
				}
			}
		}
		s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
		s.Configure(facts.Setting{Bot: "algesta"})
		for _, c := range diagnosis.Diagnose(s, facts.Ref{}).Chains {
			said := []any{id, owner, c.Rule, c.Remedy.Text, c.Remedy.Command}
			require.NotRegexp(rt, `kubectl delete|--force|--grace-period=0`, c.Remedy.Command, said...)
			if m := setsLimit.FindStringSubmatch(c.Remedy.Command); m != nil {
				if has := largest[m[3]]; m[4] == "memory" {
					require.LessOrEqual(rt, has.Value(), new(resource.MustParse(m[5])).Value(), said...)
				}
			} else {
				require.NotRegexp(rt, `set resources|--limits`, c.Remedy.Command, said...)
			}
			if c.Remedy.Verb != "" && c.Remedy.Verb != "restart" {
				require.False(rt, owned[c.Remedy.Target.Name], said...)
			}
			if m := changesObject.FindStringSubmatch(c.Remedy.Command); m != nil {
				require.False(rt, owned[m[2]], said...)
			}
		}
	})
}

// withNewer adds to each Deployment the ReplicaSet of a newer revision, of which there are no pods yet.
func withNewer(objects []runtime.Object) []runtime.Object {
	for _, object := range objects {
		d, ok := object.(*appsv1.Deployment)
		if !ok || len(d.Spec.Template.Spec.Containers) == 0 {
			continue
		}
		d.Spec.Template.Spec.Containers[0].Image = "registry.example.com/newer:99"
		newer := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-newer", Namespace: d.Namespace, CreationTimestamp: metav1.NewTime(noon),
			Annotations:     map[string]string{"deployment.kubernetes.io/revision": "99"},
			OwnerReferences: []metav1.OwnerReference{{Kind: facts.KindDeployment, Name: d.Name, UID: d.UID, Controller: new(true)}},
		}, Spec: appsv1.ReplicaSetSpec{Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Template: *d.Spec.Template.DeepCopy()}}
		objects = append(objects, newer)
	}
	return objects
}

func ownedByOperator(o metav1.Object) bool {
	return slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.Kind == "Shop" })
}
