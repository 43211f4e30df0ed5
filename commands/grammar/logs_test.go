package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// What people have in their notes works as pasted.
func TestKubectlLogsAsPasted(t *testing.T) {
	t.Parallel()
	const pod = "api-gateway-production-76794f4cdb-f6plm"
	for text, want := range map[string]Parsed{
		"kubectl logs " + pod + " -n production":            {Object: "pod/" + pod},
		"kubectl logs -f " + pod + " -n production":         {Object: "pod/" + pod, Args: algesta.Args{"follow": true}},
		"kubectl logs " + pod + " -n production --previous": {Object: "pod/" + pod, Args: algesta.Args{"previous": true}},
		"kubectl logs -p " + pod + " -c web -n production": {
			Object: "pod/" + pod, Args: algesta.Args{"previous": true, "container": "web"},
		},
		"kubectl logs pod/" + pod + " --tail=50 -n production":   {Object: "pod/" + pod, Args: algesta.Args{"tail": int64(50)}},
		"kubectl logs --tail 50 --since=1h po/x-0 -n production": {Object: "pod/x-0", Args: algesta.Args{"tail": int64(50), "since": "1h"}},
		"kubectl logs -n production -l app=api-gateway":          {Service: "api-gateway", Args: algesta.Args{"all": true}},
		"kubectl logs -l app=api-gateway -n production --tail=100": {
			Service: "api-gateway", Args: algesta.Args{"all": true, "tail": int64(100)},
		},
		"kubectl logs -l app=api-gateway -n production --all-pods": {Service: "api-gateway", Args: algesta.Args{"all": true}},
		"kubectl logs -l app=api-gateway all=no -n production":     {Service: "api-gateway", Args: algesta.Args{"all": false}},
		"kubectl logs --selector=app.kubernetes.io/name=api-gateway -n production --all-containers": {
			Service: "api-gateway", Args: algesta.Args{"all": true, "all-containers": true},
		},
		"kubectl logs deployment/api-gateway -n production --all-pods=true": {Service: "api-gateway", Args: algesta.Args{"all": true}},
		`logs api-gateway production grep="connect failed"`: {
			Service: "api-gateway", Args: algesta.Args{"grep": "connect failed"},
		},
		"tail api-gateway production": {Service: "api-gateway"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			want.Runbook, want.Environment = "logs", "production"
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for text, says := range map[string]string{
		"logs -l tier=web -n production":                 `I don't select by "tier=web": name the service instead.`,
		"logs api-gateway production --tail=0":           `tail must be a number from 1 to 2000, not "0".`,
		"logs node/aks-0 production":                     "logs works on services or pods, not on node/aks-0.",
		"restart " + pod + " production -l app=whatever": "",
	} {
		_, err := parse(text)
		var usage *algesta.Error
		require.ErrorAs(t, err, &usage, text)
		if says != "" {
			require.Equal(t, says, usage.Message.String())
		}
	}
}

// People call a service this, and never by a pod's name.
func TestNoNameOfAServiceIsTakenForAPod(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api-gateway", "ms-orders-production-hash3-aaaaa", "shop-backend-tests", "svc-grpc-v2", "a-12345678-x"} {
		got, err := parse("logs " + name + " production")
		require.NoError(t, err)
		require.Equal(t, name, got.Service)
	}
	_, ok := runbooks.Find("log")
	require.True(t, ok)
}
