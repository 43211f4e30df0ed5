package control

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenLifetime is how long a service account's token is good: longer than any test or demo.
const tokenLifetime = 24 * time.Hour

// CreateServiceAccount makes a service account with exactly these rights in the whole cluster and returns a client
// configuration with a real token of it. Rights that it had before are replaced.
func (c *Cluster) CreateServiceAccount(ctx context.Context, namespace, name string, rules []rbacv1.PolicyRule) (*rest.Config, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("creating the service account: %w", err)
	}
	if err := c.grant(ctx, namespace, name, rules); err != nil {
		return nil, err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: new(int64(tokenLifetime.Seconds())),
	}}
	token, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	cfg := rest.AnonymousClientConfig(c.Config)
	cfg.BearerToken = token.Status.Token
	return cfg, nil
}

// grant makes or replaces the ClusterRole and its binding.
func (c *Cluster) grant(ctx context.Context, namespace, name string, rules []rbacv1.PolicyRule) error {
	roles, bindings := c.Client.RbacV1().ClusterRoles(), c.Client.RbacV1().ClusterRoleBindings()
	meta := metav1.ObjectMeta{Name: "sandbox:" + namespace + ":" + name}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
	_, err := roles.Create(ctx, role, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("granting rights: %w", err)
	}
	_, err = bindings.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("binding rights: %w", err)
	}
	return nil
}

// WriteKubeconfig writes a kubeconfig with one context for each name, all for the same cluster and user. The file holds
// the user's token, so only its owner may read it.
func WriteKubeconfig(path string, cfg *rest.Config, contexts ...string) error {
	if len(contexts) == 0 {
		return fmt.Errorf("writing the kubeconfig %s: it needs at least one context", filepath.Base(path))
	}
	out := clientcmdapi.NewConfig()
	user := clientcmdapi.NewAuthInfo()
	user.Token, user.ClientCertificateData, user.ClientKeyData = cfg.BearerToken, cfg.CertData, cfg.KeyData
	out.AuthInfos["algesta"] = user
	for _, name := range contexts {
		out.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
		out.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "algesta"}
	}
	out.CurrentContext = contexts[0]
	content, err := clientcmd.Write(*out)
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig: %w", err)
	}
	return os.WriteFile(path, content, 0o600)
}

// AwaitServiceAccount waits until a namespace has its default service account: without it no pod is admitted.
func (c *Cluster) AwaitServiceAccount(ctx context.Context, namespace string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := c.Client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("reading the service account of %s: %w", namespace, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the service account of %s: %w", namespace, ctx.Err())
		case <-tick.C:
		}
	}
}
