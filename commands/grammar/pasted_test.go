package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestWhatIsPastedFromKubectlToLook reads kubectl's lines as people's manuals have them.
func TestWhatIsPastedFromKubectlToLook(t *testing.T) {
	t.Parallel()
	production := func(runbook string, args algesta.Args) Parsed {
		return Parsed{Runbook: runbook, Environment: "production", Args: args}
	}
	inProduction := func(runbook, service, object string, args algesta.Args) Parsed {
		return Parsed{Runbook: runbook, Service: service, Object: object, Environment: "production", Args: args}
	}
	const pod = "api-gateway-production-76794f4cdb-f6plm"
	for text, want := range map[string]Parsed{
		"kubectl get pods -n production":                             production("pods", nil),
		"kubectl get po -n production":                               production("pods", nil),
		"get pods -n production -o wide":                             production("pods", algesta.Args{"output": "wide"}),
		"kubectl get pods -n production --show-labels":               production("pods", algesta.Args{"labels": true}),
		"kubectl get pods -n production -l app=api-gateway":          production("pods", algesta.Args{"selector": "app=api-gateway"}),
		"kubectl get pods --selector=app=x -n production":            production("pods", algesta.Args{"selector": "app=x"}),
		"kubectl get pods -n production -w":                          production("pods", algesta.Args{"watch": true}),
		"pods --broken -n production":                                production("pods", algesta.Args{"broken": true}),
		"kubectl get deployments -n production":                      production("deployments", nil),
		"get deploy -n production":                                   production("deployments", nil),
		"get all -n production":                                      production("deployments", nil),
		"status -n production":                                       production("status", nil),
		"kubectl get services -n production":                         production("services", nil),
		"get svc -n production -o wide":                              production("services", algesta.Args{"output": "wide"}),
		"get endpoints -n production":                                production("endpoints", nil),
		"kubectl get deployment api-gateway -n production":           {Runbook: "status", Service: "api-gateway", Environment: "production"},
		"get deploy api-gateway -n production":                       {Runbook: "deployments", Service: "api-gateway", Environment: "production"},
		"kubectl get service api-gateway-production -n production":   inProduction("services", "", "service/api-gateway-production", nil),
		"kubectl get endpoints api-gateway-production -n production": inProduction("endpoints", "", "service/api-gateway-production", nil),
		"kubectl get endpointslices -n production":                   production("endpoints", nil),
		"kubectl get ingress -n production":                          production("ingress", nil),
		"kubectl get gateways -n production":                         production("ingress", nil),
		"ingress production":                                         production("ingress", nil),
		"ingress api.example.com production":                         inProduction("ingress", "", "host/api.example.com", nil),
		"kubectl describe ingress ingress-production -n production":  inProduction("ingress", "", "ingress/ingress-production", nil),
		"get ingress ingress-production -n production":               inProduction("ingress", "", "ingress/ingress-production", nil),
		"kubectl get ingress ingress-production -n production -o jsonpath='{.status.loadBalancer.ingress[0].ip}'": inProduction(
			"ingress", "", "ingress/ingress-production", algesta.Args{"output": "jsonpath={.status.loadBalancer.ingress[0].ip}"},
		),
		"curl -v https://api.example.com/health": {
			Runbook: "probe", Object: "host/api.example.com", Args: algesta.Args{"path": "/health"},
		},
		"curl -v <http://api.example.com/health>": {
			Runbook: "probe", Object: "host/api.example.com", Args: algesta.Args{"path": "/health"},
		},
		"curl -I api.example.com": {Runbook: "probe", Object: "host/api.example.com"},
		"openssl s_client -connect api.example.com:443 | openssl x509 -noout -dates": {Runbook: "probe", Object: "host/api.example.com"},
		"nslookup API.example.com": {Runbook: "probe", Object: "host/api.example.com"},
		"probe production":         production("probe", nil),
		"kubectl rollout history deployment/api-gateway -n production --revision=12": inProduction(
			"history", "api-gateway", "", algesta.Args{"revision": int64(12)},
		),
		"history api-gateway production 12": inProduction("history", "api-gateway", "", algesta.Args{"revision": int64(12)}),
		"kubectl cluster-info":              {Runbook: "clusters"},
		"cluster info production":           production("cluster info", nil),
		"pods production":                   {Runbook: "pods", Service: "production"},
		"pods api-gateway production " +
			"--wide": inProduction("pods", "api-gateway", "", algesta.Args{"wide": true}),
		"kubectl get pod " + pod + " -n production -o jsonpath='{.status.podIP}'": {
			Runbook: "pods", Object: "pod/" + pod, Environment: "production", Args: algesta.Args{"output": "jsonpath={.status.podIP}"},
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// A freeze's length is typed as people say it.
func TestHowLongAFreezeLastsMayStandAlone(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	for _, text := range []string{
		"freeze shop production 1h because a sale", "freeze shop production for 1h because a sale",
		"freeze shop production until=1h because a sale",
	} {
		got, err := p.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, algesta.Args{"until": "1h"}, got.Args, text)
		require.Equal(t, "a sale", got.Reason, text)
	}
}

// The help calls a version by its revision or its tag.
func TestARevisionMayBeNamedByItsTag(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	for text, want := range map[string]algesta.Args{
		"rollback api-gateway production --to-revision=v1.2": {"version": "v1.2"},
		"rollback api-gateway production to revision v1.2":   {"version": "v1.2"},
		"rollback api-gateway production --to-revision=12":   {"to-revision": int64(12)},
	} {
		got, err := p.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Args, text)
	}
	_, err := p.Parse("rollback api-gateway production --to-revision=-3")
	require.ErrorContains(t, err, `to-revision must be a number of 1 or more, not "-3".`)
}

// TestWhatPeopleRunInPodsIsRead reads the lines for which people open shells: for variables, health, a connection.
func TestWhatPeopleRunInPodsIsRead(t *testing.T) {
	t.Parallel()
	const pod = "api-gateway-production-76794f4cdb-f6plm"
	about := func(runbook, object string, args algesta.Args) Parsed {
		p := Parsed{Runbook: runbook, Object: object, Environment: "production", Args: args}
		if object == "" {
			p.Service = "api-gateway-production"
		}
		return p
	}
	for text, want := range map[string]Parsed{
		"kubectl exec " + pod + " -n production -- env | grep NODE_ENV": about("env", "pod/"+pod, algesta.Args{"grep": "NODE_ENV"}),
		"kubectl exec -it " + pod + " -c app -n production -- printenv " +
			"PORT": about("env", "pod/"+pod, algesta.Args{"grep": "^PORT$", "container": "app"}),
		"kubectl -n production exec " + pod + " -- env": about("env", "pod/"+pod, nil),
		"kubectl exec " + pod + " -n production -- env | grep -E (MONGODB|JWT|NODE_ENV)": about(
			"env", "pod/"+pod, algesta.Args{"grep": "(MONGODB|JWT|NODE_ENV)"},
		),
		"kubectl exec " + pod + " -n production -- env | grep -E " +
			"'(MONGODB|JWT)'": about("env", "pod/"+pod, algesta.Args{"grep": "(MONGODB|JWT)"}),
		"kubectl exec deploy/api-gateway-production -n production -- env": about("env", "", nil),
		"kubectl exec " + pod + " -n production -- curl localhost:3000/health": about(
			"health", "pod/"+pod, algesta.Args{"path": "/health", "port": int64(3000)},
		),
		"kubectl exec " + pod + " -n production -- wget -qO- http://127.0.0.1:3000/readyz": about(
			"health", "pod/"+pod, algesta.Args{"path": "/readyz", "port": int64(3000)},
		),
		"kubectl exec " + pod + " -n production -- nc -zv cluster.mongodb.net 27017": about(
			"connect", "pod/"+pod, algesta.Args{"to": "cluster.mongodb.net:27017"},
		),
		"kubectl exec " + pod + " -n production -- nc -w 3 -zv ms-orders-production:80": about(
			"connect", "pod/"+pod, algesta.Args{"to": "ms-orders-production:80"},
		),
		"connect api-gateway-production production " +
			"ms-orders-production:80": about("connect", "", algesta.Args{"to": "ms-orders-production:80"}),
		"connect api-gateway-production to ms-orders:80 in " +
			"production": about("connect", "", algesta.Args{"to": "ms-orders:80"}),
		"run debug curl http://api-gateway-production.production.svc.cluster.local/health": about("health", "", algesta.Args{"path": "/health"}),
		"kubectl run debug --rm -it --image=curlimages/curl -n production -- curl http://api-gateway-production/health": about(
			"health", "", algesta.Args{"path": "/health"},
		),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// TestOneObjectIsDescribed reads kubectl's describe: of a kind with a command of its own as that command.
func TestOneObjectIsDescribed(t *testing.T) {
	t.Parallel()
	const pod = "api-gateway-production-76794f4cdb-f6plm"
	about := func(runbook, object string) Parsed {
		return Parsed{Runbook: runbook, Object: object, Environment: "production"}
	}
	service := Parsed{Runbook: "describe", Service: "api-gateway", Environment: "production"}
	wide := about("describe", "configmap/tariffs")
	wide.Args = algesta.Args{"output": "yaml"}
	kindOnly := func(kind string) Parsed {
		list := about("deployments", "")
		list.Args = algesta.Args{"kind": kind}
		return list
	}
	searched := about("logs", "pod/"+pod)
	searched.Args = algesta.Args{"grep": "ERROR"}
	for text, want := range map[string]Parsed{
		"describe api-gateway production":                                     service,
		"kubectl describe pod " + pod + " -n production":                      about("describe", "pod/"+pod),
		"kubectl describe pod/" + pod + " -n production":                      about("describe", "pod/"+pod),
		"kubectl -n production describe po " + pod:                            about("describe", "pod/"+pod),
		"kubectl describe -n production pod " + pod:                           about("describe", "pod/"+pod),
		"kubectl describe pod " + pod + " -n production | grep -A 5 Resource": about("describe", "pod/"+pod),
		"kubectl describe deployment api-gateway-production -n production": {
			Runbook: "describe", Service: "api-gateway-production", Environment: "production",
		},
		"kubectl describe svc api-gateway-production -n production": about("describe", "service/api-gateway-production"),
		"kubectl describe sts/loki -n production":                   about("describe", "statefulset/loki"),
		"kubectl get sts loki -n production":                        about("deployments", "statefulset/loki"),
		"kubectl get statefulset -n production":                     kindOnly("StatefulSet"),
		"kubectl get daemonset -n production":                       kindOnly("DaemonSet"),
		"get sts production": {
			Runbook: "deployments", Service: "production", Args: algesta.Args{"kind": "StatefulSet"},
		},
		"kubectl get daemonset/promtail -n production":                  about("deployments", "daemonset/promtail"),
		"kubectl describe ing/web -n production":                        about("ingress", "ingress/web"),
		"kubectl describe ingress ingress-production -n production":     about("ingress", "ingress/ingress-production"),
		"kubectl describe hpa/api-gateway -n production":                about("hpa", "horizontalpodautoscaler/api-gateway"),
		"kubectl describe certificate/api-tls -n production":            about("cert check", "certificate/api-tls"),
		"kubectl describe resourcequota production-quota -n production": about("quota", "resourcequota/production-quota"),
		"kubectl get cm tariffs -n production -o yaml":                  wide,
		"kubectl get job/nightly -n production":                         about("describe", "job/nightly"),
		"kubectl logs " + pod + " -n production | grep ERROR":           searched,
		"kubectl get pod " + pod + " -n production":                     about("pods", "pod/"+pod),
		"kubectl get pods -n production | grep -v Running | head":       {Runbook: "pods", Environment: "production"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// TestAnEnvironmentMayBeLeftOut: what is about clusters, or says so, is then about all that the person may read.
func TestAnEnvironmentMayBeLeftOut(t *testing.T) {
	t.Parallel()
	all := algesta.Args{"all-namespaces": true}
	for text, want := range map[string]Parsed{
		"kubectl get nodes":              {Runbook: "nodes", Everywhere: true},
		"get nodes":                      {Runbook: "nodes", Everywhere: true},
		"nodes production":               {Runbook: "nodes", Environment: "production"},
		"kubectl top nodes":              {Runbook: "top nodes", Everywhere: true},
		"kubectl describe node aks-1":    {Runbook: "nodes", Object: "node/aks-1", Everywhere: true},
		"describe node/aks-1 production": {Runbook: "nodes", Object: "node/aks-1", Environment: "production"},
		"kubectl get pods -A":            {Runbook: "pods", Everywhere: true, Args: all},
		"kubectl get pods -A -o wide":    {Runbook: "pods", Everywhere: true, Args: algesta.Args{"all-namespaces": true, "output": "wide"}},
		"kubectl get pods -A -o wide | awk '{print $8}' | sort | uniq -c": {
			Runbook: "pods", Everywhere: true, Args: algesta.Args{"all-namespaces": true, "output": "wide"},
		},
		"kubectl get pods --all-namespaces -l app=web": {
			Runbook: "pods", Everywhere: true, Args: algesta.Args{"all-namespaces": true, "selector": "app=web"},
		},
	} {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"pods production -A", "pods api-gateway production -A", "get pods -n production -A", "pods pod/x -A"} {
		_, err := parse(text)
		require.ErrorContains(t, err, "--all-namespaces is about every environment: leave out ", text)
	}
	got, err := NewParser("algesta", runbooks.All()).In(Subject{Service: "api", Environment: "production"}).Parse("nodes")
	require.NoError(t, err)
	require.Equal(t, Parsed{Runbook: "nodes", Environment: "production"}, got, "a thread knows its environment")
	_, err = parse("pods")
	require.ErrorContains(t, err, "Which service do you mean?")
}
