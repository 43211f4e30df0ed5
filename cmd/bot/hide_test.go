package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/store"
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

// TestAFollowedAnswerIsStoredWithoutSecrets: it stands in the store while it's followed, and its last content is posted again at its end.
func TestAFollowedAnswerIsStoredWithoutSecrets(t *testing.T) {
	t.Parallel()
	redactor := redact.New()
	s, err := store.Open(t.Context(), "file:"+t.TempDir()+"/a.db", zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	const value = "kestrel over a quiet field"
	redactor.Add([]byte(value))
	l := algesta.LiveAnswer{
		Command: algesta.Command{ID: "c-aaaaaa", Reason: value}, From: time.Now(), Trouble: algesta.Say("it says {}", value),
		Shown: algesta.Report{Title: algesta.Say("{}", value), Body: []algesta.Block{{Pre: "log: " + value}}},
	}
	require.NoError(t, storeFor{s, redactor}.Update(t.Context(), func(tx commands.Tx) error {
		saved, err := tx.SaveLive(l)
		require.True(t, saved)
		return err
	}))
	kept, found, err := s.LiveAnswer(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.True(t, found)
	require.NotContains(t, fmt.Sprint(kept), "kestrel")
	require.Equal(t, "log: ‹redacted›", kept.Shown.Body[0].Pre)
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
