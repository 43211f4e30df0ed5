package diagnosis_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

func policy(app string, change func(*networkingv1.NetworkPolicySpec)) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "fence-" + app}}
	if app != "" {
		p.Spec.PodSelector.MatchLabels = map[string]string{"app": app}
	}
	change(&p.Spec)
	return p
}

func from(labels ...string) networkingv1.NetworkPolicyIngressRule {
	peer := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
	for i := 0; i+1 < len(labels); i += 2 {
		peer.PodSelector.MatchLabels = map[string]string{labels[i]: labels[i+1]}
	}
	return networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{peer}}
}

func fromNamespace(selector metav1.LabelSelector) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &selector}}}
}

// TestPoliciesAreBlamedOnlyWhereTheyDenyTheCall has ms-orders crash because mongo, which is well, does not answer.
func TestPoliciesAreBlamedOnlyWhereTheyDenyTheCall(t *testing.T) {
	t.Parallel()
	const timeout = "MongoServerSelectionError: Server selection timed out after 30000 ms: connection timed out to mongo:3000"
	const unresolved = "Error: getaddrinfo EAI_AGAIN mongo"
	udp, dns, elsewhere := corev1.ProtocolUDP, intstr.FromInt32(53), intstr.FromInt32(9999)
	egress := func(rules ...networkingv1.NetworkPolicyEgressRule) func(*networkingv1.NetworkPolicySpec) {
		return func(s *networkingv1.NetworkPolicySpec) {
			s.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
			s.Egress = rules
		}
	}
	ingress := func(rules ...networkingv1.NetworkPolicyIngressRule) func(*networkingv1.NetworkPolicySpec) {
		return func(s *networkingv1.NetworkPolicySpec) { s.Ingress = rules }
	}
	otherPort := from()
	otherPort.Ports = []networkingv1.NetworkPolicyPort{{Port: &elsewhere}}
	block := networkingv1.NetworkPolicyIngressRule{
		From: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}},
	}
	const denied = "network-policy-denies-call"
	for name, c := range map[string]struct {
		log      string
		policies []*networkingv1.NetworkPolicy
		want     string
	}{
		"no policy":                {timeout, nil, "dependency-timeout"},
		"nobody is admitted":       {timeout, []*networkingv1.NetworkPolicy{policy("mongo", ingress())}, denied},
		"others are admitted":      {timeout, []*networkingv1.NetworkPolicy{policy("mongo", ingress(from("app", "ms-mail")))}, denied},
		"another port is admitted": {timeout, []*networkingv1.NetworkPolicy{policy("mongo", ingress(otherPort))}, denied},
		"the caller is admitted by another": {
			timeout, []*networkingv1.NetworkPolicy{policy("mongo", ingress()), policy("", ingress(from()))}, "dependency-timeout",
		},
		"an address block may admit it":  {timeout, []*networkingv1.NetworkPolicy{policy("mongo", ingress(block))}, "dependency-timeout"},
		"the policy is of other pods":    {timeout, []*networkingv1.NetworkPolicy{policy("ms-mail", ingress())}, "dependency-timeout"},
		"only what goes out of mongo":    {timeout, []*networkingv1.NetworkPolicy{policy("mongo", egress())}, "dependency-timeout"},
		"nothing goes out of the caller": {timeout, []*networkingv1.NetworkPolicy{policy("ms-orders", egress())}, denied},
		"only names are asked": {
			timeout,
			[]*networkingv1.NetworkPolicy{policy("", egress(networkingv1.NetworkPolicyEgressRule{
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &dns}},
			}))},
			denied,
		},
		"everything goes out of the caller": {
			timeout, []*networkingv1.NetworkPolicy{policy("ms-orders", egress(networkingv1.NetworkPolicyEgressRule{}))}, "dependency-timeout",
		},
		"no names are asked": {
			unresolved,
			[]*networkingv1.NetworkPolicy{policy("ms-orders", egress(networkingv1.NetworkPolicyEgressRule{
				Ports: []networkingv1.NetworkPolicyPort{{Port: &elsewhere}},
			}))},
			denied,
		},
		"names are asked": {
			unresolved,
			[]*networkingv1.NetworkPolicy{policy("ms-orders", egress(networkingv1.NetworkPolicyEgressRule{
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &dns}},
			}))},
			"dependency-dns",
		},
		"the way in does not matter to them": {unresolved, []*networkingv1.NetworkPolicy{policy("mongo", ingress())}, "dependency-dns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := append(failing(service("ms-orders", 1), 2), service("mongo", 1)...)
			for _, p := range c.policies {
				objects = append(objects, p)
			}
			s := facts.NewSnapshot(noon, objects, nil)
			s.AddLog(
				facts.LogRequest{Namespace: "production", Pod: "ms-orders-6d4cf56db6-00000", Container: "ms-orders", Previous: true},
				[]byte(c.log),
			)
			d := diagnosis.Diagnose(s, facts.Ref{})
			require.Equal(t, []string{c.want}, rulesOf(d), d.Text())
		})
	}
}

