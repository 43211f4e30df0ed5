package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// storagePodRules are about pods that wait for a volume.
var storagePodRules = []Rule{
	{
		ID:     "claim-missing",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "PodScheduled=False, message “persistentvolumeclaim \"x\" not found”",
		Cause:  "the claim was never created, was deleted, or is named differently",
		Remedy: "create the claim",
		Source: "scheduler volume binding",
		pod: func(p *facts.Pending) *Finding {
			c, ok := isUnschedulable(p)
			m := claimNotFound.FindStringSubmatch(c.Message)
			if !ok || m == nil {
				return nil
			}
			ref := facts.Ref{Kind: facts.KindClaim, Namespace: p.Pod.Namespace, Name: m[1]}
			f := unscheduled(
				p,
				fmt.Sprintf("%s does not exist in namespace %s", ref.Words(), ref.Namespace),
				c,
				Remedy{Text: "Create the claim, or correct its name in the template."},
			)
			f.Subject, f.Effect = ref, CannotStart
			return f
		},
	},
	{
		ID:     "claim-unbound",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "PodScheduled=False, message “unbound immediate PersistentVolumeClaims”; the claim's own events say why",
		Cause:  "a StorageClass that does not exist, no volume that fits, a provisioner that fails",
		Remedy: "fix what the claim's events name",
		Source: "scheduler volume binding; event ProvisioningFailed",
		pod:    claimUnbound,
	},
	{
		ID:     "volume-multi-attach",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "event FailedAttachVolume “Multi-Attach error”",
		Cause:  "the disk is still attached to the node of the pod before, often one that does not answer",
		Remedy: "wait for it to detach; with strategy RollingUpdate a ReadWriteOnce disk blocks every rollout: use Recreate",
		Source: "attach-detach controller event",
		pod: func(p *facts.Pending) *Finding {
			return volumeTrouble(p, "volume-multi-attach", func(e facts.Event) bool {
				return e.Reason == "FailedAttachVolume" && strings.Contains(e.Message, "Multi-Attach")
			}, "is still attached to another node", "Wait for the disk to detach; if the other node is gone, delete its pod. A ReadWriteOnce "+
				"disk needs strategy Recreate.")
		},
	},
	{
		ID:     "volume-not-mounted",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "ContainerCreating, event FailedMount or FailedAttachVolume with any other message",
		Cause:  "a CSI driver that is not on the node, a share that refuses, a timeout",
		Remedy: "read the event; look at the CSI driver on the node",
		Source: "kubelet event FailedMount",
		pod: func(p *facts.Pending) *Finding {
			return volumeTrouble(p, notMounted, func(e facts.Event) bool {
				return e.Reason == "FailedMount" || e.Reason == "FailedAttachVolume" || e.Reason == "FailedMapVolume"
			}, "cannot be mounted", "Read the event; look at the storage driver on the node.")
		},
	},
}

const notMounted = "volume-not-mounted"

// mountRemedies help against what a driver or a share says of itself.
var mountRemedies = remedies{
	facts.TroubleExpired:  "Renew the credential that the driver uses, then wait: the kubelet tries again by itself.",
	facts.TroubleRights:   "Give the identity that mounts it the right, or renew the key or password in the Secret that the volume names.",
	facts.TroubleFirewall: "Admit the address of the nodes in the firewall of the store.",
	facts.TroubleLimit:    "Raise the limit, or move pods with volumes to another node.",
	facts.TroubleMissing:  "Create what the message names, or correct the name in the volume.",
	facts.TroubleNetwork:  "Check DNS and the connection from the node to the store.",
}

var claimNotFound = regexp.MustCompile(`persistentvolumeclaim "([^"]+)" (?:not found|is being deleted)`)

