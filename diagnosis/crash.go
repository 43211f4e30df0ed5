package diagnosis

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

var crashRules = []Rule{
	{
		ID: "out-of-memory", Family: "crash", Class: ClassCrash,
		Signal: "state or lastState terminated, reason OOMKilled, within the last hour",
		Cause:  "a memory limit too low for this version or load; a leak", Remedy: "raise the limit, or roll back when the version before needed less",
		Source: "kubelet: terminated reason OOMKilled, exit code 137", container: outOfMemory,
	},
	{
		ID: "heap-exhausted", Family: "crash", Class: ClassCrash,
		Signal: "the log of the failing instance: JavaScript heap out of memory, java.lang.OutOfMemoryError, bad_alloc, …; usually exit code 134",
		Cause:  "the runtime's own heap limit is below what the program needs; the kernel never had to act", Remedy: "raise --max-old-space-size or -Xmx together with the memory limit",
		Source: "V8, JVM and Go runtime messages",
		container: logRule("heap-exhausted", func(c *instance, _ string) string {
			return fmt.Sprintf("%s runs out of heap%s", words.Capital(c.container()), c.memoryLimit())
		}, "Raise the runtime's heap limit (about 75 % of the memory limit), and the memory limit with it."),
	},
	{
		ID: "missing-variable", Family: "crash", Class: ClassConfig,
		Signal: "the log of the failing instance names an environment variable as missing, required or undefined; compared with the template's env and envFrom",
		Cause:  "the variable is not in this environment's template, or its Secret key was renamed", Remedy: "set the variable, or roll back", Source: "the program's own message, cross-checked with the pod's spec",
		container: missingVariable,
	},
	{
		ID: "port-in-use", Family: "crash", Class: ClassCrash,
		Signal: "the log of the failing instance: EADDRINUSE, address already in use", Cause: "two processes or containers of one pod listen on the same port",
		Remedy: "give each its own port", Source: "POSIX EADDRINUSE",
		container: logRule("port-in-use", func(c *instance, _ string) string {
			return fmt.Sprintf("The port of %s is already taken in its pod", c.container())
		}, "Give each container and process of the pod its own port."),
	},
	{
		ID: "disk-full", Family: "crash", Class: ClassCrash,
		Signal: "the log of the failing instance: ENOSPC, no space left on device", Cause: "the volume or the node's disk is full", Remedy: "free or enlarge the volume", Source: "POSIX ENOSPC",
		container: logRule("disk-full", func(c *instance, _ string) string {
			return fmt.Sprintf("%s has no disk space left", words.Capital(c.container()))
		}, "Free or enlarge the volume it writes to."),
	},
	{
		ID: "file-permission", Family: "crash", Class: ClassCrash,
		Signal: "the log of the failing instance: EACCES, EROFS, permission denied", Cause: "the user of the container may not read or write a file, or listen on a port below 1024",
		Remedy: "correct the security context, or the image", Source: "POSIX EACCES, EROFS",
		container: logRule("file-permission", func(c *instance, _ string) string {
			return fmt.Sprintf("%s is denied access to a file or port", words.Capital(c.container()))
		}, "Correct the pod's security context (user, fsGroup, read-only root) or the image."),
	},
	{
		ID: "broken-build", Family: "crash", Class: ClassCrash,
		Signal: "the log of the failing instance: Cannot find module, ModuleNotFoundError, ClassNotFoundException, SyntaxError, missing shared library",
		Cause:  "the image was built without something it needs", Remedy: "roll back, and build again", Source: "Node.js, Python, Java and ld.so messages",
		container: logRule("broken-build", func(c *instance, named string) string {
			if named != "" {
				return fmt.Sprintf("The image of %s lacks %s", c.container(), named)
			}
			return fmt.Sprintf("The program in %s cannot be loaded", c.container())
		}, "Build the image again with what is missing."),
	},
	{
		ID: "liveness-kill", Family: "crash", Class: ClassProbe,
		Signal: "event Unhealthy “Liveness probe failed” or Killing “failed liveness probe”, and the container restarts with exit code 137 or 143 or another",
		Cause:  "a probe on the wrong port or path, a program slower than initialDelaySeconds, a timeout of one second, a database check inside the probe",
		Remedy: "correct the probe; give a slow program a startupProbe", Source: "kubelet prober and kuberuntime_manager.go events",
		container: func(c *instance) *finding {
			return c.probeKill("liveness", c.spec.LivenessProbe, "Liveness probe failed", "failed liveness probe")
		},
	},
	{
		ID: "startup-kill", Family: "crash", Class: ClassProbe,
		Signal: "event Unhealthy “Startup probe failed” or Killing “failed startup probe”, and the container restarts",
		Cause:  "a program that starts slower than failureThreshold × periodSeconds, a probe on the wrong port", Remedy: "raise the startup probe's failureThreshold, or correct its port",
		Source: "kubelet prober and kuberuntime_manager.go events",
		container: func(c *instance) *finding {
			return c.probeKill("startup", c.spec.StartupProbe, "Startup probe failed", "failed startup probe")
		},
	},
}