// TestPoliciesInFrontOfAnIngress asks whether the requests of an ingress controller reach the pods.
func TestPoliciesInFrontOfAnIngress(t *testing.T) {
	t.Parallel()
	named := metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "app-routing-system"}}
	labelled := metav1.LabelSelector{MatchLabels: map[string]string{"purpose": "ingress"}}
	space := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{
			Name:   "app-routing-system",
			Labels: map[string]string{corev1.LabelMetadataName: "app-routing-system", "purpose": "ingress"},
		},
	}
	other := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "app-routing-system", Labels: map[string]string{corev1.LabelMetadataName: "app-routing-system"}},
	}
	const managed = "webapprouting.kubernetes.azure.com"
	for name, c := range map[string]struct {
		class string
		rules []networkingv1.NetworkPolicyIngressRule
		more  []runtime.Object
		sick  bool
	}{
		"nobody":                              {managed, nil, nil, true},
		"nobody, whatever the class":          {"nginx", nil, nil, true},
		"its own namespace":                   {managed, []networkingv1.NetworkPolicyIngressRule{from()}, nil, true},
		"its own namespace, controller there": {"nginx", []networkingv1.NetworkPolicyIngressRule{from()}, nil, false},
		"everybody":                           {managed, []networkingv1.NetworkPolicyIngressRule{{}}, nil, false},
		"the controller's namespace":          {managed, []networkingv1.NetworkPolicyIngressRule{fromNamespace(named)}, nil, false},
		"every namespace": {
			managed, []networkingv1.NetworkPolicyIngressRule{fromNamespace(metav1.LabelSelector{})}, nil, false,
		},
		"a label that is not known": {managed, []networkingv1.NetworkPolicyIngressRule{fromNamespace(labelled)}, nil, false},
		"a label that it has": {
			managed, []networkingv1.NetworkPolicyIngressRule{fromNamespace(labelled)}, []runtime.Object{space}, false,
		},
		"a label that it lacks": {
			managed, []networkingv1.NetworkPolicyIngressRule{fromNamespace(labelled)}, []runtime.Object{other}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &networkingv1.Ingress{
				ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "shop", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
				Spec: networkingv1.IngressSpec{IngressClassName: &c.class, DefaultBackend: &networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "ms-orders", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}},
				Status: networkingv1.IngressStatus{
					LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: "20.1.2.3"}}},
				},
			}
			fence := policy("ms-orders", func(s *networkingv1.NetworkPolicySpec) { s.Ingress = c.rules })
			objects := append(
				service("ms-orders", 2),
				i,
				fence,
				&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "nginx"}},
				&networkingv1.IngressClass{
					ObjectMeta: metav1.ObjectMeta{Name: managed}, Spec: networkingv1.IngressClassSpec{Controller: managed + "/nginx"},
				},
			)
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(objects, c.more...), nil), facts.Ref{})
			require.Equal(t, c.sick, slices.Contains(rulesOf(d), "network-policy-blocks"), d.Text())
			if c.sick {
				require.Equal(t, rules.Medium, d.Chains[0].Confidence, "nothing says that policies are enforced")
				require.Equal(t, rules.Latent, d.Chains[0].Impact.Level, "and nobody noticed for long")
			}
		})
	}
}

func TestASelectorIsTooWideOnlyForOtherPrograms(t *testing.T) {
	t.Parallel()
	number, name := intstr.FromInt32(3000), intstr.FromString("http")
	for sentence, c := range map[string]struct {
		change func(*corev1.Pod) // of the second workload
		target intstr.IntOrString
		want   bool
	}{
		"another program with the same port": {func(*corev1.Pod) {}, number, true},
		"another program with another port": {
			func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].ContainerPort = 4000; p.Labels["app"] = "ms-orders" }, number, true,
		},
		"a canary from another registry": {
			func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror.example.com/ms-orders:2" }, number, false,
		},
		"another colour of one program": {func(p *corev1.Pod) { p.Labels["app"] = "ms-orders" }, number, false},
		"a pod without the named port":  {func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].Name = "metrics" }, name, false},
		"a pod that is not ready": {func(p *corev1.Pod) {
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon)
			p.CreationTimestamp = metav1.NewTime(noon)
			p.Status.Conditions[0].Status = corev1.ConditionFalse
		}, number, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			objects := append(service("ms-orders", 1), service("ms-mail", 1)...)
			for _, o := range objects {
				p, ok := o.(*corev1.Pod)
				if !ok {
					continue
				}
				p.Spec = *p.Spec.DeepCopy()
				p.Labels["tier"] = "backend"
				if p.Labels["app"] == "ms-mail" {
					c.change(p)
				}
			}
			wide := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "backend"}, Spec: corev1.ServiceSpec{
				Selector: map[string]string{"tier": "backend"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: c.target}},
			}}
			d := diagnosis.Diagnose(
				facts.NewSnapshot(noon, append(objects, wide), nil),
				facts.Ref{Kind: facts.KindService, Namespace: "production", Name: "backend"},
			)
			require.Equal(t, c.want, slices.Contains(rulesOf(d), "selector-too-wide"), d.Text())
		})
	}
}
