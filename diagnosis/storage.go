package diagnosis

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// storagePodRules look at pods that wait for a volume.
var storagePodRules = []Rule{
	{
		ID: "claim-missing", Family: "storage", Class: ClassStorage,
		Signal: "PodScheduled=False, message “persistentvolumeclaim \"x\" not found”", Cause: "the claim was never made, was deleted, or is named differently", Remedy: "make the claim", Source: "scheduler volume binding",
		pod: func(p *pending) *finding {
			c, ok := p.isUnschedulable()
			m := claimNotFound.FindStringSubmatch(c.Message)
			if !ok || m == nil {
				return nil
			}
			ref := Ref{KindClaim, p.pod.Namespace, m[1]}
			f := p.unscheduled(fmt.Sprintf("%s does not exist in namespace %s", ref.words(), ref.Namespace), c, Remedy{Text: "Create the claim, or correct its name in the template."})
			f.subject, f.effect = ref, cannotStart
			return f
		},
	},
	{
		ID: "claim-unbound", Family: "storage", Class: ClassStorage,
		Signal: "PodScheduled=False, message “unbound immediate PersistentVolumeClaims”; the claim's own events say why", Cause: "a StorageClass that does not exist, no volume that fits, a provisioner that fails",
		Remedy: "mend what the claim's events name", Source: "scheduler volume binding; event ProvisioningFailed", pod: claimUnbound,
	},
	{
		ID: "volume-multi-attach", Family: "storage", Class: ClassStorage,
		Signal: "event FailedAttachVolume “Multi-Attach error”", Cause: "the disk is still attached to the node of the pod before, often one that does not answer", Remedy: "wait for it to detach; with strategy RollingUpdate a ReadWriteOnce disk blocks every rollout: use Recreate",
		Source: "attach-detach controller event",
		pod: func(p *pending) *finding {
			return p.volumeTrouble("volume-multi-attach", func(e event) bool {
				return e.reason == "FailedAttachVolume" && strings.Contains(e.message, "Multi-Attach")
			}, "is still attached to another node", "Wait for the disk to detach; if the other node is gone, delete its pod. A ReadWriteOnce disk needs strategy Recreate.")
		},
	},
	{
		ID: "volume-not-mounted", Family: "storage", Class: ClassStorage,
		Signal: "ContainerCreating, event FailedMount or FailedAttachVolume with any other message", Cause: "a CSI driver that is not on the node, a share that refuses, a timeout", Remedy: "read the event; look at the CSI driver on the node",
		Source: "kubelet event FailedMount",
		pod: func(p *pending) *finding {
			return p.volumeTrouble("volume-not-mounted", func(e event) bool {
				return e.reason == "FailedMount" || e.reason == "FailedAttachVolume" || e.reason == "FailedMapVolume"
			}, "cannot be mounted", "Read the event; look at the storage driver on the node.")
		},
	},
}

var claimNotFound = regexp.MustCompile(`persistentvolumeclaim "([^"]+)" (?:not found|is being deleted)`)

func claimUnbound(p *pending) *finding {
	c, ok := p.isUnschedulable()
	if !ok || !strings.Contains(c.Message, "unbound immediate PersistentVolumeClaims") && !strings.Contains(c.Message, "find available persistent volumes") {
		return nil
	}
	f := p.unscheduled("A volume claim of the pods is not bound", c, Remedy{Text: "Look at the claim's events."})
	f.effect = cannotStart
	for _, v := range p.pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := p.s.index.claims[Ref{KindClaim, p.pod.Namespace, v.PersistentVolumeClaim.ClaimName}]
		if claim == nil || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		f.subject = refOf(KindClaim, claim)
		f.what = p.s.claimWords(claim)
		f.remedy.Command = fmt.Sprintf("kubectl describe %s -n %s", f.subject, claim.Namespace)
		if e, ok := p.s.recent(f.subject, "ProvisioningFailed", "FailedBinding"); ok {
			f.show(e.evidence(f.subject), false)
		}
		return f
	}
	return f
}

func (s *Snapshot) claimWords(claim *corev1.PersistentVolumeClaim) string {
	ref := refOf(KindClaim, claim)
	why, told := s.recent(ref, "ProvisioningFailed", "FailedBinding")
	if class := claim.Spec.StorageClassName; class != nil && *class != "" {
		listed := s.knows("storageclasses", "") && len(s.storage) > 0
		if listed && !s.hasStorageClass(*class) || told && strings.Contains(why.message, fmt.Sprintf("storageclass.storage.k8s.io %q not found", *class)) {
			return fmt.Sprintf("%s asks for StorageClass %s, which does not exist", ref.words(), *class)
		}
	}
	if told {
		return fmt.Sprintf("%s is not bound to a volume: %s", ref.words(), s.brief(strings.TrimSuffix(why.message, "."), 160))
	}
	return ref.words() + " is not bound to a volume"
}

func (s *Snapshot) hasStorageClass(name string) bool {
	for _, c := range s.storage {
		if c.Name == name {
			return true
		}
	}
	return false
}

func (p *pending) volumeTrouble(key string, fits func(event) bool, what, fix string) *finding {
	if p.pod.DeletionTimestamp != nil || anyStarted(p.pod.Status.ContainerStatuses) || p.pod.Spec.NodeName == "" || p.s.age(p.pod.CreationTimestamp.Time) < 2*pendingSlack {
		return nil
	}
	ref := refOf(KindPod, p.pod)
	e, ok := p.s.recentThat(ref, fits)
	if !ok || notFound.MatchString(e.message) || keyInVolume.MatchString(e.message) {
		return nil
	}
	if m := driverMissing.FindStringSubmatch(e.message); m != nil {
		what += fmt.Sprintf(": storage driver %s is not on node %s", m[1], p.pod.Spec.NodeName)
	}
	return &finding{
		key: key, what: p.volumeIn(e.message) + " " + what, effect: cannotStart, state: "ContainerCreating", since: e.first, shown: []Evidence{e.evidence(ref)},
		remedy: Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.pod.Name, p.pod.Namespace)},
	}
}

