package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

const configSource = "kubelet kubelet_pods.go: the waiting message of CreateContainerConfigError"

var startRules = []Rule{
	{
		ID: "secret-missing", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “secret \"x\" not found”",
		Cause:  "the Secret was never made in this namespace, was deleted, or is named differently",
		Remedy: "make the Secret; the pods retry by themselves", Source: configSource,
		container: func(c *instance) *finding { return c.missingObject(KindSecret) },
	},
	{
		ID: "configmap-missing", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “configmap \"x\" not found”",
		Cause:  "the ConfigMap was never made in this namespace, was deleted, or is named differently",
		Remedy: "make the ConfigMap; the pods retry by themselves", Source: configSource,
		container: func(c *instance) *finding { return c.missingObject(KindConfigMap) },
	},
	{
		ID: "secret-key-missing", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “couldn't find key k in Secret ns/x”",
		Cause:  "the key was renamed, is spelled in other letters, or was lost in an update",
		Remedy: "add the key, or correct the reference", Source: configSource,
		container: func(c *instance) *finding { return c.missingKey(KindSecret) },
	},
	{
		ID: "configmap-key-missing", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “couldn't find key k in ConfigMap ns/x”",
		Cause:  "the key was renamed, is spelled in other letters, or was lost in an update",
		Remedy: "add the key, or correct the reference", Source: configSource,
		container: func(c *instance) *finding { return c.missingKey(KindConfigMap) },
	},
	{
		ID: "run-as-root", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, message “runAsNonRoot and image will run as root” or “non-numeric user”",
		Cause:  "the image names no numeric user, and the pod forbids root",
		Remedy: "set runAsUser, or a numeric USER in the image", Source: "kubelet kuberuntime/security_context.go",
		container: func(c *instance) *finding {
			_, message := c.waits()
			if !strings.Contains(message, "runAsNonRoot") && !strings.Contains(message, "non-numeric user") {
				return nil
			}
			return &finding{
				what: fmt.Sprintf("The image of %s would run as root, which the pod's runAsNonRoot forbids", c.container()), effect: cannotStart,
				shown: []Evidence{c.waitingEvidence()}, remedy: c.rollbackOr("Set runAsUser to the numeric user of the image."),
			}
		},
	},
	{
		ID: "command-not-found", Family: "start", Class: ClassCrash,
		Signal: "RunContainerError, CreateContainerError or StartError (or a log that ends so) with “executable file not found”, “no such file or directory”, “permission denied” or “exec format error”; or exit code 126 or 127",
		Cause:  "a wrong entrypoint, a binary that is not in the image or not executable, an image for another architecture",
		Remedy: "correct the command or the image; roll back if the revision before worked", Source: "OCI runtime errors in the container's status; POSIX exit codes 126 and 127",
		container: commandNotFound,
	},
	{
		ID: "post-start-hook", Family: "start", Class: ClassCrash,
		Signal: "waiting PostStartHookError, or event FailedPostStartHook", Cause: "the postStart command of the container fails",
		Remedy: "correct the hook", Source: "kubelet kuberuntime ErrPostStartHook",
		container: func(c *instance) *finding {
			reason, _ := c.waits()
			failed, seen := c.s.recent(c.ref(), "FailedPostStartHook")
			if reason != "PostStartHookError" && (!seen || !c.crashing) {
				return nil
			}
			f := &finding{
				what: fmt.Sprintf("The postStart hook of %s fails", c.container()), effect: keepCrashing,
				shown: []Evidence{c.waitingEvidence()}, remedy: c.rollbackOr("Correct the command of the postStart hook."),
			}
			if seen {
				f.show(failed.evidence(c.ref()), false)
			}
			return f
		},
	},
	{
		ID: "container-not-created", Family: "start", Class: ClassConfig,
		Signal: "waiting CreateContainerConfigError, CreateContainerError, RunContainerError or PreCreateHookError with any other message", Cause: "see the message",
		Remedy: "read the message; roll back if the revision before worked", Source: "kubelet kuberuntime_container.go",
		container: func(c *instance) *finding {
			reason, message := c.waits()
			if !slices.Contains([]string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError", "PreCreateHookError"}, reason) {
				return nil
			}
			return &finding{
				key: c.spec.Name, what: fmt.Sprintf("The node cannot create %s: %s", c.container(), c.s.quote(strings.TrimSuffix(message, "."))), effect: cannotStart,
				shown: []Evidence{c.waitingEvidence()}, remedy: c.rollbackOr("Correct what the message names."), sure: Medium,
				unsure: "The node's message is all there is.",
			}
		},
	},
	{
		ID: "volume-source-missing", Family: "start", Class: ClassConfig,
		Signal: "ContainerCreating, event FailedMount “secret \"x\" not found”, “configmap … not found” or “references non-existent … key”; or, when the event has expired, a volume of a Secret or ConfigMap that was looked for and is not there",
		Cause:  "the pod mounts a Secret or ConfigMap that is not in its namespace",
		Remedy: "make it; the pods retry by themselves", Source: "kubelet volume/secret and volume/configmap: event FailedMount",
		pod: volumeSourceMissing,
	},
	{
		ID: "sandbox-failed", Family: "start", Class: ClassNode,
		Signal: "ContainerCreating, event FailedCreatePodSandBox", Cause: "no free IP address in the subnet, a network plugin that is down or not ready",
		Remedy: "look at the network plugin on that node", Source: "kubelet event FailedCreatePodSandBox",
		pod: func(p *pending) *finding {
			ref := refOf(KindPod, p.pod)
			failed, ok := p.s.recent(ref, "FailedCreatePodSandBox", "FailedCreatePodSandbox")
			if !ok || p.pod.DeletionTimestamp != nil || anyStarted(p.pod.Status.ContainerStatuses) || p.s.age(p.pod.CreationTimestamp.Time) < pendingSlack {
				return nil
			}
			f := &finding{
				subject: Ref{Kind: KindNode, Name: p.pod.Spec.NodeName}, what: fmt.Sprintf("Node %s cannot set up the network of new pods", p.pod.Spec.NodeName),
				effect: cannotStart, state: "ContainerCreating", shown: []Evidence{failed.evidence(ref)},
				remedy: Remedy{Text: "Look at the network plugin and the free addresses of the node.", Command: "kubectl describe node " + p.pod.Spec.NodeName},
			}
			if m := networkPlugin.FindStringSubmatch(failed.message); m != nil {
				f.product = m[1]
			}
			if noAddress.MatchString(failed.message) {
				f.what += ": there is no free IP address"
				f.remedy.Text = "Free addresses of the subnet or the node's range, or make it bigger."
			}
			return f
		},
	},
}

