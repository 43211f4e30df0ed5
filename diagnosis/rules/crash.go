package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var crashRules = []Rule{
	{
		ID:        "out-of-memory",
		Family:    "crash",
		Class:     ClassCrash,
		Signal:    "state or lastState terminated, reason OOMKilled, within the last hour",
		Cause:     "a memory limit too low for this version or load; a leak",
		Remedy:    "raise the limit, or roll back when the version before needed less",
		Source:    "kubelet: terminated reason OOMKilled, exit code 137",
		container: outOfMemory,
	},
	{
		ID:     "heap-exhausted",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "the log of the failing instance: JavaScript heap out of memory, java.lang.OutOfMemoryError, bad_alloc, …; usually exit code 134",
		Cause:  "the runtime's own heap limit is below what the program needs; the kernel never had to act",
		Remedy: "raise --max-old-space-size or -Xmx together with the memory limit",
		Source: "V8, JVM and Go runtime messages",
		container: logRule("heap-exhausted", func(c *facts.Container, _ string) string {
			return fmt.Sprintf("%s runs out of heap%s", words.Capital(c.Words()), memoryLimit(c))
		}, "Raise the runtime's heap limit (about 75 % of the memory limit), and the memory limit with it."),
	},
	{
		ID:     "missing-variable",
		Family: "crash",
		Class:  ClassConfig,
		Signal: "the log of the failing instance names an environment variable as missing, required or undefined; compared with the " +
			"template's env and envFrom",
		Cause:     "the variable is not in this environment's template, or its Secret key was renamed",
		Remedy:    "set the variable, or roll back",
		Source:    "the program's own message, cross-checked with the pod's spec",
		container: missingVariable,
	},
	{
		ID:     "port-in-use",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "the log of the failing instance: EADDRINUSE, address already in use",
		Cause:  "two processes or containers of one pod listen on the same port",
		Remedy: "give each its own port",
		Source: "POSIX EADDRINUSE",
		container: logRule("port-in-use", func(c *facts.Container, _ string) string {
			return portTaken(c)
		}, "Give each container and process of the pod its own port."),
	},
	{
		ID:        "disk-full",
		Family:    "crash",
		Class:     ClassCrash,
		Signal:    "the log of the failing instance, or of a ready pod again and again: ENOSPC, no space left on device, RabbitMQ's disk alarm",
		Cause:     "the volume or the node's disk is full",
		Remedy:    "free or enlarge the volume",
		Source:    "POSIX ENOSPC",
		container: diskFull,
	},
	{
		ID:     "file-permission",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "the log of the failing instance: EACCES, EROFS, permission denied",
		Cause:  "the user of the container may not read or write a file, or listen on a port below 1024",
		Remedy: "correct the security context, or the image",
		Source: "POSIX EACCES, EROFS",
		container: logRule("file-permission", func(c *facts.Container, _ string) string {
			why, _ := c.Log.Explain()
			if m := deniedFile.FindStringSubmatch(why.Line.Example); m != nil {
				return fmt.Sprintf("%s is denied access to %s", words.Capital(c.Words()), words.ClipMiddle(m[1]+m[2], leastReason))
			}
			return fmt.Sprintf("%s is denied access to a file or port", words.Capital(c.Words()))
		}, "Correct the pod's security context (user, fsGroup, read-only root) or the image."),
	},
	{
		ID:     "broken-build",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "the log of the failing instance: Cannot find module, ModuleNotFoundError, ClassNotFoundException, SyntaxError, missing " +
			"shared library",
		Cause:  "the image was built without something it needs",
		Remedy: "roll back, and build again",
		Source: "Node.js, Python, Java and ld.so messages",
		container: logRule("broken-build", func(c *facts.Container, named string) string {
			if named != "" {
				return fmt.Sprintf("The image of %s lacks %s", c.Words(), named)
			}
			return fmt.Sprintf("The program in %s cannot be loaded", c.Words())
		}, "Build the image again with what is missing."),
	},
	{
		ID:     "liveness-kill",
		Family: "crash",
		Class:  ClassProbe,
		Signal: "event Unhealthy “Liveness probe failed” or Killing “failed liveness probe”, and the container restarts with exit " +
			"code 137 or 143 or another",
		Cause: "a probe on the wrong port or path, a program slower than initialDelaySeconds, a timeout of one second, a database check " +
			"inside the probe",
		Remedy: "correct the probe; give a slow program a startupProbe",
		Source: "kubelet prober and kuberuntime_manager.go events",
		container: func(c *facts.Container) *Finding {
			return probeKill(c, "liveness", c.Spec.LivenessProbe, "Liveness probe failed", "failed liveness probe")
		},
	},
	{
		ID:     "startup-kill",
		Family: "crash",
		Class:  ClassProbe,
		Signal: "event Unhealthy “Startup probe failed” or Killing “failed startup probe”, and the container restarts",
		Cause:  "a program that starts slower than failureThreshold × periodSeconds, a probe on the wrong port",
		Remedy: "raise the startup probe's failureThreshold, or correct its port",
		Source: "kubelet prober and kuberuntime_manager.go events",
		container: func(c *facts.Container) *Finding {
			return probeKill(c, "startup", c.Spec.StartupProbe, "Startup probe failed", "failed startup probe")
		},
	},
}

