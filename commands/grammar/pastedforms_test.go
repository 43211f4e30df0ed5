package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestLinesOfKubectlsInOtherForms: what only says how a look is printed, lists named by one of a kind, waiting, and other programs.
func TestLinesOfKubectlsInOtherForms(t *testing.T) {
	t.Parallel()
	in := func(runbook string) Parsed { return Parsed{Runbook: runbook, Environment: "production"} }
	followed := Parsed{Runbook: "status", Service: "web", Environment: "production", Args: algesta.Args{"watch": true}}
	host := Parsed{Runbook: "probe", Object: "host/api.example.com"}
	for text, want := range map[string]Parsed{
		"kubectl get pods -n production --no-headers":                         in("pods"),
		"kubectl get pods -n production --sort-by=.status.startTime":          in("pods"),
		"kubectl get pods -n production --sort-by .status.startTime":          in("pods"),
		"top nodes production --sort-by=cpu":                                  in("top nodes"),
		"kubectl top pod -n production --sort-by=memory":                      in("top pods"),
		"kubectl get svc -n production --show-kind --ignore-not-found":        in("services"),
		"kubectl logs deploy/web -n production --timestamps --prefix":         {Runbook: "logs", Service: "web", Environment: "production"},
		"kubectl get deployment -n production":                                in("deployments"),
		"kubectl -n production get deployment":                                in("deployments"),
		"kubectl get endpoint -n production":                                  in("endpoints"),
		"kubectl wait --for=condition=available deployment/web -n production": followed,
		"kubectl wait --for=condition=available deployment web -n production": followed,
		"kubectl version":            {Runbook: "clusters", Everywhere: true},
		"ping api.example.com":       host,
		"traceroute api.example.com": host,
		"telnet api.example.com 443": host,
		"nc -zv api.example.com 443": host,
		`logs web production --grep="a;"`: {
			Runbook: "logs", Service: "web", Environment: "production", Args: algesta.Args{"grep": "a;"},
		},
		"restart web production because a && b; c": {
			Runbook: "restart", Service: "web", Environment: "production", Reason: "a && b; c",
		},
	} {
		got, err := NewParser("algesta", runbooks.All()).Parse(text)
		require.NoError(t, err, text)
		want.Everywhere = got.Everywhere && want.Everywhere
		got.Everywhere = want.Everywhere
		require.Equal(t, want, got, text)
	}
	several := [2]string{"One command at a time: I read several here.", "Send each of them on its own. Nothing was done."}
	for text, want := range map[string][2]string{
		"kubectl rollout restart deployment/web -n production && kubectl rollout status deployment/web -n production": several,
		"kubectl get pods -n production; kubectl get svc -n production":                                               several,
		"kubectl scale deployment/web --replicas=3 -n production || echo failed":                                      several,
		"kubectl get po,svc -n production": {
			"One kind at a time, each has a list of its own.", "/algesta pods production or /algesta services production",
		},
		"kubectl get deploy,hpa": {
			"One kind at a time, each has a list of its own.", "/algesta deployments <environment> or /algesta hpa <environment>",
		},
		"nc -zv db.example.com 27017": {
			"I don't open connections by hand.", "Instead: /algesta connect <service> <environment> db.example.com:27017",
		},
		"ping localhost": {"I don't send pings.", "Instead: /algesta probe <host> or /algesta cert check <host>"},
		// What changes something is held to each of its words.
		"kubectl scale deployment/web --replicas=3 -n production --no-headers": {
			"scale has no option --no-headers. It knows namespace, reason and replicas.", "/algesta scale web production replicas=3",
		},
	} {
		saysInstead(t, text, want)
	}
}
