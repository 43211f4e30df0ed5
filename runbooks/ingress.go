package runbooks

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name: "ingress",
	Aliases: []string{
		"ingresses",
		"get ingress",
		"get ingresses",
		"get ing",
		"describe ingress",
		"describe ing",
		"get httproutes",
		"get httproute",
		"get gateways",
		"get gateway",
	},
	Verb:    "ingress",
	Summary: "Show what hosts lead to, by Ingress and Gateway API: path, Service, ready endpoints, certificate, address, and what is wrong.",
	Example: "ingress production",
	Rank:    80,
	About:   About{Environment: true, Kinds: []string{ingressKind}, Host: true},
	Args:    lookArgs,
	Reads:   routeReads,
	Answer:  answerIngress,
}))

const ingressKind = "Ingress"

// routeReads are what readRoutes reads.
var routeReads = []string{
	"list ingresses.networking.k8s.io",
	"list httproutes.gateway.networking.k8s.io",
	"list gateways.gateway.networking.k8s.io",
	"list services",
	"list endpointslices.discovery.k8s.io",
	"list certificates.cert-manager.io",
	"list ingressclasses.networking.k8s.io (cluster-wide)",
}

func answerIngress(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	all := readRoutes(ctx, c, in)
	if err := all.read.failed[ingresses]; err != nil && all.read.failed[httpRoutes] != nil {
		return unreadable(in, "the ingresses", err), nil //nolint:nilerr // the report says so
	}
	name, host := objectOf(in, ingressKind), objectOf(in, "host")
	chosen := slices.DeleteFunc(slices.Clone(all.routes), func(r route) bool {
		return name != "" && r.name != name || host != "" && !covers(r.host, host)
	})
	if len(chosen) == 0 && (name != "" || host != "") {
		return all.none(in, name, host)
	}
	slices.SortStableFunc(chosen, func(a, b route) int {
		return cmp.Or(
			cmp.Compare(a.rank, b.rank),
			strings.Compare(a.host, b.host),
			strings.Compare(a.path, b.path),
			strings.Compare(a.name, b.name),
		)
	})
	report := algesta.Report{Tone: toneOfRoutes(chosen), Title: titleOfRoutes(chosen, in, cmp.Or(name, host))}
	more := problemsOf(chosen)
	more = append(more, all.ending(chosen)...)
	more = append(more, all.read.couldNot()...)
	if name == "" && host == "" && all.read.absent(httpRoutes) {
		more = append(more, algesta.Say("The Gateway API isn't installed in this cluster, so these are all."))
	}
	return withTable(report, routesTable(chosen), "route", slices.Concat(asTyped(in), more)...), nil
}

// none is the answer where no route is of what was named.
func (a *routes) none(in Input, name, host string) (algesta.Report, error) {
	for _, resource := range []string{ingresses, httpRoutes} {
		if err := a.read.failed[resource]; err != nil && !a.read.absent(resource) {
			return unreadable(in, "the "+resource, err), nil
		}
	}
	var known []string
	for _, r := range a.routes {
		known = append(known, quote(map[bool]string{true: r.name, false: r.host}[name != ""]))
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if name != "" {
		return algesta.Report{}, noSuch(in, "Ingress or HTTPRoute", name, known)
	}
	return algesta.Report{}, noSuch(in, "Ingress or HTTPRoute for", host, known)
}

// covers reports whether the host of a rule is for a host that someone names: "" is for every one, and "*.example.com" for each name below
// example.com (of an Ingress for those of one label only; a Gateway takes more).
func covers(rule, host string) bool {
	rule, host = strings.ToLower(rule), strings.ToLower(host)
	below, wildcard := strings.CutPrefix(rule, "*")
	return rule == "" || rule == host || wildcard && strings.HasSuffix(host, below) && len(host) > len(below)
}

func toneOfRoutes(all []route) algesta.Tone {
	switch {
	case len(all) == 0:
		return algesta.Neutral
	case all[0].rank == routeBroken:
		return algesta.Bad
	case all[0].rank < routeFine:
		return algesta.Warning
	}
	return algesta.Good
}

// titleOfRoutes is the first line. one is the host or the object that was named, "" where it's the whole environment.
func titleOfRoutes(all []route, in Input, one string) algesta.Text {
	if len(all) == 0 {
		return algesta.Say("{}: no Ingress and no HTTPRoute", whereOf(in))
	}
	ranks, addresses := [routeFine + 1]int{}, []string{}
	for _, r := range all {
		ranks[r.rank]++
		addresses = append(addresses, r.address)
	}
	called := algesta.Say("{}: {}", whereOf(in), count(len(all), "route"))
	if one != "" {
		called = algesta.Say("{} in {}", algesta.Name(one), whereOf(in))
		slices.Sort(addresses)
		if addresses = slices.Compact(addresses); len(addresses) == 1 && addresses[0] != "" {
			called = algesta.Say("{}, address {}", called, quote(addresses[0]))
		}
		if len(all) > 1 {
			called = algesta.Say("{}: {}", called, count(len(all), "route"))
		}
	}
	switch {
	case ranks[routeBroken] == 1 && len(all) == 1:
		return algesta.Say("{}: it leads to nothing that answers", called)
	case ranks[routeBroken] == 1:
		return algesta.Say("{}, 1 leads to nothing that answers", called)
	case ranks[routeBroken] > 0:
		return algesta.Say("{}, {} lead to nothing that answers", called, ranks[routeBroken])
	case ranks[routeAiling] > 0 && len(all) == 1:
		return algesta.Say("{}: something is wrong", called)
	case ranks[routeAiling] > 0:
		return algesta.Say("{}, something is wrong with {}", called, ranks[routeAiling])
	case ranks[routeUnknown] > 0:
		return algesta.Say("{}, not all of it could be checked", called)
	case len(all) == 1:
		return algesta.Say("{}, it leads to ready endpoints", called)
	}
	return algesta.Say("{}, all lead to ready endpoints", called)
}

func routesTable(all []route) algesta.Table {
	table := algesta.Table{Head: []string{"host", "path", "leads to", "endpoints ready", "certificate", "address", "by"}}
	for _, r := range all {
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(quote(orElse(r.host, "*")))), algesta.Say("{}", quote(r.path)), orDash(quote(r.leadsTo())),
			orDash(r.readyWords()), orDash(r.certificate), orDash(quote(r.address)), algesta.Say("{}", quote(r.by())),
		})
	}
	return table
}

// problemsOf are the sentences about what is wrong, each once, and how many more there are.
func problemsOf(all []route) []algesta.Text {
	var out []algesta.Text
	said, more := map[string]bool{}, 0
	for _, r := range all {
		for _, problem := range r.problems {
			if text := problem.String(); !said[text] {
				said[text] = true
				if len(out) < mostCauses {
					out = append(out, problem)
				} else {
					more++
				}
			}
		}
	}
	if more > 0 {
		out = append(out, algesta.Say("{}.", count(more, "more problem")))
	}
	return out
}
