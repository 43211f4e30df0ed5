package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// noVolume are the words of the volume controller where nothing provides volumes and none that was made by hand fits.
var noVolume = regexp.MustCompile(`no persistent volumes available|no volume plugin matched|waiting for a volume to be created|` +
	`no provisioner`)

// byHand is the provisioner of StorageClasses whose volumes people make.
const byHand = "kubernetes.io/no-provisioner"

// unfit says of each volume that a claim might take what keeps it from that, those first that are nearest. What claims of other namespaces
// have is only counted: who asks may not be allowed to know of it. nil where volumes are provisioned, where none was read, where one fits,
// and where the claim names no class and no volume is free: then that it names none says more.
func unfit(s *facts.Snapshot, claim *corev1.PersistentVolumeClaim) []string {
	class := className(claim.Spec.StorageClassName)
	for _, c := range s.StorageClasses() {
		if c.Name == class && c.Provisioner != byHand {
			return nil
		}
	}
	type volume struct {
		why  string
		rank int
	}
	var kept []volume
	others, taken, nearest := 0, 0, 2
	for _, v := range s.Volumes() {
		if v.Spec.StorageClassName != class && claim.Spec.VolumeName != v.Name {
			others++
			continue
		}
		if ref := v.Spec.ClaimRef; ref != nil && ref.Namespace != claim.Namespace {
			taken++
			continue
		}
		why, rank := keeps(v, claim)
		if why == "" {
			return nil
		}
		kept = append(kept, volume{v.Name + " " + why, rank})
		nearest = min(nearest, rank)
	}
	switch {
	case class == "" && nearest == 2:
		return nil
	case len(kept) == 0 && taken == 0 && others > 0:
		return []string{"there is none of StorageClass " + class}
	case taken > 0:
		kept = append(kept, volume{words.Plural(taken, "other belongs", "others belong") + " to claims of other namespaces", 3})
	}
	slices.SortStableFunc(kept, func(a, b volume) int { return cmp.Compare(a.rank, b.rank) })
	var said []string
	for _, v := range kept {
		said = append(said, v.why)
	}
	return said
}

func className(name *string) string {
	if name == nil {
		return ""
	}
	return *name
}

// keeps is what keeps a volume from a claim, and how near it is to fitting: what is free comes first. Empty where nothing does.
func keeps(v *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) (why string, rank int) {
	if ref := v.Spec.ClaimRef; ref != nil && ref.Name != claim.Name {
		if v.Status.Phase == corev1.VolumeReleased {
			return "is released, but still of " + ref.Name, 1
		}
		return "is bound to " + ref.Name, 2
	}
	if ref := v.Spec.ClaimRef; ref != nil && ref.UID != "" && ref.UID != claim.UID {
		return "is still of an earlier claim of this name", 1
	}
	if v.Status.Phase == corev1.VolumeFailed {
		return "has failed", 2
	}
	has, wants := v.Spec.Capacity[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if has.Cmp(wants) < 0 {
		return fmt.Sprintf("has only %s", has.String()), 0
	}
	for _, mode := range claim.Spec.AccessModes {
		if !slices.Contains(v.Spec.AccessModes, mode) {
			return fmt.Sprintf("isn't %s", mode), 0
		}
	}
	if modeOf(v.Spec.VolumeMode) != modeOf(claim.Spec.VolumeMode) {
		return fmt.Sprintf("has volumeMode %s", modeOf(v.Spec.VolumeMode)), 0
	}
	if claim.Spec.Selector != nil && !facts.SelectorOf(claim.Spec.Selector).Matches(labels.Set(v.Labels)) {
		return "lacks the labels of the claim's selector", 0
	}
	if claim.Spec.VolumeName != "" && claim.Spec.VolumeName != v.Name {
		return "isn't the one that the claim names", 2
	}
	if v.Spec.StorageClassName != className(claim.Spec.StorageClassName) {
		return fmt.Sprintf("has StorageClass %q", v.Spec.StorageClassName), 0
	}
	return "", 0
}

func modeOf(mode *corev1.PersistentVolumeMode) corev1.PersistentVolumeMode {
	if mode == nil {
		return corev1.PersistentVolumeFilesystem
	}
	return *mode
}

// claimAsks is the size and the access that a claim asks for.
func claimAsks(claim *corev1.PersistentVolumeClaim) string {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	asks := []string{size.String()}
	for _, mode := range claim.Spec.AccessModes {
		asks = append(asks, string(mode))
	}
	return strings.Join(asks, ", ")
}
