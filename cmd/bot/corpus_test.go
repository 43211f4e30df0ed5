package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/redacttest"
	"github.com/3astronautas/algesta/store"
)

type shouting string

func (s shouting) String() string { return "it says " + string(s) }

// Whatever the bot logs, in whatever kind of field, also a panic with its stack.
func TestTheLogShowsNoSecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	for _, s := range redacttest.Secrets(t) {
		var out bytes.Buffer
		log, err := newLog(&out, "info", false)
		require.NoError(t, err)
		log = hidingLog(log, redact.New()).WithOptions(zap.AddStacktrace(zapcore.ErrorLevel))
		log.With(
			zap.String("before", s.Line),
		).Error(
			"reading "+s.Line,
			zap.Error(errors.New(s.Line)),
			zap.String("x", s.Line),
			zap.ByteString("bytes", []byte(s.Line)),
			zap.Binary(
				"binary", []byte(s.Line),
			),
			zap.Stringer("stringer", shouting(s.Line)),
			zap.Any("list", []string{s.Line}),
			zap.Any("map", map[string]any{"a": s.Line}),
			zap.Strings(
				"strings", []string{s.Line},
			),
			zap.Errors("errors", []error{errors.New(s.Line)}),
			zap.Reflect("reflect", struct{ Text string }{s.Line}),
			zap.Any("args", algesta.Args{"a": s.Line}),
		)
		func() {
			defer func() {
				if p := recover(); p != nil {
					log.Error("panic", zap.Any("panic", p), zap.String("stack", string(debug.Stack())))
				}
			}()
			panic("it says " + s.Line)
		}()
		for line := range strings.Lines(out.String()) {
			var told any
			require.NoError(t, json.Unmarshal([]byte(line), &told))
			for _, text := range redacttest.Texts(told) {
				s.RequireHidden(t, text)
			}
		}
	}
}

// A panic of a handler goes to the log of the HTTP server, which would be stderr.
func TestAPanicOfTheHealthServerIsLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	sample := redacttest.Secrets(t)[0]
	var out bytes.Buffer
	log, err := newLog(zapcore.Lock(zapcore.AddSync(&out)), "info", false)
	require.NoError(t, err)
	h := health{
		clusters: func() map[string]clusterHealth { panic(sample.Line) }, log: hidingLog(log, redact.New()), registry: prometheus.NewRegistry(),
	}
	h.writable, h.sockets = func(context.Context) error { return nil }, func() (int, int) { return 1, 0 }
	h.lost = func(context.Context) int { return 0 }
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.serve(ctx, l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/readyz", http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		require.NoError(t, res.Body.Close())
	}
	cancel()
	require.NoError(t, <-done)
	require.Contains(t, out.String(), "panic serving")
	sample.RequireHidden(t, out.String())
}

// What the bot keeps: requests, approvals, the audit and messages, as they stand in the database's files.
func TestTheDatabaseHoldsNoSecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opened, err := store.Open(t.Context(), "file:"+filepath.Join(dir, "algesta.db"), zap.NewNop())
	require.NoError(t, err)
	s := storeFor{opened, redact.New()}
	samples := redacttest.Secrets(t)
	for i, sample := range samples {
		text := algesta.Say("it says {}", sample.Line)
		id := algesta.NewCommandID()
		typed := algesta.Invocation{Key: "typed" + id, Kind: algesta.Typed, Text: "rollback x y --reason " + sample.Line}
		_, err := s.Receive(t.Context(), typed)
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) error { return tx.Answered(typed.Key) }), "what is answered is forgotten")
		voted := algesta.Invocation{
			Key:  "voted" + id,
			Kind: algesta.Voted,
			Vote: &algesta.Vote{Action: algesta.Deny, ID: id, Reason: sample.Line},
		}
		_, err = s.Receive(t.Context(), voted) // and never answered
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), func(tx commands.Tx) error {
			err := tx.Append(
				algesta.Entry{
					Request: id,
					Kind:    "refused",
					At:      time.Now(),
					Data:    algesta.Args{"note": sample.Line, "list": []string{sample.Line}, "map": map[string]any{"a": []any{sample.Line}}},
				},
			)
			if err != nil {
				return err
			}
			if err := tx.Post(
				algesta.Post{
					Command: id,
					Kind:    algesta.CardPost,
					Channel: "C1",
					Report:  algesta.Report{Title: text, Body: []algesta.Block{{Pre: sample.Line}}},
				},
			); err != nil {
				return err
			}
			secret := algesta.Report{Title: text, Body: []algesta.Block{{Pre: sample.Line}}}
			if err := tx.Edit(algesta.Post{Command: id, Kind: algesta.CardPost, Channel: "C1", Report: secret}); err != nil {
				return err
			}
			direct := algesta.PostKind("direct " + string(algesta.CardPost) + " U1")
			if err := tx.Post(
				algesta.Post{Command: id, Kind: direct, Channel: "D1", Report: algesta.Report{Title: algesta.Say("asked")}},
			); err != nil {
				return err
			}
			if err := tx.EditDirect(id, algesta.CardPost, secret); err != nil {
				return err
			}
			if err := tx.Offer(
				algesta.Offer{ID: algesta.NewOfferID(), Runbook: "rollback", Moves: sample.Line, ExpiresAt: time.Now().Add(time.Hour)},
			); err != nil {
				return err
			}
			r := algesta.Request{
				ID:        id,
				Key:       id,
				Status:    algesta.Pending,
				CreatedAt: time.Now(),
				ExpiresAt: time.Now().Add(time.Hour),
				Command: algesta.Command{
					ID:     id,
					Reason: sample.Line,
				},
				Plan: algesta.Plan{Summary: text, Diff: sample.Line, Warnings: []algesta.Text{text}},
			}
			if err := tx.Create(r); err != nil {
				return err
			}
			_, err = tx.Approve(algesta.Approval{Request: id, Reason: sample.Line, At: time.Now()})
			if err != nil {
				return err
			}
			_, _, err = tx.Move(algesta.Move{ID: id, From: []algesta.Status{algesta.Pending}, To: algesta.Cancelled, Note: sample.Line})
			return err
		}), "sample %d", i)
	}
	require.NoError(t, opened.Close(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "algesta.db*"))
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, sample := range samples {
			for _, secret := range sample.Secrets {
				if bytes.Contains(raw, []byte(secret)) {
					t.Errorf("%s: %q stands in %s", sample.Kind, secret, filepath.Base(file))
				}
			}
		}
	}
}

// bot diagnose -f prints what the dump's logs say, as text and as JSON.
func TestDiagnoseOfAFolderShowsNoSecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	objects, err := os.ReadFile(filepath.Join("..", "..", "diagnosis", "rules", "testdata", "exit-panic", "fires.yaml"))
	require.NoError(t, err)
	for _, format := range []string{"text", "json"} {
		for _, sample := range redacttest.Secrets(t) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "objects.yaml"), objects, 0o600))
			pod := filepath.Join(dir, "production", "ms-orders-production-6d4cf56db6-aa0")
			require.NoError(t, os.MkdirAll(pod, 0o700))
			for _, name := range []string{"logs.txt", "previous.txt"} {
				require.NoError(t, os.WriteFile(filepath.Join(pod, name), []byte("starting\npanic: "+sample.Line+"\n"), 0o600))
			}
			out, err := runDiagnose(t, "-f", dir, "-o", format)
			require.NoError(t, err)
			require.Contains(t, out, "log of container")
			sample.RequireHidden(t, out)
		}
	}
}
