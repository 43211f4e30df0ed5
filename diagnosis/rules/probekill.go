package rules

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// probeKill recognises a container that the kubelet ends because a probe of it fails.
func probeKill(c *facts.Container, kind string, probe *corev1.Probe, failing, killing string) *Finding {
	if probe == nil || !c.Crashing && c.Status.RestartCount == 0 {
		return nil
	}
	killed, wasKilled := c.Snapshot.RecentThat(c.Ref(), func(e facts.Event) bool {
		return e.Reason == "Killing" && strings.Contains(e.Message, killing) && strings.Contains(e.Message, c.Spec.Name)
	})
	failed, hasFailed := c.Snapshot.RecentThat(c.Ref(), func(e facts.Event) bool {
		return e.Reason == "Unhealthy" && strings.Contains(e.Message, failing)
	})
	inTime := !wasKilled && !hasFailed && killedInTime(c, kind, probe)
	byCode := c.Died != nil && (c.Died.ExitCode == 137 || c.Died.ExitCode == 143 || wasAskedToEnd(c)) && c.Died.Reason != "OOMKilled"
	if !wasKilled && (!hasFailed || !byCode) && !inTime {
		return nil
	}
	f := &Finding{
		What:    fmt.Sprintf("The %s probe of %s fails and the kubelet restarts it", kind, c.Words()),
		Effect:  KeepCrashing,
		byProbe: true,
		Shown:   []facts.Evidence{{Object: c.Owner.Ref, Field: fmt.Sprintf("spec.template %sProbe", kind), Quote: probeWords(probe)}},
		Remedy:  rollbackOr(c, probeFix(kind)),
	}
	if hasFailed {
		f.Shown = append([]facts.Evidence{failed.Evidence(c.Ref())}, f.Shown...)
		if why := probeWhy(failed.Message, c, probe); why != "" {
			f.What += " (" + why + ")"
		}
	}
	if inTime {
		f.What = fmt.Sprintf("The %s probe of %s most likely fails and the kubelet restarts it: it runs %s each time, which is what the "+
			"probe grants", kind,
			c.Words(), words.Span(c.Died.FinishedAt.Sub(c.Died.StartedAt.Time)))
		if port := probePort(probe, c.Spec); asksUndeclared(c, probe) {
			f.What = fmt.Sprintf("The %s probe of %s most likely ends it after %s: it asks port %d, and the container "+
				"declares %d", kind, c.Words(), words.Span(c.Died.FinishedAt.Sub(c.Died.StartedAt.Time)), port, c.Spec.Ports[0].ContainerPort)
		}
		f.Sure, f.Unsure = Medium, "The probe's events have expired; only the time that it ran says so."
	}
	if wasKilled {
		f.show(killed.Evidence(c.Ref()), false)
	}
	if c.Died != nil {
		f.show(c.EndEvidence(), false)
	}
	quoteAll(c, f)
	if hasFailed {
		showSlowness(c, f, failed.Message)
	}
	return f
}

// askedToEnd are the words of programs that end in good order when they are asked to, often with exit code 0.
var askedToEnd = regexp.MustCompile(`(?i)\bsignal ?(?:=|:)? ?15\b|SIGTERM|signal[^|]{0,40}\bterminated|\bterminated: received signal|` +
	`received (?:an? )?(?:fast |smart )?shutdown ` +
	`(?:signal|request)|gracefully? (?:shut|stop)|"signal":15`)

// wasAskedToEnd says that a program ended because it was asked to, as its last words tell, whatever its exit code.
func wasAskedToEnd(c *facts.Container) bool {
	if c.Died == nil || c.Died.ExitCode != 0 && c.Died.ExitCode != 1 {
		return false
	}
	_, ok := c.Log.Says(askedToEnd)
	return ok
}

