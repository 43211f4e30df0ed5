package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/deploy"
)

// What is published, and for what.
var (
	platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}
	images    = []string{"linux/amd64", "linux/arm64"}
)

// buildAll builds a release into an empty folder, and pushes its image where push says: the chart names it by its digest, which an image
// for one platform alone hasn't.
func buildAll(ctx context.Context, told io.Writer, s source, out, push string) error {
	if there, err := os.ReadDir(out); err == nil && len(there) > 0 {
		return fmt.Errorf("%s isn't empty: remove it, or name another folder with --out", out)
	}
	say(told, "algesta %s, of %s", s.version, s.at.Format("2006-01-02 15:04:05 MST"))
	digest, err := buildImage(ctx, told, s, out, push, images)
	if err != nil {
		return err
	}
	for _, platform := range platforms[len(images):] {
		binary, err := filepath.Abs(filepath.Join(out, "bot-"+strings.ReplaceAll(platform, "/", "-")))
		if err != nil {
			return err
		}
		if err := compile(ctx, s.root, platform, s.version, binary); err != nil {
			return err
		}
		if err := writeContents(binary, binary+".cdx.json", s); err != nil {
			return err
		}
		say(told, "%s: built", platform)
	}
	chart, err := packChart(s, digest.String())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "algesta-"+s.version+".tgz"), chart, 0o644); err != nil { //nolint:gosec // it is published
		return fmt.Errorf("writing the chart: %w", err)
	}
	if err := os.WriteFile(filepath.Join(out, "slack-app.yaml"), deploy.SlackManifest, 0o644); err != nil { //nolint:gosec // it is published
		return fmt.Errorf("writing the manifest of the Slack app: %w", err)
	}
	return writeSums(told, out)
}

// packChart is the chart as `helm package` makes it, with the version, and with the digest of the image as its default.
func packChart(s source, digest string) ([]byte, error) {
	content, err := deploy.ChartFiles(s.version, digest)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(content)) {
		entries = append(entries, entry{name: path.Join("algesta", name), mode: 0o644, content: content[name]})
	}
	files, err := archive(s.at, entries)
	if err != nil {
		return nil, err
	}
	return zipped(files)
}

// writeSums writes SHA256SUMS of every file of a folder, as sha256sum -c reads it.
func writeSums(told io.Writer, folder string) error {
	var sums bytes.Buffer
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name) //nolint:gosec // it was just written
		if err != nil {
			return err
		}
		short, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), filepath.ToSlash(short))
		return nil
	})
	if err != nil {
		return fmt.Errorf("adding up the checksums: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "SHA256SUMS"), sums.Bytes(), 0o644); err != nil { //nolint:gosec // it is published
		return fmt.Errorf("writing the checksums: %w", err)
	}
	say(told, "%s", strings.TrimSpace(sums.String()))
	return nil
}