// deniedFile is the file that a line about a right that is missing names: a path that no program stands at the front of.
var deniedFile = regexp.MustCompile(`["'\x60( ](/[\w.-]+(?:/[\w.-]+)*)["'\x60):, ]|["'\x60( ](/[\w.-]+(?:/[\w.-]+)*)$`)

func outOfMemory(c *facts.Container) *Finding {
	if c.Died == nil || c.Died.Reason != "OOMKilled" || c.Snapshot.Age(c.Died.FinishedAt.Time) >= facts.HistoryWindow {
		return nil
	}
	f := &Finding{
		What:  fmt.Sprintf("%s of %s is killed for using more memory than allowed%s", words.Capital(c.Words()), c.Owner.Ref.Name, memoryLimit(c)),
		Shown: []facts.Evidence{c.EndEvidence()},
	}
	if memoryLimit(c) == "" {
		f.What = fmt.Sprintf(
			"%s of %s has no memory limit, and its node ran out of memory and killed it",
			words.Capital(c.Words()),
			c.Owner.Ref.Name,
		)
	}
	fix := "Raise the memory limit"
	if before := memoryBefore(c); before != "" {
		f.show(
			facts.Evidence{Object: c.Owner.Ref, Field: "spec.template resources.limits.memory", Quote: "the revision before had " + before},
			false,
		)
	}
	if c.Crashing {
		f.Effect = KeepCrashing
	} else {
		f.Level = Latent
		f.What += fmt.Sprintf("; it has restarted %d times and is running now", c.Status.RestartCount)
	}
	f.Remedy = Remedy{Text: fix + ", if the quota and the nodes have room.", Command: setMemory(c)}
	if heap := heapBeyondLimit(c); heap != "" && templateLimit(c) == "" {
		f.What += ": " + heap
		fix = "Set the heap to about 75 % of the memory limit, or raise the limit above it"
		f.Remedy.Text = fix + "."
	}
	if says := templateLimit(c); says != "" {
		f.What += fmt.Sprintf("; its template says %s, so something changes it when pods are made", says)
		f.Remedy = Remedy{
			Text:    "Find what changes the limit when pods are made: a LimitRange, a VerticalPodAutoscaler or a mutating webhook.",
			Command: fmt.Sprintf("kubectl get limitranges -n %s", c.Pod.Namespace),
		}
		return f
	}
	if f.Remedy.Command == "" {
		f.Remedy = Remedy{Text: "Give it a memory request and limit that fit the node.", Command: "kubectl describe node " + c.Pod.Spec.NodeName}
	}
	if c.NewlyBroken() {
		f.Remedy = rollbackOr(c, fix+".")
	}
	quoteAll(c, f)
	showUsage(c, f, corev1.ResourceMemory, 0)
	return f
}