// killedInTime says that a container was ended by a signal after just the time that a probe grants it: its delay and as many periods as may
// fail, then the time to end by itself.
func killedInTime(c *facts.Container, kind string, probe *corev1.Probe) bool {
	if c.Died == nil || !c.Crashing || c.Died.ExitCode != 137 && c.Died.ExitCode != 143 && !wasAskedToEnd(c) && (c.Died.ExitCode != 0 ||
		!asksUndeclared(c, probe)) || c.Died.Reason == "OOMKilled" ||
		c.Died.StartedAt.IsZero() || c.Status.RestartCount < 2 || kind == "liveness" && c.Spec.StartupProbe != nil {
		return false
	}
	node := facts.Ref{Kind: facts.KindNode, Name: c.Pod.Spec.NodeName}
	if _, ok := c.Snapshot.Recent(node, "SystemOOM", "OOMKilling"); ok {
		return false
	}
	seconds := func(n, otherwise int32) time.Duration {
		return time.Duration(cmp.Or(max(n, 0), otherwise)) * time.Second
	}
	period := cmp.Or(max(probe.PeriodSeconds, 0), 10)
	first := time.Duration(probe.InitialDelaySeconds+period*(cmp.Or(max(probe.FailureThreshold, 0), 3)-1)) * time.Second
	last := first + 2*seconds(period, 10) + seconds(probe.TimeoutSeconds, 1) // a period passes at random before the first probe
	grace := 30 * time.Second
	if own := probe.TerminationGracePeriodSeconds; own != nil {
		grace = time.Duration(*own) * time.Second
	} else if pods := c.Pod.Spec.TerminationGracePeriodSeconds; pods != nil {
		grace = time.Duration(*pods) * time.Second
	}
	if c.Died.ExitCode == 137 {
		first += grace // it was killed because it did not end when it was asked to
	}
	ran := c.Died.FinishedAt.Sub(c.Died.StartedAt.Time)
	return ran >= first && ran <= last+grace
}

// granted is how long a startup probe lets a program start.
func granted(p *corev1.Probe) time.Duration {
	seconds := p.InitialDelaySeconds + cmp.Or(max(p.FailureThreshold, 0), 3)*cmp.Or(max(p.PeriodSeconds, 0), 10)
	return time.Duration(seconds) * time.Second
}

func probeFix(kind string) string {
	if kind == "liveness" {
		return "Correct the liveness probe; a program that starts slowly needs a startupProbe."
	}
	return "Raise failureThreshold of the startup probe, or correct its port and path."
}

// probeWords describes a probe as kubectl describe does.
func probeWords(p *corev1.Probe) string {
	what := "exec"
	switch {
	case p.HTTPGet != nil:
		what = fmt.Sprintf("GET :%s%s", p.HTTPGet.Port.String(), p.HTTPGet.Path)
	case p.TCPSocket != nil:
		what = "TCP :" + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		what = fmt.Sprintf("gRPC :%d", p.GRPC.Port)
	}
	return fmt.Sprintf("%s, delay %s, timeout %s, period %s, %d failures", what, words.Span(time.Duration(p.InitialDelaySeconds)*time.Second),
		words.Span(time.Duration(cmp.Or(
			max(p.TimeoutSeconds, 0),
			1,
		))*time.Second), words.Span(time.Duration(cmp.Or(max(p.PeriodSeconds, 0), 10))*time.Second), cmp.Or(max(p.FailureThreshold, 0), 3))
}

// isTimeout says that the probe got no answer in time.
func isTimeout(message string) bool {
	return strings.Contains(message, "deadline exceeded") || strings.Contains(message, "Client.Timeout") ||
		strings.Contains(message, "timed out")
}

