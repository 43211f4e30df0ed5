package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// resolver is CoreDNS, ready, with what it forwards.
func resolver(forwards string) []runtime.Object {
	created := metav1.NewTime(noon.Add(-72 * time.Hour))
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: "kube-system", Name: name, CreationTimestamp: created, Labels: map[string]string{"k8s-app": "kube-dns"},
		}
	}
	return []runtime.Object{
		&corev1.Service{ObjectMeta: meta("kube-dns"), Spec: corev1.ServiceSpec{
			Selector: map[string]string{"k8s-app": "kube-dns"}, Ports: []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP}},
		}},
		&corev1.Pod{
			ObjectMeta: meta("coredns-1"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "coredns", Image: "coredns:1.12"}}},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: created}},
				ContainerStatuses: []corev1.ContainerStatus{
					{Name: "coredns", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: created}}},
				},
			},
		},
		&corev1.ConfigMap{ObjectMeta: meta("coredns"), Data: map[string]string{"Corefile": forwards}},
	}
}

// TestANameThatIsNotResolvedIsToldWithItsReason has web ask for a host in vain.
func TestANameThatIsNotResolvedIsToldWithItsReason(t *testing.T) {
	t.Parallel()
	const corefile = ".:53 {\n  errors\n  kubernetes cluster.local in-addr.arpa {\n    pods insecure\n  }\n  forward . /etc/resolv.conf {\n" +
		"    max_concurrent 1000\n  }\n}\ncorp.example:53 {\n  errors\n  forward . 10.9.0.4 tls://10.9.0.5:853\n}\n"
	alias := func(target string) runtime.Object {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "db"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target},
		}
	}
	for name, c := range map[string]struct {
		caller, coredns string
		more            []runtime.Object
		want            string
	}{
		"a forwarder that doesn't answer": {
			"ERROR getaddrinfo EAI_AGAIN erp.corp.example", "[ERROR] plugin/errors: 2 erp.corp.example. A: read udp " +
				"10.244.0.9:40112->10.9.0.4:53: i/o timeout",
			nil, "CoreDNS gets no answer from 10.9.0.4, to which ConfigMap coredns forwards corp.example. That is why the name of " +
				"erp.corp.example cannot be resolved, so web is failing although the pods are ready.",
		},
		"the nodes' server, which doesn't answer": {
			"ERROR getaddrinfo EAI_AGAIN api.psp.example", "[ERROR] plugin/errors: 2 api.psp.example. A: read udp " +
				"10.244.0.9:40112->168.63.129.16:53: i/o timeout",
			nil, "CoreDNS gets no answer from 168.63.129.16. That is why the name of api.psp.example cannot be resolved, so web is failing " +
				"although the pods are ready.",
		},
		"a forwarder that doesn't answer, seen for another name of its zone": {
			"ERROR java.net.UnknownHostException: hr.corp.example", "[ERROR] plugin/errors: 2 erp.corp.example. AAAA: read udp " +
				"10.244.0.9:40112->10.9.0.4:53: i/o timeout",
			nil, "CoreDNS gets no answer from 10.9.0.4, to which ConfigMap coredns forwards corp.example. That is why the name of " +
				"hr.corp.example cannot be resolved, so web is failing although the pods are ready.",
		},
		"another zone's forwarder": {
			"ERROR getaddrinfo ENOTFOUND api.partner.example", "[ERROR] plugin/errors: 2 erp.corp.example. A: read udp " +
				"10.244.0.9:40112->10.9.0.4:53: i/o timeout",
			nil, "The name of api.partner.example cannot be resolved, so web is failing although the pods are ready.",
		},
		"an alias with a slip of the pen": {
			`ERROR psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known`, "",
			[]runtime.Object{alias("shop.postgres.database.azzure.com")},
			"Service db stands for shop.postgres.database.azzure.com, which cannot be resolved (does it end with azure.com?), so web is failing " +
				"although the pods are ready.",
		},
		"an alias of a Service that isn't there": {
			`ERROR psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known`, "",
			[]runtime.Object{alias("postgres.production.svc.cluster.local")},
			"Service db stands for postgres.production.svc.cluster.local, which cannot be resolved: there is no Service postgres in namespace " +
				"production, so web is failing although the pods are ready.",
		},
		"a host with a slip of the pen": {
			"ERROR lookup orders.servicebus.window.net on 10.0.0.10:53: no such host", "", nil,
			"The name of orders.servicebus.window.net cannot be resolved (does it end with windows.net?), so web is failing although the " +
				"pods are ready.",
		},
		"a host of another country": {
			"ERROR lookup db.example.co on 10.0.0.10:53: no such host", "", nil,
			"The name of db.example.co cannot be resolved, so web is failing although the pods are ready.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := append(append(service("web", 1), resolver(corefile)...), c.more...)
			s := facts.NewSnapshot(noon, objects, nil)
			s.AddLog(logOf("web"), []byte(says(c.caller, 6, 0, true)))
			s.AddLog(facts.LogRequest{Namespace: "kube-system", Pod: "coredns-1", Container: "coredns"}, []byte(says(c.coredns, 6, 0, false)))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.Equal(t, c.want, d.Summary)
		})
	}
}

// TestAnIdentityThatNothingGivesIsToldByWhatItLacks has the program of web find no identity.
func TestAnIdentityThatNothingGivesIsToldByWhatItLacks(t *testing.T) {
	t.Parallel()
	const azure = "ERROR WorkloadIdentityCredential authentication unavailable. The workload options are not fully configured."
	const aws = "ERROR botocore.exceptions.NoCredentialsError: Unable to locate credentials"
	for name, c := range map[string]struct {
		log, label string
		env        string
		want       string // of the first line; empty: nothing is told of an identity
	}{
		"no label": {azure, "", "", "The pods of web lack the label azure.workload.identity/use=true, so nothing gives them the workload " +
			"identity, so web is failing although the pods are ready."},
		"the label, and nothing came of it": {azure, "true", "", "The webhook of Azure's workload identity gave the pods of web no identity " +
			"although they have its label, so web is failing although the pods are ready."},
		"Go's words": {"ERROR DefaultAzureCredential failed to acquire a token", "", "", "The pods of web lack the label"},
		"it was given, and something else is wrong": {azure, "true", "AZURE_FEDERATED_TOKEN_FILE", "Entra ID refuses the identity of web"},
		"AWS":             {aws, "", "", "The pods of web get no AWS credentials: nothing sets AWS_ROLE_ARN"},
		"AWS with a role": {aws, "", "AWS_ROLE_ARN", ""},
		"AWS with a key":  {aws, "", "AWS_ACCESS_KEY_ID", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("web", 1)
			if c.env != "" {
				objects = calling(objects, c.env, "x")
			}
			pod := objects[len(objects)-1].(*corev1.Pod)
			if c.label != "" {
				pod.Labels["azure.workload.identity/use"] = c.label
			}
			s := facts.NewSnapshot(noon, objects, nil)
			s.AddLog(logOf("web"), []byte(says(c.log, 6, 0, true)))
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			if c.want == "" {
				require.NotContains(t, d.Text(), "AWS_ROLE_ARN", d.Text())
				return
			}
			require.Contains(t, d.Summary, c.want)
		})
	}
}