// logRule names a failure by the line of the log that explains it.
func logRule(id string, wording func(c *facts.Container, named string) string, fix string) func(*facts.Container) *Finding {
	return func(c *facts.Container) *Finding {
		why, ok := c.Log.Explain()
		if !ok || why.ID != id || !c.Crashing {
			return nil
		}
		f := &Finding{
			What:   wording(c, why.Named),
			Effect: KeepCrashing,
			Shown:  []facts.Evidence{c.LogEvidence(why.Line)},
			Remedy: rollbackOr(c, fix),
		}
		if c.Died != nil {
			f.show(c.EndEvidence(), false)
		}
		return f
	}
}

// diskFull is about a program that ends for it, or that is ready and can't write: what calls it fails then.
func diskFull(c *facts.Container) *Finding {
	const fix = "Free or enlarge the volume it writes to."
	if f := diskOfCalled(c, fix); f != nil {
		return f
	}
	noSpace := func(c *facts.Container, _ string) string { return words.Capital(c.Words()) + " has no disk space left" }
	if f := logRule("disk-full", noSpace, fix)(c); f != nil {
		return f
	}
	why, ok := c.Log.Explain()
	if !ok || why.ID != "disk-full" || !facts.PodReady(c.Pod) {
		return nil
	}
	return &Finding{
		What: noSpace(c, ""), Sure: Medium, Unsure: "Its pods are ready; only the log says so.", Shown: []facts.Evidence{c.LogEvidence(why.Line)},
		Remedy: Remedy{Text: fix, Command: fmt.Sprintf("kubectl exec %s -c %s -n %s -- df -h", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)},
	}
}

// diskOfCalled is the full disk of what a program calls: its log quotes the database's refusal.
func diskOfCalled(c *facts.Container, fix string) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "disk-full" || facts.ProductIn(why.Line) == "" {
		return nil
	}
	to := c.Dependency(why)
	if _, own := c.Serves(to.Product, ""); own || to.Product == "" {
		return nil
	}
	f := dependencyFinding(c, why, to.Subject, to.Words+" has no disk space left", fix, facts.Ref{})
	f.Product, f.Host, f.Target = to.Product, to.Host, to.Target()
	f.Sure, f.Unsure = Medium, "Only the log of what calls it says so."
	if to.Subject.Kind == facts.KindService {
		f.Calls = []facts.Ref{to.Subject}
	}
	return f
}

func missingVariable(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "missing-variable" {
		return nil
	}
	name := why.Named
	if name == "" {
		name = probableVariable(c, why.Line.Example)
	}
	f := &Finding{Key: name, Effect: NotReady, Shown: []facts.Evidence{c.LogEvidence(why.Line)}}
	if c.Crashing {
		f.Effect = KeepCrashing
		if c.Died != nil {
			f.show(c.EndEvidence(), false)
		}
	}
	f.Remedy = rollbackOr(c, fmt.Sprintf("Set %s in the template of %s.", name, c.Owner.Ref.Name))
	from, where := variable(c, name)
	switch from {
	case "":
		f.What = fmt.Sprintf("%s needs the environment variable %s, which its template does not set", c.Owner.Ref.Words(), name)
		if c.Owner.Ref.Kind == facts.KindPod {
			f.What = fmt.Sprintf("%s needs the environment variable %s, which its spec does not set", c.Owner.Ref.Words(), name)
			f.Remedy.Text = fmt.Sprintf("Recreate the pod with %s set.", name)
		}
		if near := words.NearestName(name, variables(c)); near != "" {
			f.show(facts.Evidence{Object: c.Owner.Ref, Field: "spec.template env", Quote: "the template sets " + near}, false)
		}
		showNearKeys(c, f, name)
	case "envFrom":
		f.What = fmt.Sprintf("%s needs the environment variable %s, which %s should provide", c.Owner.Ref.Words(), name, where.Words())
		f.Subject = where
		f.Sure, f.Unsure = Medium, "The keys of "+where.Words()+" couldn't be read."
	case "optional":
		f.What = fmt.Sprintf(
			"%s needs the environment variable %s, and its optional source %s has no such value",
			c.Owner.Ref.Words(),
			name,
			where.Words(),
		)
		f.Sure, f.Unsure = Medium, "The source is marked optional, so the kubelet doesn't say that it's missing."
	default:
		f.What = fmt.Sprintf("%s says that the environment variable %s is missing, although its template sets it", c.Owner.Ref.Words(), name)
		f.Sure, f.Unsure = Medium, "The value may be empty, or the program means another setting."
	}
	return f
}

