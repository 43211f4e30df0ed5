package control

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// MakeReleases makes what Kubernetes and etcd release of the versions of the sandbox, from its own sources, into a folder as the places of
// the releases have it: binaries with their checksums. Whoever measures a first run serves them where nothing can be downloaded. It takes
// as long as building the control plane.
func MakeReleases(ctx context.Context, folder string, progress io.Writer) error {
	source, err := controlPlane.source(ctx)
	if err != nil {
		return err
	}
	bin := filepath.Join(folder, kubernetesVersion, "bin", runtime.GOOS, runtime.GOARCH)
	names := []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"}
	var packages []string
	for _, name := range names {
		packages = append(packages, "k8s.io/kubernetes/cmd/"+name)
	}
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	if err := controlPlane.compile(ctx, source, bin, progress, controlPlane.packages, packages...); err != nil {
		return err
	}
	for _, name := range names {
		sum, err := sumOf(filepath.Join(bin, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(bin, name+".sha256"), []byte(sum), 0o600); err != nil {
			return fmt.Errorf("writing a checksum: %w", err)
		}
	}
	return makeEtcd(ctx, source, filepath.Join(folder, etcdVersion), progress)
}

// makeEtcd makes etcd's archive, and the list of checksums beside it.
func makeEtcd(ctx context.Context, source, folder string, progress io.Writer) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	program := filepath.Join(folder, "server") // the last word of its module's path before the version
	if err := controlPlane.compile(ctx, source, folder, progress, controlPlane.packages, "go.etcd.io/etcd/server/v3"); err != nil {
		return err
	}
	release := "etcd-" + etcdVersion + "-" + runtime.GOOS + "-" + runtime.GOARCH
	archive := filepath.Join(folder, release+".tar.gz")
	if err := pack(program, path.Join(release, "etcd"), archive); err != nil {
		return fmt.Errorf("packing etcd: %w", err)
	}
	sum, err := sumOf(archive)
	if err != nil {
		return err
	}
	line := sum + "  " + release + ".tar.gz\n"
	return errors.Join(os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(line), 0o600), os.Remove(program))
}

// sumOf is the checksum of a file, as it's published.
func sumOf(name string) (string, error) {
	file, err := os.Open(name) //nolint:gosec // it was just made
	if err != nil {
		return "", fmt.Errorf("adding up a checksum: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("adding up a checksum: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// pack makes an archive with one program in it.
func pack(program, name, archive string) error {
	content, err := os.ReadFile(program) //nolint:gosec // it was just made
	if err != nil {
		return err
	}
	out, err := os.Create(archive) //nolint:gosec // a folder of our own
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(out)
	files := tar.NewWriter(zip)
	err = files.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o755})
	if err == nil {
		_, err = files.Write(content)
	}
	return errors.Join(err, files.Close(), zip.Close(), out.Close())
}
