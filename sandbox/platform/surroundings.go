package platform

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	ingressClass = "webapprouting.kubernetes.azure.com"
	// ingressIP is the address that the ingresses have. 203.0.113.0/24 is reserved for documentation.
	ingressIP = "203.0.113.40"
)

// otherNamespaces are the manual's namespaces that are no environment, with their team.
func otherNamespaces() map[string]string {
	return map[string]string{"monitoring": "platform", "cert-manager": "platform", "connect-devops": "devops"}
}

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func quota(namespace, name string, hard map[corev1.ResourceName]string) *corev1.ResourceQuota {
	list := corev1.ResourceList{}
	for k, v := range hard {
		list[k] = resource.MustParse(v)
	}
	return &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: corev1.ResourceQuotaSpec{Hard: list},
	}
}

func (site Site) productionQuota() *corev1.ResourceQuota {
	return quota(site.Namespace("production"), "production-quota", map[corev1.ResourceName]string{
		corev1.ResourceRequestsCPU: "4", corev1.ResourceRequestsMemory: "8Gi",
		corev1.ResourceLimitsCPU: "8", corev1.ResourceLimitsMemory: "16Gi", corev1.ResourcePods: "50",
	})
}

func monitoringQuota() *corev1.ResourceQuota {
	return quota("monitoring", "monitoring-quota", map[corev1.ResourceName]string{
		corev1.ResourceRequestsCPU: "2", corev1.ResourceRequestsMemory: "4Gi",
	})
}

// secrets are the environment's secrets. Every value is invented.
func (site Site) secrets(e environment) ([]*corev1.Secret, error) {
	cert, key, err := selfSigned(e.host)
	if err != nil {
		return nil, err
	}
	secret := func(name string, kind corev1.SecretType, values map[string]string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: site.Namespace(e.name)}, Type: kind, StringData: values,
		}
	}
	return []*corev1.Secret{
		secret("mongodb-credentials", corev1.SecretTypeOpaque, map[string]string{
			"uri": "mongodb+srv://algesta_app:invented-Pa55word-" + e.name + "@cluster0.example.mongodb.net/algesta",
		}),
		secret("jwt-credentials", corev1.SecretTypeOpaque, map[string]string{"secret": "invented-jwt-secret-" + e.name}),
		secret(e.tls, corev1.SecretTypeTLS, map[string]string{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key}),
	}, nil
}

// selfSigned makes a certificate for a host as Let's Encrypt's would last: 90 days.
func selfSigned(host string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making a key for %s: %w", host, err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 90),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", fmt.Errorf("making a certificate for %s: %w", host, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("encoding the key of %s: %w", host, err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER), nil
}

func webAppRouting() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: ingressClass},
		Spec:       networkingv1.IngressClassSpec{Controller: ingressClass + "/nginx"},
	}
}

func (site Site) ingress(e environment) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Name: "ingress-" + e.name, Namespace: site.Namespace(e.name),
			Annotations: map[string]string{
				"cert-manager.io/cluster-issuer":                 "letsencrypt-prod-webapprouting",
				"nginx.ingress.kubernetes.io/proxy-body-size":    e.body,
				"nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
				"nginx.ingress.kubernetes.io/proxy-send-timeout": "600",
			},
		},
		Spec: networkingv1.IngressSpec{
			IngressClassName: new(ingressClass),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{e.host}, SecretName: e.tls}},
			Rules: []networkingv1.IngressRule{{
				Host: e.host,
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{{
						Path: "/", PathType: new(networkingv1.PathTypePrefix),
						Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
							Name: "api-gateway-" + e.name, Port: networkingv1.ServiceBackendPort{Number: 80},
						}},
					}},
				}},
			}},
		},
	}
}
