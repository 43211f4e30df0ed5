package rules

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const configSource = "kubelet kubelet_pods.go: the waiting message of CreateContainerConfigError"

var startRules = []Rule{
	{
		ID:        "secret-missing",
		Family:    "start",
		Class:     ClassConfig,
		Signal:    "waiting CreateContainerConfigError, message “secret \"x\" not found”",
		Cause:     "the Secret was never created in this namespace, was deleted, or is named differently",
		Remedy:    "create the Secret; the pods retry on their own",
		Source:    configSource,
		container: func(c *facts.Container) *Finding { return missingObject(c, facts.KindSecret) },
	},
	{
		ID:        "configmap-missing",
		Family:    "start",
		Class:     ClassConfig,
		Signal:    "waiting CreateContainerConfigError, message “configmap \"x\" not found”",
		Cause:     "the ConfigMap was never created in this namespace, was deleted, or is named differently",
		Remedy:    "create the ConfigMap; the pods retry on their own",
		Source:    configSource,
		container: func(c *facts.Container) *Finding { return missingObject(c, facts.KindConfigMap) },
	},
	{
		ID:        "secret-key-missing",
		Family:    "start",
		Class:     ClassConfig,
		Signal:    "waiting CreateContainerConfigError, message “couldn't find key k in Secret ns/x”",
		Cause:     "the key was renamed, is spelled in other letters, or was lost in an update",
		Remedy:    "add the key, or correct the reference",
		Source:    configSource,
		container: func(c *facts.Container) *Finding { return missingKey(c, facts.KindSecret) },
	},
	{
		ID:        "configmap-key-missing",
		Family:    "start",
		Class:     ClassConfig,
		Signal:    "waiting CreateContainerConfigError, message “couldn't find key k in ConfigMap ns/x”",
		Cause:     "the key was renamed, is spelled in other letters, or was lost in an update",
		Remedy:    "add the key, or correct the reference",
		Source:    configSource,
		container: func(c *facts.Container) *Finding { return missingKey(c, facts.KindConfigMap) },
	},
	{
		ID:     "run-as-root",
		Family: "start",
		Class:  ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “runAsNonRoot and image will run as root” or “non-numeric user”",
		Cause:  "the image names no numeric user, and the pod forbids root",
		Remedy: "set runAsUser, or a numeric USER in the image",
		Source: "kubelet kuberuntime/security_context.go",
		container: func(c *facts.Container) *Finding {
			_, message := c.Waits()
			if !strings.Contains(message, "runAsNonRoot") && !strings.Contains(message, "non-numeric user") {
				return nil
			}
			return &Finding{
				What: fmt.Sprintf("The image of %s would run as root, which the pod's runAsNonRoot forbids", c.Words()), Effect: CannotStart,
				Shown: []facts.Evidence{c.WaitingEvidence()}, Remedy: rollbackOr(c, "Set runAsUser to the numeric user of the image."),
			}
		},
	},
	{
		ID:     "command-not-found",
		Family: "start",
		Class:  ClassCrash,
		Signal: "RunContainerError, CreateContainerError or StartError (or a log that ends so) with “executable file not found”, " +
			"“no such file or directory”, “permission denied” or “exec format error”; or exit code 126 or 127",
		Cause:     "a wrong entrypoint, a binary that is not in the image or not executable, an image for another architecture",
		Remedy:    "correct the command or the image; roll back if the revision before worked",
		Source:    "OCI runtime errors in the container's status; POSIX exit codes 126 and 127",
		container: commandNotFound,
	},
	{
		ID:     "post-start-hook",
		Family: "start",
		Class:  ClassCrash,
		Signal: "waiting PostStartHookError, or event FailedPostStartHook",
		Cause:  "the postStart command of the container fails",
		Remedy: "correct the hook",
		Source: "kubelet kuberuntime ErrPostStartHook",
		container: func(c *facts.Container) *Finding {
			reason, _ := c.Waits()
			failed, seen := c.Snapshot.Recent(c.Ref(), "FailedPostStartHook")
			if reason != "PostStartHookError" && (!seen || !c.Crashing) {
				return nil
			}
			f := &Finding{
				What: fmt.Sprintf("The postStart hook of %s fails", c.Words()), Effect: KeepCrashing,
				Shown: []facts.Evidence{c.WaitingEvidence()}, Remedy: rollbackOr(c, "Correct the command of the postStart hook."),
			}
			if seen {
				f.show(failed.Evidence(c.Ref()), false)
			}
			return f
		},
	},
	{
		ID:     "container-not-created",
		Family: "start",
		Class:  ClassConfig,
		Signal: "waiting CreateContainerConfigError, CreateContainerError, RunContainerError or PreCreateHookError with any other message",
		Cause:  "see the message",
		Remedy: "read the message; roll back if the revision before worked",
		Source: "kubelet kuberuntime_container.go",
		container: func(c *facts.Container) *Finding {
			reason, message := c.Waits()
			if !slices.Contains(
				[]string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError", "PreCreateHookError"},
				reason,
			) {
				return nil
			}
			return &Finding{
				Key:    c.Spec.Name,
				What:   because(c.Snapshot, fmt.Sprintf("The node cannot create %s", c.Words()), message),
				Effect: CannotStart,
				Shown:  []facts.Evidence{c.WaitingEvidence()},
				Remedy: rollbackOr(c, "Fix what the message names."),
				Sure:   Medium,
				Unsure: "Only the node's message says why.",
			}
		},
	},
	{
		ID:     "volume-source-missing",
		Family: "start",
		Class:  ClassConfig,
		Signal: "ContainerCreating, event FailedMount “secret \"x\" not found”, “configmap … not found” or “references " +
			"non-existent … key”; or, when the event has expired, a volume of a Secret or ConfigMap that was looked for and is not there",
		Cause:  "the pod mounts a Secret or ConfigMap that is not in its namespace",
		Remedy: "create it; the pods retry on their own",
		Source: "kubelet volume/secret and volume/configmap: event FailedMount",
		pod:    volumeSourceMissing,
	},
	{
		ID:     "sandbox-failed",
		Family: "start",
		Class:  ClassNode,
		Signal: "ContainerCreating, event FailedCreatePodSandBox",
		Cause:  "no free IP address in the subnet, a network plugin that is down or not ready",
		Remedy: "look at the network plugin on that node",
		Source: "kubelet event FailedCreatePodSandBox",
		pod: func(p *facts.Pending) *Finding {
			ref := facts.RefOf(facts.KindPod, p.Pod)
			failed, ok := p.Snapshot.Recent(ref, "FailedCreatePodSandBox", "FailedCreatePodSandbox")
			if !ok || p.Pod.DeletionTimestamp != nil || anyStarted(p.Pod.Status.ContainerStatuses) ||
				p.Snapshot.Age(p.Pod.CreationTimestamp.Time) < facts.PendingSlack {
				return nil
			}
			f := &Finding{
				Subject: facts.Ref{Kind: facts.KindNode, Name: p.Pod.Spec.NodeName},
				What:    networkFailed(p.Pod.Spec.NodeName, failed.Message),
				Effect:  CannotStart,
				State:   "ContainerCreating",
				Shown:   []facts.Evidence{failed.Evidence(ref)},
				Remedy: Remedy{
					Text:    "Look at the network plugin and the free addresses of the node.",
					Command: "kubectl describe node " + p.Pod.Spec.NodeName,
				},
			}
			if m := networkPlugin.FindStringSubmatch(failed.Message); m != nil {
				f.Product = m[1]
			}
			if noAddress.MatchString(failed.Message) {
				f.What += ": there is no free IP address"
				f.Remedy.Text = "Free addresses of the subnet or the node's range, or make it bigger."
			} else {
				f.What = because(p.Snapshot, f.What, failed.Message)
				f.Remedy.Text = sandboxRemedies.against(p.Snapshot, failed.Message, f.Remedy.Text)
			}
			return f
		},
	},
}

