package grammar

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestWhatAShellNeedsAroundALineIsLeftOut: the line is read as the program alone.
func TestWhatAShellNeedsAroundALineIsLeftOut(t *testing.T) {
	t.Parallel()
	pods := Parsed{Runbook: "pods", Environment: "production"}
	followed := Parsed{Runbook: "pods", Environment: "production", Args: algesta.Args{"watch": true}}
	host := Parsed{Runbook: "probe", Object: "host/api.example.com"}
	for text, want := range map[string]Parsed{
		"k get pods -n production":                        pods,
		"sudo kubectl get pods -n production":             pods,
		"time kubectl get pods -n production":             pods,
		"kubectl get pods -n production 2>/dev/null":      pods,
		"kubectl get pods -n production 2> /dev/null":     pods,
		"kubectl get pods -n production > /dev/null 2>&1": pods,
		"watch kubectl get pods -n production":            followed,
		"watch -n 2 kubectl get pods -n production":       followed,
		"watch -d --interval 5 k get po -n production":    followed,
		"watch kubectl describe ingress -n production":    {Runbook: "ingress", Environment: "production", Args: algesta.Args{"watch": true}},
		"echo | openssl s_client -connect api.example.com:443 -servername api.example.com 2>/dev/null | openssl x509 -noout -dates": host,
		`echo "Q" | openssl s_client -connect api.example.com:443`:                                                                  host,
		"openssl s_client -connect api.example.com:443 </dev/null":                                                                  host,
		"openssl s_client -connect api.example.com:443 < /dev/null":                                                                 host,
		// What says something else stays as it is.
		"restart web production because cpu > 80": {
			Runbook: "restart", Service: "web", Environment: "production", Reason: "cpu > 80",
		},
	} {
		got, err := NewParser("algesta", runbooks.All()).Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"echo", "echo secret", "watch", "watch -n 2", "sudo", "sudo rm -rf /", "echo x | rm"} {
		_, err := NewParser("algesta", runbooks.All()).Parse(text)
		require.Error(t, err, text)
	}
}

// TestAKindThatNoCommandShowsIsNotTakenForAService: the answer says so, and names what there is.
func TestAKindThatNoCommandShowsIsNotTakenForAService(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"kubectl get clusterissuer": {
			"I can't show ClusterIssuers yet.", "What I know about it: /algesta certs <environment>",
		},
		"kubectl get clusterissuers.cert-manager.io": {
			"I can't show ClusterIssuers yet.", "What I know about it: /algesta certs <environment>",
		},
		"kubectl describe clusterissuer letsencrypt-prod": {
			"I can't show ClusterIssuers yet.", "What I know about it: /algesta certs <environment>",
		},
		"kubectl get serviceaccounts -n connect-devops": {
			"I can't show ServiceAccounts yet.", "What I know about it: /algesta clusters",
		},
		"kubectl get sa -n production": {
			"I can't show ServiceAccounts yet.", "What I know about it: /algesta clusters",
		},
		"kubectl get networkpolicies -n production": {
			"I can't show NetworkPolicies yet.", "What I know about it: /algesta connect <service> production",
		},
		"kubectl get pv": {
			"I can't show PersistentVolumes yet.", "What I know about it: /algesta claims <environment>",
		},
		"kubectl get storageclasses": {
			"I can't show StorageClasses yet.", "What I know about it: /algesta claims <environment>",
		},
		"kubectl get componentstatuses": {
			"I can't show ComponentStatuses yet.", "What I know about it: /algesta clusters",
		},
		"kubectl get crd": {
			"I can't show CustomResourceDefinitions yet.", "/algesta help lists what I can do.",
		},
		"kubectl get rolebindings -n production": {
			"I can't show RoleBindings yet.", "Who may do something through me: /algesta who can <command> <service> production",
		},
		"kubectl get clusterrole/admin": {
			"I can't show ClusterRoles yet.", "Who may do something through me: /algesta who can <command> <service> <environment>",
		},
		"kubectl describe limitranges -n production": {
			"I can't show LimitRanges yet.", "What I know about it: /algesta quota production",
		},
		"kubectl get ingressclasses": {
			"I can't show IngressClasses yet.", "What I know about it: /algesta ingress <environment>",
		},
		"kubectl get priorityclasses.scheduling.k8s.io -o x": {"I can't show PriorityClasses yet.", "/algesta help lists what I can do."},
	} {
		saysInstead(t, text, want)
	}
	got, err := NewParser("algesta", runbooks.All()).Parse("get roles production")
	require.NoError(t, err)
	require.Equal(t, "roles", got.Service, "a service may be called so")
}

