package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const gatewaySource = "Gateway API: status.conditions, status.listeners[].conditions, status.parents[].conditions"

var gatewayRules = []Rule{
	{
		ID:     "gateway-not-programmed",
		Family: "gateway",
		Class:  ClassIngress,
		Signal: "a listener of a Gateway has ResolvedRefs, Accepted or Programmed False or Conflicted True, the Gateway itself has Accepted or " +
			"Programmed False, or no controller has picked it up after five minutes",
		Cause:    "a certificate's Secret that is missing, two listeners on one port, no address, a class without a controller",
		Remedy:   "fix what the listener's condition names",
		Source:   gatewaySource,
		snapshot: gatewayNotProgrammed,
	},
	{
		ID:     "route-not-served",
		Family: "gateway",
		Class:  ClassIngress,
		Signal: "a parent of a route has Accepted or ResolvedRefs False; a route names a Gateway, a Service or a port that is not there, or a " +
			"Service of another namespace without a ReferenceGrant; or no controller has picked it up after five minutes",
		Cause:    "a host or a namespace that no listener admits, a Service that was renamed, a grant that was never made",
		Remedy:   "correct the route, or make the grant",
		Source:   gatewaySource,
		snapshot: routeNotServed,
	},
}

// pickedUp is how long a controller may take to write a status for the first time.
const pickedUp = 5 * time.Minute

func gatewayNotProgrammed(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.OfKind(facts.KindGateway) {
		ref := facts.RefOf(facts.KindGateway, o)
		where, c, ok := gatewayTrouble(s, o)
		if !ok {
			continue
		}
		f := &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Outage, Since: c.Since,
			What: because(s, where, c.Message),
			Shown: []facts.Evidence{{
				Object: ref, Field: "status conditions[" + c.Type + "]", Quote: saysOf(c), At: facts.Moment(c.Since),
			}},
			Remedy: Remedy{
				Text:    gatewayRemedies.against(s, c.Message, "Fix what the condition names."),
				Command: fmt.Sprintf("kubectl describe gateway %s -n %s", o.GetName(), o.GetNamespace()),
			},
		}
		if c.Type == "" {
			f.Sure, f.Unsure = Medium, "Some controllers don't write a status."
			f.Shown[0].Field, f.Shown[0].Quote = "status", "no condition"
			f.Remedy.Text = "See whether the controller of its class runs, and whether the class is spelled right."
		}
		found = append(found, f)
	}
	return found
}

// gatewayRemedies help against what a controller says of a listener.
var gatewayRemedies = remedies{
	facts.TroubleMissing: "Create the Secret that the listener names, or correct its name.",
	facts.TroubleRights:  "Allow the reference with a ReferenceGrant in the other namespace.",
}

// gatewayTrouble is what keeps a Gateway from working, a listener's own reason first: it says more than the whole.
func gatewayTrouble(s *facts.Snapshot, o *unstructured.Unstructured) (where string, c facts.Condition, ok bool) {
	name := o.GetName()
	for _, kind := range []string{"ResolvedRefs", "Conflicted", "Accepted", "Programmed"} {
		for _, listener := range facts.Items(o.Object, "status", "listeners") {
			called, _ := listener["name"].(string)
			for _, c := range facts.ConditionsIn(listener["conditions"]) {
				if c.Type == kind && (c.False() && kind != "Conflicted" || c.True() && kind == "Conflicted") && s.Age(c.Since) > operatorSlack {
					return fmt.Sprintf("Listener %s of Gateway %s does not work (%s)", called, name, c.Reason), c, true
				}
			}
		}
	}
	for _, kind := range []string{"Accepted", "Programmed"} {
		if c := facts.ConditionOf(o, kind); c.False() && s.Age(c.Since) > operatorSlack {
			return fmt.Sprintf("Gateway %s does not work (%s)", name, c.Reason), c, true
		}
	}
	accepted := facts.ConditionOf(o, "Accepted")
	waiting := accepted.Type == "" || accepted.Status == string(corev1.ConditionUnknown)
	if waiting && facts.ConditionOf(o, "Programmed").Type == "" && s.Age(o.GetCreationTimestamp().Time) > pickedUp {
		return fmt.Sprintf("Gateway %s is not served: no controller of class %s has picked it up", name,
			facts.Text(o, "spec", "gatewayClassName")), facts.Condition{Since: o.GetCreationTimestamp().Time}, true
	}
	return "", facts.Condition{}, false
}

func routeNotServed(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, o := range s.Routes() {
		ref := facts.RefOf(o.GetKind(), o)
		f := routeTrouble(s, o)
		if f == nil {
			continue
		}
		f.Subject, f.Level = ref, Outage
		f.Hits = append([]facts.Ref{ref}, f.Hits...)
		f.Remedy.Command = fmt.Sprintf("kubectl describe %s -n %s", ref, o.GetNamespace())
		found = append(found, f)
	}
	return found
}

