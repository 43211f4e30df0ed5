package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// The resources that routes are read from, as kubectl names them.
const (
	ingresses      = "ingresses"
	ingressClasses = "ingressclasses"
	httpRoutes     = "httproutes"
	gateways       = "gateways"
)

// route is one host and path, and where an Ingress or an HTTPRoute sends it.
type route struct {
	kind, name  string // of what says so
	host, path  string // host is "" for every one
	via         string // its class, or its Gateways
	address     string // where the class or the Gateway is reached; "" where that isn't known
	certificate string // how long the certificate for the host lasts, as a cell has it; "" for none
	backends    []backend
	rank        int
	problems    []algesta.Text
}

// backend is a Service that a route leads to.
type backend struct {
	service, port string
	ready, all    int
	checked       bool // whether ready and all are known
}

// The ranks of routes, the worst first.
const (
	routeBroken  = iota // nothing answers
	routeAiling         // it answers, or may, and something is wrong
	routeUnknown        // what it leads to could not be read
	routeFine
)

// wrong adds a problem.
func (r *route) wrong(rank int, problem algesta.Text) {
	r.rank = min(r.rank, rank)
	r.problems = append(r.problems, problem)
}

// called is the route in a sentence: "api.example.com/v1".
func (r *route) called() algesta.Span { return algesta.Name(quote(orElse(r.host, "*") + r.path)) }

func (r *route) by() string { return r.kind + " " + r.name + " (" + orElse(r.via, "no class") + ")" }

func (r *route) leadsTo() string {
	var out []string
	for _, b := range r.backends {
		out = append(out, strings.TrimSuffix(b.service+":"+b.port, ":"))
	}
	return strings.Join(out, ", ")
}

func (r *route) readyWords() string {
	ready, all := 0, 0
	for _, b := range r.backends {
		if !b.checked {
			return "not checked"
		}
		ready, all = ready+b.ready, all+b.all
	}
	if len(r.backends) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", ready, all)
}

// routes are all routes of a namespace, with what was read to find them.
type routes struct {
	read         *reads
	now          time.Time
	wiring       wiring
	ingresses    networkingv1.IngressList
	classes      networkingv1.IngressClassList
	certificates map[string]certificate // by the Secret that they are kept in
	routes       []route
}

func readRoutes(ctx context.Context, c Cluster, in Input) *routes {
	namespace := in.Command.Target.Namespace
	a := &routes{read: &reads{c: c}, now: in.Command.At, certificates: map[string]certificate{}}
	certs := customList(certManagerGroup, "v1", certificateKind)
	routeList, gatewayList := customList(gatewayGroup, "v1", "HTTPRoute"), customList(gatewayGroup, "v1", "Gateway")
	a.read.list(ctx, ingresses, namespace, &a.ingresses)
	a.read.list(ctx, ingressClasses, "", &a.classes)
	a.read.list(ctx, "services", namespace, &a.wiring.all)
	a.read.list(ctx, "endpoints", namespace, &a.wiring.slices)
	a.read.list(ctx, certificates, namespace, certs)
	a.read.list(ctx, httpRoutes, namespace, routeList)
	a.read.list(ctx, gateways, namespace, gatewayList)
	a.read.work.Wait()
	for i := range certs.Items {
		cert := readCertificate(&certs.Items[i])
		a.certificates[facts.Text(cert.object, "spec", "secretName")] = cert
	}
	for i := range a.ingresses.Items {
		a.addIngress(&a.ingresses.Items[i])
	}
	edges := readGateways(gatewayList.Items)
	for i := range routeList.Items {
		a.addHTTPRoute(&routeList.Items[i], edges)
	}
	a.declaredTwice()
	return a
}

// addIngress adds what an Ingress sends somewhere.
func (a *routes) addIngress(i *networkingv1.Ingress) {
	one := route{kind: ingressKind, name: i.Name, via: facts.ClassName(i), address: addressOfIngress(i)}
	var own []algesta.Text // of the Ingress as a whole
	if one.address == "" {
		own = append(own, a.whyNoAddress(i))
	}
	add := func(host, path string, to networkingv1.IngressBackend) {
		r := one
		r.host, r.path, r.rank = host, path, routeFine
		for _, problem := range own {
			r.wrong(routeAiling, problem)
		}
		switch {
		case to.Service != nil:
			port := to.Service.Port.Name
			if port == "" {
				port = fmt.Sprint(to.Service.Port.Number)
			}
			a.lead(&r, to.Service.Name, port)
		case to.Resource != nil:
			r.backends = []backend{{service: to.Resource.Kind + " " + to.Resource.Name}}
			r.rank = min(r.rank, routeUnknown)
		}
		a.secure(&r, secretOfIngress(i, host))
		a.routes = append(a.routes, r)
	}
	if i.Spec.DefaultBackend != nil {
		add("", "anything else", *i.Spec.DefaultBackend)
	}
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, p := range rule.HTTP.Paths {
			add(rule.Host, orElse(p.Path, "/"), p.Backend)
		}
	}
}

