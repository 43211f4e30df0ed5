package runbooks

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

var toArg = Arg{
	Name:     "to",
	Kind:     TextArg,
	Required: true,
	Bare:     true,
	Summary:  "the other side: a Service or a host, and its port, such as ms-orders:80",
}

var _ = register(Runbook{
	Name:    "connect",
	Aliases: []string{"check connection", "connection"},
	Verb:    "connect",
	Rank:    96,
	Summary: "Check whether a service can reach host:port, as far as that is known without a program in its pods: name, " +
		"endpoints, ports, NetworkPolicies.",
	Example: "connect api-gateway production api-gateway-production:80",
	About:   About{Service: true, Kinds: []string{podKind}},
	Args:    []Arg{toArg},
	Reads: union(rollout.Reads, []string{
		"list pods", "list services", "list endpointslices.discovery.k8s.io", "list networkpolicies.networking.k8s.io", "list configmaps",
	}),
	Answer: answerConnect,
})

// other is the other side of a connection.
type other struct {
	host, port         string
	number             int32
	service, namespace string // where it's a Service's name
}

// hostName is what DNS takes.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// otherOf reads "host:port". DNS in a pod decides which names are Services: "gate", "gate.shop", "gate.shop.svc", with or without the
// domain of the cluster.
func otherOf(in Input) (other, error) {
	typed := toArg.Text(in)
	host, port, err := net.SplitHostPort(typed)
	number, bad := strconv.ParseUint(port, 10, 16)
	_, notAddress := netip.ParseAddr(host)
	if err != nil || bad != nil || number == 0 || notAddress != nil && !hostName.MatchString(host) {
		return other{}, &algesta.Error{
			Kind:    algesta.ErrUsage,
			Message: algesta.Say("The other side is a host and a port, such as ms-orders:80, not {}.", algesta.Name(quote(typed))),
			Hint:    algesta.Say("{}", command(in, "connect", "<host>:<port>")),
		}
	}
	o := other{host: strings.ToLower(host), port: port, number: int32(number)}
	parts := strings.Split(o.host, ".")
	own := in.Command.Target.Namespace
	switch {
	case notAddress == nil:
	case len(parts) == 1:
		o.service, o.namespace = parts[0], own
	case len(parts) == 2 && (parts[1] == own || in.Allowed != nil && in.Allowed(parts[1])), len(parts) > 2 && parts[2] == "svc":
		o.service, o.namespace = parts[0], parts[1]
	}
	return o, nil
}

func (o other) called() algesta.Span { return algesta.Name(quote(o.host + ":" + o.port)) }

// connection is what is known of one.
type connection struct {
	other
	from   *corev1.Pod
	read   *reads
	facts  *facts.Snapshot
	wiring wiring

	stopped []algesta.Text // why it can't work, the first the nearest
	known   []algesta.Text
	unknown []algesta.Text
}

func answerConnect(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	o, err := otherOf(in)
	if err != nil {
		return algesta.Report{}, err
	}
	pods, _, err := podsOfLogs(ctx, c, in)
	switch {
	case err != nil:
		return podsUnread(in, err)
	case len(pods) == 0:
		return algesta.Report{Tone: algesta.Warning, Title: algesta.Say("{} has no pods, so nothing connects.", logSubject(in))}, nil
	}
	if o.service != "" && o.namespace != in.Command.Target.Namespace && (in.Allowed == nil || !in.Allowed(o.namespace)) {
		return algesta.Report{}, &algesta.Error{
			Kind:    algesta.ErrRefused,
			Message: algesta.Say("{} is in another namespace, where you can't read anything.", o.called()),
			Hint:    algesta.Say("What you can do and where: {}", algesta.Name(in.Bot.Typed("whoami"))),
		}
	}
	k := &connection{other: o, from: pods[0], read: &reads{c: c}}
	k.look(ctx, in)
	if o.service != "" {
		k.toService()
	} else {
		k.toOutside(ctx, c, in)
	}
	return k.report(in), nil
}

// look reads the wiring of the other side, and the policies of both.
func (k *connection) look(ctx context.Context, in Input) {
	own := in.Command.Target.Namespace
	there := orElse(k.namespace, own)
	var policies, others networkingv1.NetworkPolicyList
	k.read.list(ctx, "services", there, &k.wiring.all)
	k.read.list(ctx, "endpoints", there, &k.wiring.slices)
	k.read.list(ctx, "pods", there, &k.wiring.pods)
	k.read.list(ctx, "networkpolicies", own, &policies)
	if there != own {
		k.read.list(ctx, "networkpolicies of "+there, there, &others)
	}
	k.read.work.Wait()
	k.facts = facts.NewSnapshot(in.Command.At, []runtime.Object{k.from, &k.wiring.all, &k.wiring.pods, &policies, &others}, nil)
}

