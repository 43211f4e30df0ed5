package main

import (
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/3astronautas/algesta/sandbox/browser"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// certificateOfTheIngress is what cert-manager makes for the Ingress of the platform, and the Secret that it's in.
const certificateOfTheIngress = "algesta-api-prod-tls"

// A person renews a certificate at the page: what is typed is asked for and approved, and the end tells the new serial. The real bot, the
// real cert-manager, Chromium. cert-manager's kinds are the whole cluster's, and other tests want a cluster without them.
func TestACertificateIsRenewedAtThePage(t *testing.T) {
	t.Parallel()
	cluster := control.Private(t)
	cluster.CertManager(t)
	issuer(t, cluster)
	d := runDemoIn(t, cluster, platform.Site{}, "production")
	ctx := browser.Open(t)
	d.show(ctx, t, "U0LUIS")
	before := issued(t, cluster)

	browser.Do(
		t, ctx,
		browser.Write("/algesta cert renew "+certificateOfTheIngress+" production"+kb.Enter),
		browser.Shows("#messages", "is waiting for approval"),
		browser.ActAs("U0CARLA"),
		chromedp.Click(".thread-link"),
		browser.Shows("#thread", "one of you may approve"),
		browser.Shows("#thread", "renews itself"),
		chromedp.Click("#thread [data-action=approve]"),
		browser.Shows("dialog.confirm", "It runs at once"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#messages", "is renewed"),
		browser.Shows("#thread", "The new certificate is in its Secret"),
		browser.Shows("#thread", "Its serial ends in"),
		picture("renewal"),
	)
	require.NotEqual(t, before, issued(t, cluster), "the Secret really holds another certificate")
}

// issuer creates the authority that the platform's Ingress names.
func issuer(t *testing.T, cluster *control.Cluster) {
	t.Helper()
	client, err := dynamic.NewForConfig(cluster.Config)
	require.NoError(t, err)
	_, err = client.Resource(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers"}).Create(
		t.Context(),
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": map[string]any{"name": "letsencrypt-prod-webapprouting"},
			"spec": map[string]any{"selfSigned": map[string]any{}},
		}},
		metav1.CreateOptions{},
	)
	require.NoError(t, err)
}

// issued waits until there is a certificate in the Secret, and returns it.
func issued(t *testing.T, cluster *control.Cluster) string {
	t.Helper()
	for _, is := range []string{"create", "condition=Ready"} {
		kubectl(t, cluster, "wait", "certificate/"+certificateOfTheIngress, "--for="+is, "--timeout=60s")
	}
	secret, err := cluster.Client.CoreV1().Secrets("production").Get(t.Context(), certificateOfTheIngress, metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, secret.Data["tls.crt"])
	return string(secret.Data["tls.crt"])
}

func kubectl(t *testing.T, cluster *control.Cluster, args ...string) {
	t.Helper()
	args = append([]string{"--kubeconfig", cluster.Kubeconfig, "-n", "production"}, args...)
	said, err := exec.CommandContext(t.Context(), cluster.Kubectl, args...).CombinedOutput()
	require.NoError(t, err, string(said))
}