// networkFailed says what can't set up a pod's network: the node, and the plugin where the message names it.
func networkFailed(node, message string) string {
	if m := networkPlugin.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("Node %s cannot set up the network of new pods (%s)", node, m[1])
	}
	return fmt.Sprintf("Node %s cannot set up the network of new pods", node)
}

// sandboxRemedies help against what a network plugin says of itself.
var sandboxRemedies = remedies{
	facts.TroubleExpired: "Restart the network plugin's pod on that node: it gets a new token.",
	facts.TroubleRights:  "Restart the network plugin's pod on that node: it gets a new token.",
	facts.TroubleNetwork: "Look at the network plugin's pod on that node: it doesn't answer, or doesn't reach the API server.",
}

var (
	// networkPlugin is the first word of the plugin that the kubelet's runtime could not call, such as "calico" or "aws".
	networkPlugin = regexp.MustCompile(`plugin type="([a-z0-9]+)`)
	// noAddress is what the plugins of AWS, Azure, Google and CNI's own host-local say.
	noAddress = regexp.MustCompile(
		`(?i)failed to assign an IP address|not enough IPs available|no (?:more )?(?:available|free) (?:IP|addresses)|no IP addresses ` +
			`available|InsufficientFreeAddresses|range set is full|IP_SPACE_EXHAUSTED|No IPs available|AddressPrefix.*exhausted`,
	)
	keyInVolume = regexp.MustCompile(`references non-existent (secret|config) key: (\S+)`)
)