// toService follows the name to the pods behind it.
func (k *connection) toService() {
	name := algesta.Name(quote(k.service))
	if k.read.failed["services"] != nil {
		k.unknown = append(k.unknown, algesta.Say("Whether the Service {} exists couldn't be checked.", name))
		return
	}
	at := slices.IndexFunc(k.wiring.all.Items, func(s corev1.Service) bool { return s.Name == k.service })
	if at < 0 {
		k.stopped = append(
			k.stopped,
			algesta.Say("There's no Service {} in namespace {}, so the name doesn't resolve.", name, algesta.Name(k.namespace)),
		)
		return
	}
	s := &k.wiring.all.Items[at]
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		k.known = append(k.known, algesta.Say("{} is another name for {}, outside the cluster.", name, algesta.Name(quote(s.Spec.ExternalName))))
		return
	}
	k.known = append(
		k.known,
		algesta.Say("The name is the Service {}: {}, ports {}.", name, orElse(addressOf(s), "no address"), orElse(portsOf(s), "none")),
	)
	port, has := k.portOf(s)
	if !has {
		k.stopped = append(k.stopped, algesta.Say("The Service {} has no port {}, only {}.", name, k.port, orElse(portsOf(s), "none")))
	}
	if k.read.failed["endpoints"] != nil {
		k.unknown = append(k.unknown, algesta.Say("Its endpoints couldn't be checked."))
	} else {
		row := k.wiring.row(s)
		said := algesta.Say("{} of {} ready.", row.ready, count(row.all, "endpoint"))
		if row.ready == 0 {
			k.stopped = append(k.stopped, algesta.Say("No endpoint of the Service {} is ready ({} in all).", name, row.all))
		} else {
			k.known = append(k.known, said)
		}
	}
	k.policiesTo(s, port)
}

// portOf is the port of the Service that is called. One without an address of its own passes any port on to its pods.
func (k *connection) portOf(s *corev1.Service) (corev1.ServicePort, bool) {
	for _, p := range s.Spec.Ports {
		if p.Port == k.number {
			return p, true
		}
	}
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		return corev1.ServicePort{Port: k.number}, true
	}
	return corev1.ServicePort{Port: k.number}, false
}

// policiesTo judges the policies of both sides for a Service's pods.
func (k *connection) policiesTo(s *corev1.Service, port corev1.ServicePort) {
	if k.read.failed["networkpolicies"] != nil {
		return // it's among what couldn't be checked
	}
	var behind *corev1.Pod
	for i := range k.wiring.pods.Items {
		if pod := &k.wiring.pods.Items[i]; len(s.Spec.Selector) > 0 && selects(s.Spec.Selector, pod.Labels) {
			behind = pod
			break
		}
	}
	out := k.facts.PoliciesOn(k.from, networkingv1.PolicyTypeEgress)
	k.names(out)
	if behind == nil {
		return
	}
	target := facts.TargetOn(port, behind)
	way := facts.Peer{Namespace: behind.Namespace, Labels: behind.Labels}
	k.judge(out, k.facts.LetsOut(out, behind, target, corev1.ProtocolTCP, way), algesta.Say("lets these pods call {}", k.called()))
	if k.read.failed["networkpolicies of "+k.namespace] != nil {
		return
	}
	in := k.facts.PoliciesOn(behind, networkingv1.PolicyTypeIngress)
	from := facts.Peer{Namespace: k.from.Namespace, Labels: k.from.Labels}
	only := s.DeepCopy()
	only.Spec.Ports = []corev1.ServicePort{port}
	k.judge(in, k.facts.Reachable(only, in, behind, from), algesta.Say("admits these pods to {}", k.called()))
}

