package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var (
	healthPathArg = Arg{Name: "path", Kind: TextArg, Summary: "what to ask for: one of the paths of its probes, or /health and its like"}
	healthPortArg = Arg{Name: "port", Kind: IntArg, Min: 1, Max: 65535, Summary: "the port of the container, where it has several"}
)

var _ = register(Runbook{
	Name:    "health",
	Aliases: []string{"check health"},
	Verb:    "health",
	Rank:    94,
	Summary: "Ask a service for its health, through its Service and each pod separately: status, time and the first line of " +
		"the answer, the odd one first.",
	Example: "health api-gateway production",
	About:   About{Service: true, Kinds: []string{podKind}},
	Args:    []Arg{healthPathArg, healthPortArg},
	Reads: union(rollout.Reads, []string{
		"list pods", "list services", "list endpointslices.discovery.k8s.io", "get pods/proxy", "get services/proxy",
	}),
	Answer: answerHealth,
})

// Proxier asks pods and Services through the API server.
type Proxier interface {
	// Proxy asks by GET and follows nothing. kind is "pods" or "services". ErrForbidden says that the right is missing, ErrInvalid that the
	// path may not be asked for; what the other side does is in the exchange.
	Proxy(ctx context.Context, kind, namespace, name, port, path string, secure bool) (algesta.Exchange, error)
}

// mostAsked is how many pods one answer asks.
const mostAsked = 20

// wellKnown are the paths at which programs report their health. A GET of any other may do something, so only those that a probe of the
// workload calls anyway are asked for beside these.
var wellKnown = []string{"/health", "/healthz", "/healthcheck", "/ready", "/readyz", "/live", "/livez", "/ping", "/status"}

// healthAsk is what is asked of each pod.
type healthAsk struct {
	path, port string
	secure     bool
	probe      string // how the kubelet asks, in a sentence; "" where it doesn't by HTTP

	hide func(string) string // takes what the pods spell out and what their Secrets hold out of an answer
}

// hidingOf is for answers of these pods. Where what they spell out can't be read, nobody knows what to hide, and nothing is shown.
// unread are the Secrets that couldn't be read.
func hidingOf(ctx context.Context, c Cluster, pod *corev1.Pod, in Input) (hide func(string) string, unread []string) {
	live, err := livePod(ctx, c, pod.Namespace, pod.Name)
	if err != nil || c.Logs == nil {
		return func(string) string { return "" }, nil
	}
	return hiding(ctx, c, live, in.Command.At)
}

func answerHealth(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	if c.Proxier == nil {
		return algesta.Report{Tone: algesta.Warning, Title: algesta.Say("I can't ask pods of this cluster.")}, nil
	}
	pods, trouble, err := podsOfLogs(ctx, c, in)
	switch {
	case err != nil:
		return podsUnread(in, err)
	case len(pods) == 0:
		report := algesta.Report{Tone: algesta.Warning, Title: algesta.Say("{} has no pods, so nothing answers.", logSubject(in))}
		report.Body = lines(slices.DeleteFunc([]algesta.Text{trouble}, func(t algesta.Text) bool { return len(t) == 0 }))
		return report, nil
	}
	pods = slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if len(pods) == 0 {
		return algesta.Report{Tone: algesta.Warning, Title: algesta.Say("No pod of {} runs, so nothing answers.", logSubject(in))}, nil
	}
	ask, err := healthAskOf(pods[0], in)
	if err != nil {
		return algesta.Report{}, err
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(podRank(a), podRank(b)), strings.Compare(a.Name, b.Name))
	})
	asked := pods[:min(len(pods), mostAsked)]
	var unread []string
	ask.hide, unread = hidingOf(ctx, c, pods[0], in)
	rows := askPods(ctx, c, asked, ask)
	var notes []algesta.Text
	if objectOf(in, podKind) == "" {
		through, more := askServices(ctx, c, in, pods[0], ask)
		rows, notes = append(through, rows...), more
	}
	if len(pods) > len(asked) {
		notes = append(notes, algesta.Say("{} not asked.", count(len(pods)-len(asked), "more pod")))
	}
	if ask.probe != "" {
		notes = append(notes, algesta.Say("{}", ask.probe))
	}
	notes = append(notes, notRecognized(unread)...)
	return healthReport(in, ask, rows, notes), nil
}

