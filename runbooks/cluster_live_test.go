package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// asked is the input of a command in the namespace, now.
func (w *brokenNamespace) asked(runbook, object string) runbooks.Input {
	in := regarding(runbook, object)
	in.Command.Target.Namespace, in.Command.At = w.namespace, time.Now()
	return in
}

// A cluster without cert-manager has no such kind, and that is no missing certificate.
func TestAClusterWithoutCertManagerSaysSo(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	for _, object := range []string{"", "certificate/gateway"} {
		require.Equal(t, []string{"cert-manager is not installed in this cluster, so it has no Certificates."}, w.tells(t, w.asked("certs", object)))
	}
}