// judge says what policies together allow. Where there are none, everything is.
func (k *connection) judge(policies []*networkingv1.NetworkPolicy, answer facts.Answer, what algesta.Text) {
	if len(policies) == 0 {
		return
	}
	var names []string
	for _, p := range policies {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	called := algesta.Say("NetworkPolicy {}", list(clipped(names)))
	switch answer {
	case facts.No:
		k.stopped = append(k.stopped, algesta.Say("None {}: {}.", what, called))
	case facts.Maybe:
		k.unknown = append(k.unknown, algesta.Say("I can't tell from here whether one {}: {}.", what, called))
	case facts.Yes:
		k.known = append(k.known, algesta.Say("{} {}.", called, what))
	}
}

// names says where not even the name can be looked up: people who limit egress often forget DNS.
func (k *connection) names(out []*networkingv1.NetworkPolicy) {
	asks := func(port int32) bool {
		return k.facts.LetsOut(out, nil, port, corev1.ProtocolUDP, facts.Peer{}) != facts.No
	}
	const dns, dnsOfPods = 53, 5353
	if len(out) > 0 && !asks(dns) && !asks(dnsOfPods) {
		k.stopped = append(k.stopped, algesta.Say("NetworkPolicy {} lets no DNS questions out of these pods.", algesta.Name(out[0].Name)))
	}
}

// toOutside judges the policies, and tries from where the bot runs where the workload itself names the host.
func (k *connection) toOutside(ctx context.Context, c Cluster, in Input) {
	if k.read.failed["networkpolicies"] == nil {
		out := k.facts.PoliciesOn(k.from, networkingv1.PolicyTypeEgress)
		k.names(out)
		k.judge(out, k.facts.LetsOutside(out, k.number), algesta.Say("lets these pods call {}", k.called()))
	}
	named, err := k.named(ctx, c, in)
	switch {
	case err != nil:
		k.unknown = append(k.unknown, couldNotCheck("whether the workload names the host", err))
	case !named:
		k.unknown = append(
			k.unknown,
			algesta.Say("I didn't look at {} from here: I only go to hosts that a plain variable or a ConfigMap of the workload names, "+
				"and what Secrets hold isn't searched.", algesta.Name(quote(k.host))),
		)
	case c.Prober == nil:
		k.unknown = append(k.unknown, algesta.Say("I can't look at hosts from where I run."))
	default:
		seen := c.Prober.Reaches(ctx, k.host, k.port)
		where := algesta.Say("Seen from where I run, which isn't where the pods are")
		switch seen.Fault {
		case algesta.NoFault:
			k.known = append(k.known, algesta.Say("{}: the port is open ({}), at {}.", where, took(seen.Connect), list(clipped(seen.Addresses))))
		case algesta.FaultInside:
			k.unknown = append(k.unknown, algesta.Say("{}: {}.", where, faultWords[seen.Fault]))
		case algesta.FaultNoName, algesta.FaultNoLookup, algesta.FaultRefused, algesta.FaultTimedOut, algesta.FaultNoTLS, algesta.FaultNoAnswer:
			k.stopped = append(k.stopped, algesta.Say("{}: {}.", where, faultWords[seen.Fault]))
		}
	}
}

// named reports whether a plain variable of the workload, or a ConfigMap that it takes variables from, has the host as a word of its own.
func (k *connection) named(ctx context.Context, c Cluster, in Input) (bool, error) {
	if _, err := netip.ParseAddr(k.host); err == nil || !strings.Contains(k.host, ".") {
		return false, nil
	}
	spec, _, err := podSpecFor(ctx, c, in)
	if err != nil {
		return false, err
	}
	word := regexp.MustCompile(`(?i)(^|[^a-z0-9.-])` + regexp.QuoteMeta(k.host) + `($|[^a-z0-9.-])`)
	sources := &envSources{
		ctx:       ctx,
		c:         c,
		namespace: in.Command.Target.Namespace,
		maps:      map[string]configMapRead{},
		keys:      map[string]keysRead{},
	}
	for i := range spec.Containers {
		for _, e := range spec.Containers[i].Env {
			if e.ValueFrom == nil && word.MatchString(e.Value) && isPlain(e.Name, e.Value) {
				return true, nil
			}
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				ref := e.ValueFrom.ConfigMapKeyRef
				read := sources.configMap(ref.Name)
				if read.found == nil {
					continue
				}
				if value := read.found.Data[ref.Key]; word.MatchString(value) && isPlain(e.Name, value) && isPlain(ref.Key, value) {
					return true, nil
				}
			}
		}
		for _, from := range spec.Containers[i].EnvFrom {
			if from.ConfigMapRef == nil {
				continue
			}
			if read := sources.configMap(from.ConfigMapRef.Name); read.found != nil {
				for key, value := range read.found.Data {
					if word.MatchString(value) && isPlain(from.Prefix+key, value) && isPlain(key, value) {
						return true, nil
					}
				}
			}
		}
	}
	for _, read := range sources.maps {
		if read.err != nil {
			return false, read.err
		}
	}
	return false, nil
}

func (k *connection) report(in Input) algesta.Report {
	way := algesta.Say("{} to {}", logSubject(in), k.called())
	unread := k.read.couldNot()
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: nothing that I can see stops it", way)}
	switch {
	case len(k.stopped) > 0:
		report.Tone, report.Title = algesta.Bad, algesta.Say("{}: {}", way, k.stopped[0])
	case len(k.unknown)+len(unread) > 0:
		report.Tone, report.Title = algesta.Warning, algesta.Say("{}: nothing that I can see stops it, but not all could be checked", way)
	}
	var rest []algesta.Text
	if len(k.stopped) > 1 {
		rest = k.stopped[1:]
	}
	rest = slices.Concat(rest, k.known, k.unknown, unread)
	rest = append(
		rest,
		algesta.Say(
			"I run nothing in pods, so this is what can be known without. NetworkPolicies count where the cluster's network enforces them.",
		),
	)
	report.Body = lines(rest)
	return report
}
