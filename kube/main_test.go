package kube_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), // connections that client-go keeps open
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("net/http.(*http2clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("internal/poll.runtime_pollWait"),
	)
}

// patching is what the runbooks declare.
var patching = []string{"patch deployments.apps"}

// place is a namespace of the sandbox with one Deployment in it, opened by the bot.
type place struct {
	*control.Cluster
	bot *kube.Cluster
	w   algesta.Object
}

const secretValue = "s3cr3t-tiger-7741"

// deployed makes a Deployment whose template holds a literal secret, and waits until its controller has seen it.
func deployed(t *testing.T, c *control.Cluster) place {
	t.Helper()
	namespace := c.Namespace(t)
	p := place{Cluster: c, w: algesta.Deployment("sandbox", namespace, "api-gateway")}
	var err error
	p.bot, err = kube.OpenREST("sandbox", c.Config, namespace)
	require.NoError(t, err)
	replicas, one := int32(2), intstr.FromInt32(1)
	labels := map[string]string{"app": "api-gateway"}
	_, err = c.Client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Strategy: appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &one}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "api-gateway", Image: "acralgestaproduction.azurecr.io/api-gateway:12344",
				Env: []corev1.EnvVar{{Name: "NODE_ENV", Value: "production"}, {Name: "API_PASSWORD", Value: secretValue}},
			}}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	p.eventually(t, "the controller sees the deployment", func(d *appsv1.Deployment) bool {
		return d.Status.ObservedGeneration == d.Generation && d.Generation > 0
	})
	return p
}

func (p place) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	d, err := p.Client.AppsV1().Deployments(p.w.Namespace).Get(t.Context(), p.w.Name, metav1.GetOptions{})
	require.NoError(t, err)
	return d
}

// eventually waits for the Deployment to be as wanted.
func (p place) eventually(t *testing.T, what string, is func(*appsv1.Deployment) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if is(p.deployment(t)) {
			return
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "waiting until "+what)
		case <-tick.C:
		}
	}
}

// as opens the namespace with the rights of a ServiceAccount.
func (p place) as(t *testing.T, kubeconfig string) *kube.Cluster {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
	require.NoError(t, err)
	return bot
}