// namesMissing reports whether the message names a Secret or ConfigMap that the pod can't get.
func namesMissing(message string) bool {
	_, _, found := facts.ReadMissing(message)
	return found
}

func missingObject(c *facts.Container, kind string) *Finding {
	if reason, _ := c.Waits(); reason != "CreateContainerConfigError" {
		return nil
	}
	_, message := c.Waits()
	missing, forbidden, found := facts.ReadMissing(message)
	if !found || forbidden || missing.Kind != kind {
		return nil
	}
	ref := facts.Ref{Kind: kind, Namespace: c.Pod.Namespace, Name: missing.Name}
	f := &Finding{
		Subject: ref, What: fmt.Sprintf("%s does not exist in namespace %s", ref.Words(), ref.Namespace), Effect: CannotStart,
		Shown: []facts.Evidence{c.WaitingEvidence()}, Remedy: backOr(c, createRemedy(ref, keysOf(c, ref)...), ref, ""),
	}
	nearName(c.Snapshot, f, ref)
	maker(c.Snapshot, f, ref)
	return f
}

// nearName adds the name that was probably meant, where names were read.
func nearName(s *facts.Snapshot, f *Finding, ref facts.Ref) {
	others := slices.DeleteFunc(s.ConfigNames(ref.Kind, ref.Namespace), func(name string) bool { return name == ref.Name })
	if near := words.NearestName(ref.Name, others); near != "" {
		f.show(
			facts.Evidence{
				Object: facts.Ref{Kind: ref.Kind, Namespace: ref.Namespace, Name: near},
				Field:  "metadata.name",
				Quote:  fmt.Sprintf("there is a %s %s", ref.Kind, near),
			},
			false,
		)
	}
}

// keysOf lists the keys of a Secret or ConfigMap that the container asks for.
func keysOf(c *facts.Container, ref facts.Ref) []string {
	var found []string
	for _, env := range c.Spec.Env {
		if env.ValueFrom == nil {
			continue
		}
		if from := env.ValueFrom.SecretKeyRef; from != nil && ref.Kind == facts.KindSecret && from.Name == ref.Name &&
			!slices.Contains(found, from.Key) {
			found = append(found, from.Key)
		}
		if from := env.ValueFrom.ConfigMapKeyRef; from != nil && ref.Kind == facts.KindConfigMap && from.Name == ref.Name &&
			!slices.Contains(found, from.Key) {
			found = append(found, from.Key)
		}
	}
	return found
}

func createRemedy(ref facts.Ref, keys ...string) Remedy {
	var b strings.Builder
	if ref.Kind == facts.KindSecret {
		fmt.Fprintf(&b, "kubectl create secret generic %s -n %s", ref.Name, ref.Namespace)
	} else {
		fmt.Fprintf(&b, "kubectl create configmap %s -n %s", ref.Name, ref.Namespace)
	}
	for _, key := range keys {
		fmt.Fprintf(&b, " --from-file=%s=FILE", key)
	}
	return Remedy{
		Text:    fmt.Sprintf("Create %s in %s; the pods start on their own within a minute or two.", ref.Words(), ref.Namespace),
		Command: b.String(),
	}
}

