package main

import (
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/kube"
)

// kubeConfig is a cluster of the configuration as kube opens it: it watches the namespaces of its environments, passes
// what runs there to the catalogue, and hide what templates and the Secrets hold that it reads; hidden takes that out of a text.
func kubeConfig(
	c ClusterConfig,
	names *catalog.Catalog,
	hide func(values [][]byte),
	hidden func(string) string,
	log *zap.Logger,
) kube.Config {
	return kube.Config{
		Name: c.Name, Access: c.Access, AKS: c.AKS(), Namespaces: names.Namespaces(c.Name), Kubeconfig: c.Kubeconfig, Context: c.Context,
		Server: c.Server, CAFile: c.CAFile, Azure: c.Azure, Version: version, Deployments: names.Update, Log: log.Named("kube"),
		Impersonate: c.Impersonate, SecretNamespaces: c.SecretNamespaces, SecretValues: hide, Hide: hidden,
	}
}
