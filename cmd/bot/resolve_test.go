package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// doubtful makes a configuration and its store with a change whose outcome nobody knows, and returns the configuration's path and the
// store's address.
func doubtful(t *testing.T, id string) (config, address string) {
	t.Helper()
	dir := t.TempDir()
	config, address = filepath.Join(dir, "config.yaml"), "file:"+filepath.Join(dir, "a.db")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
apiVersion: algesta.io/v1
kind: Config
clusters: [{name: aks, access: kubeconfig, kubeconfig: %[1]s/kubeconfig, context: aks, sandbox: true}]
environments: [{name: production, cluster: aks, namespace: production, deployment: "{service}-production"}]
services: [{name: api-gateway}]
policyFile: %[1]s/policy.yaml
store: %[2]s
`, dir, address), 0o600))
	s, err := store.Open(t.Context(), address, zap.NewNop())
	require.NoError(t, err)
	target := algesta.Target{
		Service:     "api-gateway",
		Environment: "production",
		Cluster:     "aks",
		Namespace:   "production",
		Name:        "api-gateway-production",
	}
	dana := algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Name: "Dana"}
	require.NoError(t, s.Update(t.Context(), func(tx *store.Tx) error {
		now := time.Now()
		err := tx.Create(algesta.Request{
			ID: id, Key: "key-1", Status: algesta.Approved, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(time.Hour),
			Command: algesta.Command{ID: id, Requester: algesta.AskedBy(dana), Runbook: "restart", Target: target, At: now, Channel: "C0OPS"},
			Plan:    algesta.Plan{Title: algesta.Say("Restart of api-gateway in production")},
		})
		if err != nil {
			return err
		}
		e := algesta.Execution{
			Request:   id,
			Operation: algesta.Operation(id, 0),
			Verb:      algesta.Patch,
			Object:    target.Workload(),
			State:     algesta.Intended,
			StartedAt: now,
		}
		if _, err := tx.Intend(e); err != nil {
			return err
		}
		e.State = algesta.Doubtful
		if _, err := tx.Settle(e, algesta.Intended); err != nil {
			return err
		}
		_, _, err = tx.Move(algesta.Move{ID: id, From: []algesta.Status{algesta.Approved}, To: algesta.Unknown})
		return err
	}))
	require.NoError(t, s.Close(t.Context()))
	return config, address
}

// resolve runs `bot resolve` with these arguments.
func resolve(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"resolve"}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// TestAnOperatorResolvesAChangeInDoubt gives the command line what is wrong first, and then an answer.
func TestAnOperatorResolvesAChangeInDoubt(t *testing.T) {
	t.Parallel()
	const id = "c-7f3a9k2m4p6q"
	config, address := doubtful(t, id)
	at := func() algesta.Request {
		s, err := store.Open(t.Context(), address, zap.NewNop())
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		r, err := s.Request(t.Context(), id)
		require.NoError(t, err)
		return r
	}
	for name, args := range map[string][]string{
		"no answer":        {id},
		"two answers":      {id, "--happened", "--did-not-happen"},
		"no ID":            {"--happened"},
		"two IDs":          {id, id, "--happened"},
		"an unknown ID":    {"c-222222222222", "--happened"},
		"no configuration": {id, "--happened", "--config", config + ".missing"},
	} {
		if name != "no configuration" {
			args = append(args, "--config", config)
		}
		_, err := resolve(t, args...)
		require.Error(t, err, name)
		require.Equal(t, algesta.Unknown, at().Status, name)
	}
	said, err := resolve(t, id, "--did-not-happen", "--config", config)
	require.NoError(t, err)
	require.Equal(
		t,
		id+" is answered: Deployment api-gateway-production in production was not changed. The bot posts it to the thread when "+
			"it runs again.\n",
		said,
	)
	r := at()
	require.Equal(t, algesta.Failed, r.Status)
	require.Regexp(t, `^didn't happen, according to (the|an) operator.*\. Nothing was changed\.$`, r.Note)
	_, err = resolve(t, id, "--happened", "--config", config)
	require.ErrorIs(t, err, algesta.ErrStale, "it is answered once")
	require.Equal(t, algesta.Failed, at().Status)
}

// TestAnOperatorCannotResolveWhileTheBotRuns holds the store open as the bot does.
func TestAnOperatorCannotResolveWhileTheBotRuns(t *testing.T) {
	t.Parallel()
	config, address := doubtful(t, "c-7f3a9k2m4p6q")
	s, err := store.Open(t.Context(), address, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	_, err = resolve(t, "c-7f3a9k2m4p6q", "--happened", "--config", config)
	require.ErrorContains(t, err, "is the bot running?")
}