func outOfMemory(c *instance) *finding {
	if c.died == nil || c.died.Reason != "OOMKilled" || c.s.age(c.died.FinishedAt.Time) >= historyWindow {
		return nil
	}
	f := &finding{
		what:  fmt.Sprintf("%s of %s is killed for using more memory than it may%s", words.Capital(c.container()), c.owner.ref.Name, c.memoryLimit()),
		shown: []Evidence{c.endEvidence()},
	}
	if c.memoryLimit() == "" {
		f.what = fmt.Sprintf("%s of %s has no memory limit, and its node ran out of memory and killed it", words.Capital(c.container()), c.owner.ref.Name)
	}
	fix := "Raise the memory limit"
	if before := c.memoryBefore(); before != "" {
		f.show(Evidence{Object: c.owner.ref, Field: "spec.template resources.limits.memory", Quote: "the revision before had " + before}, false)
	}
	if c.crashing {
		f.effect = keepCrashing
	} else {
		f.level = Latent
		f.what += fmt.Sprintf("; it has restarted %d times and runs for now", c.status.RestartCount)
	}
	f.remedy = Remedy{Text: fix + ", if the quota and the nodes have room.", Command: c.setMemory()}
	if f.remedy.Command == "" {
		f.remedy = Remedy{Text: "Give it a memory request and limit that fit the node.", Command: "kubectl describe node " + c.pod.Spec.NodeName}
	}
	if c.newlyBroken() {
		f.remedy = c.rollbackOr(fix + ".")
	}
	c.tellAll(f)
	c.showUsage(f, corev1.ResourceMemory, 0)
	return f
}

func (c *instance) memoryLimit() string {
	limit, ok := c.spec.Resources.Limits[corev1.ResourceMemory]
	if !ok {
		return ""
	}
	return fmt.Sprintf(" (limit %s)", limit.String())
}

// memoryBefore is the limit in the revision before, when it differs.
func (c *instance) memoryBefore() string {
	before := c.owner.before()
	if before == nil {
		return ""
	}
	now := c.spec.Resources.Limits[corev1.ResourceMemory]
	for i := range before.Spec.Template.Spec.Containers {
		old := &before.Spec.Template.Spec.Containers[i]
		if limit, ok := old.Resources.Limits[corev1.ResourceMemory]; ok && old.Name == c.spec.Name && limit.Cmp(now) != 0 {
			return limit.String()
		}
	}
	return ""
}

// setMemory is the command that doubles the limit.
func (c *instance) setMemory() string {
	limit, ok := c.spec.Resources.Limits[corev1.ResourceMemory]
	if !ok || c.owner.ref.Kind == KindPod {
		return ""
	}
	limit.Add(limit)
	return fmt.Sprintf("kubectl set resources %s -n %s -c %s --limits=memory=%s", c.owner.ref, c.pod.Namespace, c.spec.Name, limit.String())
}

// logRule names a failure by the line of the log that explains it.
func logRule(id string, wording func(c *instance, named string) string, fix string) func(*instance) *finding {
	return func(c *instance) *finding {
		why, ok := c.log.explain()
		if !ok || why.id != id || !c.crashing {
			return nil
		}
		f := &finding{what: wording(c, why.named), effect: keepCrashing, shown: []Evidence{c.logEvidence(why.line)}, remedy: c.rollbackOr(fix)}
		if c.died != nil {
			f.show(c.endEvidence(), false)
		}
		return f
	}
}

