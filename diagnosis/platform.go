package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// nodeContainerRules look at what a node does to a container.
var nodeContainerRules = []Rule{
	{
		ID: "node-out-of-memory", Family: "nodes", Class: ClassCrash,
		Signal: "exit code 137 without OOMKilled, and event SystemOOM of the node within two minutes of it", Cause: "the pods on the node use more than it has: requests below what they use", Remedy: "set memory requests to what the pods use, or add a node",
		Source: "kubelet OOM watcher: event SystemOOM",
		container: func(c *instance) *finding {
			if c.died == nil || !c.crashing || c.died.ExitCode != 137 || c.died.Reason == "OOMKilled" {
				return nil
			}
			node := Ref{Kind: KindNode, Name: c.pod.Spec.NodeName}
			e, ok := c.s.recentThat(node, func(e event) bool {
				return e.reason == "SystemOOM" && e.last.Sub(c.died.FinishedAt.Time).Abs() < 2*time.Minute
			})
			if !ok {
				return nil
			}
			f := &finding{
				subject: node, what: fmt.Sprintf("Node %s ran out of memory and killed %s", node.Name, c.container()), effect: keepCrashing, shown: []Evidence{e.evidence(node), c.endEvidence()},
				remedy: Remedy{Text: "Set the memory requests of its pods to what they use, or add a node.", Command: "kubectl describe node " + node.Name},
			}
			c.showUsage(f, corev1.ResourceMemory, 0)
			return f
		},
	},
}

// platformRules look at what the cluster runs for all services, and at what its nodes say about themselves.
var platformRules = []Rule{
	{
		ID: "cert-manager-down", Family: "certificates", Class: ClassLifecycle,
		Signal: "the Deployment of cert-manager's controller has no ready pod, and there are Certificates", Cause: "it crashes, was scaled to zero, or finds no node", Remedy: "bring cert-manager back", Source: "Deployment with app.kubernetes.io/name cert-manager",
		snapshot: certManagerMissing,
	},
	{
		ID: "node-problem", Family: "nodes", Class: ClassNode,
		Signal: "a condition of the node problem detector is True, such as KernelDeadlock, ReadonlyFilesystem, KubeletProblem or ContainerRuntimeProblem; unknown types are left out", Cause: "see the condition's message", Remedy: "drain and replace the node",
		Source: "node-problem-detector; AKS installs it on every node", snapshot: nodeProblem(false),
	},
	{
		ID: "node-maintenance", Family: "nodes", Class: ClassNode, Risk: true,
		Signal: "condition VMEventScheduled is True: Azure will freeze, reboot, redeploy or take the machine", Cause: "maintenance of the host", Remedy: "drain the node before", Source: "node-problem-detector of AKS, Azure Scheduled Events",
		snapshot: nodeProblem(true),
	},
}

// certManagerDown names the controller of cert-manager when it was read and does not run.
func (s *Snapshot) certManagerDown() []Ref {
	for _, w := range s.index.workloads {
		isController := w.ref.Name == "cert-manager" && w.ref.Namespace == "cert-manager"
		if w.template != nil {
			isController = isController || w.template.Labels["app.kubernetes.io/name"] == "cert-manager" && w.template.Labels["app.kubernetes.io/component"] == "controller"
		}
		if !isController || w.ref.Kind != KindDeployment || w.ready > 0 {
			continue
		}
		if w.desired == 0 || len(w.pods) == 0 && w.desired > 0 && !s.justScaled(w) || len(w.pods) > 0 && !s.settling(w) {
			return []Ref{w.ref}
		}
	}
	return nil
}

func certManagerMissing(s *Snapshot) []*finding {
	at := slices.IndexFunc(s.custom, isCertificate)
	down := s.certManagerDown()
	if at < 0 || len(down) == 0 {
		return nil
	}
	w := s.index.byRef[down[0]]
	f := &finding{
		subject: w.ref, pods: unready(w.pods), calls: down, sure: High, level: Latent,
		what:   "cert-manager does not run, so no certificate is issued or renewed",
		shown:  []Evidence{{Object: w.ref, Field: "status", Quote: fmt.Sprintf("%d wanted, %d exist, 0 ready", max(0, w.desired), len(w.pods))}},
		remedy: Remedy{Text: "Bring it back.", Command: fmt.Sprintf("kubectl describe %s -n %s", w.ref, w.ref.Namespace)},
	}
	if w.desired == 0 {
		f.remedy = Remedy{Text: "Scale it up again.", Command: fmt.Sprintf("kubectl scale %s -n %s --replicas=1", w.ref, w.ref.Namespace)}
	}
	return []*finding{f}
}

// nodeTroubles are the condition types whose truth is bad, with what they say. Other types may mean anything.
var nodeTroubles = map[corev1.NodeConditionType]string{
	"KernelDeadlock": "has a kernel that hangs", "ReadonlyFilesystem": "has a file system that went read-only", "FilesystemCorruptionProblem": "has a damaged file system",
	"CorruptDockerOverlay2": "has damaged image layers", "KubeletProblem": "has a kubelet that does not work", "ContainerRuntimeProblem": "has a container runtime that does not work",
	"FrequentKubeletRestart": "restarts its kubelet again and again", "FrequentContainerdRestart": "restarts its container runtime again and again", "FrequentDockerRestart": "restarts its container runtime again and again",
	"FrequentUnregisterNetDevice": "loses network devices", "XFSShutdown": "has a file system that shut down",
}

const vmEvent corev1.NodeConditionType = "VMEventScheduled"

func nodeProblem(planned bool) func(*Snapshot) []*finding {
	return func(s *Snapshot) []*finding {
		var found []*finding
		for _, n := range s.nodes {
			for _, c := range n.Status.Conditions {
				wording := nodeTroubles[c.Type]
				remedy := Remedy{Text: "Drain the node and replace it.", Command: "kubectl describe node " + n.Name}
				if c.Type == vmEvent {
					wording, remedy.Text = "will be down for maintenance by Azure", "Drain it before, if its pods have no others beside them."
				}
				if c.Status != corev1.ConditionTrue || wording == "" || planned != (c.Type == vmEvent) {
					continue
				}
				f := s.nodeFinding(n, c, fmt.Sprintf("Node %s %s", n.Name, wording), remedy)
				f.key = string(c.Type)
				f.shown[0].Quote = strings.TrimSuffix(f.shown[0].Quote, ": ")
				f.pods = unready(s.index.podsOn[n.Name])
				for _, p := range f.pods {
					f.hit(s.index.podOwner[p].ref)
				}
				found = append(found, f)
			}
		}
		return found
	}
}
