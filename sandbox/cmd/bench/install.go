package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientrest "k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/bot"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/helm"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const (
	installs     = 3
	installTakes = 2 * time.Minute
	slackSecret  = "algesta-slack" //nolint:gosec // a name
)

// install measures the image, and the way from the chart to the first answered command.
func (w *world) install(ctx context.Context, r *results) error {
	return errors.Join(w.image(ctx, r), w.installed(ctx, r))
}

// image builds the image as a release does.
func (w *world) image(ctx context.Context, r *results) error {
	out := filepath.Join(w.dir, "release")
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/release", "image", "--out", out) //nolint:gosec // a folder of our own
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the image: %w\n%s", err, said)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(out, "image"))
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	if len(list.Manifests) != 1 {
		return fmt.Errorf("reading the image: it has %d platforms", len(list.Manifests))
	}
	image, err := index.Image(list.Manifests[0].Digest)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	pulled := manifest.Config.Size
	for _, l := range manifest.Layers {
		pulled += l.Size
	}
	program, err := os.Stat(filepath.Join(out, "bot-linux-amd64"))
	if err != nil {
		return fmt.Errorf("looking at the image's program: %w", err)
	}
	r.add(figure{
		Key: "image_mb", What: "the image's content on a node: the program, and next to nothing else", Value: float64(program.Size()) / 1e6,
		Unit: "MB", Goal: 60, Note: fmt.Sprintf("%.1f MB are pulled", float64(pulled)/1e6),
	})
	return nil
}

// installed measures installations one after the other, each into a namespace of its own.
func (w *world) installed(ctx context.Context, r *results) error {
	w.bot.Kill() // an app token is one process's
	var took, pods []float64
	for i := range installs {
		whole, pod, err := w.installOnce(ctx, fmt.Sprintf("algesta-%d", i))
		if err != nil {
			return errors.Join(err, w.start(ctx))
		}
		took, pods = append(took, whole), append(pods, pod)
	}
	m := median(took)
	r.add(figure{
		Key: "install_s", What: fmt.Sprintf("chart applied → first command answered, median of %d", installs), Value: m, Unit: "s", Goal: 15,
		Note: fmt.Sprintf("%.1f s of it until the simulated pod is ready, then the process starts; no image is pulled", median(pods)),
	})
	return w.start(ctx)
}

// installOnce installs the chart and runs the bot as its ServiceAccount until a command is answered. A pod of the sandbox runs no program,
// so the process starts once that pod is ready.
func (w *world) installOnce(ctx context.Context, namespace string) (whole, pod float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, installTakes)
	defer cancel()
	if err := w.prepare(ctx, namespace); err != nil {
		return 0, 0, err
	}
	values, err := w.values()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	rendered, err := helm.Render(ctx, "deploy/chart", "algesta", namespace, values)
	if err != nil {
		return 0, 0, err
	}
	remove, err := helm.Apply(ctx, w.cluster.Config, rendered.Objects)
	if remove != nil {
		defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return 0, 0, err
	}
	if err := w.podReady(ctx, namespace); err != nil {
		return 0, 0, err
	}
	pod = time.Since(began).Seconds()
	running, err := w.runAs(ctx, namespace)
	if err != nil {
		return 0, 0, err
	}
	defer running.Kill()
	seen := len(w.slack.Messages(channel))
	if _, err := w.slack.Type(operator, channel, "/algesta status ms-orders production"); err != nil {
		return 0, 0, err
	}
	if err := w.slack.WaitFor(ctx, func() bool { return len(w.slack.Messages(channel)) > seen }); err != nil {
		return 0, 0, fmt.Errorf("waiting for the first answer: %w", err)
	}
	return time.Since(began).Seconds(), pod, nil
}

// prepare makes what is there before somebody installs the chart: the Secret, and a disk as a StorageClass would make one.
func (w *world) prepare(ctx context.Context, namespace string) error {
	client := w.cluster.Client.CoreV1()
	meta := metav1.ObjectMeta{Name: namespace}
	if _, err := client.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making a namespace: %w", err)
	}
	_, err := client.Secrets(namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: slackSecret},
		StringData: map[string]string{"app-token": w.slack.AppToken(), "bot-token": w.slack.BotToken()},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("making the Secret: %w", err)
	}
	_, err = client.PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: meta,
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/" + namespace},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("making a disk: %w", err)
	}
	return w.cluster.AwaitServiceAccount(ctx, namespace)
}

// values are those of a chart for the platform's production.
func (w *world) values() ([]byte, error) {
	return json.Marshal(map[string]any{
		"config": map[string]any{
			"clusters": []any{map[string]any{"name": platform.ClusterProduction, "access": "inCluster"}},
			"environments": []any{map[string]any{
				"name": "production", "cluster": platform.ClusterProduction, "namespace": namespace, "deployment": "{service}-production",
			}},
		},
		"policy": w.cfg.Policy, "slack": map[string]any{"existingSecret": slackSecret},
	})
}

// podReady waits until the chart's Deployment has its pod ready.
func (w *world) podReady(ctx context.Context, in string) error {
	for {
		d, err := w.cluster.Client.AppsV1().Deployments(in).Get(ctx, "algesta", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("waiting for the pod: %w", err)
		}
		if d.Status.ReadyReplicas == 1 {
			return nil
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for the pod: %w", err)
		}
	}
}

// runAs starts the bot with a token of the chart's ServiceAccount, and waits until it's ready.
func (w *world) runAs(ctx context.Context, in string) (*bot.Bot, error) {
	token, err := w.cluster.Client.CoreV1().ServiceAccounts(in).CreateToken(ctx, "algesta", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	cfg := w.cfg
	cfg.Dir = filepath.Join(w.dir, in)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	who := clientrest.AnonymousClientConfig(w.cluster.Config)
	who.BearerToken = token.Status.Token
	cfg.Kubeconfig = filepath.Join(cfg.Dir, "kubeconfig")
	if err := control.WriteKubeconfig(cfg.Kubeconfig, who, platform.ClusterProduction); err != nil {
		return nil, err
	}
	cfg.Contexts = map[string]string{platform.ClusterProduction: platform.ClusterProduction}
	cfg.Environments = fmt.Sprintf("\n  - {name: production, cluster: %s, namespace: %s, deployment: \"{service}-production\"}",
		platform.ClusterProduction, namespace)
	return bot.Start(ctx, w.binary, cfg)
}
