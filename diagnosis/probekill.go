package diagnosis

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// probeKill recognises a container that the kubelet ends because a probe of it fails.
func (c *instance) probeKill(kind string, probe *corev1.Probe, failing, killing string) *finding {
	if probe == nil || !c.crashing && c.status.RestartCount == 0 {
		return nil
	}
	killed, wasKilled := c.s.recentThat(c.ref(), func(e event) bool {
		return e.reason == "Killing" && strings.Contains(e.message, killing) && strings.Contains(e.message, c.spec.Name)
	})
	failed, hasFailed := c.s.recentThat(c.ref(), func(e event) bool {
		return e.reason == "Unhealthy" && strings.Contains(e.message, failing)
	})
	byCode := c.died != nil && (c.died.ExitCode == 137 || c.died.ExitCode == 143) && c.died.Reason != "OOMKilled"
	if !wasKilled && (!hasFailed || !byCode) {
		return nil
	}
	f := &finding{
		what:   fmt.Sprintf("The %s probe of %s fails and the kubelet restarts it", kind, c.container()),
		effect: keepCrashing, byProbe: true, shown: []Evidence{{Object: c.owner.ref, Field: fmt.Sprintf("spec.template %sProbe", kind), Quote: probeWords(probe)}},
		remedy: c.rollbackOr(probeFix(kind)),
	}
	if hasFailed {
		f.shown = append([]Evidence{failed.evidence(c.ref())}, f.shown...)
		if why := probeWhy(failed.message, c, probe); why != "" {
			f.what += " (" + why + ")"
		}
	}
	if wasKilled {
		f.show(killed.evidence(c.ref()), false)
	}
	if c.died != nil {
		f.show(c.endEvidence(), false)
	}
	c.tellAll(f)
	if hasFailed {
		c.showSlowness(f, failed.message)
	}
	return f
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
		words.Span(time.Duration(cmp.Or(max(p.TimeoutSeconds, 0), 1))*time.Second), words.Span(time.Duration(cmp.Or(max(p.PeriodSeconds, 0), 10))*time.Second), cmp.Or(max(p.FailureThreshold, 0), 3))
}

// isTimeout says that the probe got no answer in time.
func isTimeout(message string) bool {
	return strings.Contains(message, "deadline exceeded") || strings.Contains(message, "Client.Timeout") || strings.Contains(message, "timed out")
}

// probeWhy reads the kubelet's text about a failed probe.
func probeWhy(message string, c *instance, probe *corev1.Probe) string {
	switch {
	case strings.Contains(message, "connection refused"):
		if port := probePort(probe, c.spec); port > 0 && len(c.spec.Ports) > 0 && !declares(c.spec, port) {
			return fmt.Sprintf("nothing listens on port %d, and the container declares %d", port, c.spec.Ports[0].ContainerPort)
		}
		return "nothing listens on its port"
	case statesOneOf(message, http.StatusNotFound):
		return "its path does not exist"
	case statesServerError(message):
		return "the program answers with a server error"
	case statesOneOf(message, http.StatusUnauthorized, http.StatusForbidden):
		return "its path asks for credentials"
	case statesOneOf(message, http.StatusBadRequest):
		return "the program refuses the request as a bad one"
	case strings.Contains(message, "server gave HTTP response to HTTPS client"):
		return "it asks by HTTPS and the program answers by HTTP"
	case strings.Contains(message, "malformed HTTP response"), strings.Contains(message, "HTTP request was sent to HTTPS port"):
		return "it asks by HTTP and the program speaks another protocol on this port"
	case isTimeout(message):
		return fmt.Sprintf("no answer within %d s", cmp.Or(max(probe.TimeoutSeconds, 0), 1))
	}
	if _, said, ok := strings.Cut(message, " probe failed: "); ok && strings.TrimSpace(said) != "" {
		return words.Cited(c.s.brief(said, 120))
	}
	return ""
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