func missingKey(c *facts.Container, kind string) *Finding {
	_, message := c.Waits()
	ref, key, found := facts.ReadMissingKey(message)
	if !found || ref.Kind != kind {
		return nil
	}
	f := keyFinding(c.Snapshot, ref, key, CannotStart, c.WaitingEvidence())
	f.Remedy = backOr(c, f.Remedy, ref, key)
	return f
}

func keyFinding(s *facts.Snapshot, ref facts.Ref, key string, does Effect, evidence facts.Evidence) *Finding {
	f := &Finding{
		Subject: ref, Key: key, What: fmt.Sprintf("%s has no key %s", ref.Words(), key), Effect: does, Shown: []facts.Evidence{evidence},
		Remedy: Remedy{
			Text: fmt.Sprintf(
				"Add the key %s to %s, or correct the reference; the pods start on their own within a minute or two.",
				key,
				ref.Words(),
			),
			Command: fmt.Sprintf("kubectl edit %s -n %s", ref, ref.Namespace),
		},
	}
	if have := s.Contents(ref); have != nil && have.Known {
		names := make([]string, 0, len(have.Names))
		for name := range have.Names {
			names = append(names, name)
		}
		sort.Strings(names)
		quote := "it has no keys"
		if len(names) > 0 {
			quote = "its keys are " + words.Few(names, 4)
		}
		f.show(facts.Evidence{Object: ref, Field: "data", Quote: quote}, false)
	}
	return f
}

// volumeSourceMissing reads the kubelet's event; when that has expired, it compares the volumes with what was read.
func volumeSourceMissing(p *facts.Pending) *Finding {
	if p.Pod.DeletionTimestamp != nil || anyStarted(p.Pod.Status.ContainerStatuses) || p.Pod.Spec.NodeName == "" ||
		p.Snapshot.Age(p.Pod.CreationTimestamp.Time) < facts.PendingSlack {
		return nil
	}
	ref := facts.RefOf(facts.KindPod, p.Pod)
	failed, ok := p.Snapshot.RecentThat(ref, func(e facts.Event) bool {
		return e.Reason == "FailedMount" && (namesMissing(e.Message) || keyInVolume.MatchString(e.Message))
	})
	for _, v := range p.Pod.Spec.Volumes {
		source, optional := facts.VolumeSource(v, p.Pod.Namespace)
		if source == (facts.Ref{}) || optional {
			continue
		}
		if ok && strings.Contains(failed.Message, `"`+v.Name+`"`) {
			if m := keyInVolume.FindStringSubmatch(failed.Message); m != nil {
				f := keyFinding(p.Snapshot, source, m[2], CannotStart, failed.Evidence(ref))
				f.State = "ContainerCreating"
				return f
			}
			if missing, _, found := facts.ReadMissing(failed.Message); found && missing.Name == source.Name {
				return sourceFinding(p.Snapshot, source, failed.Evidence(ref), High)
			}
		}
		if !ok && p.Snapshot.Lacks(source) && (p.Snapshot.NotThere[source] || hasAny(p.Snapshot, source.Kind, source.Namespace)) {
			return sourceFinding(
				p.Snapshot,
				source,
				facts.Evidence{Object: ref, Field: fmt.Sprintf("spec.volumes[%s]", v.Name), Quote: "mounts " + source.Words()},
				Medium,
			)
		}
	}
	return nil
}

// hasAny says that at least one object of the kind was read in the namespace. Every namespace has a ConfigMap
// (kube-root-ca.crt), so an empty list more likely means that they weren't read.
func hasAny(s *facts.Snapshot, kind, namespace string) bool {
	return len(s.ConfigNames(kind, namespace)) > 0
}

func sourceFinding(s *facts.Snapshot, source facts.Ref, evidence facts.Evidence, sure Confidence) *Finding {
	f := &Finding{
		Subject: source, What: fmt.Sprintf("%s does not exist in namespace %s", source.Words(), source.Namespace), Effect: CannotStart,
		State: "ContainerCreating", Shown: []facts.Evidence{evidence}, Sure: sure, Remedy: createRemedy(source),
	}
	nearName(s, f, source)
	return f
}

func anyStarted(statuses []corev1.ContainerStatus) bool {
	return slices.ContainsFunc(statuses, func(st corev1.ContainerStatus) bool {
		return st.State.Running != nil || st.State.Terminated != nil || st.RestartCount > 0
	})
}