func routeTrouble(s *facts.Snapshot, o *unstructured.Unstructured) *Finding {
	name := o.GetKind() + " " + o.GetName()
	for _, b := range facts.RouteBackends(o) {
		if f := backendTrouble(s, o, b); f != nil {
			return f
		}
	}
	for _, gateway := range facts.GatewaysOf(o) {
		if s.WasRead(gateway.Namespace) && len(s.OfKind(facts.KindGateway)) > 0 && !slices.ContainsFunc(s.OfKind(facts.KindGateway),
			func(g *unstructured.Unstructured) bool { return facts.RefOf(facts.KindGateway, g) == gateway }) {
			return &Finding{
				Sure: Medium, Unsure: "Gateways of that namespace may not have been read.",
				What:   fmt.Sprintf("%s belongs to Gateway %s in namespace %s, which does not exist", name, gateway.Name, gateway.Namespace),
				Shown:  []facts.Evidence{{Object: facts.RefOf(o.GetKind(), o), Field: "spec.parentRefs[].name", Quote: gateway.Name}},
				Remedy: Remedy{Text: "Correct the route's parentRefs."},
			}
		}
	}
	parents := facts.Items(o.Object, "status", "parents")
	for _, parent := range parents {
		for _, c := range facts.ConditionsIn(parent["conditions"]) {
			if c.False() && (c.Type == "Accepted" || c.Type == "ResolvedRefs") && s.Age(c.Since) > operatorSlack {
				return &Finding{
					Sure: High, Since: c.Since, What: because(s, fmt.Sprintf("%s is not served (%s)", name, c.Reason), c.Message),
					Shown: []facts.Evidence{{
						Object: facts.RefOf(o.GetKind(), o), Field: "status.parents[].conditions[" + c.Type + "]",
						Quote: saysOf(c), At: facts.Moment(c.Since),
					}},
					Remedy: Remedy{Text: "Correct what the condition names: in the route, or in the listener of its Gateway."},
				}
			}
		}
	}
	if at := o.GetCreationTimestamp().Time; len(parents) == 0 && s.Age(at) > pickedUp {
		return &Finding{
			Sure: Medium, Unsure: "Some controllers don't write a status.", Since: at,
			What:   fmt.Sprintf("%s is not served: no controller has picked it up", name),
			Shown:  []facts.Evidence{{Object: facts.RefOf(o.GetKind(), o), Field: "status.parents", Quote: "empty", At: facts.Moment(at)}},
			Remedy: Remedy{Text: "See whether its Gateway exists and works."},
		}
	}
	return nil
}

// backendTrouble is what is wrong with what a route leads to, whatever its controller says.
func backendTrouble(s *facts.Snapshot, o *unstructured.Unstructured, b facts.RouteBackend) *Finding {
	name, ref := o.GetKind()+" "+o.GetName(), facts.RefOf(o.GetKind(), o)
	f := &Finding{
		Sure: High, Hits: []facts.Ref{b.Service},
		Shown: []facts.Evidence{{Object: ref, Field: "spec.rules[].backendRefs[]", Quote: b.Service.Name}},
	}
	service := s.Service(b.Service)
	switch {
	case b.Service.Namespace != o.GetNamespace() && refusedReference(o):
		f.What = fmt.Sprintf("%s leads to Service %s in namespace %s, and no ReferenceGrant there permits "+
			"it", name, b.Service.Name, b.Service.Namespace)
		f.Remedy.Text = fmt.Sprintf("Create a ReferenceGrant in %s from %s of %s to Service.", b.Service.Namespace, o.GetKind(), o.GetNamespace())
	case service == nil && s.WasRead(b.Service.Namespace) && s.Knows("services", b.Service.Namespace):
		f.What = fmt.Sprintf("%s leads to Service %s, which does not exist", name, b.Service.Name)
		f.Remedy.Text = "Correct the backend, or create the Service."
		if w := s.MeantBy(b.Service); w != nil {
			f.Hits = append(f.Hits, w.Ref)
		}
		var names []string
		for _, known := range s.Services() {
			if known.Namespace == b.Service.Namespace {
				names = append(names, known.Name)
			}
		}
		if near := words.NearestName(b.Service.Name, names); near != "" {
			f.Remedy.Text = fmt.Sprintf("Correct the backend: there is a Service %s.", near)
		}
	case service != nil && b.Port > 0 && !hasServicePort(service, strconv.FormatInt(b.Port, 10)):
		f.What = fmt.Sprintf("%s leads to port %d of Service %s, which has no such port", name, b.Port, b.Service.Name)
		f.Remedy.Text = "Correct the port of the backend."
	default:
		return nil
	}
	return f
}

// refusedReference says that a route's controller refuses a reference into another namespace.
func refusedReference(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(facts.Items(o.Object, "status", "parents"), func(parent map[string]any) bool {
		return slices.ContainsFunc(facts.ConditionsIn(parent["conditions"]), func(c facts.Condition) bool {
			return c.Type == "ResolvedRefs" && c.False() && c.Reason == "RefNotPermitted"
		})
	})
}
