package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// operatorSlack is how long an operator may take before a condition that isn't met counts.
const operatorSlack = 3 * time.Minute

var operatorRules = []Rule{
	{
		ID:       "secret-not-synced",
		Family:   "operators",
		Class:    ClassOperator,
		Signal:   "an ExternalSecret whose condition Ready, or a SealedSecret whose Synced, is False; without the object, its event UpdateFailed",
		Cause:    "the provider refuses or lacks the secret; the store's identity; a sealed value for another cluster",
		Remedy:   "fix what the message names; the Secret follows by itself",
		Source:   "External Secrets Operator and Sealed Secrets: status.conditions",
		snapshot: secretNotSynced,
	},
	{
		ID:       "scaler-not-ready",
		Family:   "operators",
		Class:    ClassOperator,
		Signal:   "condition Ready of a ScaledObject or ScaledJob of KEDA is False",
		Cause:    "a TriggerAuthentication or a Secret that is missing, a trigger that is wrong, a target that is not there",
		Remedy:   "fix what the message names",
		Source:   "KEDA: ScaledObject status.conditions",
		snapshot: scalerNotReady,
	},
	{
		ID:     "release-not-applied",
		Family: "operators",
		Class:  ClassRollout,
		Signal: "condition Ready of a HelmRelease or Kustomization of Flux is False and it is not suspended; an Application of Argo CD has an " +
			"error condition, or its last sync failed",
		Cause:    "a chart, a path or a manifest that is wrong or that the cluster refuses, so that what is in Git doesn't arrive",
		Remedy:   "fix it in Git: what is changed in the cluster is overwritten",
		Source:   "Flux: status.conditions; Argo CD: status.conditions, status.operationState",
		snapshot: releaseNotApplied,
	},
	scalerPausedRule,
	operatedRule,
}

func secretNotSynced(s *facts.Snapshot) []*Finding {
	var found []*Finding
	read := map[facts.Ref]bool{}
	for _, o := range s.OfKind(facts.KindExternalSecret, facts.KindSealedSecret) {
		ref := facts.RefOf(o.GetKind(), o)
		read[ref] = true
		c, ok := notSynced(s, o)
		if !ok {
			continue
		}
		message, shown := reasonOf(s, ref, c)
		found = append(found, unsynced(s, ref, facts.MadeBy(o), message, c.Since, shown...))
	}
	for _, ref := range s.EventedOf(facts.KindExternalSecret, facts.KindSealedSecret) {
		e, ok := s.Recent(ref, "UpdateFailed", "SecretSyncedError", "ErrUpdateFailed", "ErrUnsealFailed")
		if made := (facts.Ref{Kind: facts.KindSecret, Namespace: ref.Namespace, Name: ref.Name}); ok && !read[ref] && s.Contents(made) == nil {
			found = append(found, unsynced(s, ref, made, e.Message, e.First, e.Evidence(ref)))
		}
	}
	return found
}

// notSynced is the condition of an ExternalSecret or a SealedSecret that its operator can't make a Secret of; ok is false where it can.
func notSynced(s *facts.Snapshot, o *unstructured.Unstructured) (c facts.Condition, ok bool) {
	kind := "Ready"
	if o.GetKind() == facts.KindSealedSecret {
		kind = "Synced"
	}
	c = facts.ConditionOf(o, kind)
	return c, c.False() && (c.Since.IsZero() || s.Age(c.Since) >= operatorSlack)
}

// reasonOf is why an operator's object isn't well: what its condition says, or, where that says nothing that one could act on, what the
// operator's latest warning about it does.
func reasonOf(s *facts.Snapshot, ref facts.Ref, c facts.Condition) (message string, shown []facts.Evidence) {
	shown = []facts.Evidence{{Object: ref, Field: "status.conditions[" + c.Type + "]", Quote: saysOf(c), At: facts.Moment(c.Since)}}
	e, ok := s.RecentThat(ref, func(e facts.Event) bool { return e.Warning && e.Message != c.Message })
	if ok && facts.TroubleOf(c.Message) == facts.TroubleUnclear && (vague.MatchString(c.Message) || len(e.Message) > 2*len(c.Message)) {
		return e.Message, append([]facts.Evidence{e.Evidence(ref)}, shown...)
	}
	return c.Message, shown
}

// vague are the words of conditions that only say that something is wrong.
var vague = regexp.MustCompile(`(?i)^(?:$|could not get secret data from provider|.*not working correctly|.*(?:see|check) (?:the ` +
	`)?(?:events|logs).*|` +
	`[a-z ]*(?:failed|error|not ready)\.?)$`)

// unsynced says what a Secret's operator can't do, and what that means for the Secret and those who use it.
func unsynced(s *facts.Snapshot, ref, made facts.Ref, message string, since time.Time, shown ...facts.Evidence) *Finding {
	f := &Finding{
		Subject: ref, Sure: High, Level: Latent, Since: since, Shown: shown,
		Remedy: Remedy{
			Text:    secretRemedies.against(s, message, "Fix what the message names; the Secret follows by itself."),
			Command: fmt.Sprintf("kubectl describe %s -n %s", ref, ref.Namespace),
		},
	}
	for _, w := range s.UsersOf(made) {
		if w.Ready < w.Desired {
			f.Hits = append(f.Hits, w.Ref)
			f.Level = Degraded
		}
	}
	then := fmt.Sprintf("; Secret %s keeps its old value", made.Name)
	if s.Contents(made) == nil {
		then = fmt.Sprintf(", so Secret %s does not exist", made.Name)
	}
	f.What = because(s, fmt.Sprintf("%s cannot sync", ref.Words()), message) + then
	return f
}