// saysInstead holds a line to what is said instead: a sentence, and what to do.
func saysInstead(t *testing.T, text string, want [2]string) {
	t.Helper()
	_, err := NewParser("algesta", runbooks.All()).Parse(text)
	known, ok := errors.AsType[*algesta.Error](err)
	require.True(t, ok, text)
	require.Equal(t, want, [2]string{known.Message.String(), known.Hint.String()}, text)
}

// TestWhatNobodyDoesFromAChatNamesWhatToDoInstead: of the lines of kubectl's that change something, each says what people can do.
func TestWhatNobodyDoesFromAChatNamesWhatToDoInstead(t *testing.T) {
	t.Parallel()
	const manifest = "Change the manifest where it's kept, or use the command for the one thing that should change: " +
		"/algesta deploy, /algesta scale, /algesta restart or /algesta rollback."
	const newNamespace = "A new namespace gets one with it: /algesta namespace create <namespace> environment=<environment> team=<team>"
	for text, want := range map[string][2]string{
		"kubectl edit deployment web -n production":             {"I can't edit objects yet.", manifest},
		"kubectl set env deployment/web LOG_LEVEL=debug":        {"I can't change variables yet.", manifest},
		"kubectl set resources deploy/web --limits=memory=1Gi":  {"I can't change resources yet.", manifest},
		"kubectl annotate deployment/web kubernetes.io/cause=x": {"I can't change annotations yet.", manifest},
		"kubectl delete deployment web -n production": {
			"I can't delete objects yet.", "Delete it where it's defined. To stop its pods: /algesta scale web production 0",
		},
		"kubectl edit hpa web-hpa -n production": {
			"I can't edit objects yet.",
			"To change its bounds: /algesta hpa set web-hpa production min=<pods> max=<pods>. To keep a number of pods: " +
				"/algesta hpa pin web-hpa production <pods>",
		},
		"kubectl create quota staging-quota --hard=pods=20 -n stage": {
			"I can't create objects yet.",
			"Quotas are changed where they're defined. How full those are that there are: /algesta quota stage. " + newNamespace,
		},
		"kubectl delete quota production-quota -n production": {
			"I can't delete objects yet.",
			"Quotas are changed where they're defined. How full those are that there are: /algesta quota production",
		},
		"kubectl delete namespace staging": {
			"I can't delete objects yet.", "Namespaces are changed where they're defined. Which there are: /algesta namespaces",
		},
		"kubectl annotate certificate web-tls -n production x=y": {
			"I can't change annotations yet.", "To renew it now, while the old one stays in use: /algesta cert renew web-tls production",
		},
		"kubectl edit configmap web -n production": {"I can't edit objects yet.", "Change it where it's defined."},
		"kubectl cordon aks-1": {
			"I can't cordon nodes yet.", "What runs on it, and what would stop a drain: /algesta nodes node/aks-1",
		},
		"kubectl drain aks-1 --ignore-daemonsets": {
			"I can't drain nodes yet.", "What runs on it, and what would stop a drain: /algesta nodes node/aks-1",
		},
		"kubectl taint nodes aks-1 key=value:NoSchedule": {
			"I can't taint nodes yet.", "What runs on it, and what would stop a drain: /algesta nodes node/aks-1",
		},
		"kubectl drain": {"I can't drain nodes yet.", "What runs on it, and what would stop a drain: /algesta nodes node/<node>"},
		"kubectl port-forward svc/grafana 3000:80 -n monitoring": {
			"I don't forward ports.", "To see whether it answers: /algesta health <service> monitoring",
		},
		"helm list -n production": {
			"I don't run helm.", "Which revisions of a service there are, and who made them: /algesta history <service> production",
		},
		"kubectl delete secret db -n production": {
			"I don't delete Secrets: pods that need one don't start again without it.",
			"Delete it where it's defined, or with kubectl on your own machine. To see who uses it: /algesta secrets db production",
		},
		"kubectl auth can-i create deployments -n production": {
			"No command of mine does that, so nobody may do it through me.", "/algesta can-i <command> <service> <environment>",
		},
		"kubectl api-resources": {"I can't list kinds yet.", "/algesta help lists what I can do."},
	} {
		saysInstead(t, text, want)
	}
}