var (
	// networkPlugin is the first word of the plugin that the kubelet's runtime could not call, such as "calico" or "aws".
	networkPlugin = regexp.MustCompile(`plugin type="([a-z0-9]+)`)
	// noAddress is what the plugins of AWS, Azure, Google and CNI's own host-local say.
	noAddress   = regexp.MustCompile(`(?i)failed to assign an IP address|no (?:more )?(?:available|free) (?:IP|addresses)|no IP addresses available|InsufficientFreeAddresses|range set is full|IP_SPACE_EXHAUSTED|No IPs available|AddressPrefix.*exhausted`)
	notFound    = regexp.MustCompile(`(?i)\b(secret|configmap)s? "([^"]+)" (?:not found|is forbidden)`)
	keyNotFound = regexp.MustCompile(`couldn't find key (\S+) in (Secret|ConfigMap) ([^\s/]+)/(\S+)`)
	keyInVolume = regexp.MustCompile(`references non-existent (secret|config) key: (\S+)`)
)

func (c *instance) missingObject(kind string) *finding {
	if reason, _ := c.waits(); reason != "CreateContainerConfigError" {
		return nil
	}
	_, message := c.waits()
	m := notFound.FindStringSubmatch(message)
	if m == nil || !strings.EqualFold(m[1], kind) || strings.Contains(m[0], "forbidden") {
		return nil
	}
	ref := Ref{kind, c.pod.Namespace, m[2]}
	f := &finding{
		subject: ref, what: fmt.Sprintf("%s does not exist in namespace %s", ref.words(), ref.Namespace), effect: cannotStart,
		shown: []Evidence{c.waitingEvidence()}, remedy: c.backOr(createRemedy(ref, c.keysOf(ref)...), ref, ""),
	}
	c.s.nearName(f, ref)
	return f
}

