package runbooks

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

// missingReferences warns of ConfigMaps and Secrets that the new template needs, that the old one does not use, and that
// are not there. Only names are read. The bot has no right to Secrets by default (design.md, decision 23); then it is said.
func missingReferences(ctx context.Context, c Cluster, namespace string, from, to corev1.PodSpec) []algesta.Text {
	var out []algesta.Text
	for _, kind := range []string{"ConfigMap", "Secret"} {
		used := referenced(from, kind)
		wanted := slices.DeleteFunc(referenced(to, kind), func(name string) bool { return slices.Contains(used, name) })
		if len(wanted) == 0 {
			continue
		}
		there := &metav1.PartialObjectMetadataList{}
		there.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: kind + "List"})
		if err := c.List(ctx, namespace, "", there); err != nil {
			out = append(out, notChecked(strings.ToLower(kind)+"s "+list(wanted)+", which the pods need", err))
			continue
		}
		for _, name := range wanted {
			if !slices.ContainsFunc(there.Items, func(o metav1.PartialObjectMetadata) bool { return o.Name == name }) {
				out = append(out, algesta.Say("{} {} does not exist, so no pod of this version can start.", kind, algesta.Name(quote(name))))
			}
		}
	}
	return out
}

// referenced are the names of the ConfigMaps or Secrets that a pod cannot start without, sorted.
func referenced(pod corev1.PodSpec, kind string) []string {
	var names []string
	add := func(name string, optional *bool) {
		if name != "" && (optional == nil || !*optional) {
			names = append(names, name)
		}
	}
	secret := kind == "Secret"
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, e := range c.Env {
			switch {
			case e.ValueFrom == nil:
			case secret && e.ValueFrom.SecretKeyRef != nil:
				add(e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Optional)
			case !secret && e.ValueFrom.ConfigMapKeyRef != nil:
				add(e.ValueFrom.ConfigMapKeyRef.Name, e.ValueFrom.ConfigMapKeyRef.Optional)
			}
		}
		for _, e := range c.EnvFrom {
			switch {
			case secret && e.SecretRef != nil:
				add(e.SecretRef.Name, e.SecretRef.Optional)
			case !secret && e.ConfigMapRef != nil:
				add(e.ConfigMapRef.Name, e.ConfigMapRef.Optional)
			}
		}
	}
	for _, v := range pod.Volumes {
		switch {
		case secret && v.Secret != nil:
			add(v.Secret.SecretName, v.Secret.Optional)
		case !secret && v.ConfigMap != nil:
			add(v.ConfigMap.Name, v.ConfigMap.Optional)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
