package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/words"
)

// surveyed is what was found in a cluster.
type surveyed struct {
	places     []place
	apiServer  []endpoint
	aks        bool
	prometheus bool // its operator's kinds are there
	storage    storage
}

// storage are a cluster's StorageClasses.
type storage struct {
	known     bool // they could be read
	byDefault string
	shared    bool // the default one makes file shares
	names     []string
}

// place is a namespace with its Deployments.
type place struct {
	namespace   string
	deployments []string
	pattern     string   // "{service}-production"
	services    []string // what the pattern finds
	others      []string // Deployments that it doesn't
}

// endpoint is where the API server is.
type endpoint struct {
	CIDR string
	Port int32
}

// platforms are namespaces of what a cluster runs for itself. Somebody who wants to operate one names it.
var platforms = []string{
	"default", "algesta", "argocd", "cert-manager", "external-secrets", "flux-system", "gatekeeper-system", "ingress-nginx",
	"istio-system", "linkerd", "local-path-storage", "metallb-system", "monitoring", "velero", "app-routing-system",
	"dataprotection-microsoft", "calico-system", "tigera-operator",
}

// survey looks at the namespaces that were named, or at all with Deployments that look like people's own.
func survey(ctx context.Context, c *kube.Cluster, wanted []string) (surveyed, error) {
	var out surveyed
	namespaces, err := namesOf(ctx, c, schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"}, "")
	if err != nil {
		return out, err
	}
	for _, name := range wanted {
		if _, ok := namespaces[name]; !ok {
			return out, oneOf("namespace", name, keysSorted(namespaces))
		}
	}
	for _, namespace := range keysSorted(namespaces) {
		own := !slices.Contains(platforms, namespace) && !strings.HasPrefix(namespace, "kube-") && !strings.HasPrefix(namespace, "aks-")
		if len(wanted) > 0 && !slices.Contains(wanted, namespace) || len(wanted) == 0 && !own {
			continue
		}
		deployments, err := namesOf(ctx, c, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "DeploymentList"}, namespace)
		if err != nil {
			return out, err
		}
		if len(deployments) > 0 || len(wanted) > 0 {
			out.places = append(out.places, placeOf(namespace, namespaces[namespace]["environment"], keysSorted(deployments)))
		}
	}
	if len(out.places) == 0 {
		return out, fmt.Errorf("there's no namespace with Deployments but the platform's own (%s): name one with --namespace",
			words.List(keysSorted(namespaces)))
	}
	out.apiServer = apiServer(ctx, c)
	nodes, err := namesOf(ctx, c, schema.GroupVersionKind{Version: "v1", Kind: "NodeList"}, "")
	if err == nil { // without the right it isn't known, and nothing is claimed
		for _, labels := range nodes {
			_, labelled := labels["kubernetes.azure.com/cluster"]
			out.aks = out.aks || labelled
		}
	}
	out.prometheus, err = c.Serves(ctx, "monitoring.coreos.com")
	if err != nil {
		out.prometheus = false // it can be switched on later
	}
	out.storage = storageIn(ctx, c)
	return out, nil
}

// fileShares are the provisioners of volumes that are no disks.
var fileShares = []string{
	"file.csi.azure.com", "kubernetes.io/azure-file", "efs.csi.aws.com", "filestore.csi.storage.gke.io", "nfs.csi.k8s.io",
}

// storageIn are the cluster's StorageClasses; not known where they can't be read.
func storageIn(ctx context.Context, c *kube.Cluster) (out storage) {
	classes := &storagev1.StorageClassList{}
	if c.List(ctx, "", "", classes) != nil {
		return out
	}
	out.known = true
	for _, class := range classes.Items {
		out.names = append(out.names, class.Name)
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			out.byDefault, out.shared = class.Name, slices.Contains(fileShares, class.Provisioner)
		}
	}
	return out
}

// namesOf are the names of objects with their labels.
func namesOf(ctx context.Context, c *kube.Cluster, kind schema.GroupVersionKind, namespace string) (map[string]map[string]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind)
	if err := c.List(ctx, namespace, "", list); err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, o := range list.Items {
		out[o.Name] = o.Labels
	}
	return out, nil
}

func keysSorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// placeOf finds out how the Deployments of a namespace are named: with the namespace or its label environment behind or before the service,
// where at least half of them are, else by the service alone.
func placeOf(namespace, environment string, deployments []string) place {
	p := place{namespace: namespace, deployments: deployments, pattern: "{service}"}
	for _, word := range []string{namespace, environment} {
		for _, pattern := range []string{"{service}-" + word, word + "-{service}"} {
			found := matching(pattern, deployments)
			if word != "" && len(found) > 0 && 2*len(found) >= len(deployments) && p.pattern == "{service}" {
				p.pattern = pattern
			}
		}
	}
	p.services = matching(p.pattern, deployments)
	before, after, _ := strings.Cut(p.pattern, "{service}")
	for _, d := range deployments {
		if !slices.Contains(p.services, strings.TrimSuffix(strings.TrimPrefix(d, before), after)) {
			p.others = append(p.others, d)
		}
	}
	return p
}

// matching are the services whose Deployments a pattern finds.
func matching(pattern string, deployments []string) (services []string) {
	before, after, _ := strings.Cut(pattern, "{service}")
	for _, d := range deployments {
		if service, ok := strings.CutPrefix(d, before); ok {
			if service, ok = strings.CutSuffix(service, after); ok && service != "" {
				services = append(services, service)
			}
		}
	}
	return services
}

// apiServer is where the API server is, behind the Service kubernetes; nothing where that can't be read.
func apiServer(ctx context.Context, c *kube.Cluster) (out []endpoint) {
	slices := &discoveryv1.EndpointSliceList{}
	if c.List(ctx, "default", discoveryv1.LabelServiceName+"=kubernetes", slices) != nil {
		return nil
	}
	for _, s := range slices.Items {
		for _, port := range s.Ports {
			for _, e := range s.Endpoints {
				for _, address := range e.Addresses {
					ip, err := netip.ParseAddr(address)
					if err == nil && port.Port != nil {
						out = append(out, endpoint{netip.PrefixFrom(ip, ip.BitLen()).String(), *port.Port})
					}
				}
			}
		}
	}
	return out
}

// forTrials are words of namespaces in which a mistake harms no customer.
var forTrials = []string{
	"dev", "develop", "development", "test", "tests", "testing", "qa", "staging", "stage", "stg", "sandbox", "demo", "uat", "preview",
	"pruebas", "desarrollo",
}

// guarded are the namespaces whose changes need an approval: all but those whose names say that they're for trials. open are the others.
func (s surveyed) guarded() (guarded, open []string) {
	for _, p := range s.places {
		said := strings.FieldsFunc(strings.ToLower(p.namespace), func(r rune) bool { return r == '-' || r == '.' })
		trial := slices.ContainsFunc(said, func(word string) bool { return slices.Contains(forTrials, word) })
		if trial && !strings.Contains(p.namespace, "prod") {
			open = append(open, p.namespace)
		} else {
			guarded = append(guarded, p.namespace)
		}
	}
	return guarded, open
}