// probableVariable guesses the variable when a library only says that it got nothing: the one of the template that
// holds such a value, or the usual name.
func probableVariable(c *facts.Container, line string) string {
	wanted, usual := regexp.MustCompile(`(?i)jwt|secret`), "JWT_SECRET"
	if strings.Contains(line, "must be a string") {
		wanted, usual = regexp.MustCompile(`(?i)mongo|database|db_|_ur[il]$`), "MONGODB_URI"
	}
	for _, name := range variables(c) {
		if wanted.MatchString(name) {
			return name
		}
	}
	return usual
}

// variable says where the template sets a variable: "" nowhere, "env", "optional", or "envFrom" when a source whose keys
// are not known may hold it.
func variable(c *facts.Container, name string) (from string, where facts.Ref) {
	for _, env := range c.Spec.Env {
		if env.Name != name {
			continue
		}
		where = facts.EnvSource(env, c.Pod.Namespace)
		if ref := env.ValueFrom; ref != nil &&
			(ref.SecretKeyRef != nil && isTrue(ref.SecretKeyRef.Optional) || ref.ConfigMapKeyRef != nil && isTrue(ref.ConfigMapKeyRef.Optional)) {
			return "optional", where
		}
		return "env", where
	}
	for _, source := range c.Spec.EnvFrom {
		ref := wholeSource(source, c.Pod.Namespace)
		have := c.Snapshot.Contents(ref)
		if have == nil || !have.Known {
			return "envFrom", ref
		}
		if have.Names[strings.TrimPrefix(name, source.Prefix)] {
			return "env", ref
		}
	}
	return "", facts.Ref{}
}

// wholeSource is the Secret or ConfigMap of which a container takes every key.
func wholeSource(source corev1.EnvFromSource, namespace string) facts.Ref {
	switch {
	case source.SecretRef != nil:
		return facts.Ref{Kind: facts.KindSecret, Namespace: namespace, Name: source.SecretRef.Name}
	case source.ConfigMapRef != nil:
		return facts.Ref{Kind: facts.KindConfigMap, Namespace: namespace, Name: source.ConfigMapRef.Name}
	}
	return facts.Ref{}
}

// showNearKeys adds keys of the Secrets and ConfigMaps that the container takes whole, when one nearly has the variable's name.
func showNearKeys(c *facts.Container, f *Finding, name string) {
	for _, source := range c.Spec.EnvFrom {
		ref := wholeSource(source, c.Pod.Namespace)
		if have := c.Snapshot.Contents(ref); have != nil && have.Known {
			if near := words.NearestName(name, slices.Sorted(maps.Keys(have.Names))); near != "" {
				f.show(facts.Evidence{Object: ref, Field: "data", Quote: "it has the key " + near}, false)
			}
		}
	}
}

func variables(c *facts.Container) []string {
	names := make([]string, 0, len(c.Spec.Env))
	for _, env := range c.Spec.Env {
		names = append(names, env.Name)
	}
	return names
}

func isTrue(b *bool) bool { return b != nil && *b }
