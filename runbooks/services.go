package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name:    "services",
	Aliases: []string{"get services", "get service", "get svc"},
	Verb:    "services",
	Summary: "List the Services of an environment: type, address, ports, ready endpoints and what they lead to, the worst first.",
	Example: "services production",
	Rank:    60,
	Args:    listArgs,
	About:   About{Environment: true, Kinds: []string{"Service"}},
	Reads:   wiringReads,
	Answer:  answerServices,
}))

func answerServices(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	selector, err := selectorOf(in)
	if err != nil {
		return algesta.Report{}, err
	}
	w := readWiring(ctx, c, in.Command.Target.Namespace)
	if w.services.err != nil {
		return unknownReport(whereOf(in), w.services), nil //nolint:nilerr // the report says so
	}
	if name, one := strings.CutPrefix(in.Command.Target.Object, servicePrefix); one {
		s, err := w.find(name, in)
		if err != nil {
			return algesta.Report{}, err
		}
		return endpointsReport(w, s, in), nil
	}
	w.all.Items = slices.DeleteFunc(w.all.Items, func(s corev1.Service) bool { return !selector.Matches(labels.Set(s.Labels)) })
	return servicesReport(w, in), nil
}

// wiringReads are what readWiring reads.
var wiringReads = []string{"list services", "list endpointslices.discovery.k8s.io", "list pods"}

// servicePrefix begins a Service's name in a target.
const servicePrefix = "service/"

// wiring is what was read of a namespace to tell where its Services lead.
type wiring struct {
	all    corev1.ServiceList
	slices discoveryv1.EndpointSliceList
	pods   corev1.PodList

	services, endpoints, podsRead listed
}

func readWiring(ctx context.Context, c Cluster, namespace string) *wiring {
	w := &wiring{}
	var reading conc.WaitGroup
	reading.Go(func() { w.services = listAll(ctx, c, namespace, "", "services", &w.all) })
	reading.Go(func() { w.endpoints = listAll(ctx, c, namespace, "", "endpoints", &w.slices) })
	reading.Go(func() { w.podsRead = listAll(ctx, c, namespace, "", "pods", &w.pods) })
	reading.Wait()
	return w
}

// find is the Service of this name, or that of the service with this name: "api-gateway" is api-gateway-production.
func (w *wiring) find(name string, in Input) (*corev1.Service, error) {
	for _, called := range []string{name, name + "-" + in.Command.Target.Namespace, name + "-" + in.Command.Target.Environment} {
		if i := slices.IndexFunc(w.all.Items, func(s corev1.Service) bool { return s.Name == called }); i >= 0 {
			return &w.all.Items[i], nil
		}
	}
	if w.services.part != nil {
		return nil, fmt.Errorf("looking for service %s: %w", name, w.services.part)
	}
	return nil, &algesta.Error{
		Kind: algesta.ErrNotFound, Message: algesta.Say("There's no Service {} in {}.", algesta.Name(name), whereOf(in)),
		Hint: algesta.Say("Those that there are: {}", algesta.Name(in.Bot.Typed("services", whereOf(in)))),
	}
}

// endpoint is an address of a Service and the pod behind it, "" where that is none.
type endpoint struct {
	address, pod, node string
	ready              bool
}

// endpointsOf are a Service's endpoints, each once: those of IPv4 and IPv6 are one where they are one pod.
func (w *wiring) endpointsOf(service string) []endpoint {
	var out []endpoint
	seen := map[string]int{}
	for _, slice := range w.slices.Items {
		if slice.Labels[discoveryv1.LabelServiceName] != service {
			continue
		}
		for _, e := range slice.Endpoints {
			one := endpoint{address: strings.Join(e.Addresses, ", "), ready: e.Conditions.Ready == nil || *e.Conditions.Ready}
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
				one.pod = e.TargetRef.Name
			}
			if e.NodeName != nil {
				one.node = *e.NodeName
			}
			key := cmp.Or(one.pod, one.address)
			if i, again := seen[key]; again {
				out[i].ready = out[i].ready || one.ready
				continue
			}
			seen[key] = len(out)
			out = append(out, one)
		}
	}
	return out
}

// serviceRow is a Service with how many of its endpoints are ready.
type serviceRow struct {
	*corev1.Service
	ready, all int
	rank       int
	endpoints  []endpoint
}

// The ranks of Services, the worst first.
const (
	noEndpoint = iota
	fewerEndpoints
	allEndpoints
	noPodsMeant // it selects no pods: an external name, or endpoints that somebody keeps by hand
)

