package rules

import (
	"fmt"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var goneRules = []Rule{
	{
		ID:     "workload-gone",
		Family: "services",
		Class:  ClassLifecycle,
		Signal: "a Service whose selector matches no pod and no template, and an autoscaler's scaleTargetRef or an event that names a " +
			"Deployment or StatefulSet of the Service's name which is not there",
		Cause:    "the workload was deleted, or was never applied again after a move",
		Remedy:   "apply its manifest again",
		Source:   "Service spec.selector, HorizontalPodAutoscaler spec.scaleTargetRef, events of the workload",
		snapshot: workloadGone,
	},
	{
		ID:     "service-gone",
		Family: "services",
		Class:  ClassWiring,
		Signal: "a variable names a Service as a host that is not in the namespace, and a workload of its name declares ports and " +
			"has no Service",
		Cause:  "the Service was deleted, or was never applied again after a move",
		Remedy: "apply its manifest again",
		Source: "the variables of pod templates against the Services of the namespace; a name without a Service has no address in the " +
			"cluster's DNS",
		snapshot: serviceGone,
	},
}

func workloadGone(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, g := range s.GoneWorkloads() {
		service := facts.RefOf(facts.KindService, g.Service)
		f := &Finding{
			Subject: g.Ref, Hits: []facts.Ref{g.Ref, service}, Sure: High, Level: Outage, Since: g.Since, Shown: g.Shown,
			What: fmt.Sprintf("%s does not exist, so Service %s reaches no pod", g.Ref.Words(), service.Name),
			Remedy: Remedy{
				Text:    "Apply its manifest again; if it went on purpose, remove its Service and its autoscaler, too.",
				Command: fmt.Sprintf("kubectl get events -n %s --field-selector involvedObject.name=%s", g.Ref.Namespace, g.Ref.Name),
			},
		}
		switch {
		case g.Seen:
			f.What = fmt.Sprintf(
				"%s is gone (it was there until %s), so Service %s reaches no pod",
				g.Ref.Words(),
				facts.When(g.Since),
				service.Name,
			)
		case !g.Since.IsZero():
			f.What = fmt.Sprintf(
				"%s does not exist (its autoscaler has missed it since %s), so Service %s reaches no pod",
				g.Ref.Words(),
				facts.When(g.Since),
				service.Name,
			)
		}
		if g.Scaler != (facts.Ref{}) {
			f.Hits = append(f.Hits, g.Scaler)
		}
		found = append(found, f)
	}
	return found
}

func serviceGone(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, m := range s.MissingServices() {
		f := &Finding{
			Subject: m.Ref, Hits: []facts.Ref{m.Ref, m.Workload.Ref}, Sure: High, Level: Outage,
			Remedy: Remedy{
				Text: fmt.Sprintf(
					"Apply the manifest of Service %s again; its selector has to match the pods of %s.",
					m.Ref.Name,
					m.Workload.Ref.Words(),
				),
				Command: "kubectl get services -n " + m.Ref.Namespace,
			},
		}
		var callers []string
		for _, c := range m.Callers {
			callers = append(callers, c.Words())
			f.Hits = append(f.Hits, c.Workload)
			f.Shown = append(f.Shown, facts.Evidence{Object: c.Workload, Field: "variable " + c.Variable, Quote: "names " + m.Ref.Name})
		}
		f.What = fmt.Sprintf("Service %s does not exist, so calls to %s fail; %s still %s it",
			m.Ref.Name, m.Workload.Called(), words.Few(callers, 3), words.Verb(len(callers), "names", "name"))
		found = append(found, f)
	}
	return found
}
