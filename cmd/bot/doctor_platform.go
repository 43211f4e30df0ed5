package main

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/kube"
)

// examineSupport says which parts of a cluster's platform have ended, or end soon. What can't be read is said: it's no reason for a script
// to stop.
func examineSupport(ctx context.Context, e *examination, c ClusterConfig, cluster *kube.Cluster, version string) {
	now := time.Now()
	if c.AKS() && !c.asksAzure() { // Azure itself would know
		examineKubenet(ctx, e, cluster)
	}
	if s, known := rules.VersionOnAKS(version); known && c.AKS() && s.Due(now) {
		e.add(attention, s.Do, "%s", s.Said(now))
	}
	var classes networkingv1.IngressClassList
	if err := cluster.List(ctx, "", "", &classes); err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check whether the ingress controllers are supported (%s)", what)
	}
	for _, class := range classes.Items {
		if s, known := rules.ControllerSupport(class.Spec.Controller); known {
			e.add(attention, s.Do, "ingress class %s: %s", class.Name, s.Said(now))
		}
	}
}

// examineIssuers says what is to be known of certificates that cert-manager has from Let's Encrypt, or another issuer that speaks ACME.
func examineIssuers(ctx context.Context, e *examination, cluster *kube.Cluster) {
	var issuers unstructured.UnstructuredList
	issuers.SetGroupVersionKind(schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "ClusterIssuerList"})
	if err := cluster.List(ctx, "", "", &issuers); err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check the issuers of certificates (%s)", what)
		return
	}
	for _, issuer := range issuers.Items {
		if _, acme, err := unstructured.NestedMap(issuer.Object, "spec", "acme"); err == nil && acme {
			why, do := rules.ShorterCertificates()
			e.add(attention, do, "ClusterIssuer %s: %s", issuer.GetName(), why)
			return
		}
	}
}

// registryOfAzure is how the host of a registry of Azure ends.
const registryOfAzure = ".azurecr.io"

// examineKubenet says from the nodes whether the network plugin is kubenet.
func examineKubenet(ctx context.Context, e *examination, cluster *kube.Cluster) {
	var nodes corev1.NodeList
	if err := cluster.List(ctx, "", "", &nodes); err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check the network plugin (%s)", what)
		return
	}
	for i := range nodes.Items {
		if rules.OnKubenet(&nodes.Items[i]) {
			s := rules.Kubenet()
			e.add(attention, s.Do, "%s", s.Said(time.Now()))
			return
		}
	}
}

// examineAzure says what Azure knows of a cluster about which the configuration lets it be asked: the network plugin, and whether the nodes
// may pull from the configuration's registries. It takes rights that the bot doesn't need otherwise, so what couldn't be checked is no
// failure.
func examineAzure(ctx context.Context, e *examination, cfg Config, c ClusterConfig, cluster *kube.Cluster) {
	if !c.asksAzure() {
		return
	}
	p, err := cluster.Platform(ctx)
	if err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check the network plugin and what the nodes may pull (%s)", what)
		return
	}
	if s := rules.Kubenet(); p.Network == "kubenet" {
		e.add(attention, s.Do, "%s", s.Said(time.Now()))
	}
	for _, r := range cfg.Registries {
		if strings.HasSuffix(r.Host, registryOfAzure) {
			examinePulling(ctx, e, cluster, p.Kubelet, r.Host)
		}
	}
}

// examinePulling says whether the nodes may pull from a registry of Azure. Their identity is the kubelet's, not the cluster's own.
func examinePulling(ctx context.Context, e *examination, cluster *kube.Cluster, kubelet, host string) {
	if kubelet == "" {
		e.add(attention, "", "couldn't check whether the nodes may pull from %s (Azure doesn't say who they are)", host)
		return
	}
	p, err := cluster.Pulling(ctx, kubelet, host)
	if err != nil {
		what, do := toldOf(err)
		e.add(attention, do, "couldn't check whether the nodes may pull from %s (%s)", host, what)
		return
	}
	role := "AcrPull"
	if p.Abac {
		role = "Container Registry Repository Reader"
	}
	switch {
	case p.Role != "":
		e.ok("the nodes may pull from %s (%s)", host, p.Role)
	case p.Abac:
		e.add(attention, assignRole(role, kubelet, p.Registry),
			"the kubelet's identity has no role to pull from %s, whose repositories have permissions of their own (ABAC): AcrPull counts for "+
				"nothing", host)
	default:
		e.add(attention, assignRole(role, kubelet, p.Registry), "the kubelet's identity has no role to pull from %s", host)
	}
	if p.Modeless {
		e.add(attention, "az acr show -n "+strings.TrimSuffix(host, registryOfAzure)+" --query roleAssignmentMode",
			"couldn't check whether the repositories of %s have permissions of their own, in which AcrPull counts for nothing (Azure doesn't "+
				"say)", host)
	}
	if p.Chosen {
		e.add(attention, "look whether the nodes' is among them", "%s answers chosen networks alone", host)
	}
}

// assignRole is for people: the bot assigns nobody a role.
func assignRole(role, kubelet, registry string) string {
	return `az role assignment create --role "` + role + `" --scope ` + registry + " --assignee-object-id " + kubelet +
		" --assignee-principal-type ServicePrincipal"
}
