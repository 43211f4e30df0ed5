package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// calleeRules join a ready caller that complains to what it calls, whose own log says why.
var calleeRules = []Rule{
	{
		ID:     "callee-reports",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log of a ready pod complains until now of what it calls; pods behind that Service are ready, and in their log a line of " +
			"trouble as new is about the same matter (disk, memory, primary, access, …), code or name",
		Cause:    "what is called can't do its work and says so itself; its probes don't ask for that",
		Remedy:   "fix what the line of the called program is about",
		Source:   "both containers' logs; Redis, RabbitMQ, mongod, Kafka, PostgreSQL, MySQL and Elasticsearch write why they refuse",
		snapshot: calleeReports,
	},
}

func calleeReports(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, w := range s.Workloads() {
		c := s.Listen(w)
		if c == nil {
			continue
		}
		reported, ok := c.Reported()
		if !ok || reported.Shared == "" && demandsMutualTLS(c) != nil {
			continue
		}
		if why, known := c.Log.Explain(); known && c.Log.Persists(why.Line, s.Now()) && !saysLess(why.ID, why, reported) &&
			(reported.Complaint == why.Line || reported.Shared == "") {
			continue // the rule about what the caller says tells more
		}
		callee := reported.Container
		f := &Finding{
			Subject: reported.Service, Calls: []facts.Ref{reported.Service}, Callee: callee.Owner.Ref, Target: reported.Service.Name,
			What: fmt.Sprintf("%s says of itself: %s", words.Capital(reported.Service.Words()),
				words.Cited(facts.Short(reported.Line.Example, mostReported))),
			Effect: FailsReady, Level: Degraded, Sure: Medium,
			Unsure: "Both pods are ready; only their logs say so.",
			Shown:  []facts.Evidence{callee.LogEvidence(reported.Line), c.LogEvidence(reported.Complaint)},
			Remedy: Remedy{
				Text:    cmp.Or(matterRemedies[reported.Shared], "Fix what its log says."),
				Command: fmt.Sprintf("kubectl logs %s -c %s -n %s", callee.Pod.Name, callee.Spec.Name, callee.Pod.Namespace),
			},
		}
		if reported.Shared == "" {
			f.Sure, f.Unsure = Low, "Its log doesn't name what the caller complains of; it's only as new."
		}
		f.Product = facts.ProductIn(reported.Complaint)
		fillContainer(c, f)
		f.Subject, f.Pods, f.State = reported.Service, nil, ""
		found = append(found, f)
	}
	return found
}

// mostReported is how many characters of a called program's line are told; what the sentence has no room for goes later.
const mostReported = 300

// matterRemedies are what helps against what both lines are about.
var matterRemedies = map[string]string{
	"disk":        "Free or enlarge its disk.",
	"memory":      "Give it more memory, or have it hold less.",
	"read-only":   "Have the address lead to what takes writes, or find out why this doesn't.",
	"primary":     "See whether enough members run and know each other, and what keeps them from electing a leader.",
	"connections": "Run fewer pods or smaller connection pools, or raise its limit.",
	"access":      "Check the credentials of the caller, and the rights of its user.",
	"starting":    "Wait until it has started; its log says how far it is.",
	"TLS":         "Check the certificates of both sides and the authorities that they trust.",
	"lock":        "Find what holds the lock.",
	"damage":      "Restore its data from a backup, or repair it as its log says.",
	"limit":       "Raise the limit that its log names, or find who asks so much.",
	"missing":     "Create what its log says is missing, or correct the name in the caller.",
}

// saysLess says that what a rule tells from the caller's log alone is less than what the called program says of itself.
func saysLess(rule string, why facts.Explanation, reported facts.Reported) bool {
	return reported.Shared != "" && reported.Complaint == why.Line &&
		slices.Contains([]string{"dependency-refused", "dependency-timeout", "dependency-no-instance", "disk-full"}, rule)
}

// withReported adds to what a caller says what the called program says of itself.
func withReported(rule string, f *Finding, reported facts.Reported) {
	if reported.Shared == "" || f.Subject != reported.Service {
		return
	}
	f.Callee = reported.Container.Owner.Ref
	f.show(reported.Container.LogEvidence(reported.Line), false)
	switch {
	case rule == "dependency-auth" && reported.Shared == "access" && !strings.Contains(f.What, " of user "):
		f.several = joint{what: f.What, remedy: f.Remedy}
		f.What += "; its log says " + words.Cited(facts.Short(reported.Line.Example, leastReason+leastReason/2))
	case rule == "dependency-read-only" && reported.Shared == "disk" && strings.HasSuffix(f.What, "read-only"):
		f.What += ", because its disk is full"
		f.Remedy.Text = "Free or enlarge its disk."
	}
}
