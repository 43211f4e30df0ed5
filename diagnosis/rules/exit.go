package rules

import (
	"fmt"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const exitSource = "state.terminated.exitCode; 128+n is signal n"

// exitRules name a crash by its exit code when neither an event nor a known line of the log explains it.
var exitRules = []Rule{
	{
		ID:     "exit-zero",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "CrashLoopBackOff with exit code 0 and restartPolicy Always",
		Cause:  "a command that ends (a job, a daemon that goes to the background) in a Deployment",
		Remedy: "run it as a Job, or keep the process in the foreground",
		Source: exitSource,
		container: func(c *facts.Container) *Finding {
			f := exitRule(0, func(c *facts.Container) string {
				return fmt.Sprintf("The command of %s ends with exit code 0", c.Words())
			}, "Run it as a Job, or keep the process in the foreground.", High)(c)
			if f != nil && wasAskedToEnd(c) {
				f.What = fmt.Sprintf("Something asks %s to end again and again (exit code 0)", c.Words())
				f.Sure, f.Unsure = Low, "Its log says that it was asked to end; who did isn't known."
				f.Remedy.Text = "Look at the liveness probe and at what deletes or restarts it."
			}
			return f
		},
	},
	{
		ID:     "node-lost-container",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "terminated ContainerStatusUnknown, or exit code 255 with reason Unknown; with reason Error the program itself ended so",
		Cause:  "the node or its container runtime restarted or was lost",
		Remedy: "look at the node",
		Source: "kubelet: reason ContainerStatusUnknown; containerd: reason Unknown and exit code 255 of a container that it lost",
		container: func(c *facts.Container) *Finding {
			if c.Died == nil || !c.Crashing || c.Died.Reason != "ContainerStatusUnknown" && (c.Died.ExitCode != 255 || c.Died.Reason != "Unknown") {
				return nil
			}
			return exitFinding(c, fmt.Sprintf("Node %s lost %s", c.Pod.Spec.NodeName, c.Words()), "Look at the node.", Medium)
		},
	},
	{
		ID:     "exit-abort",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "exit code 134 (SIGABRT)",
		Cause:  "the runtime gave up: V8 or JVM out of memory, a failed assertion",
		Remedy: "read the log before the end",
		Source: exitSource,
		container: exitRule(134, func(c *facts.Container) string {
			return fmt.Sprintf("The program in %s aborts (exit code 134)", c.Words())
		}, "Read the log of the previous instance; often it is the runtime's heap limit.", Medium),
	},
	{
		ID:     "exit-killed",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "exit code 137 (SIGKILL) without OOMKilled and without a probe's event; event SystemOOM of its node",
		Cause:  "the node ran out of memory, a probe whose event has expired, or someone killed it",
		Remedy: "look at the node's events and the probes",
		Source: exitSource,
		container: func(c *facts.Container) *Finding {
			f := exitRule(137, func(c *facts.Container) string {
				return fmt.Sprintf("Something kills %s (exit code 137, not for its memory limit)", c.Words())
			}, "Look at the node's memory and at the liveness probe.", Low)(c)
			node := facts.Ref{Kind: facts.KindNode, Name: c.Pod.Spec.NodeName}
			if e, ok := c.Snapshot.Recent(node, "SystemOOM", "OOMKilling"); ok && f != nil {
				f.What = fmt.Sprintf("Node %s runs out of memory and kills programs, %s among them", node.Name, c.Words())
				f.Sure, f.Unsure = Medium, "The event doesn't name the container."
				f.Shown = append([]facts.Evidence{e.Evidence(node)}, f.Shown...)
				f.Remedy = Remedy{
					Text:    "Give the pods of the node memory requests and limits that fit it, or add a node.",
					Command: "kubectl describe node " + node.Name,
				}
			}
			return f
		},
	},
	{
		ID:     "exit-segfault",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "exit code 139 (SIGSEGV)",
		Cause:  "native code built for another libc or architecture",
		Remedy: "roll back, or build again for the base image",
		Source: exitSource,
		container: exitRule(139, func(c *facts.Container) string {
			return fmt.Sprintf("The program in %s crashes with a memory fault (exit code 139)", c.Words())
		}, "Rebuild native modules for this base image.", Medium),
	},
	{
		ID:     "exit-terminated",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "exit code 143 (SIGTERM) again and again, without a probe's event",
		Cause:  "a liveness probe whose event has expired, or something that stops it",
		Remedy: "look at the probes",
		Source: exitSource,
		container: exitRule(143, func(c *facts.Container) string {
			return fmt.Sprintf("Something stops %s again and again (exit code 143)", c.Words())
		}, "Look at the liveness probe and at what deletes or restarts it.", Low),
	},
	{
		ID:     "exit-panic",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "exit code 2 with “panic:” or “goroutine” in the log",
		Cause:  "an error in the program",
		Remedy: "roll back",
		Source: "Go runtime",
		container: func(c *facts.Container) *Finding {
			if c.Died == nil || !c.Crashing || c.Died.ExitCode != 2 {
				return nil
			}
			line, ok := c.Log.Worst()
			if !ok || !strings.Contains(line.Example, "panic:") {
				return nil
			}
			return exitFinding(
				c,
				fmt.Sprintf("The program in %s panics: %s", c.Words(), words.Cited(facts.Short(line.Example, 160))),
				"Read the panic below.",
				High,
			)
		},
	},
	{
		ID:     "init-waits",
		Family: "start",
		Class:  ClassDependency,
		Signal: "an init container that has been running for more than 5 minutes; the one Service without a ready pod that its command, " +
			"its variables or its last words name is what it waits for",
		Cause:  "it waits for something that does not come: a Service, a migration lock",
		Remedy: "read its log",
		Source: "status.initContainerStatuses[].state.running",
		container: func(c *facts.Container) *Finding {
			if !c.Init || c.Crashing || c.Status.State.Running == nil || c.Sidecar() {
				return nil
			}
			f := &Finding{
				Subject: c.Owner.Ref, Key: c.Spec.Name, Effect: CannotStart, State: "Init", Sure: Medium, Unsure: "It may only be slow.",
				What: fmt.Sprintf(
					"%s has been running since %s and the others wait for it",
					words.Capital(c.Words()),
					facts.When(c.Status.State.Running.StartedAt.Time),
				),
				Shown: []facts.Evidence{{
					Object: c.Ref(), Field: c.Field("state.running.startedAt"), Quote: "running",
					At: facts.Moment(c.Status.State.Running.StartedAt.Time), Count: 1,
				}},
				Remedy: Remedy{
					Text:    "Read what it waits for.",
					Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", c.Pod.Name, c.Spec.Name, c.Pod.Namespace),
				},
			}
			if service, ok := c.Awaited(); ok {
				f.What = fmt.Sprintf(
					"%s has been running since %s and waits for Service %s, which has no ready pod",
					words.Capital(c.Words()),
					facts.When(c.Status.State.Running.StartedAt.Time),
					service.Name,
				)
				f.Calls, f.Unsure = []facts.Ref{service}, "Its command or its log names the Service; it may wait for more than that."
			}
			if c.Log != nil && len(c.Log.Templates) > 0 {
				f.show(c.LogEvidence(c.Log.Templates[len(c.Log.Templates)-1]), false)
			}
			if len(f.Calls) == 0 {
				waitsForJob(c, f)
			}
			return f
		},
	},
	{
		ID:        "program-error",
		Family:    "crash",
		Class:     ClassCrash,
		Signal:    "a crash loop with any other exit code; the most telling lines of the log are quoted",
		Cause:     "an error in the program or its configuration",
		Remedy:    "read the lines; roll back when the revision before worked",
		Source:    exitSource,
		container: programError,
	},
	{
		ID:     "restarts-often",
		Family: "crash",
		Class:  ClassCrash,
		Signal: "at least three restarts, the last within the hour, and the container runs now",
		Cause:  "a leak, a probe, a dependency that comes and goes",
		Remedy: "read the log of the previous instance",
		Source: "restartCount and lastState.terminated.finishedAt",
		container: func(c *facts.Container) *Finding {
			if c.Died == nil || c.Crashing || c.Status.RestartCount < 3 || !c.Status.Ready {
				return nil
			}
			f := exitFinding(c, fmt.Sprintf("%s of %s has restarted %d times, the last time %s", words.Capital(c.Words()), c.Owner.Ref.Name,
				c.Status.RestartCount, facts.When(c.Died.FinishedAt.Time)), "Read the log of the previous instance.", Medium)
			f.Effect, f.Level = NoEffect, Latent
			return f
		},
	},
}

func exitRule(code int32, wording func(*facts.Container) string, fix string, sure Confidence) func(*facts.Container) *Finding {
	return func(c *facts.Container) *Finding {
		if c.Died == nil || !c.Crashing || c.Died.ExitCode != code || c.Died.Reason == "OOMKilled" || bySignal(code) && c.SaidWhy() {
			return nil
		}
		return exitFinding(c, wording(c), fix, sure)
	}
}

// bySignal says that the exit code is that of SIGABRT or SIGSEGV, with which runtimes such as .NET also end for an error that nobody
// caught.
func bySignal(code int32) bool { return code == 134 || code == 139 }

func exitFinding(c *facts.Container, what, fix string, sure Confidence) *Finding {
	f := &Finding{What: what, Effect: KeepCrashing, Shown: []facts.Evidence{c.EndEvidence()}, Sure: sure, Remedy: rollbackOr(c, fix)}
	if sure != High {
		f.Unsure = "The exit code alone doesn't say why."
	}
	if f.Remedy.Verb == "" {
		f.Remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s --previous", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)
	}
	quoteAll(c, f)
	return f
}

// programError is the last resort for a crash: it quotes what the program said. A line that two services share becomes
// its key, so that they make one finding.
func programError(c *facts.Container) *Finding {
	if !c.Crashing {
		return nil
	}
	what := fmt.Sprintf("The program in %s crashes and nothing says why", c.Words())
	if c.Died != nil {
		what = fmt.Sprintf("The program in %s ends with exit code %d", c.Words(), c.Died.ExitCode)
	}
	f := &Finding{
		What:   what,
		Effect: KeepCrashing,
		Sure:   Low,
		Unsure: "Its log wasn't read, or has no error.",
		Remedy: rollbackOr(c, "Read the log of the previous instance."),
	}
	if c.Died != nil {
		f.Shown = []facts.Evidence{c.EndEvidence()}
	} else {
		f.Shown = []facts.Evidence{c.WaitingEvidence()}
	}
	if line, ok := c.Log.Worst(); ok {
		f.What += fmt.Sprintf(" after %s", words.Cited(facts.Short(line.Example, 240)))
		f.Sure, f.Unsure = Medium, "It's the worst line of its log, but not a failure that I know."
		f.Subject = facts.Ref{
			Kind:      facts.KindDependency,
			Namespace: c.Pod.Namespace,
			Name:      "error " + words.Cited(words.ClipMiddle(line.Pattern, 60)),
		}
		if service, ok := c.FailedCall(line.Example); ok {
			f.Calls = []facts.Ref{service}
			f.show(facts.Evidence{Object: service, Field: "endpoints", Quote: "no ready pod is behind Service " + service.Name}, false)
		}
		strangeValue(c, f, line)
		quoteAll(c, f)
	} else if line, ok := c.Log.LastWords(); ok {
		f.What += fmt.Sprintf("; its last words are %s", words.Cited(facts.Short(line.Example, 160)))
		f.Unsure = "No line of its log is an error; this is the last one."
		f.show(c.LogEvidence(line), false)
	}
	if f.Remedy.Verb == "" {
		f.Remedy.Command = fmt.Sprintf("kubectl logs %s -c %s -n %s --previous", c.Pod.Name, c.Spec.Name, c.Pod.Namespace)
	}
	return f
}
