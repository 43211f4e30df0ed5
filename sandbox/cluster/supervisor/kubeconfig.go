package supervisor

import (
	"crypto/x509/pkix"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig writes name.kubeconfig for a client certificate with that subject. It holds the certificate itself, so that
// the one file can be copied.
func (a *authority) kubeconfig(name, server string, subject pkix.Name) (string, error) {
	p, err := a.issue(name, subject)
	if err != nil {
		return "", err
	}
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["algesta-sandbox"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: a.pem}
	cfg.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	cfg.Contexts["algesta-sandbox"] = &clientcmdapi.Context{Cluster: "algesta-sandbox", AuthInfo: name}
	cfg.CurrentContext = "algesta-sandbox"
	path := a.file(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return "", fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	return path, nil
}