func claimUnbound(p *facts.Pending) *Finding {
	c, ok := isUnschedulable(p)
	if !ok ||
		!strings.Contains(c.Message, "unbound immediate PersistentVolumeClaims") &&
			!strings.Contains(c.Message, "find available persistent volumes") {
		return nil
	}
	f := unscheduled(p, "A volume claim of the pods is not bound", c, Remedy{Text: "Look at the claim's events."})
	f.Effect = CannotStart
	for _, v := range p.Pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := p.Snapshot.Claim(facts.Ref{Kind: facts.KindClaim, Namespace: p.Pod.Namespace, Name: v.PersistentVolumeClaim.ClaimName})
		if claim == nil || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		f.Subject = facts.RefOf(facts.KindClaim, claim)
		f.What = claimWords(p.Snapshot, claim)
		f.Remedy.Command = fmt.Sprintf("kubectl describe %s -n %s", f.Subject, claim.Namespace)
		if kept := unfit(p.Snapshot, claim); len(kept) > 0 {
			f.Remedy.Text = "Correct the claim, or add a volume that fits it; a released one is free again without its claimRef."
			f.show(facts.Evidence{Object: f.Subject, Field: "computed", Quote: strings.Join(kept, "; ")}, false)
		}
		if e, ok := p.Snapshot.Recent(f.Subject, "ProvisioningFailed", "FailedBinding"); ok {
			f.show(e.Evidence(f.Subject), false)
		}
		return f
	}
	return f
}

func claimWords(s *facts.Snapshot, claim *corev1.PersistentVolumeClaim) string {
	ref := facts.RefOf(facts.KindClaim, claim)
	why, told := s.Recent(ref, "ProvisioningFailed", "FailedBinding")
	if class := claim.Spec.StorageClassName; class != nil && *class != "" {
		listed := s.Knows("storageclasses", "") && len(s.StorageClasses()) > 0
		if listed && !hasStorageClass(s, *class) ||
			told && strings.Contains(why.Message, fmt.Sprintf("storageclass.storage.k8s.io %q not found", *class)) {
			return fmt.Sprintf("%s asks for StorageClass %s, which does not exist", ref.Words(), *class)
		}
	}
	if kept := unfit(s, claim); len(kept) > 0 && (!told || noVolume.MatchString(why.Message)) {
		return fmt.Sprintf("No volume fits %s (%s): %s", ref.Words(), claimAsks(claim), words.Few(kept, 3))
	}
	if told {
		return because(s, ref.Words()+" is not bound to a volume", strings.TrimSuffix(why.Message, "."))
	}
	return ref.Words() + " is not bound to a volume"
}

func hasStorageClass(s *facts.Snapshot, name string) bool {
	for _, c := range s.StorageClasses() {
		if c.Name == name {
			return true
		}
	}
	return false
}

func volumeTrouble(p *facts.Pending, key string, fits func(facts.Event) bool, what, fix string) *Finding {
	if p.Pod.DeletionTimestamp != nil || anyStarted(p.Pod.Status.ContainerStatuses) || p.Pod.Spec.NodeName == "" ||
		p.Snapshot.Age(p.Pod.CreationTimestamp.Time) < 2*facts.PendingSlack {
		return nil
	}
	ref := facts.RefOf(facts.KindPod, p.Pod)
	e, ok := p.Snapshot.RecentThat(ref, fits)
	if !ok || namesMissing(e.Message) || keyInVolume.MatchString(e.Message) {
		return nil
	}
	what = volumeIn(p, e.Message) + " " + what
	if m := driverMissing.FindStringSubmatch(e.Message); m != nil {
		what += fmt.Sprintf(": storage driver %s is not on node %s", m[1], p.Pod.Spec.NodeName)
	} else if key == notMounted {
		what, fix = because(p.Snapshot, what, e.Message), mountRemedies.against(p.Snapshot, e.Message, fix)
	}
	return &Finding{
		Key:    key,
		What:   what,
		Effect: CannotStart,
		State:  "ContainerCreating",
		Since:  e.First,
		Shown:  []facts.Evidence{e.Evidence(ref)},
		Remedy: Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", p.Pod.Name, p.Pod.Namespace)},
	}
}

var (
	volumeNamed   = regexp.MustCompile(`for volume "([^"]+)"`)
	driverMissing = regexp.MustCompile(`driver name (\S+) not found in the list of registered CSI drivers`)
)

// volumeIn is the volume that an event is about, as the template names it.
func volumeIn(p *facts.Pending, message string) string {
	m := volumeNamed.FindStringSubmatch(message)
	for _, v := range p.Pod.Spec.Volumes {
		claim := ""
		if v.PersistentVolumeClaim != nil {
			claim = v.PersistentVolumeClaim.ClaimName
		}
		bound := p.Snapshot.Claim(facts.Ref{Kind: facts.KindClaim, Namespace: p.Pod.Namespace, Name: claim})
		if m == nil || v.Name != m[1] && (bound == nil || bound.Spec.VolumeName != m[1]) {
			continue // the attach-detach controller names the PersistentVolume, the kubelet the pod's volume
		}
		if claim != "" {
			return fmt.Sprintf("Volume %s (%s %s) of the pods", v.Name, facts.KindClaim, claim)
		}
		return fmt.Sprintf("Volume %s of the pods", v.Name)
	}
	return "A volume of the pods"
}

