package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestFilesThatOthersMayReadAreSaid(t *testing.T) {
	t.Parallel()
	config := strings.NewReplacer(
		"slack:\n",
		"slack:\n  appTokenFile: app\n  botTokenFile: bot\n",
		"access: kubeconfig, kubeconfig: kube/config, context: admin, sandbox: true}",
		"access: clientSecret, server: https://aks.example.com, azure: {secretFile: client}}\n"+
			"  - {name: other, access: clientCertificate, server: https://aks.example.com, azure: {certificateFile: certificate}}\n"+
			"  - {name: kind, access: kubeconfig, kubeconfig: kubeconfig}",
		"file:data/algesta.db",
		"file:algesta.db",
	).Replace(smallConfig)
	path := writeConfig(t, config)
	cfg, err := loadConfigWithoutSlack(path)
	require.NoError(t, err)
	dir := filepath.Dir(path)
	secret := []string{"app", "bot", "client", "certificate", "kubeconfig", "algesta.db", "algesta.db-wal"}
	open := []string{"config.yaml", "policy.yaml"}

	warned := func(mode fs.FileMode) map[string]string {
		for _, name := range append(open, secret...) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(config), 0o600))
			require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
		}
		core, lines := observer.New(zapcore.InfoLevel)
		warnOfOthers(zap.New(core), cfg.private)
		out := map[string]string{}
		for _, l := range lines.All() {
			require.Equal(t, "others may use this file", l.Message)
			fields := l.ContextMap()
			require.Contains(t, fields["advice"], "chmod ")
			require.NotEmpty(t, fields["what"])
			out[filepath.Base(fields["path"].(string))] = fields["who"].(string)
		}
		return out
	}
	require.Empty(t, warned(0o600))
	require.Empty(t, warned(0o440), "the group is the process's own, as with fsGroup")
	require.Empty(t, warned(0o660))
	everybody := map[string]string{}
	for _, name := range secret {
		everybody[name] = "every user of this machine"
	}
	require.Equal(t, everybody, warned(0o604))
	require.Equal(t, everybody, warned(0o644), "the default of a mounted Secret")
	for _, name := range open {
		everybody[name] = "every user of this machine"
	}
	require.Equal(t, everybody, warned(0o602), "whoever writes the policy decides")
}

// stranger is a file of a group that no process of a test is in.
type stranger struct{ mode fs.FileMode }

func (stranger) Name() string        { return "token" }
func (stranger) Size() int64         { return 1 }
func (s stranger) Mode() fs.FileMode { return s.mode }
func (stranger) ModTime() time.Time  { return time.Time{} }
func (stranger) IsDir() bool         { return false }
func (stranger) Sys() any            { return &syscall.Stat_t{Gid: 4_000_000_001} }

func TestAGroupThatTheBotIsNotInIsOthers(t *testing.T) {
	t.Parallel()
	require.Equal(t, "the members of group 4000000001, in which this process is not", others(stranger{0o640}, false))
	require.Empty(t, others(stranger{0o600}, false))
	require.Empty(t, others(stranger{0o640}, true), "reading the policy is free")
	require.NotEmpty(t, others(stranger{0o660}, true), "writing it is not")
}

func TestAStartSaysWhichFilesOthersMayRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := strings.Replace(
		strings.Replace(smallConfig, "slack:\n", "slack:\n  appTokenFile: app\n", 1), "file:data/algesta.db", "file:algesta.db", 1,
	)
	path := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app"), nil, 0o600))
	require.NoError(t, os.Chmod(filepath.Join(dir, "app"), 0o644))
	policy, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	require.NoError(
		t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(strings.ReplaceAll(string(policy), "aks-algesta-production", "local")), 0o600),
	)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "kube"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kube", "config"), []byte(
		"apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: admin, context: "+
			"{cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n",
	), 0o600))
	cfg, err := loadConfigWithoutSlack(path)
	require.NoError(t, err)
	core, lines := observer.New(zapcore.WarnLevel)
	r, err := openRooms(t.Context(), cfg, zap.New(core))
	require.NoError(t, err)
	r.close(t.Context())
	require.Equal(
		t, 1, lines.FilterMessage("others may use this file").Len(), "the app token's file, and not the store's, which is 0600: %v", lines.All(),
	)
}