func missingVariable(c *instance) *finding {
	why, ok := c.log.explain()
	if !ok || why.id != "missing-variable" {
		return nil
	}
	name := why.named
	if name == "" {
		name = c.probableVariable(why.line.example)
	}
	f := &finding{key: name, effect: notReady, shown: []Evidence{c.logEvidence(why.line)}}
	if c.crashing {
		f.effect = keepCrashing
		if c.died != nil {
			f.show(c.endEvidence(), false)
		}
	}
	f.remedy = c.rollbackOr(fmt.Sprintf("Set %s in the template of %s.", name, c.owner.ref.Name))
	from, where := c.variable(name)
	switch from {
	case "":
		f.what = fmt.Sprintf("%s needs the environment variable %s, which its template does not set", c.owner.ref.words(), name)
		if c.owner.ref.Kind == KindPod {
			f.what = fmt.Sprintf("%s needs the environment variable %s, which its spec does not set", c.owner.ref.words(), name)
			f.remedy.Text = fmt.Sprintf("Make the pod anew with %s set.", name)
		}
		if near := words.NearestName(name, c.variables()); near != "" {
			f.show(Evidence{Object: c.owner.ref, Field: "spec.template env", Quote: "the template sets " + near}, false)
		}
		c.showNearKeys(f, name)
	case "envFrom":
		f.what = fmt.Sprintf("%s needs the environment variable %s, which %s should provide", c.owner.ref.words(), name, where.words())
		f.subject = where
		f.sure, f.unsure = Medium, "The keys of "+where.words()+" could not be read."
	case "optional":
		f.what = fmt.Sprintf("%s needs the environment variable %s, and its optional source %s has no such value", c.owner.ref.words(), name, where.words())
		f.sure, f.unsure = Medium, "The source is marked optional, so the kubelet does not say that it is missing."
	default:
		f.what = fmt.Sprintf("%s says that the environment variable %s is missing, although its template sets it", c.owner.ref.words(), name)
		f.sure, f.unsure = Medium, "The value may be empty, or the program means another setting."
	}
	return f
}

// probableVariable guesses the variable when a library only says that it got nothing: the one of the template that
// holds such a value, or the usual name.
func (c *instance) probableVariable(line string) string {
	wanted, usual := regexp.MustCompile(`(?i)jwt|secret`), "JWT_SECRET"
	if strings.Contains(line, "must be a string") {
		wanted, usual = regexp.MustCompile(`(?i)mongo|database|db_|_ur[il]$`), "MONGODB_URI"
	}
	for _, name := range c.variables() {
		if wanted.MatchString(name) {
			return name
		}
	}
	return usual
}

// variable says where the template sets a variable: "" nowhere, "env", "optional", or "envFrom" when a source whose keys
// are not known may hold it.
func (c *instance) variable(name string) (from string, where Ref) {
	for _, env := range c.spec.Env {
		if env.Name != name {
			continue
		}
		where = envSource(env, c.pod.Namespace)
		if ref := env.ValueFrom; ref != nil && (ref.SecretKeyRef != nil && isTrue(ref.SecretKeyRef.Optional) || ref.ConfigMapKeyRef != nil && isTrue(ref.ConfigMapKeyRef.Optional)) {
			return "optional", where
		}
		return "env", where
	}
	for _, source := range c.spec.EnvFrom {
		ref := wholeSource(source, c.pod.Namespace)
		have := c.s.keysOf[ref]
		if have == nil || !have.known {
			return "envFrom", ref
		}
		if have.names[strings.TrimPrefix(name, source.Prefix)] {
			return "env", ref
		}
	}
	return "", Ref{}
}

// wholeSource is the Secret or ConfigMap of which a container takes every key.
func wholeSource(source corev1.EnvFromSource, namespace string) Ref {
	switch {
	case source.SecretRef != nil:
		return Ref{KindSecret, namespace, source.SecretRef.Name}
	case source.ConfigMapRef != nil:
		return Ref{KindConfigMap, namespace, source.ConfigMapRef.Name}
	}
	return Ref{}
}

// showNearKeys adds keys of the Secrets and ConfigMaps that the container takes whole, when one is nearly called like the variable.
func (c *instance) showNearKeys(f *finding, name string) {
	for _, source := range c.spec.EnvFrom {
		ref := wholeSource(source, c.pod.Namespace)
		if have := c.s.keysOf[ref]; have != nil && have.known {
			if near := words.NearestName(name, slices.Sorted(maps.Keys(have.names))); near != "" {
				f.show(Evidence{Object: ref, Field: "data", Quote: "it has the key " + near}, false)
			}
		}
	}
}

func (c *instance) variables() []string {
	names := make([]string, 0, len(c.spec.Env))
	for _, env := range c.spec.Env {
		names = append(names, env.Name)
	}
	return names
}

func isTrue(b *bool) bool { return b != nil && *b }
