package platform

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta/sandbox/control"
)

// NewSite returns a copy of the platform for one test, not yet applied, with namespaces that no other test has. They are
// deleted after the test.
func NewSite(tb testing.TB, c *control.Cluster) Site {
	tb.Helper()
	site := Site{Suffix: "-" + rand.String(6)}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(tb, site.Delete(ctx, c))
	})
	return site
}
