package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/redact"
)

func TestTheLogShowsNothingThatIsHidden(t *testing.T) {
	t.Parallel()
	redactor := redact.New()
	var out bytes.Buffer
	log, err := newLog(&out, "info", false)
	require.NoError(t, err)
	log = hidingLog(log, redactor)
	const value = "kestrel over a quiet field"
	named := log.Named("kube")
	redactor.Add([]byte(value))
	named.With(
		zap.String("before", value),
	).Warn(
		"reading "+value, zap.Error(errors.New("it says "+value)), zap.String("x", value), zap.Int("status", 403),
		zap.Any("any", []string{value}),
	)
	named.Debug("not at this level")
	require.NotContains(t, out.String(), value)
	require.Contains(
		t, out.String(), `"msg":"reading ‹redacted›","before":"‹redacted›","error":"it says ‹redacted›","x":"‹redacted›","status":403,`,
	)
	require.NotContains(t, out.String(), "not at this level")
}

func TestWhatIsANameIsNotHidden(t *testing.T) {
	t.Parallel()
	envs := []catalog.Environment{
		{Name: "production", Cluster: "aks-algesta-production", Namespace: "production", Deployment: "{service}-production"},
	}
	names, err := catalog.New(envs, nil)
	require.NoError(t, err)
	names.Update("aks-algesta-production", "production", map[string]map[string]string{"ms-orders-production": nil})
	r := &rooms{cfg: Config{Environments: envs}, catalog: names, redactor: redact.New()}
	r.hide([][]byte{[]byte("production"), []byte("ms-orders\n"), []byte("kestrel-42"), []byte("")})
	require.Equal(t, "ms-orders in production: ‹redacted›", r.redactor.String("ms-orders in production: kestrel-42"))
}
