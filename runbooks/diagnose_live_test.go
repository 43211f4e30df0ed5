package runbooks_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/runbooks"
)

// diagnosed asks again until the first line says what is expected: states need seconds to show.
func (p *place) diagnosed(t *testing.T, says string) diagnosis.Diagnosis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	about := diagnosis.Ref{Kind: "Deployment", Namespace: p.target.Namespace, Name: p.target.Name}
	for {
		d, err := runbooks.Diagnose(ctx, p.bot, p.target.Namespace, time.Now(), func(*diagnosis.Snapshot) diagnosis.Ref { return about })
		require.NoError(t, err, "waiting for %q", says)
		if strings.Contains(d.Summary, says) {
			return d
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Failf(t, "the first line is another", "want %q, it is:\n%s", says, d.Text())
		}
	}
}

// Every scenario is made by the real controllers and the sandbox's kubelet, and diagnosed as the command does it.
func TestTheFirstLineNamesTheCauseOnARealControlPlane(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		breakIt func(*testing.T, *place)
		says    string
		command string // part of the remedy's command
	}{
		"an image tag that does not exist":     {tag("12346-notfound"), "12346-notfound", "rollback"},
		"a variable that the program misses":   {tag("12346-crash"), "PAYMENTS_URL", ""},
		"a database that refuses the password": {tag("12346-crash-mongo"), "MongoDB", ""},
		"more memory than its limit":           {tag("12346-oom"), "memory", ""},
		"V8's heap":                            {tag("12346-crash-heap"), "heap", ""},
		"a Secret without the key":             {tag("12346-configerror"), "has no key", ""},
		"a Secret that is not there":           {tag("12346-nosecret"), "mongodb-credentials does not exist", ""},
		"a registry that wants a password":     {tag("12346-unauthorized"), "acralgestaproduction.azurecr.io", ""},
		"a registry that limits pulls":         {tag("12346-ratelimit"), "limit", ""},
		"a container that is never ready":      {tag("12346-neverready"), "runs but is not ready", "rollback"},
		"a quota that is used up": {func(t *testing.T, p *place) {
			t.Helper()
			_, err := p.Client.CoreV1().ResourceQuotas(p.target.Namespace).Create(t.Context(), &corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Name: "production-quota"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"pods": resource.MustParse("2")}},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
			p.kubectl(t, "scale", "deployment/"+p.target.Name, "--replicas=5")
		}, "production-quota", ""},
		"pods that fit on no node": {func(t *testing.T, p *place) {
			t.Helper()
			p.kubectl(t, "set", "resources", "deployment/"+p.target.Name, "--requests=cpu=64", "--limits=cpu=64")
		}, "cpu", ""},
		"a rollout that was paused": {func(t *testing.T, p *place) {
			t.Helper()
			p.kubectl(t, "rollout", "pause", "deployment/"+p.target.Name)
			tag("12345")(t, p)
		}, "paused", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := running(t)
			c.breakIt(t, p)
			d := p.diagnosed(t, c.says)
			require.NotEmpty(t, d.Chains)
			require.NotEmpty(t, d.Chains[0].Evidence, "no cause without evidence")
			require.Contains(t, d.Chains[0].Remedy.Command, c.command)
			requireNoSecret(t, d)
		})
	}
}

func TestAHealthyServiceSaysSoInOneLine(t *testing.T) {
	t.Parallel()
	p := running(t)
	d := p.diagnosed(t, p.target.Name)
	require.Empty(t, d.Chains, d.Text())
	require.NotEmpty(t, d.Healthy)
}

func TestAServiceThatIsScaledToZeroIsSaidToBe(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.kubectl(t, "scale", "deployment/"+p.target.Name, "--replicas=0")
	d := p.diagnosed(t, "scaled to zero")
	require.Empty(t, d.Chains, "somebody wanted that")
}

// tag gives the service another image.
func tag(tag string) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		t.Helper()
		p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+tag)
	}
}
