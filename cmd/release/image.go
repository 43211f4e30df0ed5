package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is who the bot is in its image: nobody in particular, and not root.
const user = 65532

// repository is the name of the image in the archive for `docker load`.
const repository = "ghcr.io/3astronautas/algesta"

// layerOf is the whole file system of the image: the program and the folders that it writes to. The roots of trust and the time zones are
// in the program.
func layerOf(s source, program []byte) (v1.Layer, error) {
	passwd := fmt.Sprintf("root:x:0:0:root:/:/sbin/nologin\nalgesta:x:%d:%d:algesta:/var/lib/algesta:/sbin/nologin\n", user, user)
	group := fmt.Sprintf("root:x:0:\nalgesta:x:%d:\n", user)
	files, err := archive(s.at, []entry{
		{name: "bot", mode: 0o755, content: program},
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: []byte(group)},
		{name: "etc/passwd", mode: 0o644, content: []byte(passwd)},
		{name: "tmp/", mode: 0o1777},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: "var/lib/algesta/", mode: 0o700, uid: user},
	})
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("making the layer: %w", err)
	}
	return layer, nil
}

// imageOf is the image with a program for a platform.
func imageOf(s source, platform string, program []byte) (v1.Image, error) {
	system, machine, ok := strings.Cut(platform, "/")
	if !ok || system != "linux" {
		return nil, fmt.Errorf("an image is for linux/…, not for %q", platform)
	}
	layer, err := layerOf(s, program)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	history := v1.History{Created: v1.Time{Time: s.at}, CreatedBy: "release"}
	if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: history}); err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = system, machine, v1.Time{Time: s.at}
	file.Config = v1.Config{
		User: fmt.Sprintf("%d:%d", user, user), Entrypoint: []string{"/bot"}, Cmd: []string{"serve", "--config", "/etc/algesta/config.yaml"},
		WorkingDir: "/var/lib/algesta", Env: []string{"PATH=/"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title": "algesta", "org.opencontainers.image.version": s.version,
			"org.opencontainers.image.source": "https://github.com/3astronautas/algesta",
		},
	}
	image, err = mutate.ConfigFile(image, file)
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	return image, nil
}

// indexOf are the images of several platforms as one.
func indexOf(images map[string]v1.Image, platforms []string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			return nil, fmt.Errorf("reading the platform: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: images[p], Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// buildImage compiles the bot for each platform and writes the image as an OCI layout, with what is in it beside it, and the first
// platform's as an archive for `docker load`. It returns the index's digest.
func buildImage(ctx context.Context, told io.Writer, s source, out, push string, platforms []string) (v1.Hash, error) {
	if len(platforms) == 0 {
		return v1.Hash{}, errors.New("name at least one platform")
	}
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // what is published may be read
		return v1.Hash{}, fmt.Errorf("making the folder: %w", err)
	}
	images := map[string]v1.Image{}
	for _, platform := range platforms {
		binary := filepath.Join(out, "bot-"+strings.ReplaceAll(platform, "/", "-"))
		absolute, err := filepath.Abs(binary)
		if err != nil {
			return v1.Hash{}, err
		}
		if err := compile(ctx, s.root, platform, s.version, absolute); err != nil {
			return v1.Hash{}, err
		}
		if err := writeContents(binary, binary+".cdx.json", s); err != nil {
			return v1.Hash{}, err
		}
		program, err := os.ReadFile(binary) //nolint:gosec // it was just written
		if err != nil {
			return v1.Hash{}, fmt.Errorf("reading the binary: %w", err)
		}
		if images[platform], err = imageOf(s, platform, program); err != nil {
			return v1.Hash{}, err
		}
		size, err := sizeOf(images[platform])
		if err != nil {
			return v1.Hash{}, err
		}
		say(told, "%s: binary %.1f MB, image %.1f MB compressed", platform, float64(len(program))/1e6, float64(size)/1e6)
	}
	index, err := indexOf(images, platforms)
	if err != nil {
		return v1.Hash{}, err
	}
	folder := filepath.Join(out, "image")
	if err := os.RemoveAll(folder); err != nil {
		return v1.Hash{}, fmt.Errorf("clearing %s: %w", folder, err)
	}
	if _, err := layout.Write(folder, index); err != nil {
		return v1.Hash{}, fmt.Errorf("writing the image: %w", err)
	}
	tag, err := name.NewTag(repository + ":" + s.version)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("naming the image: %w", err)
	}
	if err := tarball.WriteToFile(filepath.Join(out, "image.tar"), tag, images[platforms[0]]); err != nil {
		return v1.Hash{}, fmt.Errorf("writing the image: %w", err)
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("reading the digest: %w", err)
	}
	say(told, "%s: %s, in %s (OCI layout) and %s.tar (docker load)", tag, digest, folder, folder)
	if push == "" {
		return digest, nil
	}
	to, err := name.ParseReference(push)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("reading --push: %w", err)
	}
	if err := remote.WriteIndex(to, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return v1.Hash{}, fmt.Errorf("pushing to %s: %w", to, err)
	}
	say(told, "pushed to %s@%s", to.Context(), digest)
	return digest, nil
}

// sizeOf is what is fetched of an image: its layers, compressed, and its configuration.
func sizeOf(image v1.Image) (int64, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return 0, fmt.Errorf("reading the manifest: %w", err)
	}
	size := manifest.Config.Size
	for _, l := range manifest.Layers {
		size += l.Size
	}
	return size, nil
}
