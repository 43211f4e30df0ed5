package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// ledElsewhere is what leads pods or traffic elsewhere, or gives a pod what is the node's.
func (w *world) ledElsewhere() map[string]misuse {
	agent := func(more string) misuse {
		return w.patching(`{"spec":{"template":{"spec":{"containers":[{"name":"agent",` + more + `}]}}}}`)
	}
	pod := func(more string) misuse { return w.patching(`{"spec":{"template":{"spec":{` + more + `}}}}`) }
	const block = `"volumes":[{"name":"b","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"volumeMode":"Block",` +
		`"resources":{"requests":{"storage":"1Gi"}}}}}}],"containers":[{"name":"agent","volumeDevices":[{"name":"b","devicePath":"/dev/x"}]}]`
	return map[string]misuse{
		"another folder of the node by a variable": agent(`"env":[{"name":"POD","value":"."}]`),
		"another folder by more variables":         agent(`"envFrom":[{"prefix":"P","configMapRef":{"name":"c"}}]`),
		"a port of every address":                  agent(`"ports":[{"$patch":"replace"},{"containerPort":9000,"hostPort":9000}]`),
		"a port of another protocol":               agent(`"ports":[{"containerPort":9000,"hostPort":9000,"protocol":"UDP"}]`),
		"another port behind the node's": agent(
			`"ports":[{"$patch":"replace"},{"containerPort":22,"hostPort":9000,"hostIP":"127.0.0.1"}]`),
		"a block device":            pod(block),
		"a device":                  agent(`"resources":{"limits":{"smarter-devices/fuse":"1"}}`),
		"a probe of another host":   agent(`"livenessProbe":{"httpGet":{"host":"169.254.169.254","port":80}}`),
		"a probe of another's port": agent(`"startupProbe":{"tcpSocket":{"host":"10.0.0.1","port":22}}`),
		"a hook to another host":    agent(`"lifecycle":{"preStop":{"httpGet":{"host":"169.254.169.254","port":80,"path":"/x"}}}`),
		"other nodes":               pod(`"nodeSelector":{"pool":"system"}`),
		"other nodes by affinity": pod(`"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[` +
			`{"matchExpressions":[{"key":"pool","operator":"In","values":["system"]}]}]}}}`),
		"another scheduler":        pod(`"schedulerName":"evil"`),
		"another priority":         pod(`"priorityClassName":"high"`),
		"other name servers":       pod(`"dnsConfig":{"nameservers":["192.0.2.1"]}`),
		"the node's name servers":  pod(`"dnsPolicy":"Default"`),
		"other hosts":              pod(`"hostAliases":[{"ip":"192.0.2.1","hostnames":["api.example.com"]}]`),
		"the name of a database":   pod(`"hostname":"db","subdomain":"mongo"`),
		"a name of another domain": pod(`"setHostnameAsFQDN":true`),
	}
}

// mountsByALabel: a path that is taken from a label changes with it, although the container stays as it is.
func (w *world) mountsByALabel(t *testing.T, bot kubernetes.Interface) {
	t.Helper()
	const env = `{"spec":{"template":{"spec":{"containers":[{"name":"agent","env":[{"$patch":"replace"},`
	deployments := w.cluster.Client.AppsV1().Deployments(w.production)
	set := func(to string) {
		t.Helper()
		_, err := deployments.Patch(t.Context(), "api-gateway-production", types.StrategicMergePatchType,
			[]byte(env+to+`]}]}}}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	labelled := w.patching(`{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}`)
	require.NoError(t, labelled(t.Context(), bot))
	set(`{"name":"POD","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['version']"}}}`)
	require.ErrorContains(t, labelled(t.Context(), bot), "by the same variables")
	set(`{"name":"POD","value":"mine"}`)
}