// storageRules are about claims themselves.
var storageRules = []Rule{
	{
		ID:     "claim-lost",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "PersistentVolumeClaim phase Lost",
		Cause:  "the volume behind the claim was deleted",
		Remedy: "restore the volume, or recreate the claim from a backup",
		Source: "PersistentVolumeClaim status.phase",
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, claim := range s.Claims() {
				if claim.Status.Phase != corev1.ClaimLost {
					continue
				}
				ref := facts.RefOf(facts.KindClaim, claim)
				found = append(found, &Finding{
					Subject: ref,
					Hits:    mounting(s, claim),
					What:    fmt.Sprintf("%s has lost its volume %s", ref.Words(), claim.Spec.VolumeName),
					Sure:    High,
					Level:   Degraded,
					Shown:   []facts.Evidence{{Object: ref, Field: "status.phase", Quote: "Lost"}},
					Remedy:  Remedy{Text: "Restore the volume from a backup.", Command: fmt.Sprintf("kubectl describe %s -n %s", ref, claim.Namespace)},
				})
			}
			return found
		},
	},
	{
		ID:     "claim-pending",
		Family: "storage",
		Class:  ClassStorage,
		Signal: "PersistentVolumeClaim Pending for more than 2 minutes and event ProvisioningFailed or FailedBinding, or a StorageClass " +
			"that does not exist; WaitForFirstConsumer is normal",
		Cause:  "a StorageClass that does not exist, a provisioner that fails",
		Remedy: "correct the StorageClass, or fix the provisioner",
		Source: "persistent volume controller events",
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, claim := range s.Claims() {
				if f := pendingClaim(s, claim); f != nil {
					found = append(found, f)
				}
			}
			return found
		},
	},
}

func pendingClaim(s *facts.Snapshot, claim *corev1.PersistentVolumeClaim) *Finding {
	if claim.Status.Phase != corev1.ClaimPending || s.Age(claim.CreationTimestamp.Time) < 2*time.Minute || claim.DeletionTimestamp != nil {
		return nil
	}
	ref := facts.RefOf(facts.KindClaim, claim)
	e, failed := s.Recent(ref, "ProvisioningFailed", "FailedBinding")
	noClass := strings.Contains(claimWords(s, claim), "does not exist")
	if !failed && !noClass || !noClass && waitsForConsumer(s, claim) && e.Reason != "ProvisioningFailed" {
		return nil
	}
	for _, owner := range mounting(s, claim) {
		for _, p := range s.Workload(owner).Pods {
			view := &facts.Pending{Snapshot: s, Pod: p, Owner: s.Workload(owner)}
			if _, waits := isUnschedulable(view); waits {
				return nil // the rule about its pods says more
			}
		}
	}
	f := &Finding{
		Subject: ref, Hits: mounting(s, claim), What: claimWords(s, claim), Sure: High, Level: Latent, Since: claim.CreationTimestamp.Time,
		Shown: []facts.Evidence{{Object: ref, Field: "status.phase", Quote: "Pending", At: facts.Moment(claim.CreationTimestamp.Time)}},
		Remedy: Remedy{
			Text:    "Correct the StorageClass, or fix the provisioner.",
			Command: fmt.Sprintf("kubectl describe %s -n %s", ref, claim.Namespace),
		},
	}
	if failed {
		f.show(e.Evidence(ref), false)
	}
	return f
}

func waitsForConsumer(s *facts.Snapshot, claim *corev1.PersistentVolumeClaim) bool {
	for _, c := range s.StorageClasses() {
		if claim.Spec.StorageClassName != nil && c.Name == *claim.Spec.StorageClassName {
			return c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
		}
	}
	return false
}

// mounting are the workloads whose pods mount the claim.
func mounting(s *facts.Snapshot, claim *corev1.PersistentVolumeClaim) []facts.Ref {
	var refs []facts.Ref
	for _, w := range s.Workloads() {
		if w.Ref.Namespace != claim.Namespace {
			continue
		}
		for _, p := range w.Pods {
			if mounts(p, claim.Name) {
				refs = append(refs, w.Ref)
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
