package diagnosis

import (
	"fmt"
	"strings"
)

// failureClass is one class of the catalogue that the rules are measured against: what goes wrong on a cluster like this,
// and which rule reports it.
type failureClass struct {
	id, title string
	rules     []string
	// otherwise says how it's reported without a rule, or with rules only in part, or why it isn't reported at all.
	otherwise string
}

// left says that nothing is concluded about the class.
func (c failureClass) left() bool { return len(c.rules) == 0 && strings.HasPrefix(c.otherwise, needs) }

// needs begins the reason of what is left out: the API's objects do not show it.
const needs = "Needs "

var failureClasses = []failureClass{
	{"I1", "tag or repository not found", []string{"image-not-found", "image-platform"}, ""},
	{"I2", "registry refuses the credentials", []string{"image-auth"}, ""},
	{"I3", "several credentials tried, one error each", []string{"image-not-found", "image-auth", "image-pull-failed"}, ""},
	{"I4", "rate limit of the registry or the kubelet", []string{"image-rate-limit"}, ""},
	{"I5", "registry unreachable", []string{"image-registry-unreachable"}, ""},
	{"I6", "image name that is no name", []string{"image-name"}, ""},
	{"I7", "never pulled, or signature refused", []string{"image-never-pull", "image-signature"}, ""},
	{"I8", "slow pull, or no disk for it", []string{"image-slow-pull", "image-disk-full"}, ""},
	{"I9", "moving tag, or different content under one tag", []string{"image-not-pinned"}, ""},
	{"S1", "Secret missing", []string{"secret-missing"}, ""},
	{"S2", "key of a Secret missing", []string{"secret-key-missing"}, ""},
	{"S3", "ConfigMap or its key missing", []string{"configmap-missing", "configmap-key-missing"}, ""},
	{"S4", "volume of a missing Secret or ConfigMap", []string{"volume-source-missing", "volume-not-mounted"}, ""},
	{"S5", "runs as root although it must not", []string{"run-as-root", "file-permission"}, ""},
	{"S6", "command missing or not executable", []string{"command-not-found", "container-not-created"}, ""},
	{"S7", "program ends with an error", []string{"program-error"}, ""},
	{"S7a", "environment variable missing", []string{"missing-variable"}, ""},
	{
		"S7b",
		"database or other dependency",
		[]string{
			"dependency-auth",
			"dependency-allow-list",
			"dependency-full",
			"dependency-dns",
			"dependency-tls",
			"dependency-refused",
			"dependency-timeout",
		},
		"",
	},
	{"S7c", "port in use, or the wrong one", []string{"port-in-use"}, ""},
	{"S7d", "broken build", []string{"broken-build"}, ""},
	{"S8", "ends with exit code 0 again and again", []string{"exit-zero"}, ""},
	{"S9", "exit code 2, panic", []string{"exit-panic"}, ""},
	{"S10", "exit code 134, heap of the runtime exhausted", []string{"heap-exhausted", "exit-abort"}, ""},
	{"S11", "killed at its memory limit", []string{"out-of-memory", "memory-near-limit"}, ""},
	{"S12", "killed, but not at its memory limit", []string{"exit-killed", "node-out-of-memory", "liveness-kill"}, ""},
	{"S13", "killed by its liveness probe", []string{"liveness-kill"}, ""},
	{"S14", "killed by its startup probe", []string{"startup-kill"}, ""},
	{"S15", "never ready", []string{"readiness-failing"}, ""},
	{"S16", "readiness gate", []string{"readiness-gate"}, ""},
	{"S17", "exit code 139", []string{"exit-segfault"}, ""},
	{"S18", "exit code 143", []string{"exit-terminated"}, ""},
	{"S19", "container lost with its node", []string{"node-lost-container"}, ""},
	{"S20", "init container fails or waits", []string{"init-waits", "program-error"}, "The rules about crashes look at init containers, too."},
	{"S21", "sidecar not started", []string{"sidecar-not-started"}, ""},
	{"S22", "sandbox or network of the pod", []string{"sandbox-failed"}, ""},
	{"S23", "postStart hook", []string{"post-start-hook"}, ""},
	{"S24", "restarts that are history", nil, "Shown in the line of a healthy workload, never as a fault."},
	{"S25", "restarts often", []string{"restarts-often"}, ""},
	{"S26", "CPU at its limit", []string{"cpu-at-limit"}, "It is evidence where a probe fails."},
	{"P1", "not enough CPU", []string{"insufficient-cpu", "insufficient-other"}, ""},
	{"P2", "not enough memory", []string{"insufficient-memory"}, ""},
	{"P3", "too many pods", []string{"too-many-pods"}, ""},
	{"P4", "taints", []string{"untolerated-taint"}, ""},
	{"P5", "selector, affinity, spread, host port", []string{"node-selector", "pod-affinity", "topology-spread", "host-port"}, ""},
	{"P6", "volume of a pod that waits for a node", []string{"claim-missing", "claim-unbound", "volume-zone"}, ""},
	{"P7", "cordoned nodes", []string{"nodes-cordoned", "node-cordoned"}, ""},
	{"P8", "scheduling gate, or no scheduler", []string{"scheduling-gated", "no-scheduler", "unschedulable"}, ""},
	{
		"P9",
		"the autoscaler of the nodes adds one, or may not",
		[]string{"insufficient-cpu", "insufficient-memory", "too-many-pods"},
		"Its event is evidence and changes the next step.",
	},
	{"P10", "preempted", []string{"preempted"}, ""},
	{"Q1", "quota exceeded", []string{"quota-exceeded"}, ""},
	{"Q2", "quota demands values", []string{"quota-requires-values"}, ""},
	{"Q3", "LimitRange", []string{"limit-range"}, ""},
	{"Q4", "Pod Security", []string{"pod-security"}, ""},
	{"Q5", "webhook denies", []string{"webhook-denied"}, ""},
	{"Q6", "webhook does not answer", []string{"webhook-down"}, ""},
	{"Q7", "ServiceAccount missing", []string{"service-account-missing"}, ""},
	{"Q8", "quota nearly full", []string{"quota-nearly-full"}, ""},
	{"Q9", "pod that is not valid", []string{"pod-invalid", "creation-denied"}, ""},
	{"Q10", "ReplicaSet refused", []string{"replicaset-denied"}, ""},
	{"R1", "rollout stuck", []string{"rollout-stuck"}, ""},
	{"R2", "rollout paused and forgotten", []string{"rollout-paused"}, ""},
	{"R3", "scaled to zero", []string{"scaled-to-zero"}, ""},
	{"R4", "single pod in production", []string{"single-pod"}, ""},
	{"R5", "all pods on one node", []string{"pods-on-one-node"}, ""},
	{"R6", "strategy that stops every pod", []string{"rollout-stops-all"}, ""},
	{"R7", "pods of an old revision that stay", []string{"old-pods-remain", "controller-behind"}, ""},
	{"R8", "probes, requests or limits missing", []string{"readiness-probe-missing", "resources-missing"}, ""},
	{"R9", "selectors that overlap", []string{"selector-too-wide", "autoscaler-ambiguous"}, ""},
	{"R10", "pod stuck in its end", []string{"stuck-terminating"}, ""},
	{"R11", "namespace stuck in its end", []string{"namespace-stuck", "namespace-terminating"}, ""},
	{"R12", "differs from what was applied", []string{"manifest-differs"}, ""},
	{
		"R13",
		"configuration changed after the pods started",
		[]string{"config-changed"},
		"It is the nearest change of a cause that began after it.",
	},
	{"R14", "StatefulSets and DaemonSets", []string{"statefulset-holds-old-pod", "daemonset-misplaced", "pods-missing"}, ""},
	{"J1", "Job failed, or does not end", []string{"job-failed", "job-held-by-sidecar"}, ""},
	{"J2", "CronJob does not run", []string{"cronjob-schedule", "cronjob-blocked", "cronjob-late"}, ""},
	{"A1", "API version that is gone", []string{"api-version-removed"}, ""},
	{"E1", "selector matches no pod", []string{"selector-matches-nothing"}, ""},
	{"E2", "pods behind a Service, none ready", []string{"no-ready-endpoint"}, ""},
	{"E3", "named target port missing", []string{"target-port-name"}, ""},
	{"E4", "numeric target port wrong", []string{"target-port-number"}, ""},
	{"E5", "wrong protocol", []string{"protocol-mismatch"}, ""},
	{
		"E6",
		"only pods that are about to end",
		nil,
		"A state of rollouts; it's reported as no ready endpoint only when it outlasts the time that the pods were given.",
	},
	{"E7", "headless, external name, no selector", nil, "No fault: the rules about selectors leave such Services out."},
	{"E8", "Service missing or renamed", []string{"ingress-backend-missing", "service-gone", "dependency-dns"}, ""},
	{"E9", "traffic policy Local", []string{"local-traffic-only"}, ""},
	{"E10", "load balancer without an address", []string{"load-balancer-pending"}, ""},
	{
		"E11",
		"network policy lets nobody in",
		[]string{"network-policy-blocks", "network-policy-denies-call"},
		"Whether a policy is enforced is known only where the pods of its engine were read.",
	},
	{
		"E12",
		"names can't be resolved",
		[]string{"dependency-dns"},
		"CoreDNS is looked at when a name is not resolved, live with the right to read Services and pods of kube-system.",
	},
	{"E13", "reachable in the cluster, and answers with errors", nil, needs + "a request to the service from inside the cluster."},
	{"G1", "ingress class unknown", []string{"ingress-class"}, ""},
	{"G2", "Ingress without an address", []string{"ingress-no-address"}, ""},
	{"G3", "backend Service or port missing", []string{"ingress-backend-missing", "ingress-backend-port"}, ""},
	{"G4", "backend without endpoints", []string{"ingress-backend-down"}, ""},
	{"G5", "TLS Secret missing or no pair", []string{"ingress-tls-secret"}, ""},
	{"G6", "host not in the certificate", []string{"ingress-host-certificate"}, "Only where the Secret was read, as in a dump with Secrets."},
	{"G7", "another certificate on the wire than in the Secret", nil, needs + "a TLS connection to the host."},
	{"G8", "DNS leads elsewhere", nil, needs + "a DNS question from outside of the cluster. What a Challenge says about it " +
		"is reported."},
	{"G9", "one host and path in two Ingresses", []string{"ingress-duplicate"}, ""},
	{
		"G10",
		"no redirect to HTTPS, or one that goes round",
		[]string{"http-not-redirected"},
		"A redirect loop isn't reported: it shows only in an HTTP request.",
	},
	{
		"G11",
		"path type, regular expression or rewrite",
		nil,
		needs + "an HTTP request, to tell the program's 404 from that of the controller.",
	},
	{"G12", "ingress controller out of support", []string{"ingress-controller-ends"}, ""},
	{"T1", "certificate not ready", []string{"certificate-not-ready"}, ""},
	{"T2", "issuing takes long", []string{"certificate-not-ready"}, "Five minutes are granted."},
	{"T3", "request failed, denied or not approved", []string{"certificate-request"}, ""},
	{"T4", "order invalid, or limited", []string{"certificate-order", "certificate-rate-limit"}, ""},
	{"T5", "challenge pending", []string{"certificate-challenge", "certificate-solver-class"}, ""},
	{"T6", "issuer not ready or missing", []string{"certificate-issuer"}, ""},
	{"T7", "expiring and not renewed", []string{"certificate-renewal-late"}, ""},
	{
		"T8",
		"back-off after failures",
		[]string{"certificate-not-ready", "certificate-order", "certificate-challenge"},
		"The next try is part of each one's evidence.",
	},
	{"T9", "Secret of another certificate", []string{"certificate-secret-shared", "ingress-host-certificate"}, ""},
	{"T10", "no Certificate for the TLS Secret of an Ingress", []string{"ingress-tls-secret"}, ""},
	{
		"T11",
		"cert-manager down",
		[]string{"cert-manager-down"},
		"Its controller is looked at when a certificate is not issued, live with the right to read its namespace.",
	},
	{"H1", "metrics API missing", []string{"metrics-api-missing"}, ""},
	{"H2", "requests missing", []string{"autoscaler-needs-requests"}, ""},
	{"H3", "no metrics yet", []string{"autoscaler-no-metrics"}, ""},
	{"H4", "target missing", []string{"autoscaler-target-missing", "workload-gone"}, ""},
	{"H5", "at its maximum", []string{"autoscaler-at-max", "autoscaler-beyond-quota"}, ""},
	{"H6", "wants more pods than become ready", []string{"pods-missing", "autoscaler-beyond-quota"}, ""},
	{"H7", "disabled because nothing runs", []string{"scaled-to-zero"}, "No fault of the autoscaler."},
	{"H8", "two autoscalers on the same pods", []string{"autoscaler-ambiguous"}, "A VerticalPodAutoscaler is not read."},
	{"H9", "memory never scales down", []string{"memory-keeps-pods"}, ""},
	{"H10", "may not change the number of pods", []string{"autoscaler-cannot-scale"}, ""},
	{"N1", "node not ready", []string{"node-not-ready"}, ""},
	{"N2", "node short of memory", []string{"node-memory-pressure", "node-out-of-memory"}, ""},
	{"N3", "node short of disk", []string{"node-disk-pressure"}, ""},
	{
		"N4",
		"other conditions of nodes",
		[]string{"node-pid-pressure", "node-network", "node-problem"},
		"Types that are not known to mean trouble are left out.",
	},
	{"N5", "evicted, or rejected by the node", []string{"evicted", "pod-rejected"}, ""},
	{"N6", "node over-committed", []string{"node-over-committed"}, ""},
	{"N7", "maintenance of a node", []string{"node-maintenance", "node-cordoned"}, ""},
	{"N8", "a single node", []string{"single-node"}, "How many nodes a pool should have is not read."},
	{"B1", "budget that blocks drains", []string{"budget-blocks", "budget-unhealthy"}, ""},
	{"B2", "budget that matches nothing, or two for one pod", []string{"budget-matches-nothing", "budgets-overlap"}, ""},
	{"V1", "claim pending", []string{"claim-pending", "claim-unbound"}, ""},
	{
		"V2",
		"volume lost or full",
		[]string{"claim-lost", "disk-full"},
		"How full a volume is, only the kubelet's statistics know; a full one shows in the program's log.",
	},
	{"V3", "disk attached elsewhere", []string{"volume-multi-attach"}, ""},
	{"K1", "value that is empty", []string{"empty-value"}, "A key that nobody uses isn't reported: it does no harm."},
	{
		"K2",
		"credentials changed after the pods started",
		[]string{"config-changed"},
		"Of Secrets only where they were read: live they are not, by design.",
	},
	{"X1", "algesta itself may not look", nil, "Shown under “Couldn't check”, with the kind and the reason."},
}

func classesPage() string {
	var b strings.Builder
	b.WriteString(`
## Classes of failure and which rules report them

The rules are measured against this catalogue; a test holds that each class has a rule, is reported another way, or stands under
“What is not diagnosed, and why”.

| class | what goes wrong | rules |
|---|---|---|
`)
	for _, c := range failureClasses {
		if c.left() {
			continue
		}
		var names []string
		for _, rule := range c.rules {
			names = append(names, "`"+rule+"`")
		}
		if len(names) == 0 {
			names = []string{"no rule, see below"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.id, c.title, strings.Join(names, ", "))
	}
	b.WriteString("\n## What is not diagnosed, and why\n\nNothing is concluded about these: the objects, events and logs of the cluster " +
		"do not show them.\n\n| class | what goes wrong | why it is left out |\n|---|---|---|\n")
	for _, c := range failureClasses {
		if c.left() {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.id, c.title, c.otherwise)
		}
	}
	b.WriteString("\nThese are reported only in part, or in another way than by a rule of their own:\n\n| class | what goes " +
		"wrong | how far |\n|---|---|---|\n")
	for _, c := range failureClasses {
		if !c.left() && c.otherwise != "" {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.id, c.title, c.otherwise)
		}
	}
	return b.String()
}
