package main

import (
	"context"
	"time"

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