var (
	volumeNamed   = regexp.MustCompile(`for volume "([^"]+)"`)
	driverMissing = regexp.MustCompile(`driver name (\S+) not found in the list of registered CSI drivers`)
)

// volumeIn is the volume that an event is about, as the template names it.
func (p *pending) volumeIn(message string) string {
	m := volumeNamed.FindStringSubmatch(message)
	for _, v := range p.pod.Spec.Volumes {
		claim := ""
		if v.PersistentVolumeClaim != nil {
			claim = v.PersistentVolumeClaim.ClaimName
		}
		bound := p.s.index.claims[Ref{KindClaim, p.pod.Namespace, claim}]
		if m == nil || v.Name != m[1] && (bound == nil || bound.Spec.VolumeName != m[1]) {
			continue // the attach-detach controller names the PersistentVolume, the kubelet the pod's volume
		}
		if claim != "" {
			return fmt.Sprintf("Volume %s (%s %s) of the pods", v.Name, KindClaim, claim)
		}
		return fmt.Sprintf("Volume %s of the pods", v.Name)
	}
	return "A volume of the pods"
}

// storageRules look at claims themselves.
var storageRules = []Rule{
	{
		ID: "claim-lost", Family: "storage", Class: ClassStorage,
		Signal: "PersistentVolumeClaim phase Lost", Cause: "the volume behind the claim was deleted", Remedy: "restore the volume, or make the claim anew from a backup", Source: "PersistentVolumeClaim status.phase",
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, claim := range s.claims {
				if claim.Status.Phase != corev1.ClaimLost {
					continue
				}
				ref := refOf(KindClaim, claim)
				found = append(found, &finding{
					subject: ref, hits: s.mounting(claim), what: fmt.Sprintf("%s has lost its volume %s", ref.words(), claim.Spec.VolumeName), sure: High, level: Degraded,
					shown:  []Evidence{{Object: ref, Field: "status.phase", Quote: "Lost"}},
					remedy: Remedy{Text: "Restore the volume from a backup.", Command: fmt.Sprintf("kubectl describe %s -n %s", ref, claim.Namespace)},
				})
			}
			return found
		},
	},
	{
		ID: "claim-pending", Family: "storage", Class: ClassStorage,
		Signal: "PersistentVolumeClaim Pending for more than 2 minutes and event ProvisioningFailed or FailedBinding, or a StorageClass that does not exist; WaitForFirstConsumer is normal", Cause: "a StorageClass that does not exist, a provisioner that fails",
		Remedy: "correct the StorageClass, or mend the provisioner", Source: "persistent volume controller events",
		snapshot: func(s *Snapshot) []*finding {
			var found []*finding
			for _, claim := range s.claims {
				if f := s.pendingClaim(claim); f != nil {
					found = append(found, f)
				}
			}
			return found
		},
	},
}

func (s *Snapshot) pendingClaim(claim *corev1.PersistentVolumeClaim) *finding {
	if claim.Status.Phase != corev1.ClaimPending || s.age(claim.CreationTimestamp.Time) < 2*time.Minute || claim.DeletionTimestamp != nil {
		return nil
	}
	ref := refOf(KindClaim, claim)
	e, failed := s.recent(ref, "ProvisioningFailed", "FailedBinding")
	noClass := strings.Contains(s.claimWords(claim), "does not exist")
	if !failed && !noClass || !noClass && s.waitsForConsumer(claim) && e.reason != "ProvisioningFailed" {
		return nil
	}
	for _, owner := range s.mounting(claim) {
		for _, p := range s.index.byRef[owner].pods {
			view := &pending{s: s, pod: p, owner: s.index.byRef[owner]}
			if _, waits := view.isUnschedulable(); waits {
				return nil // the rule about its pods says more
			}
		}
	}
	f := &finding{
		subject: ref, hits: s.mounting(claim), what: s.claimWords(claim), sure: High, level: Latent, since: claim.CreationTimestamp.Time,
		shown:  []Evidence{{Object: ref, Field: "status.phase", Quote: "Pending", At: moment(claim.CreationTimestamp.Time)}},
		remedy: Remedy{Text: "Correct the StorageClass, or mend the provisioner.", Command: fmt.Sprintf("kubectl describe %s -n %s", ref, claim.Namespace)},
	}
	if failed {
		f.show(e.evidence(ref), false)
	}
	return f
}

func (s *Snapshot) waitsForConsumer(claim *corev1.PersistentVolumeClaim) bool {
	for _, c := range s.storage {
		if claim.Spec.StorageClassName != nil && c.Name == *claim.Spec.StorageClassName {
			return c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
		}
	}
	return false
}

// mounting are the workloads whose pods mount the claim.
func (s *Snapshot) mounting(claim *corev1.PersistentVolumeClaim) []Ref {
	var refs []Ref
	for _, w := range s.index.workloads {
		if w.ref.Namespace != claim.Namespace {
			continue
		}
		for _, p := range w.pods {
			if mounts(p, claim.Name) {
				refs = append(refs, w.ref)
				break
			}
		}
	}
	return refs
}

func mounts(p *corev1.Pod, claim string) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim {
			return true
		}
	}
	return false
}
