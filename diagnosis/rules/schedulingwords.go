package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

func requestOf(p *corev1.Pod, name corev1.ResourceName) string {
	quantity, ok := facts.PodRequests(p)[name]
	if !ok {
		return "a pod"
	}
	return fmt.Sprintf("a pod that requests %s", quantity.String())
}

func requestWords(p *corev1.Pod) string {
	cpu, memory := facts.PodRequests(p)[corev1.ResourceCPU], facts.PodRequests(p)[corev1.ResourceMemory]
	return fmt.Sprintf("cpu %s, memory %s", cpu.String(), memory.String())
}

func blockSentence(p *facts.Pending, kind facts.Block, fits facts.Fit, message string) string {
	switch kind {
	case facts.BlockCPU:
		return fmt.Sprintf("No node has enough free cpu for %s%s", requestOf(p.Pod, corev1.ResourceCPU), fits.Most(p.Pod, corev1.ResourceCPU))
	case facts.BlockMemory:
		return fmt.Sprintf(
			"No node has enough free memory for %s%s",
			requestOf(p.Pod, corev1.ResourceMemory),
			fits.Most(p.Pod, corev1.ResourceMemory),
		)
	case facts.BlockPods:
		return fmt.Sprintf("Every node that the pods may use%s already runs as many pods as it may", selectorWords(p.Pod))
	case facts.BlockTaint:
		if trouble := troubles(fits); len(trouble) > 0 {
			return fmt.Sprintf("Every node that the pods may use%s has trouble of its own: %s", selectorWords(p.Pod), words.Few(trouble, 4))
		}
		if taints := fits.Taints(); len(taints) > 0 {
			return fmt.Sprintf("The pods do not tolerate the taints of the nodes (%s)", words.Few(taints, 4))
		}
		return "The pods do not tolerate the taints of the nodes"
	case facts.BlockSelector:
		return fmt.Sprintf("No node matches what the pods ask for%s", selectorWords(p.Pod))
	case facts.BlockCordon:
		if nodes := fits.Cordoned(); len(nodes) > 0 {
			return fmt.Sprintf("%s %s cordoned and accepts no new pods", words.Few(nodes, 4), words.Verb(len(nodes), "is", "are"))
		}
		return "The nodes are cordoned and accept no new pods"
	case facts.BlockAffinity:
		return affinityWords(p.Pod)
	case facts.BlockSpread:
		return fmt.Sprintf("The pods' topology spread constraint%s leaves no node%s", spreadWords(p.Pod), othersTainted(fits))
	case facts.BlockVolume:
		if place, empty := p.Snapshot.VolumePlace(p.Pod); place != "" && empty {
			return fmt.Sprintf("The volume of the pods%s is in %s, where there is no node", claimsWords(p.Pod), place)
		} else if place != "" {
			return fmt.Sprintf("The volume of the pods%s is in %s, and no node there can run them", claimsWords(p.Pod), place)
		}
		return fmt.Sprintf("The volume of the pods%s is bound to a place where no node can run them", claimsWords(p.Pod))
	case facts.BlockPort:
		return fmt.Sprintf("The host port of the pods%s is taken on every node that they may use%s", hostPortWords(p.Pod), othersTainted(fits))
	case facts.BlockOther, facts.BlockNone:
	}
	if m := insufficient.FindStringSubmatch(message); m != nil {
		if !fits.Offered(corev1.ResourceName(m[1])) {
			return fmt.Sprintf("No node offers %s, which the pods request", m[1])
		}
		return fmt.Sprintf("No node has enough free %s for the pods", m[1])
	}
	return "No node has enough of what the pods request"
}

// othersTainted are the taints of the nodes that are left out before anything else is asked of them.
func othersTainted(fits facts.Fit) string {
	taints := fits.Taints()
	if len(taints) == 0 {
		return ""
	}
	return fmt.Sprintf("; they don't tolerate the taint of the others (%s)", words.Few(taints, 2))
}

// inBrackets are the words that say which; no words, no parentheses.
func inBrackets(wording []string) string {
	if len(wording) == 0 {
		return ""
	}
	return " (" + words.Few(wording, 4) + ")"
}

// affinityWords say which pods these have to be, or must not be, together with.
func affinityWords(p *corev1.Pod) string {
	if p.Spec.Affinity == nil {
		return "No node satisfies the pods' required affinity to other pods"
	}
	describe := func(terms []corev1.PodAffinityTerm) string {
		var wording []string
		for _, term := range terms {
			wording = append(wording, fmt.Sprintf("%s, by %s", metav1.FormatLabelSelector(term.LabelSelector), term.TopologyKey))
		}
		return inBrackets(wording)
	}
	if a := p.Spec.Affinity.PodAntiAffinity; a != nil && len(a.RequiredDuringSchedulingIgnoredDuringExecution) > 0 &&
		p.Spec.Affinity.PodAffinity == nil {
		terms := a.RequiredDuringSchedulingIgnoredDuringExecution
		if len(terms) == 1 && facts.SelectorOf(terms[0].LabelSelector).Matches(labels.Set(p.Labels)) {
			place := placeOf(terms[0].TopologyKey)
			return fmt.Sprintf("Required anti-affinity%s allows one of the pods per %s, and every %s that they may use has one", describe(terms),
				place, place)
		}
		return fmt.Sprintf("Every node that the pods may use has a pod which required anti-affinity keeps away from them%s", describe(terms))
	}
	if a := p.Spec.Affinity.PodAffinity; a != nil && p.Spec.Affinity.PodAntiAffinity == nil {
		return fmt.Sprintf(
			"No node that the pods may use has a pod beside which they must run%s",
			describe(a.RequiredDuringSchedulingIgnoredDuringExecution),
		)
	}
	return "No node satisfies the pods' required affinity to other pods"
}

// placeOf is what people call the places that a label of nodes tells apart.
func placeOf(topologyKey string) string {
	switch topologyKey {
	case corev1.LabelHostname:
		return "node"
	case corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaZone:
		return "zone"
	}
	return topologyKey
}

func spreadWords(p *corev1.Pod) string {
	var wording []string
	for _, c := range p.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable == corev1.DoNotSchedule {
			wording = append(wording, c.TopologyKey)
		}
	}
	return inBrackets(wording)
}

func claimsWords(p *corev1.Pod) string {
	var wording []string
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			wording = append(wording, facts.KindClaim+" "+v.PersistentVolumeClaim.ClaimName)
		}
	}
	return inBrackets(wording)
}

func hostPortWords(p *corev1.Pod) string {
	var wording []string
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.HostPort > 0 {
				wording = append(wording, strconv.Itoa(int(port.HostPort)))
			}
		}
	}
	return inBrackets(wording)
}

func selectorWords(p *corev1.Pod) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(p.Spec.NodeSelector)) {
		parts = append(parts, key+"="+p.Spec.NodeSelector[key])
	}
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, e := range term.MatchExpressions {
				parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Key, e.Operator, strings.Join(e.Values, " or "))))
			}
		}
	}
	return inBrackets(parts)
}