// healthAskOf is what to ask, from the arguments and the probes of the main container. Another path than theirs and the well-known ones
// isn't asked for.
func healthAskOf(pod *corev1.Pod, in Input) (healthAsk, error) {
	main := rollout.MainContainer(corev1.PodTemplateSpec{Spec: pod.Spec}, in.Command.Target.Service)
	ask := healthAsk{}
	allowed := slices.Clone(wellKnown)
	for _, c := range pod.Spec.Containers {
		for _, p := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
			if p != nil && p.HTTPGet != nil {
				allowed = append([]string{orElse(p.HTTPGet.Path, "/")}, allowed...)
			}
		}
	}
	for _, named := range []struct {
		kind  string
		probe *corev1.Probe
	}{{"readiness", main.ReadinessProbe}, {"liveness", main.LivenessProbe}, {"startup", main.StartupProbe}} {
		if named.probe == nil || named.probe.HTTPGet == nil {
			continue
		}
		get := named.probe.HTTPGet
		if ask.path == "" {
			ask.path, ask.port, ask.secure = orElse(get.Path, "/"), portNumber(main, get.Port.String()), get.Scheme == corev1.URISchemeHTTPS
		}
		if named.kind != "startup" {
			ask.probe = strings.TrimSpace(ask.probe + " " + probeArithmetic(named.kind, named.probe))
		}
	}
	if path := healthPathArg.Text(in); path != "" {
		ask.path = path
	}
	ask.path = orElse(ask.path, wellKnown[0])
	if !slices.Contains(allowed, ask.path) {
		slices.Sort(allowed)
		return ask, &algesta.Error{
			Kind: algesta.ErrRefused,
			Message: algesta.Say(
				"I don't ask for {}: a GET may do something. I ask only for what a probe of the workload calls anyway, and for paths that tell health.",
				algesta.Name(quote(ask.path)),
			),
			Hint: algesta.Say("Those are {}.", list(clipped(quoteAll(slices.Compact(allowed))))),
		}
	}
	if port := healthPortArg.Of(in); port > 0 {
		ask.port = strconv.FormatInt(port, 10)
		if declared := portsIn(pod); !slices.Contains(declared, ask.port) {
			return ask, &algesta.Error{
				Kind: algesta.ErrRefused, Message: algesta.Say("I don't ask port {}: no container and no probe of the workload declares it.", ask.port),
				Hint: algesta.Say("Declared: {}.", orElse(list(declared), "none")),
			}
		}
	}
	if ask.port == "" && len(main.Ports) > 0 {
		ask.port = strconv.Itoa(int(main.Ports[0].ContainerPort))
	}
	if ask.port == "" {
		return ask, &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("The container {} declares no port and no HTTP probe, so I don't know where to ask.", algesta.Name(main.Name)),
			Hint:    algesta.Say("Whether its pods are ready: {}", command(in, "pods", "")),
		}
	}
	return ask, nil
}

// portNumber is a port by its number, where the container has one of that name.
func portNumber(c corev1.Container, port string) string {
	for _, p := range c.Ports {
		if p.Name == port {
			return strconv.Itoa(int(p.ContainerPort))
		}
	}
	return port
}