// nearName adds the name that was probably meant, where names were read.
func (s *Snapshot) nearName(f *finding, ref Ref) {
	others := slices.DeleteFunc(s.configNames(ref.Kind, ref.Namespace), func(name string) bool { return name == ref.Name })
	if near := words.NearestName(ref.Name, others); near != "" {
		f.show(Evidence{Object: Ref{ref.Kind, ref.Namespace, near}, Field: "metadata.name", Quote: fmt.Sprintf("there is a %s %s", ref.Kind, near)}, false)
	}
}

// keysOf lists the keys of a Secret or ConfigMap that the container asks for.
func (c *instance) keysOf(ref Ref) []string {
	var found []string
	for _, env := range c.spec.Env {
		if env.ValueFrom == nil {
			continue
		}
		if from := env.ValueFrom.SecretKeyRef; from != nil && ref.Kind == KindSecret && from.Name == ref.Name && !slices.Contains(found, from.Key) {
			found = append(found, from.Key)
		}
		if from := env.ValueFrom.ConfigMapKeyRef; from != nil && ref.Kind == KindConfigMap && from.Name == ref.Name && !slices.Contains(found, from.Key) {
			found = append(found, from.Key)
		}
	}
	return found
}

func createRemedy(ref Ref, keys ...string) Remedy {
	var b strings.Builder
	if ref.Kind == KindSecret {
		fmt.Fprintf(&b, "kubectl create secret generic %s -n %s", ref.Name, ref.Namespace)
	} else {
		fmt.Fprintf(&b, "kubectl create configmap %s -n %s", ref.Name, ref.Namespace)
	}
	for _, key := range keys {
		fmt.Fprintf(&b, " --from-file=%s=FILE", key)
	}
	return Remedy{Text: fmt.Sprintf("Create %s in %s; the pods start by themselves within a minute or two.", ref.words(), ref.Namespace), Command: b.String()}
}

func (c *instance) missingKey(kind string) *finding {
	_, message := c.waits()
	m := keyNotFound.FindStringSubmatch(message)
	if m == nil || m[2] != kind {
		return nil
	}
	ref := Ref{kind, m[3], strings.TrimRight(m[4], ".,;")}
	f := c.s.keyFinding(ref, m[1], cannotStart, c.waitingEvidence())
	f.remedy = c.backOr(f.remedy, ref, m[1])
	return f
}

func (s *Snapshot) keyFinding(ref Ref, key string, does effect, evidence Evidence) *finding {
	f := &finding{
		subject: ref, key: key, what: fmt.Sprintf("%s has no key %s", ref.words(), key), effect: does, shown: []Evidence{evidence},
		remedy: Remedy{
			Text:    fmt.Sprintf("Add the key %s to %s, or correct the reference; the pods start by themselves within a minute or two.", key, ref.words()),
			Command: fmt.Sprintf("kubectl edit %s -n %s", ref, ref.Namespace),
		},
	}
	if have := s.keysOf[ref]; have != nil && have.known {
		names := make([]string, 0, len(have.names))
		for name := range have.names {
			names = append(names, name)
		}
		sort.Strings(names)
		quote := "it has no keys"
		if len(names) > 0 {
			quote = "its keys are " + words.Few(names, 4)
		}
		f.show(Evidence{Object: ref, Field: "data", Quote: quote}, false)
	}
	return f
}

var noCommand = regexp.MustCompile(`(?i)executable file not found|exec:? .*no such file or directory|exec .*permission denied|exec format error|stat .*no such file or directory|starting container process caused`)

func commandNotFound(c *instance) *finding {
	reason, message := c.waits()
	starts := reason == "RunContainerError" || reason == "CreateContainerError" || reason == "StartError"
	evidence := c.waitingEvidence()
	if said, ok := c.execFailure(); ok && !starts {
		return c.commandFinding(said.example, c.endEvidence())
	}
	if !starts || !noCommand.MatchString(message) {
		if c.died == nil || !c.crashing || !slices.Contains([]int32{126, 127, 128}, c.died.ExitCode) {
			return nil
		}
		if c.died.ExitCode == 128 && c.died.Reason != "StartError" && c.died.Reason != "ContainerCannotRun" {
			return nil
		}
		message, evidence = c.died.Message, c.endEvidence()
	}
	return c.commandFinding(message, evidence)
}

// execFailed is what the runtime writes into the log when the kernel refuses the entrypoint.
var execFailed = regexp.MustCompile(`^(?:standard_init_linux\.go:\d+: )?exec (?:user process caused:? |/?[\w./-]+: )"?(?:exec format error|no such file or directory|permission denied)`)

