package control

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// userNodes is how many nodes of the user pool a cluster starts with. The customer's pool ends at three; the sandbox runs
// three environments and every test's pods on one control plane.
const userNodes = 20

// pool is a node pool of AKS.
type pool struct{ name, mode, scaleSet string }

var (
	systemPool = pool{"system", "system", "aks-system-19034512-vmss"}
	userPool   = pool{"stdaruser", "user", "aks-stdaruser-31845723-vmss"}
)

// furnish marks the cluster as a sandbox, makes its nodes and waits until pods can run: nodes ready, service accounts made.
func (c *Cluster) furnish(ctx context.Context) error {
	mark := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: markName, Namespace: markNamespace}, Data: map[string]string{markKey: "true"},
	}
	_, err := c.Client.CoreV1().ConfigMaps(markNamespace).Create(ctx, mark, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("marking the cluster as a sandbox: %w", err)
	}
	if err := c.createNode(ctx, systemPool, 0); err != nil {
		return err
	}
	if err := c.AddNodes(ctx, 0); err != nil {
		return err
	}
	return c.AwaitServiceAccount(ctx, "default")
}

// AddNodes makes n more nodes than the user pool starts with, and returns when all of them are ready. Each is a
// Standard_B2s as AKS leaves it to pods: 1900m of CPU, 2.9 GiB of memory, 30 pods. Calling it again adds none.
func (c *Cluster) AddNodes(ctx context.Context, n int) error {
	for i := range userNodes + n {
		if err := c.createNode(ctx, userPool, i); err != nil {
			return err
		}
	}
	return c.awaitNodes(ctx, 1+userNodes+n)
}

func (c *Cluster) createNode(ctx context.Context, p pool, i int) error {
	_, err := c.Client.CoreV1().Nodes().Create(ctx, p.node(i), metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating a node: %w", err)
	}
	return nil
}

// awaitNodes watches until at least n nodes are ready.
func (c *Cluster) awaitNodes(ctx context.Context, n int) error {
	ready := map[string]bool{}
	list, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	for i := range list.Items {
		ready[list.Items[i].Name] = nodeReady(&list.Items[i])
	}
	w, err := c.Client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	defer w.Stop()
	for count(ready) < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d nodes, %d are ready: %w", n, count(ready), ctx.Err())
		case e, open := <-w.ResultChan():
			if !open {
				return c.awaitNodes(ctx, n) // the watch ended, as watches do
			}
			if node, ok := e.Object.(*corev1.Node); ok && e.Type != watch.Deleted {
				ready[node.Name] = nodeReady(node)
			}
		}
	}
	return nil
}

func count(ready map[string]bool) int {
	n := 0
	for _, yes := range ready {
		if yes {
			n++
		}
	}
	return n
}

// nodeReady also waits for the taint to go that keeps pods away from a node that was not ready yet.
func nodeReady(n *corev1.Node) bool {
	if len(n.Spec.Taints) > 0 {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// node is the i-th node of a pool with the labels that AKS gives it.
func (p pool) node(i int) *corev1.Node {
	// AKS counts the machines of a scale set in base 36 with six digits.
	name := p.scaleSet + fmt.Sprintf("%06s", strconv.FormatInt(int64(i), 36))
	address := fmt.Sprintf("10.224.%d.%d", i/200, 4+i%200)
	if p.mode == "system" {
		address = "10.224.255.4"
	}
	resources := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
			corev1.ResourcePods: resource.MustParse("30"), corev1.ResourceEphemeralStorage: resource.MustParse("129886128Ki"),
		}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"agentpool": p.name, "kubernetes.azure.com/agentpool": p.name, "kubernetes.azure.com/mode": p.mode,
			"kubernetes.azure.com/role": "agent", "kubernetes.azure.com/os-sku": "Ubuntu",
			"kubernetes.azure.com/podnetwork-type": "overlay", // without it, and with a route as KWOK's nodes have one, they'd be kubenet's
			"kubernetes.azure.com/cluster":         "MC_rg-algesta-production_aks-algesta-production_eastus",
			"kubernetes.io/arch":                   "amd64",
			"kubernetes.io/os":                     "linux",
			"kubernetes.io/hostname":               name,
			"kubernetes.io/role":                   "agent",
			"node.kubernetes.io/instance-type":     "Standard_B2s",
			"topology.kubernetes.io/region":        "eastus",
			"topology.kubernetes.io/zone":          "0",
		}},
		Spec: corev1.NodeSpec{ProviderID: "azure:///subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/" +
			"mc_rg-algesta-production_aks-algesta-production_eastus/providers/Microsoft.Compute/virtualMachineScaleSets/" +
			p.scaleSet + "/virtualMachines/" + strconv.Itoa(i)},
		Status: corev1.NodeStatus{
			Capacity: resources("2", "4017Mi"), Allocatable: resources("1900m", "2970Mi"),
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: address},
				{Type: corev1.NodeHostName, Address: name},
				// Where the API server really asks for logs: it is told to prefer this kind of address.
				{Type: corev1.NodeExternalDNS, Address: "localhost"},
			},
			NodeInfo: corev1.NodeSystemInfo{
				Architecture: "amd64", OperatingSystem: "linux", OSImage: "Ubuntu 24.04.3 LTS", KernelVersion: "6.8.0-1034-azure",
				ContainerRuntimeVersion: "containerd://2.1.4", KubeletVersion: kubernetesVersion,
			},
		},
	}
}
