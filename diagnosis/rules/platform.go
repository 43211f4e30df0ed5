package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// nodeContainerRules are about what a node does to a container.
var nodeContainerRules = []Rule{
	{
		ID:     "node-out-of-memory",
		Family: "nodes",
		Class:  ClassCrash,
		Signal: "exit code 137 without OOMKilled, and event SystemOOM of the node within two minutes of it",
		Cause:  "the pods on the node use more than it has: requests below what they use",
		Remedy: "set memory requests to what the pods use, or add a node",
		Source: "kubelet OOM watcher: event SystemOOM",
		container: func(c *facts.Container) *Finding {
			if c.Died == nil || !c.Crashing || c.Died.ExitCode != 137 || c.Died.Reason == "OOMKilled" {
				return nil
			}
			node := facts.Ref{Kind: facts.KindNode, Name: c.Pod.Spec.NodeName}
			e, ok := c.Snapshot.RecentThat(node, func(e facts.Event) bool {
				return e.Reason == "SystemOOM" && e.Last.Sub(c.Died.FinishedAt.Time).Abs() < 2*time.Minute
			})
			if !ok {
				return nil
			}
			f := &Finding{
				Subject: node,
				What:    fmt.Sprintf("Node %s ran out of memory and killed %s", node.Name, c.Words()),
				Effect:  KeepCrashing,
				Shown:   []facts.Evidence{e.Evidence(node), c.EndEvidence()},
				Remedy: Remedy{
					Text:    "Set the memory requests of its pods to what they use, or add a node.",
					Command: "kubectl describe node " + node.Name,
				},
			}
			showUsage(c, f, corev1.ResourceMemory, 0)
			return f
		},
	},
}

// platformRules are about what the cluster runs for all services, and at what its nodes say about themselves.
var platformRules = []Rule{
	{
		ID:       "cert-manager-down",
		Family:   "certificates",
		Class:    ClassLifecycle,
		Signal:   "the Deployment of cert-manager's controller has no ready pod, and there are Certificates",
		Cause:    "it crashes, was scaled to zero, or cannot be scheduled",
		Remedy:   "bring cert-manager back",
		Source:   "Deployment with app.kubernetes.io/name cert-manager",
		snapshot: certManagerMissing,
	},
	{
		ID:     "node-problem",
		Family: "nodes",
		Class:  ClassNode,
		Signal: "a condition of the node problem detector is True, such as KernelDeadlock, ReadonlyFilesystem, KubeletProblem or " +
			"ContainerRuntimeProblem; unknown types are left out",
		Cause:    "see the condition's message",
		Remedy:   "drain and replace the node",
		Source:   "node-problem-detector; AKS installs it on every node",
		snapshot: nodeProblem(false),
	},
	controlPlaneDownRule,
	{
		ID:       "node-maintenance",
		Family:   "nodes",
		Class:    ClassNode,
		Risk:     true,
		Signal:   "condition VMEventScheduled is True: Azure will freeze, reboot, redeploy or take the machine",
		Cause:    "maintenance of the host",
		Remedy:   "drain the node before",
		Source:   "node-problem-detector of AKS, Azure Scheduled Events",
		snapshot: nodeProblem(true),
	},
}

func certManagerMissing(s *facts.Snapshot) []*Finding {
	at := slices.IndexFunc(s.Custom(), facts.IsCertificate)
	down := s.CertManagerDown()
	if at < 0 || len(down) == 0 {
		return nil
	}
	w := s.Workload(down[0])
	f := &Finding{
		Subject: w.Ref, Pods: unready(w.Pods), Calls: down, Sure: High, Level: Latent,
		What: "cert-manager does not run, so no certificate is issued or renewed",
		Shown: []facts.Evidence{
			{Object: w.Ref, Field: "status", Quote: fmt.Sprintf("%d wanted, %d exist, 0 ready", max(0, w.Desired), len(w.Pods))},
		},
		Remedy: Remedy{Text: "Bring it back.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.Ref, w.Ref.Namespace)},
	}
	if w.Desired == 0 {
		f.Remedy = Remedy{Text: "Scale it up again.", Command: fmt.Sprintf("kubectl scale %s -n %s --replicas=1", w.Ref, w.Ref.Namespace)}
	}
	return []*Finding{f}
}

// nodeTroubles are the condition types whose truth is bad, with what they say. Other types may mean anything.
var nodeTroubles = map[corev1.NodeConditionType]string{
	"KernelDeadlock":              "has a kernel that hangs",
	"ReadonlyFilesystem":          "has a file system that went read-only",
	"FilesystemCorruptionProblem": "has a damaged file system",
	"CorruptDockerOverlay2":       "has damaged image layers",
	"KubeletProblem":              "has a kubelet that does not work",
	"ContainerRuntimeProblem":     "has a container runtime that does not work",
	"FrequentKubeletRestart":      "restarts its kubelet again and again",
	"FrequentContainerdRestart":   "restarts its container runtime again and again",
	"FrequentDockerRestart":       "restarts its container runtime again and again",
	"FrequentUnregisterNetDevice": "loses network devices",
	"XFSShutdown":                 "has a file system that shut down",
}

const vmEvent corev1.NodeConditionType = "VMEventScheduled"

func nodeProblem(planned bool) func(*facts.Snapshot) []*Finding {
	return func(s *facts.Snapshot) []*Finding {
		var found []*Finding
		for _, n := range s.Nodes() {
			for _, c := range n.Status.Conditions {
				wording := nodeTroubles[c.Type]
				remedy := Remedy{Text: "Drain the node and replace it.", Command: "kubectl describe node " + n.Name}
				if c.Type == vmEvent {
					wording, remedy.Text = "will be down for maintenance by Azure", "Drain it first if its pods are the only ones of their kind."
				}
				if c.Status != corev1.ConditionTrue || wording == "" || planned != (c.Type == vmEvent) {
					continue
				}
				f := nodeFinding(n, c, fmt.Sprintf("Node %s %s", n.Name, wording), remedy)
				f.Key = string(c.Type)
				f.Shown[0].Quote = strings.TrimSuffix(f.Shown[0].Quote, ": ")
				f.Pods = unready(s.PodsOn(n.Name))
				for _, p := range f.Pods {
					f.hit(s.Owner(p).Ref)
				}
				found = append(found, f)
			}
		}
		return found
	}
}
