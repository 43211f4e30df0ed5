package runbooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/runbooks"
)

// diagnosed asks again until the first line says what is expected: states need seconds to show.
func (p *place) diagnosed(t *testing.T, says string) diagnosis.Diagnosis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	about := facts.Ref{Kind: "Deployment", Namespace: p.target.Namespace, Name: p.target.Name}
	for {
		d, err := runbooks.Diagnose(ctx, whole(p.bot), p.target.Namespace, time.Now(), func(*facts.Snapshot) facts.Ref { return about }, nil)
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

func TestAHealthyServiceSaysSoInOneLine(t *testing.T) {
	t.Parallel()
	p := running(t)
	d := p.diagnosed(t, p.target.Name+" in "+p.target.Namespace+" is healthy") // once the caches have it, too
	require.Empty(t, d.Chains, d.Text())
	require.NotEmpty(t, d.Healthy, d.Text())
	require.Equal(
		t,
		fmt.Sprintf("%s in %s is healthy (%d checks).", p.target.Name, p.target.Namespace, len(d.Healthy)),
		strings.Replace(d.Summary, "(1 check)", "(1 checks)", 1),
	)
}

func TestAServiceThatIsScaledToZeroIsSaidToBe(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.kubectl(t, "scale", "deployment/"+p.target.Name, "--replicas=0")
	d := p.diagnosed(t, "scaled to zero")
	require.Empty(t, d.Chains, "somebody wanted that")
}
