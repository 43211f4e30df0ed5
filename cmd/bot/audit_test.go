package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/store"
)

// audit makes a store with an audit of some lines, and returns its address and the bot's log with the head after each line.
func audit(t *testing.T, kinds ...string) (address, log string) {
	t.Helper()
	address = "file:" + filepath.Join(t.TempDir(), "algesta.db")
	s, err := store.Open(t.Context(), address, zap.NewNop())
	require.NoError(t, err)
	var lines bytes.Buffer
	logger, err := newLog(&lines, "info", false)
	require.NoError(t, err)
	logger = hidingLog(logger, redact.New())
	for _, kind := range kinds {
		require.NoError(t, s.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Append(algesta.Entry{Request: "c-1", Kind: kind, Actor: "T0ALGESTA/U0DANA", At: time.Now()})
		}))
		once, cancel := context.WithCancel(t.Context())
		auditHeads{func(ctx context.Context) (store.Head, error) {
			defer cancel()
			return s.Head(ctx)
		}, logger.Named("audit")}.run(once)
	}
	require.NoError(t, s.Close(t.Context()))
	return address, lines.String()
}

// verify runs `bot audit verify` with the flags.
func verify(t *testing.T, input string, flags ...string) (said string, code int, err error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"audit", "verify"}, flags...))
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	root.SetErr(&out)
	if err = root.ExecuteContext(t.Context()); err != nil {
		code = exitCode(err)
	}
	return out.String(), code, err
}

func TestTheAuditIsComparedWithTheBotsLog(t *testing.T) {
	t.Parallel()
	address, log := audit(t, "requested", "approved", "intended")
	path := filepath.Join(t.TempDir(), "bot.log")
	shipped := "not JSON\n{\"msg\":\"another line\"}\n" + strings.ReplaceAll(
		log, "{", "2026-11-22T12:00:00Z stdout F {",
	) + strings.Repeat(
		"x", maxLogLine+1,
	) + "\n"
	require.NoError(t, os.WriteFile(path, []byte(shipped), 0o600))

	said, code, err := verify(t, "", "--store", address)
	require.NoError(t, err)
	require.Zero(t, code)
	require.Contains(t, said, "The audit has 3 lines, and each follows from the one before.")
	require.Contains(t, said, "It was compared with nothing from outside")

	for name, flags := range map[string][]string{"a file": {"--log", path}, "standard input": {"--log", "-"}} {
		said, _, err = verify(t, log, append(flags, "--store", address)...)
		require.NoError(t, err, name)
		require.Contains(t, said, "Up to line 3 it is what it was when that head was logged.")
	}

	shorter, _ := audit(t, "requested")
	_, code, err = verify(t, "", "--store", shorter, "--log", path)
	require.ErrorContains(t, err, "line 1 had the hash")
	require.ErrorContains(t, err, "it ends at line 1, and once had a line 3: its end was cut off")
	require.Equal(t, exitBroken, code)

	var last struct {
		Seq  int64  `json:"seq"`
		Hash string `json:"hash"`
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	said, _, err = verify(t, "", "--store", address, "--head", store.Head{Seq: last.Seq, Hash: last.Hash}.String())
	require.NoError(t, err)
	require.Contains(t, said, "Up to line 3")
	_, code, err = verify(t, "", "--store", shorter, "--head", store.Head{Seq: last.Seq, Hash: last.Hash}.String())
	require.ErrorIs(t, err, store.ErrAuditBroken)
	require.Equal(t, exitBroken, code)
}

func TestAuditVerifySaysWhatItCannotCheck(t *testing.T) {
	t.Parallel()
	address, _ := audit(t, "requested")
	empty := filepath.Join(t.TempDir(), "empty.log")
	require.NoError(t, os.WriteFile(empty, []byte("{\"msg\":\"listening\"}\n"), 0o600))
	cases := map[string]struct {
		flags []string
		says  string
	}{
		"no store":                {nil, "name the store with --store, or a configuration with --config"},
		"a store that's gone":     {[]string{"--store", "file:/nowhere/algesta.db"}, "no such file"},
		"a head that's none":      {[]string{"--store", address, "--head", "1"}, "is not the 64 hexadecimal digits of a SHA-256"},
		"a log without heads":     {[]string{"--store", address, "--log", empty}, `has no line with the message "audit head"`},
		"a log that's gone":       {[]string{"--store", address, "--log", empty + ".1"}, "no such file"},
		"a log with a spoilt one": {[]string{"--store", address, "--log", "-"}, "is not the 64 hexadecimal digits of a SHA-256"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, code, err := verify(t, `{"msg":"audit head","seq":3,"hash":"‹redacted›"}`, c.flags...)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, 1, code)
		})
	}
}

func TestTheHeadIsLoggedAtTheStartAndEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		logger, err := newLog(&lines, "info", false)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour+time.Minute)
		defer cancel()
		var asked int64
		auditHeads{func(context.Context) (store.Head, error) {
			if asked++; asked == 2 {
				return store.Head{}, errors.New("the disk is gone")
			}
			return store.Head{Seq: asked, Hash: strings.Repeat("a", 64)}, nil
		}, logger}.run(ctx)
		heads, err := headsOf(&lines)
		require.NoError(t, err)
		require.Len(t, heads, 3, "four were asked for, and one could not be read")
		require.Equal(t, int64(4), heads[2].Seq)
	})
}

func TestALogLevelWithoutTheHeadIsSaid(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	logger, err := newLog(&lines, zapcore.WarnLevel.String(), false)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	auditHeads{func(context.Context) (store.Head, error) { return store.Head{}, nil }, logger}.run(ctx)
	require.Contains(t, lines.String(), "this log level leaves out the audit head")
}