// saysOf is what a condition says, with its reason.
func saysOf(c facts.Condition) string { return strings.Trim(c.Reason+": "+c.Message, ": ") }

// secretRemedies help against what the provider of a secret says.
var secretRemedies = remedies{
	facts.TroubleExpired:  "Renew the credentials of its SecretStore.",
	facts.TroubleRights:   "Give the identity of its SecretStore the right to read that secret.",
	facts.TroubleFirewall: "Admit the cluster's address in the provider's firewall.",
	facts.TroubleMissing:  "Create the secret in the provider, or correct its name in the object.",
	facts.TroubleNetwork:  "Check the way from the cluster to the provider.",
}

func scalerNotReady(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.OfKind(facts.KindScaledObject, facts.KindScaledJob) {
		ref := facts.RefOf(o.GetKind(), o)
		c := facts.ConditionOf(o, "Ready")
		if !c.False() || s.Age(c.Since) < operatorSlack && !c.Since.IsZero() {
			continue
		}
		message, shown := reasonOf(s, ref, c)
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Degraded, Since: c.Since,
			What:   because(s, fmt.Sprintf("%s cannot scale", ref.Words()), message),
			Shown:  shown,
			Remedy: Remedy{Text: "Fix what the message names.", Command: fmt.Sprintf("kubectl describe %s -n %s", ref, ref.Namespace)},
		}
		if target := facts.ScaleTarget(o); target != (facts.Ref{}) {
			f.Hits = append(f.Hits, target)
			f.What = because(s, fmt.Sprintf("%s cannot scale %s", ref.Words(), target.Words()), message)
		}
		found = append(found, f)
	}
	return found
}

func releaseNotApplied(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.OfKind(facts.KindHelmRelease, facts.KindKustomization, facts.KindApplication) {
		c, ok := refusedRelease(o)
		if suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend"); !ok || suspended ||
			s.Age(c.Since) < operatorSlack && !c.Since.IsZero() {
			continue
		}
		ref := facts.RefOf(o.GetKind(), o)
		f := &Finding{
			Subject: ref, Hits: append([]facts.Ref{ref}, managed(s, o)...), Sure: High, Level: Degraded, Since: c.Since,
			What: because(s, fmt.Sprintf("%s is not applied (%s)", ref.Words(), c.Reason), c.Message),
			Shown: []facts.Evidence{{
				Object: ref, Field: "status." + c.Type, Quote: saysOf(c), At: facts.Moment(c.Since),
			}},
			Remedy: Remedy{
				Text:    "Fix it in Git: what is changed in the cluster is overwritten.",
				Command: fmt.Sprintf("kubectl describe %s -n %s", ref, ref.Namespace),
			},
		}
		if waitsForPods.MatchString(c.Message) {
			f.Sure, f.Unsure = Medium, "It waits for its pods; why they aren't ready is the cause."
		}
		found = append(found, f)
	}
	return found
}

// waitsForPods are the words of a release that was applied and whose pods didn't get ready.
var waitsForPods = regexp.MustCompile(`(?i)timed out waiting|deadline exceeded|health ?check|not ready|progress deadline|resource .* is in`)

// refusedRelease is what keeps a release of Flux or Argo CD from being applied.
func refusedRelease(o *unstructured.Unstructured) (c facts.Condition, ok bool) {
	if o.GetKind() != facts.KindApplication {
		c = facts.ConditionOf(o, "Ready")
		c.Type = "conditions[Ready]"
		return c, c.False() && c.Reason != "DependencyNotReady"
	}
	list, _, _ := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
	for _, c := range facts.ConditionsIn(list) {
		if strings.HasSuffix(c.Type, "Error") { // ComparisonError, SyncError, InvalidSpecError
			return facts.Condition{Type: "conditions[" + c.Type + "]", Reason: c.Type, Message: c.Message, Since: c.Since}, true
		}
	}
	phase := facts.Text(o, "status", "operationState", "phase")
	since := Moments(o, "status", "operationState", "finishedAt")
	return facts.Condition{
		Type: "operationState", Reason: "sync " + strings.ToLower(phase), Since: since,
		Message: facts.Text(o, "status", "operationState", "message"),
	}, phase == "Failed" || phase == "Error"
}

// managed are the workloads that a release made, by the labels and annotations of its tool.
func managed(s *facts.Snapshot, o *unstructured.Unstructured) []facts.Ref {
	release, target := facts.Text(o, "spec", "releaseName"), facts.Text(o, "spec", "targetNamespace")
	if o.GetKind() == facts.KindApplication {
		target = facts.Text(o, "spec", "destination", "namespace")
	}
	names := []string{o.GetName()}
	if release != "" {
		names = append(names, release)
	}
	if target == "" {
		target = o.GetNamespace()
	}
	var found []facts.Ref
	for _, w := range s.Workloads() {
		labels, annotations := s.LabelsOf(w)
		ours := false
		switch o.GetKind() {
		case facts.KindHelmRelease:
			ours = labels["helm.toolkit.fluxcd.io/name"] == o.GetName() ||
				w.Ref.Namespace == target && slices.Contains(names, annotations["meta.helm.sh/release-name"])
		case facts.KindKustomization:
			ours = labels["kustomize.toolkit.fluxcd.io/name"] == o.GetName() && labels["kustomize.toolkit.fluxcd.io/namespace"] == o.GetNamespace()
		case facts.KindApplication:
			ours = labels["argocd.argoproj.io/instance"] == o.GetName() ||
				strings.HasPrefix(annotations["argocd.argoproj.io/tracking-id"], o.GetName()+":") ||
				w.Ref.Namespace == target && labels["app.kubernetes.io/instance"] == o.GetName()
		}
		if ours {
			found = append(found, w.Ref)
		}
	}
	return found
}