// probeWhy reads the kubelet's text about a failed probe.
func probeWhy(message string, c *facts.Container, probe *corev1.Probe) string {
	if m := probeProgram.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("its command %s is not in the image", m[1])
	}
	switch {
	case strings.Contains(message, "connection refused"):
		if port := listensElsewhere(c, probePort(probe, c.Spec)); port > 0 {
			return fmt.Sprintf("nothing listens on port %d, and its log says that it listens on %d", probePort(probe, c.Spec), port)
		}
		if port := probePort(probe, c.Spec); port > 0 && len(c.Spec.Ports) > 0 && !declares(c.Spec, port) {
			return fmt.Sprintf("nothing listens on port %d, and the container declares %d", port, c.Spec.Ports[0].ContainerPort)
		}
		if port := probePort(probe, c.Spec); port > 0 && probe == c.Spec.StartupProbe {
			return fmt.Sprintf("nothing listens on port %d within its %s", port, words.Span(granted(probe)))
		}
		return "nothing listens on its port"
	case noAnswer.MatchString(message) && asksUndeclared(c, probe):
		return fmt.Sprintf("it asks port %d, and the container declares %d", probePort(probe, c.Spec), c.Spec.Ports[0].ContainerPort)
	case facts.StatesStatus(message, http.StatusNotFound):
		if probe.HTTPGet != nil {
			return fmt.Sprintf("its path does not exist: GET %s answers 404", c.Snapshot.Brief(probe.HTTPGet.Path, 60))
		}
		return "its path does not exist"
	case facts.StatesServerError(message):
		return "the program answers with a server error"
	case facts.StatesStatus(message, http.StatusUnauthorized, http.StatusForbidden):
		return "its path asks for credentials"
	case facts.StatesStatus(message, http.StatusBadRequest):
		return "the program refuses the request as a bad one"
	case strings.Contains(message, "server gave HTTP response to HTTPS client"):
		return "it asks by HTTPS and the program answers by HTTP"
	case strings.Contains(message, "malformed HTTP response"), strings.Contains(message, "HTTP request was sent to HTTPS port"):
		return "it asks by HTTP and the program speaks another protocol on this port"
	case isTimeout(message):
		return fmt.Sprintf("no answer within %d s", cmp.Or(max(probe.TimeoutSeconds, 0), 1))
	}
	_, said, ok := strings.Cut(message, " probe failed: ")
	switch {
	case ok && strings.TrimSpace(said) != "":
		return words.Cited(c.Snapshot.Brief(said, 120))
	case probe.Exec != nil && strings.HasSuffix(strings.TrimSpace(message), "probe failed:"):
		if program := facts.Program(probe.Exec.Command); program != "" {
			return fmt.Sprintf("its command %s fails and prints nothing", words.Cited(program))
		}
		return "its command fails and prints nothing"
	case strings.Contains(message, "probe errored"):
		if why := c.Snapshot.Innermost(message, leastReason); why != "" {
			return words.Cited(why)
		}
	}
	return ""
}

var (
	// probeProgram is what the runtime says of a probe's command that the image doesn't have.
	probeProgram = regexp.MustCompile(`exec: "([^"]+)": (?:stat [^:]+: no such file or directory|executable file not found)`)
	// noAnswer are the words about a port on which nothing speaks the protocol of the probe.
	noAnswer = regexp.MustCompile(`failed to connect service|malformed HTTP|deadline exceeded|Client\.Timeout|timed out|EOF`)
)

// asksUndeclared says that a probe asks a port that the container doesn't declare, though it declares others.
func asksUndeclared(c *facts.Container, probe *corev1.Probe) bool {
	port := probePort(probe, c.Spec)
	return port > 0 && len(c.Spec.Ports) > 0 && !declares(c.Spec, port)
}

// listensElsewhere is the port on which a program says that it listens, when it says of no other and not of the one that is asked; else
// zero.
func listensElsewhere(c *facts.Container, asked int32) int {
	ports := c.Log.Listens()
	if asked == 0 || len(ports) != 1 || ports[0].Port == int(asked) {
		return 0
	}
	return ports[0].Port
}

func probePort(p *corev1.Probe, spec *corev1.Container) int32 {
	var name string
	switch {
	case p.HTTPGet != nil:
		if port := p.HTTPGet.Port.IntVal; port > 0 {
			return port
		}
		name = p.HTTPGet.Port.StrVal
	case p.TCPSocket != nil:
		if port := p.TCPSocket.Port.IntVal; port > 0 {
			return port
		}
		name = p.TCPSocket.Port.StrVal
	case p.GRPC != nil:
		return p.GRPC.Port
	}
	for _, port := range spec.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

func declares(spec *corev1.Container, port int32) bool {
	for _, p := range spec.Ports {
		if p.ContainerPort == port {
			return true
		}
	}
	return false
}
