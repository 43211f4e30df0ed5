package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/sandbox/helm"
)

var commit = source{version: "1.2.3", at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), clean: true}

// tiny is a module of its own with a bot that says hello.
func tiny(t *testing.T) source {
	t.Helper()
	s := commit
	s.root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.com/tiny\n\ngo 1.26.0\n",
		"cmd/bot/main.go": "package main\n\nvar version = \"dev\"\n\nfunc main() { println(\"hello\", version) }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(s.root, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o600))
	}
	return s
}

func TestTheSameCommitGivesTheSameImage(t *testing.T) {
	t.Parallel()
	var digests []v1.Hash
	for range 2 { // in two folders, one after the other
		s := tiny(t)
		out := filepath.Join(s.root, "out")
		digest, err := buildImage(t.Context(), io.Discard, s, out, "", []string{"linux/amd64", "linux/arm64"})
		require.NoError(t, err)
		digests = append(digests, digest)
		index, err := layout.ImageIndexFromPath(filepath.Join(out, "image"))
		require.NoError(t, err)
		require.NoError(t, validate.Index(index))
		manifest, err := index.IndexManifest()
		require.NoError(t, err)
		require.Len(t, manifest.Manifests, 2)
		require.Equal(t, "arm64", manifest.Manifests[1].Platform.Architecture)
		info, err := buildinfo.ReadFile(filepath.Join(out, "bot-linux-arm64"))
		require.NoError(t, err)
		require.Contains(t, settings(info.Settings), "CGO_ENABLED=0")
		var list map[string]any
		b, err := os.ReadFile(filepath.Join(out, "bot-linux-amd64.cdx.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &list))
		require.Equal(t, "CycloneDX", list["bomFormat"])
	}
	require.Equal(t, digests[0], digests[1])
}

func settings[T any](all []T) string {
	b, _ := json.Marshal(all) // plain values
	return strings.NewReplacer(`"Key":"`, "", `","Value":"`, "=", `"`, "").Replace(string(b))
}

func TestTheImageHasTheBotAndNothingElse(t *testing.T) {
	t.Parallel()
	image, err := imageOf(commit, "linux/arm64", []byte("the program"))
	require.NoError(t, err)
	file, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "65532:65532", file.Config.User)
	require.Equal(t, []string{"/bot"}, file.Config.Entrypoint)
	require.Equal(t, "arm64", file.Architecture)
	layers, err := image.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	defer func() { _ = content.Close() }() // it was only read
	var names []string
	for files := tar.NewReader(content); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Zero(t, head.Mode&0o6000, "nothing runs as somebody else")
		names = append(names, head.Name)
	}
	require.Equal(t, []string{"bot", "etc/", "etc/group", "etc/passwd", "tmp/", "var/", "var/lib/", "var/lib/algesta/"}, names)
	_, err = imageOf(commit, "darwin/arm64", nil)
	require.ErrorContains(t, err, "an image is for linux")
}

func TestTheImageIsPushedAsItWasBuilt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	to := strings.TrimPrefix(server.URL, "http://") + "/shop/algesta:1.2.3"
	s := tiny(t)
	digest, err := buildImage(t.Context(), io.Discard, s, filepath.Join(s.root, "out"), to, []string{"linux/amd64"})
	require.NoError(t, err)
	ref, err := name.ParseReference(to)
	require.NoError(t, err)
	pushed, err := remote.Get(ref)
	require.NoError(t, err)
	require.Equal(t, digest, pushed.Digest)
}

func TestAReleaseIsWholeAndItsChartCanBeInstalled(t *testing.T) {
	t.Parallel()
	s := tiny(t)
	out := filepath.Join(s.root, "dist")
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	to := strings.TrimPrefix(server.URL, "http://") + "/shop/algesta:1.2.3"
	require.NoError(t, buildAll(t.Context(), io.Discard, s, out, to))
	sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	require.NoError(t, err)
	for _, name := range []string{
		"bot-linux-amd64", "bot-linux-arm64", "bot-darwin-amd64", "bot-darwin-arm64", "bot-darwin-arm64.cdx.json", "image.tar",
		"image/index.json", "algesta-1.2.3.tgz", "slack-app.yaml",
	} {
		require.Contains(t, string(sums), "  "+name+"\n")
		require.FileExists(t, filepath.Join(out, name))
	}
	values, err := os.ReadFile("../../deploy/testdata/values.yaml")
	require.NoError(t, err)
	_, values, found := bytes.Cut(values, []byte("config:"))
	require.True(t, found)
	values = append([]byte("config:"), values...) // without an image of its own
	rendered, err := helm.Render(t.Context(), filepath.Join(out, "algesta-1.2.3.tgz"), "algesta", "chatops", values)
	require.NoError(t, err)
	require.Contains(t, rendered.Notes, "algesta 1.2.3 is installed")
	var image string
	for _, o := range rendered.Objects {
		if o.GetKind() == "Deployment" {
			containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			require.NoError(t, err)
			image = containers[0].(map[string]any)["image"].(string)
		}
	}
	require.Regexp(t, `^ghcr\.io/3astronautas/algesta:1\.2\.3@sha256:[0-9a-f]{64}$`, image, "the chart runs the image of its release")
	ref, err := name.ParseReference(to)
	require.NoError(t, err)
	pushed, err := remote.Get(ref)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(image, "@"+pushed.Digest.String()), "what was pushed is what the chart names by its digest")
	require.ErrorContains(t, buildAll(t.Context(), io.Discard, s, out, ""), "isn't empty")
}

func TestAPlatformThatCantBeBuiltIsSaid(t *testing.T) {
	t.Parallel()
	s := tiny(t)
	require.ErrorContains(t, compile(t.Context(), s.root, "linux", "1", "x"), "isn't written as linux/amd64")
	require.ErrorContains(t, compile(context.Background(), s.root, "plan10/amd64", "1", "x"), "plan10/amd64")
}

func TestAVersionIsMadeOfWhatGitSays(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"v1.2.0": "1.2.0", "v1.2.0-4-gabcdef0": "1.2.0-4.gabcdef0", "abcdef0": "0.0.0-gabcdef0",
	} {
		require.Equal(t, want, versionOf(said))
	}
}
