package kube

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// resourceID is that of a cluster of Azure Kubernetes Service.
var resourceID = regexp.MustCompile(
	`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}/providers/Microsoft\.ContainerService/managedClusters/[-\w]{1,63}$`,
)

// registryID is that of a container registry, and objectID that of an identity.
var (
	registryID = regexp.MustCompile(
		`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}/providers/Microsoft\.ContainerRegistry/registries/\w{5,50}$`,
	)
	objectID = regexp.MustCompile(`^[0-9a-fA-F-]{36}$`)
)

// ContextIn says which file has a context of a kubeconfig, and what it's called. files are one path or several, as the variable KUBECONFIG
// has them; context is "" for the current one. The file has to hold the context's cluster and user, too: a configuration names one file.
func ContextIn(files, context string) (file, name string, err error) {
	all := filepath.SplitList(files)
	rules := clientcmd.ClientConfigLoadingRules{Precedence: all}
	if len(all) == 1 {
		rules = clientcmd.ClientConfigLoadingRules{ExplicitPath: all[0]} // whose absence is an error
	}
	cfg, err := rules.Load()
	if err != nil {
		return "", "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name = orElse(context, cfg.CurrentContext)
	in := cfg.Contexts[name]
	switch {
	case name == "":
		return "", "", fmt.Errorf("the kubeconfig %s has no current context: name one with --context", files)
	case in == nil || cfg.Clusters[in.Cluster] == nil:
		return "", "", fmt.Errorf("the kubeconfig %s has no context %q, or not its cluster", files, name)
	}
	file = in.LocationOfOrigin
	user := cfg.AuthInfos[in.AuthInfo]
	if cfg.Clusters[in.Cluster].LocationOfOrigin != file || user != nil && user.LocationOfOrigin != file {
		return "", "", fmt.Errorf(
			"the context %q, its cluster and its user are in several files: put them into one, such as with `kubectl config view --flatten "+
				"--minify --context %[1]s`, and name it with --kubeconfig", name,
		)
	}
	return file, name, nil
}

// kubeloginNames are how the program for Entra is named in a kubeconfig.
var kubeloginNames = []string{"kubelogin", "kubelogin.exe"}

// fromAzure takes the address and the certificate authority out of a kubeconfig that Azure handed out, and nothing else. Nothing in it is
// run, and no file that it names is read.
func fromAzure(content []byte, tenant string) (*rest.Config, error) {
	cfg, err := clientcmd.Load(content)
	if err != nil {
		return nil, &azureError{code: notUnderstood, lookup: true} // the error may quote the content
	}
	return addressIn(cfg, "", tenant, false)
}

// addressIn is the address and the authority of a context of a kubeconfig. It refuses one that isn't for Entra: the other credentials of an
// AKS cluster are cluster-admin. files says that its authority may be a file.
func addressIn(cfg *clientcmdapi.Config, context, tenant string, files bool) (*rest.Config, error) {
	refused := func(code string) error { return &azureError{code: code, lookup: true} }
	in := cfg.Contexts[orElse(context, cfg.CurrentContext)]
	if in == nil || cfg.Clusters[in.Cluster] == nil {
		return nil, refused(notUnderstood)
	}
	cluster, user := cfg.Clusters[in.Cluster], cfg.AuthInfos[in.AuthInfo]
	hasCA := len(cluster.CertificateAuthorityData) > 0 || files && cluster.CertificateAuthority != ""
	if cluster.InsecureSkipTLSVerify || cluster.ProxyURL != "" || !hasCA || !strings.HasPrefix(cluster.Server, "https://") {
		return nil, refused(isInsecure)
	}
	if user != nil {
		if user.ClientCertificate != "" || len(user.ClientCertificateData) > 0 || user.Token != "" || user.TokenFile != "" ||
			user.Username != "" || user.AuthProvider != nil {
			return nil, refused(localAccount)
		}
		if user.Exec != nil {
			if code := execFor(user.Exec, tenant); code != "" {
				return nil, refused(code)
			}
		}
	}
	return &rest.Config{Host: cluster.Server, TLSClientConfig: rest.TLSClientConfig{
		CAData: cluster.CertificateAuthorityData, CAFile: cluster.CertificateAuthority, ServerName: cluster.TLSServerName,
	}}, nil
}

// execFor says why an exec entry isn't one for AKS in this tenant; "" where it is.
func execFor(e *clientcmdapi.ExecConfig, tenant string) string {
	if !slices.Contains(kubeloginNames, filepath.Base(strings.ReplaceAll(e.Command, `\`, "/"))) {
		return notKubelogin
	}
	for i := range e.Args {
		name, value, has := strings.Cut(e.Args[i], "=")
		if !has && i+1 < len(e.Args) {
			value = e.Args[i+1]
		}
		switch {
		case name == "--server-id" && value+"/.default" != aksScope:
			return otherServerApp
		case (name == "--tenant-id" || name == "-t") && tenant != "" && !strings.EqualFold(value, tenant):
			return otherTenant
		}
	}
	return ""
}