func (w *wiring) row(s *corev1.Service) serviceRow {
	r := serviceRow{Service: s, endpoints: w.endpointsOf(s.Name)}
	r.all = len(r.endpoints)
	for _, e := range r.endpoints {
		if e.ready {
			r.ready++
		}
	}
	switch {
	case w.endpoints.err != nil || len(s.Spec.Selector) == 0:
		r.rank = noPodsMeant
	case r.ready == 0:
		r.rank = noEndpoint
	case r.ready < r.all:
		r.rank = fewerEndpoints
	default:
		r.rank = allEndpoints
	}
	return r
}

func servicesReport(w *wiring, in Input) algesta.Report {
	rows, ranks := make([]serviceRow, len(w.all.Items)), [noPodsMeant + 1]int{}
	for i := range w.all.Items {
		rows[i] = w.row(&w.all.Items[i])
		ranks[rows[i].rank]++
	}
	slices.SortFunc(rows, func(a, b serviceRow) int { return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.Name, b.Name)) })
	table := algesta.Table{Head: withWide(in, []string{"service", "type", "address", "ports", "endpoints ready", "leads to"}, "selects")}
	for _, r := range rows {
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(r.Name)), algesta.Say("{}", typeOf(r.Service)), orDash(addressOf(r.Service)), orDash(portsOf(r.Service)),
			algesta.Say("{}", w.readyWords(r)), orDash(w.leadsTo(r)),
		}
		if isWide(in) {
			row = append(row, orDash(labelsOf(r.Spec.Selector, noHiding)))
		}
		table.Rows = append(table.Rows, row)
	}
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {}, all with ready endpoints", selectedIn(in), count(len(rows), "service")),
	}
	switch {
	case len(rows) == 0:
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no services", selectedIn(in))
	case w.endpoints.err != nil:
		report.Tone, report.Title = algesta.Warning, algesta.Say("{}: {}", selectedIn(in), count(len(rows), "service"))
	case ranks[noEndpoint] > 0:
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{}: {} of {} without a ready endpoint", selectedIn(in), ranks[noEndpoint], count(len(rows), "service"))
	case ranks[fewerEndpoints] > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{}: {} of {} with endpoints that aren't ready",
			selectedIn(in),
			ranks[fewerEndpoints],
			count(len(rows), "service"),
		)
	}
	return withTable(report, table, "service", slices.Concat(asTyped(in), notes(w.services, w.endpoints, w.podsRead))...)
}

func typeOf(s *corev1.Service) string {
	return string(cmp.Or(s.Spec.Type, corev1.ServiceTypeClusterIP))
}

// addressOf is where a Service is reached: its address in the cluster, and the one outside.
func addressOf(s *corev1.Service) string {
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		return quote(s.Spec.ExternalName)
	}
	address := s.Spec.ClusterIP
	if address == corev1.ClusterIPNone {
		address = "none (headless)"
	}
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return quote(address)
	}
	outside := "pending"
	for _, i := range s.Status.LoadBalancer.Ingress {
		outside = cmp.Or(i.IP, i.Hostname)
	}
	return quote(address + ", outside " + outside)
}

// portsOf are the ports of a Service and of the pods behind: "80→3000".
func portsOf(s *corev1.Service) string {
	var out []string
	for _, p := range s.Spec.Ports {
		port := fmt.Sprint(p.Port)
		if to := p.TargetPort.String(); to != port && to != "0" {
			port += "→" + to
		}
		if p.Protocol != "" && p.Protocol != corev1.ProtocolTCP {
			port += "/" + string(p.Protocol)
		}
		out = append(out, port)
	}
	return quote(strings.Join(out, ", "))
}

func (w *wiring) readyWords(r serviceRow) string {
	switch {
	case w.endpoints.err != nil:
		return "not checked"
	case r.all == 0 && r.rank == noPodsMeant:
		return "–"
	}
	return fmt.Sprintf("%d of %d", r.ready, r.all)
}

// leadsTo are the workloads of the pods behind a Service.
func (w *wiring) leadsTo(r serviceRow) string {
	var out []string
	for _, e := range r.endpoints {
		if pod := w.pod(e.pod); pod != nil {
			out = append(out, workloadOf(pod))
		}
	}
	slices.Sort(out)
	return quote(strings.Join(slices.Compact(out), ", "))
}

func (w *wiring) pod(name string) *corev1.Pod {
	i := slices.IndexFunc(w.pods.Items, func(p corev1.Pod) bool { return name != "" && p.Name == name })
	if i < 0 {
		return nil
	}
	return &w.pods.Items[i]
}

// workloadOf is the name of what makes a pod: a ReplicaSet has its Deployment's name and a hash that the pod has as a label.
func workloadOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Name
	}
	if hash := pod.Labels["pod-template-hash"]; owner.Kind == "ReplicaSet" && hash != "" {
		return strings.TrimSuffix(owner.Name, "-"+hash)
	}
	return owner.Name
}
