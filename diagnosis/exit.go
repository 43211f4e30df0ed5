package diagnosis

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/words"
)

const exitSource = "state.terminated.exitCode; 128+n is signal n"

// exitRules name a crash by its exit code when neither an event nor a known line of the log explains it.
var exitRules = []Rule{
	{
		ID: "exit-zero", Family: "crash", Class: ClassCrash,
		Signal: "CrashLoopBackOff with exit code 0 and restartPolicy Always", Cause: "a command that ends (a job, a daemon that goes to the background) in a Deployment",
		Remedy: "run it as a Job, or keep the process in the foreground", Source: exitSource,
		container: exitRule(0, func(c *instance) string {
			return fmt.Sprintf("The command of %s ends by itself with exit code 0", c.container())
		}, "Run it as a Job, or keep the process in the foreground.", High),
	},
	{
		ID: "node-lost-container", Family: "crash", Class: ClassCrash,
		Signal: "terminated ContainerStatusUnknown, or exit code 255 with reason Unknown; with reason Error the program itself ended so", Cause: "the node or its container runtime restarted or was lost", Remedy: "look at the node", Source: "kubelet: reason ContainerStatusUnknown; containerd: reason Unknown and exit code 255 of a container that it lost",
		container: func(c *instance) *finding {
			if c.died == nil || !c.crashing || c.died.Reason != "ContainerStatusUnknown" && (c.died.ExitCode != 255 || c.died.Reason != "Unknown") {
				return nil
			}
			return c.exitFinding(fmt.Sprintf("Node %s lost %s", c.pod.Spec.NodeName, c.container()), "Look at the node.", Medium)
		},
	},
	{
		ID: "exit-abort", Family: "crash", Class: ClassCrash,
		Signal: "exit code 134 (SIGABRT)", Cause: "the runtime gave up: V8 or JVM out of memory, a failed assertion", Remedy: "read the log before the end", Source: exitSource,
		container: exitRule(134, func(c *instance) string {
			return fmt.Sprintf("The program in %s aborts (exit code 134)", c.container())
		}, "Read the log of the instance before; often it is the runtime's heap limit.", Medium),
	},
	{
		ID: "exit-killed", Family: "crash", Class: ClassCrash,
		Signal: "exit code 137 (SIGKILL) without OOMKilled and without a probe's event; event SystemOOM of its node", Cause: "the node ran out of memory, a probe whose event has expired, or someone killed it",
		Remedy: "look at the node's events and the probes", Source: exitSource,
		container: func(c *instance) *finding {
			f := exitRule(137, func(c *instance) string {
				return fmt.Sprintf("Something kills %s (exit code 137, not for its memory limit)", c.container())
			}, "Look at the node's memory and at the liveness probe.", Low)(c)
			node := Ref{Kind: KindNode, Name: c.pod.Spec.NodeName}
			if e, ok := c.s.recent(node, "SystemOOM", "OOMKilling"); ok && f != nil {
				f.what = fmt.Sprintf("Node %s runs out of memory and kills programs, %s among them", node.Name, c.container())
				f.sure, f.unsure = Medium, "The event does not name the container."
				f.shown = append([]Evidence{e.evidence(node)}, f.shown...)
				f.remedy = Remedy{Text: "Give the pods of the node memory requests and limits that fit it, or add a node.", Command: "kubectl describe node " + node.Name}
			}
			return f
		},
	},
	{
		ID: "exit-segfault", Family: "crash", Class: ClassCrash,
		Signal: "exit code 139 (SIGSEGV)", Cause: "native code built for another libc or architecture", Remedy: "roll back, or build again for the base image", Source: exitSource,
		container: exitRule(139, func(c *instance) string {
			return fmt.Sprintf("The program in %s crashes with a memory fault (exit code 139)", c.container())
		}, "Rebuild native modules for this base image.", Medium),
	},
	{
		ID: "exit-terminated", Family: "crash", Class: ClassCrash,
		Signal: "exit code 143 (SIGTERM) again and again, without a probe's event", Cause: "a liveness probe whose event has expired, or something that stops it", Remedy: "look at the probes", Source: exitSource,
		container: exitRule(143, func(c *instance) string {
			return fmt.Sprintf("Something stops %s again and again (exit code 143)", c.container())
		}, "Look at the liveness probe and at what deletes or restarts it.", Low),
	},
	{
		ID: "exit-panic", Family: "crash", Class: ClassCrash,
		Signal: "exit code 2 with “panic:” or “goroutine” in the log", Cause: "an error in the program", Remedy: "roll back", Source: "Go runtime",
		container: func(c *instance) *finding {
			if c.died == nil || !c.crashing || c.died.ExitCode != 2 {
				return nil
			}
			line, ok := c.log.worst()
			if !ok || !strings.Contains(line.example, "panic:") {
				return nil
			}
			return c.exitFinding(fmt.Sprintf("The program in %s panics: %s", c.container(), words.Cited(words.ClipMiddle(line.example, 160))), "Read the panic below.", High)
		},
	},
	{
		ID: "init-waits", Family: "start", Class: ClassDependency,
		Signal: "an init container that has been running for more than 5 minutes; the one Service without a ready pod that its command, its variables or its last words name is what it waits for", Cause: "it waits for something that does not come: a Service, a migration lock", Remedy: "read its log", Source: "status.initContainerStatuses[].state.running",
		container: func(c *instance) *finding {
			if !c.init || c.crashing || c.status.State.Running == nil || c.sidecar() {
				return nil
			}
			f := &finding{
				subject: c.owner.ref, key: c.spec.Name, effect: cannotStart, state: "Init", sure: Medium, unsure: "It may only be slow.",
				what: fmt.Sprintf("%s has been running for %s and the others wait for it", words.Capital(c.container()), words.Span(c.s.age(c.status.State.Running.StartedAt.Time))),
				shown: []Evidence{{
					Object: c.ref(), Field: c.field("state.running.startedAt"), Quote: "running",
					At: moment(c.status.State.Running.StartedAt.Time), Count: 1,
				}},
				remedy: Remedy{Text: "Read what it waits for.", Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", c.pod.Name, c.spec.Name, c.pod.Namespace)},
			}
			if service, ok := c.awaited(); ok {
				f.what = fmt.Sprintf("%s has been running for %s and waits for Service %s, which has no ready pod", words.Capital(c.container()), words.Span(c.s.age(c.status.State.Running.StartedAt.Time)), service.Name)
				f.calls, f.unsure = []Ref{service}, "Its command or its log names the Service; it may wait for more than that."
			}
			if c.log != nil && len(c.log.templates) > 0 {
				f.show(c.logEvidence(c.log.templates[len(c.log.templates)-1]), false)
			}
			return f
		},
	},
	{
		ID: "program-error", Family: "crash", Class: ClassCrash,
		Signal: "a crash loop with any other exit code; the most telling lines of the log are quoted", Cause: "an error in the program or its configuration",
		Remedy: "read the lines; roll back when the revision before worked", Source: exitSource,
		container: programError,
	},
	{
		ID: "restarts-often", Family: "crash", Class: ClassCrash,
		Signal: "at least three restarts, the last within the hour, and the container runs now", Cause: "a leak, a probe, a dependency that comes and goes", Remedy: "read the log of the instance before",
		Source: "restartCount and lastState.terminated.finishedAt",
		container: func(c *instance) *finding {
			if c.died == nil || c.crashing || c.status.RestartCount < 3 || !c.status.Ready {
				return nil
			}
			f := c.exitFinding(fmt.Sprintf("%s of %s has restarted %d times, %s ago the last time", words.Capital(c.container()), c.owner.ref.Name,
				c.status.RestartCount, words.Span(c.s.age(c.died.FinishedAt.Time))), "Read the log of the instance before.", Medium)
			f.effect, f.level = noEffect, Latent
			return f
		},
	},
}

func exitRule(code int32, wording func(*instance) string, fix string, sure Confidence) func(*instance) *finding {
	return func(c *instance) *finding {
		if c.died == nil || !c.crashing || c.died.ExitCode != code || c.died.Reason == "OOMKilled" || bySignal(code) && c.saidWhy() {
			return nil
		}
		return c.exitFinding(wording(c), fix, sure)
	}
}

// bySignal says that the exit code is that of SIGABRT or SIGSEGV, with which runtimes such as .NET also end for an error that nobody caught.
func bySignal(code int32) bool { return code == 134 || code == 139 }

// saidWhy says that the program itself told of the error that ended it.
func (c *instance) saidWhy() bool {
	line, ok := c.log.worst()
	return ok && (line.severity == severityFatal || namedErrors.MatchString(line.example))
}

func (c *instance) exitFinding(what, fix string, sure Confidence) *finding {
	f := &finding{what: what, effect: keepCrashing, shown: []Evidence{c.endEvidence()}, sure: sure, remedy: c.rollbackOr(fix)}
	if sure != High {
		f.unsure = "The exit code alone does not say why."
	}
	if f.remedy.Verb == "" {
		f.remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s --previous", c.pod.Name, c.spec.Name, c.pod.Namespace)
	}
	c.tellAll(f)
	return f
}

// programError is the last resort for a crash: it quotes what the program said. A line that two services share becomes
// its key, so that they make one finding.
func programError(c *instance) *finding {
	if !c.crashing {
		return nil
	}
	what := fmt.Sprintf("The program in %s crashes and nothing says why", c.container())
	if c.died != nil {
		what = fmt.Sprintf("The program in %s ends with exit code %d", c.container(), c.died.ExitCode)
	}
	f := &finding{what: what, effect: keepCrashing, sure: Low, unsure: "Its log was not read, or holds no error.", remedy: c.rollbackOr("Read the log of the instance before.")}
	if c.died != nil {
		f.shown = []Evidence{c.endEvidence()}
	} else {
		f.shown = []Evidence{c.waitingEvidence()}
	}
	if line, ok := c.log.worst(); ok {
		f.what += fmt.Sprintf(" after %s", words.Cited(words.ClipMiddle(line.example, 240)))
		f.sure, f.unsure = Medium, "The line is the worst of its log; it is no failure that I know."
		f.subject = Ref{KindDependency, c.pod.Namespace, "error " + words.Cited(words.ClipMiddle(line.pattern, 60))}
		if service, ok := c.failedCall(line.example); ok {
			f.calls = []Ref{service}
			f.show(Evidence{Object: service, Field: "endpoints", Quote: "no ready pod is behind Service " + service.Name}, false)
		}
		c.tellAll(f)
	} else if line, ok := c.log.lastWords(); ok {
		f.what += fmt.Sprintf("; its last words are %s", words.Cited(words.ClipMiddle(line.example, 160)))
		f.unsure = "No line of its log is an error; this is its last."
		f.show(c.logEvidence(line), false)
	}
	if f.remedy.Verb == "" {
		f.remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s --previous", c.pod.Name, c.spec.Name, c.pod.Namespace)
	}
	return f
}