// lead adds a Service that a route leads to, and says what is wrong with it.
func (a *routes) lead(r *route, name, port string) {
	b := backend{service: name, port: port}
	defer func() { r.backends = append(r.backends, b) }()
	if a.read.failed["services"] != nil {
		r.rank = min(r.rank, routeUnknown)
		return
	}
	at := slices.IndexFunc(a.wiring.all.Items, func(s corev1.Service) bool { return s.Name == name })
	if at < 0 {
		b.checked = true
		r.wrong(
			routeBroken,
			algesta.Say(
				"{} leads to the Service {}, which doesn't exist, so it answers with an error (503).",
				r.called(),
				algesta.Name(quote(name)),
			),
		)
		return
	}
	s := &a.wiring.all.Items[at]
	if !slices.ContainsFunc(
		s.Spec.Ports,
		func(p corev1.ServicePort) bool { return p.Name == port && port != "" || fmt.Sprint(p.Port) == port },
	) {
		b.checked = true
		r.wrong(
			routeBroken,
			algesta.Say(
				"{} leads to port {} of the Service {}, which has only {}.",
				r.called(),
				quote(port),
				algesta.Name(name),
				orElse(portsOf(s), "no port"),
			),
		)
		return
	}
	if a.read.failed["endpoints"] != nil || s.Spec.Type == corev1.ServiceTypeExternalName {
		r.rank = min(r.rank, routeUnknown)
		return
	}
	row := a.wiring.row(s)
	b.ready, b.all, b.checked = row.ready, row.all, true
	switch {
	case b.ready == 0:
		r.wrong(
			routeBroken,
			algesta.Say("No endpoint of the Service {} is ready, so {} answers with an error (502 or 503).", algesta.Name(name), r.called()),
		)
	case b.ready < b.all:
		r.wrong(routeAiling, algesta.Say("{} of {} of the Service {} are ready.", b.ready, count(b.all, "endpoint"), algesta.Name(name)))
	}
}

// secure says what state the certificate for a route is in, by the Secret that it's kept in: of what is in that Secret nothing is read.
func (a *routes) secure(r *route, secret string) {
	cert, known := a.certificates[secret]
	switch {
	case secret == "":
		return
	case a.read.failed[certificates] != nil && !a.read.absent(certificates):
		r.certificate = "not checked"
	case !known:
		r.certificate = "in Secret " + quote(secret) + ", dates unknown"
	default:
		r.certificate = cert.left(a.now)
		switch state := cert.state(a.now); state {
		case certExpired, certFailing, certUnready:
			if state != certExpired {
				r.certificate = fmt.Sprintf("%s (%s)", r.certificate, state)
			}
			r.wrong(
				routeAiling,
				algesta.Say("The certificate {} for {} is {}.", algesta.Name(cert.object.GetName()), algesta.Name(quote(orElse(r.host, "*"))), state),
			)
		case certOverdue, certRenewing, certReady:
		}
	}
}

// declaredTwice says where two objects declare the same host and path: which of them answers depends on the controller.
func (a *routes) declaredTwice() {
	first := map[string]*route{}
	for i := range a.routes {
		r := &a.routes[i]
		key := r.host + " " + r.path
		other := first[key]
		switch {
		case other == nil:
			first[key] = r
		case other.kind == r.kind && other.name != r.name && r.path != "anything else":
			r.wrong(routeAiling, algesta.Say("{} is declared twice, by {} {} and {}: which of them answers isn't certain.",
				r.called(), r.kind, algesta.Name(other.name), algesta.Name(r.name)))
		}
	}
}

// whyNoAddress says why nothing has taken an Ingress, as far as that is known.
func (a *routes) whyNoAddress(i *networkingv1.Ingress) algesta.Text {
	name, class := algesta.Name(i.Name), facts.ClassName(i)
	isDefault := func(c networkingv1.IngressClass) bool {
		return c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
	}
	switch {
	case a.read.failed[ingressClasses] != nil:
		return algesta.Say("Ingress {} has no address yet.", name)
	case class == "" && !slices.ContainsFunc(a.classes.Items, isDefault):
		return algesta.Say("Ingress {} has no address: it names no class, and there is no default.", name)
	case class != "" && !slices.ContainsFunc(a.classes.Items, func(c networkingv1.IngressClass) bool { return c.Name == class }):
		return algesta.Say("Ingress {} has no address: its class {} doesn't exist.", name, algesta.Name(quote(class)))
	}
	return algesta.Say("Ingress {} has no address: its controller hasn't taken it yet.", name)
}

func addressOfIngress(i *networkingv1.Ingress) string {
	var out []string
	for _, at := range i.Status.LoadBalancer.Ingress {
		out = append(out, orElse(at.IP, at.Hostname))
	}
	return strings.Join(out, ", ")
}

// secretOfIngress is the Secret with the certificate for a host, "" where there is none. An entry without hosts is for all.
func secretOfIngress(i *networkingv1.Ingress, host string) string {
	for _, tls := range i.Spec.TLS {
		if len(tls.Hosts) == 0 || slices.ContainsFunc(tls.Hosts, func(of string) bool { return of != "" && covers(of, host) }) {
			return tls.SecretName
		}
	}
	return ""
}

// ending says which classes of these routes end, and what comes after them.
func (a *routes) ending(chosen []route) []algesta.Text {
	var out []algesta.Text
	for _, class := range a.classes.Items {
		used := slices.ContainsFunc(chosen, func(r route) bool { return r.kind == ingressKind && r.via == class.Name })
		if support, ends := rules.ControllerSupport(class.Spec.Controller); ends && used {
			out = append(out, algesta.Say("Class {}: {}. {}", algesta.Name(class.Name), support.Said(a.now), support.Do))
		}
	}
	return out
}
