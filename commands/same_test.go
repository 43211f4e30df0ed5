package commands

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestTheSameCommandAboutAnotherObjectIsAnother(t *testing.T) {
	t.Parallel()
	of := func(object string) algesta.Command {
		return algesta.Command{Runbook: "cert renew", Target: algesta.Target{Cluster: "aks", Namespace: "production", Object: object}}
	}
	require.True(t, sameCommand(of("certificate/a-tls"), of("certificate/a-tls")))
	require.False(t, sameCommand(of("certificate/a-tls"), of("certificate/b-tls")))
}