// portsIn are the ports that a pod's containers and probes declare.
func portsIn(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Containers {
		c := pod.Spec.Containers[i]
		for _, p := range c.Ports {
			out = append(out, strconv.Itoa(int(p.ContainerPort)))
		}
		for _, p := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
			if p != nil && p.HTTPGet != nil {
				out = append(out, portNumber(c, p.HTTPGet.Port.String()))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// probeArithmetic says how the kubelet asks, and how long a program that doesn't answer is tolerated. The defaults are the API server's.
func probeArithmetic(kind string, p *corev1.Probe) string {
	period, failures := orNumber(p.PeriodSeconds, 10), orNumber(p.FailureThreshold, 3)
	after := period * failures // the first of them is asked when the initial delay is over, the last one a period before that
	if kind == "liveness" {
		return fmt.Sprintf("Restarted when it hasn't answered GET %s for %d s (%d times, every %d s), at the earliest %d s after its start.",
			quote(orElse(p.HTTPGet.Path, "/")), after, failures, period, p.InitialDelaySeconds+after-period)
	}
	return fmt.Sprintf("Taken out of its Service when it hasn't answered GET %s for %d s.", quote(orElse(p.HTTPGet.Path, "/")), after)
}

func orNumber(n, otherwise int32) int32 {
	if n == 0 {
		return otherwise
	}
	return n
}

// healthRow is one answer.
type healthRow struct {
	what    algesta.Text
	service bool
	seen    algesta.Exchange
	err     error
}

// rank puts what doesn't answer first.
func (r healthRow) rank() int {
	switch {
	case r.err != nil:
		return 1
	case r.seen.Fault != algesta.NoFault || r.seen.Status >= http.StatusBadRequest:
		return 0
	}
	return 2
}

func askPods(ctx context.Context, c Cluster, pods []*corev1.Pod, ask healthAsk) []healthRow {
	rows := make([]healthRow, len(pods))
	var asking conc.WaitGroup
	for i, pod := range pods {
		rows[i].what = algesta.Say("{}", algesta.Name(pod.Name))
		asking.Go(func() {
			rows[i].seen, rows[i].err = c.Proxier.Proxy(ctx, "pods", pod.Namespace, pod.Name, ask.port, ask.path, ask.secure)
			rows[i].seen.FirstLine = ask.hide(rows[i].seen.FirstLine)
		})
	}
	asking.Wait()
	slices.SortStableFunc(rows, func(a, b healthRow) int { return cmp.Compare(a.rank(), b.rank()) })
	return rows
}

// askServices asks through the Services that select the pod and lead to the port.
func askServices(ctx context.Context, c Cluster, in Input, pod *corev1.Pod, ask healthAsk) (rows []healthRow, notes []algesta.Text) {
	w := readWiring(ctx, c, in.Command.Target.Namespace)
	if w.services.err != nil {
		return nil, []algesta.Text{couldNotCheck("services", w.services.err)}
	}
	for i := range w.all.Items {
		s := &w.all.Items[i]
		if len(s.Spec.Selector) == 0 || !selects(s.Spec.Selector, pod.Labels) {
			continue
		}
		at := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return leadsToPort(p, pod, ask.port) })
		if at < 0 {
			notes = append(notes, algesta.Say("Service {} doesn't lead to port {}.", algesta.Name(s.Name), ask.port))
			continue
		}
		row := healthRow{what: algesta.Say("Service {}", algesta.Name(s.Name)), service: true}
		row.seen, row.err = c.Proxier.Proxy(ctx, "services", s.Namespace, s.Name, strconv.Itoa(int(s.Spec.Ports[at].Port)), ask.path, ask.secure)
		row.seen.FirstLine = ask.hide(row.seen.FirstLine)
		rows = append(rows, row)
	}
	if len(rows) == 0 && len(notes) == 0 {
		notes = append(notes, algesta.Say("No Service selects these pods."))
	}
	return rows, notes
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// leadsToPort reports whether a port of a Service leads to this port of the pod.
func leadsToPort(p corev1.ServicePort, pod *corev1.Pod, port string) bool {
	to := p.TargetPort.String()
	if to == "0" || to == "" {
		to = strconv.Itoa(int(p.Port))
	}
	return to == port || slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return portNumber(c, to) == port })
}

func healthReport(in Input, ask healthAsk, rows []healthRow, notes []algesta.Text) algesta.Report {
	table := algesta.Table{Head: []string{"asked", "answer", "time", "first line"}}
	well, of, failed, unread := 0, 0, 0, error(nil)
	for _, r := range rows {
		answer, took := healthAnswer(r)
		table.Rows = append(
			table.Rows,
			[]algesta.Text{r.what, algesta.Say("{}", answer), algesta.Say("{}", took), orDash(quote(r.seen.FirstLine))},
		)
		if r.err != nil {
			unread = r.err
		}
		if r.rank() == 0 {
			failed++
		}
		if !r.service {
			of++
			if r.rank() == 2 {
				well++
			}
		}
	}
	report := algesta.Report{
		Tone: algesta.Good,
		Title: algesta.Say(
			"{}: {} of {} {} {} as expected",
			logSubject(in),
			well,
			count(of, "pod"),
			answers(of),
			algesta.Name(quote(ask.path)),
		),
	}
	switch {
	case unread != nil && failed == 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{}: I couldn't check all of it", logSubject(in))
		notes = append([]algesta.Text{couldNotCheck("what couldn't be asked", unread)}, notes...)
	case failed > 0:
		report.Tone = algesta.Bad
	}
	return withTable(report, table, "answer", notes...)
}

func answers(n int) string {
	if n == 1 {
		return "answers"
	}
	return "answer"
}

// healthAnswer is the answer as a cell has it.
func healthAnswer(r healthRow) (answer, time string) {
	switch {
	case r.err != nil:
		return "not checked", "–"
	case r.seen.Fault == algesta.FaultNoName:
		return "no endpoint is ready", "–"
	case r.seen.Fault != algesta.NoFault:
		return faultWords[r.seen.Fault], took(r.seen.Wait)
	}
	return statusWords(r.seen.Status), took(r.seen.Wait)
}