// execFailure finds that line where nothing else was written: the program never ran.
func (c *instance) execFailure() (*logTemplate, bool) {
	last, ok := c.log.lastWords()
	if !ok || !c.crashing || c.died == nil || !execFailed.MatchString(last.example) {
		return nil, false
	}
	return last, true
}

func (c *instance) commandFinding(message string, evidence Evidence) *finding {
	what := fmt.Sprintf("The command of %s cannot be run", c.container())
	if program := c.executable(); program != "" {
		what = fmt.Sprintf("The command %q of %s cannot be run", program, c.container())
	}
	switch {
	case strings.Contains(message, "exec format error"):
		what += ": it is built for another processor"
	case strings.Contains(message, "permission denied"), c.died != nil && c.died.ExitCode == 126:
		what += ": it is not executable"
	case strings.Contains(message, "not found"), strings.Contains(message, "no such file"), c.died != nil && c.died.ExitCode == 127:
		what += ": the image has no such file"
	}
	f := &finding{what: what, effect: cannotStart, shown: []Evidence{evidence}, remedy: c.rollbackOr("Correct the command or the image.")}
	if line, ok := c.log.worst(); ok && c.died != nil {
		f.show(c.logEvidence(line), false)
	}
	return f
}

// volumeSourceMissing reads the kubelet's event; when that has expired, it compares the volumes with what was read.
func volumeSourceMissing(p *pending) *finding {
	if p.pod.DeletionTimestamp != nil || anyStarted(p.pod.Status.ContainerStatuses) || p.pod.Spec.NodeName == "" || p.s.age(p.pod.CreationTimestamp.Time) < pendingSlack {
		return nil
	}
	ref := refOf(KindPod, p.pod)
	failed, ok := p.s.recentThat(ref, func(e event) bool {
		return e.reason == "FailedMount" && (notFound.MatchString(e.message) || keyInVolume.MatchString(e.message))
	})
	for _, v := range p.pod.Spec.Volumes {
		source, optional := volumeSource(v, p.pod.Namespace)
		if source == (Ref{}) || optional {
			continue
		}
		if ok && strings.Contains(failed.message, `"`+v.Name+`"`) {
			if m := keyInVolume.FindStringSubmatch(failed.message); m != nil {
				f := p.s.keyFinding(source, m[2], cannotStart, failed.evidence(ref))
				f.state = "ContainerCreating"
				return f
			}
			if m := notFound.FindStringSubmatch(failed.message); m != nil && m[2] == source.Name {
				return p.s.sourceFinding(source, failed.evidence(ref), High)
			}
		}
		if !ok && p.s.lacks(source) && (p.s.notThere[source] || p.s.hasAny(source.Kind, source.Namespace)) {
			return p.s.sourceFinding(source, Evidence{Object: ref, Field: fmt.Sprintf("spec.volumes[%s]", v.Name), Quote: "mounts " + source.words()}, Medium)
		}
	}
	return nil
}

// hasAny says that at least one object of the kind was read in the namespace. Every namespace has a ConfigMap
// (kube-root-ca.crt), so an empty list more likely means that nobody looked.
func (s *Snapshot) hasAny(kind, namespace string) bool {
	return len(s.configNames(kind, namespace)) > 0
}

func (s *Snapshot) sourceFinding(source Ref, evidence Evidence, sure Confidence) *finding {
	f := &finding{
		subject: source, what: fmt.Sprintf("%s does not exist in namespace %s", source.words(), source.Namespace), effect: cannotStart,
		state: "ContainerCreating", shown: []Evidence{evidence}, sure: sure, remedy: createRemedy(source),
	}
	s.nearName(f, source)
	return f
}

func volumeSource(v corev1.Volume, namespace string) (ref Ref, optional bool) {
	switch {
	case v.Secret != nil:
		return Ref{KindSecret, namespace, v.Secret.SecretName}, v.Secret.Optional != nil && *v.Secret.Optional
	case v.ConfigMap != nil:
		return Ref{KindConfigMap, namespace, v.ConfigMap.Name}, v.ConfigMap.Optional != nil && *v.ConfigMap.Optional
	}
	return Ref{}, false
}

func anyStarted(statuses []corev1.ContainerStatus) bool {
	return slices.ContainsFunc(statuses, func(st corev1.ContainerStatus) bool {
		return st.State.Running != nil || st.State.Terminated != nil || st.RestartCount > 0
	})
}
