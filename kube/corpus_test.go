package kube

import (
	"testing"

	"github.com/3astronautas/algesta/redact/redacttest"
)

func TestWhatAnAPIServerSaysShowsNoSecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	for _, s := range redacttest.Secrets(t) {
		s.RequireHidden(t, clip("admission webhook denied the request: "+s.Line))
	}
}
