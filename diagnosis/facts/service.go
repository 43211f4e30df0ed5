package facts

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/3astronautas/algesta/words"
)

// sliceRef is an EndpointSlice of a Service.
type sliceRef = discoveryv1.EndpointSlice

func (x *index) addSlices(s *Snapshot) {
	for _, slice := range s.slices {
		if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
			ref := Ref{KindService, slice.Namespace, name}
			x.endpointsOf[ref] = append(x.endpointsOf[ref], slice)
		}
	}
}

// HasSelector says that the Service finds its pods by a selector: not by name, and not by slices of someone else.
func HasSelector(service *corev1.Service) bool {
	return service.Spec.Type != corev1.ServiceTypeExternalName && len(service.Spec.Selector) > 0
}

// SelectorText is a selector as kubectl writes it: "app=web,tier=front".
func SelectorText(selector map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		parts = append(parts, key+"="+selector[key])
	}
	return strings.Join(parts, ",")
}

// chosenByTemplate says that a workload's template would match: it is scaled to zero or cannot create pods.
func (s *Snapshot) chosenByTemplate(service *corev1.Service) bool {
	return slices.ContainsFunc(s.index.workloads, func(w *Workload) bool {
		return w.Template != nil && w.Ref.Namespace == service.Namespace && Matches(service.Spec.Selector, w.Template.Labels)
	})
}

// NearestLabels finds the workload that was probably meant: it shares a distinctive label with the selector, or has the Service's name. A
// workload that has a Service of its own and is another program, or that shares only what others share as well (an environment, a team),
// was not: following that advice would send requests to the wrong program.
func (s *Snapshot) NearestLabels(service *corev1.Service) (found *Workload, labels string) {
	best := 0
	for _, w := range s.index.workloads {
		if w.Ref.Namespace != service.Namespace || w.Template == nil {
			continue
		}
		score := 0
		have := map[string]string{}
		named := w.Ref.Name == service.Name || w.Called() == service.Name
		for key, value := range service.Spec.Selector {
			got, ok := w.Template.Labels[key]
			identity := slices.Contains(identityLabels, key)
			switch {
			case ok && got == value && (identity || s.distinctive(w, key)):
				score += 4
				named = named || identity
			case ok && got != value && words.NearestName(value, []string{got}) != "" && (identity || s.distinctive(w, key)):
				score += 2
			}
			if ok {
				have[key] = got
			}
		}
		if w.Ref.Name == service.Name {
			score += 3
		}
		if score > best && (named || !s.servedElsewhere(w, service)) {
			best, found, labels = score, w, SelectorText(have)
			if labels == "" {
				labels = SelectorText(w.Template.Labels)
			}
		}
	}
	return found, labels
}

// distinctive says that no other workload of the namespace carries the label with the value that this one has.
func (s *Snapshot) distinctive(w *Workload, key string) bool {
	return !slices.ContainsFunc(s.index.workloads, func(other *Workload) bool {
		return other != w && other.Ref.Namespace == w.Ref.Namespace && other.Template != nil && other.Called() != w.Called() &&
			other.Template.Labels[key] == w.Template.Labels[key]
	})
}

// servedElsewhere says that another Service leads to the workload.
func (s *Snapshot) servedElsewhere(w *Workload, service *corev1.Service) bool {
	return slices.ContainsFunc(s.services, func(other *corev1.Service) bool {
		return other != service && other.Namespace == w.Ref.Namespace && HasSelector(other) && Matches(other.Spec.Selector, w.Template.Labels)
	})
}

// Changing says that the pods behind the Service are just being replaced by others.
func (s *Snapshot) Changing(service *corev1.Service) bool {
	return slices.ContainsFunc(s.index.workloads, func(w *Workload) bool {
		return w.Template != nil && w.Desired != 0 && w.Ref.Namespace == service.Namespace && s.draining(w) &&
			Matches(service.Spec.Selector, w.Template.Labels)
	})
}

// MeantBy is the workload that a Service of this name, which isn't there, was for: the one with its name or, if there is none, the
// one that people call so or the only one whose name differs by an ending ("-production") and that no other Service leads to. Nil where
// nothing says which, or two could be meant.
func (s *Snapshot) MeantBy(service Ref) *Workload {
	ending := func(long, short string) bool { return strings.HasPrefix(long, short+"-") }
	for _, means := range []func(*Workload) bool{
		func(w *Workload) bool { return w.Ref.Name == service.Name },
		func(w *Workload) bool { return w.carries(service.Name) },
		func(w *Workload) bool {
			return (ending(w.Ref.Name, service.Name) || ending(service.Name, w.Ref.Name)) && !s.served(w)
		},
	} {
		var found []*Workload
		for _, w := range s.index.workloads {
			if w.Ref.Namespace == service.Namespace && serves(w.Ref.Kind) && means(w) {
				found = append(found, w)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0]
		default:
			return nil
		}
	}
	return nil
}

// serves says that Services lead to workloads of this kind: not to what runs to its end, nor to a pod that nothing manages.
func serves(kind string) bool { return kind != KindJob && kind != KindPod }

// served says that a Service leads to the workload.
func (s *Snapshot) served(w *Workload) bool {
	return slices.ContainsFunc(s.index.downstream[w.Ref], func(ref Ref) bool { return ref.Kind == KindService })
}
