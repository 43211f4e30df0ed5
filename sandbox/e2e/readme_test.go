package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/helm"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// newcomer is somebody with a cluster, a Slack workspace and the README.
type newcomer struct {
	*testing.T
	dir     string
	cluster *control.Cluster
}

// runs runs a line with a program in the place of its first word, and returns what it prints and whether it ended well.
func (n newcomer) runs(program, line string) (said string, well bool) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, strings.Fields(line)[1:]...)
	cmd.Dir = n.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+n.cluster.Kubeconfig)
	out, err := cmd.CombinedOutput()
	n.Logf("$ %s\n%s", line, out)
	return string(out), err == nil
}

// lines are the lines of a text that begin with a word, without their comments.
func lines(text, word string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line, _, _ = strings.Cut(strings.TrimSpace(line), "  #"); strings.HasPrefix(line, word+" ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// installs does what `helm install` or `helm upgrade` does with the flags of a line: the chart is rendered with Helm's own library and
// applied.
func (n newcomer) installs(line string) {
	n.Helper()
	words := strings.Fields(line)
	require.Equal(n, "helm", words[0])
	require.Contains(n, []string{"install", "upgrade"}, words[1])
	release, chart, namespace, create := words[2], words[3], "default", false
	values := map[string]any{}
	for i := 4; i < len(words); i++ {
		switch words[i] {
		case "--create-namespace":
			create = true
			continue
		case "-n":
			namespace = words[i+1]
		case "-f":
			require.NoError(n, yaml.UnmarshalStrict(n.reads(words[i+1]), &values))
		case "--set-file":
			key, path, _ := strings.Cut(words[i+1], "=")
			values[key] = string(n.reads(path))
		default:
			require.Fail(n, "helm install has a flag that this test doesn't know", words[i])
		}
		i++
	}
	if create {
		_, err := n.cluster.Client.CoreV1().Namespaces().Create(
			n.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{},
		)
		require.NoError(n, err)
	}
	all, err := yaml.Marshal(values)
	require.NoError(n, err)
	rendered, err := helm.Render(n.Context(), filepath.Join(n.dir, chart), release, namespace, all)
	require.NoError(n, err)
	_, err = helm.Apply(n.Context(), n.cluster.Config, rendered.Objects)
	require.NoError(n, err)
}

func (n newcomer) reads(name string) []byte {
	n.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, name))
	require.NoError(n, err)
	return b
}

func (n newcomer) writes(name, text string) {
	n.Helper()
	require.NoError(n, os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600))
}

// doctorSays runs the doctor once, which asks Slack a dozen things, and returns whether it ended well.
func (n newcomer) doctorSays(line string, says ...string) (well bool) {
	n.Helper()
	text, well := n.runs(binary, line)
	for _, s := range says {
		require.Contains(n, text, s)
	}
	return well
}

// awaitsThePod waits until the chart's pod is ready.
func (n newcomer) awaitsThePod() {
	n.Helper()
	require.Eventually(n, func() bool {
		d, err := n.cluster.Client.AppsV1().Deployments("algesta").Get(n.Context(), "algesta", metav1.GetOptions{})
		require.NoError(n, err)
		return d.Status.ReadyReplicas == 1
	}, patience, 200*time.Millisecond)
}

// has puts a service into the cluster, as the newcomer's has one.
func (n newcomer) has(namespace, service string) {
	n.Helper()
	_, err := n.cluster.Client.CoreV1().Namespaces().Create(
		n.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{},
	)
	require.NoError(n, err)
	label := map[string]string{"app": service}
	_, err = n.cluster.Client.AppsV1().Deployments(namespace).Create(n.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: service},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: label},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: label},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: service, Image: "registry.example.com/" + service + ":1"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(n, err)
}

// hasADisk binds the bot's volume, as a cluster with a default StorageClass does by itself.
func (n newcomer) hasADisk() {
	n.Helper()
	_, err := n.cluster.Client.CoreV1().PersistentVolumes().Create(n.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/disk"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(n, err)
}

// TestTheThreeCommandsOfTheREADME runs them as they're written there, in a new folder, and does what they say is still missing. The one
// thing that isn't as for everybody is where this Slack is.
func TestTheThreeCommandsOfTheREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(readme), "\n## Installing it\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n## ")
	initLine, helmLine, doctorLine := lines(text, "bot init"), lines(text, "helm install"), lines(text, "bot doctor")
	require.Len(t, append(append(append([]string{}, initLine...), helmLine...), doctorLine...), 3)

	n := newcomer{T: t, dir: t.TempDir(), cluster: control.Private(t)}
	n.has("production", "checkout")
	said, well := n.runs(binary, initLine[0])
	require.True(t, well)
	require.Contains(t, said, "1 Deployment, named {service}")
	require.Contains(t, said, "The cluster has no default StorageClass")
	require.Contains(t, said, "isn't a release, so no registry has its image")
	require.Equal(t, []string{helmLine[0]}, lines(said, "helm install"), "it says what the README says")
	require.Equal(t, []string{doctorLine[0]}, lines(said, "bot doctor"))
	require.False(t, n.doctorSays(doctorLine[0], "FAIL  reading slack.appTokenFile", "FAIL  reading slack.botTokenFile",
		"WARN  the chart isn't installed yet", "→ "+helmLine[0]))

	n.installs(helmLine[0])
	require.Eventually(t, func() bool { // the scheduler and the volumes' controller say first what they have tried
		said, well := n.runs(binary, doctorLine[0])
		return !well && strings.Contains(said, "FAIL  algesta in algesta doesn't run") &&
			strings.Contains(said, "PersistentVolumeClaim algesta is not bound to a volume")
	}, patience, time.Second)

	slack := slackd.New(t, slackd.Options{ManifestFile: filepath.Join(n.dir, "algesta/slack-app.yaml")})
	n.writes("algesta/bot-token", slack.BotToken())
	n.writes("algesta/app-token", slack.AppToken())
	const command = "  command: /algesta\n"
	config := string(n.reads("algesta/config.yaml"))
	require.Contains(t, config, command)
	n.writes("algesta/config.yaml", strings.Replace(config, command, command+"  apiURL: "+slack.APIURL()+"\n", 1))
	secret := lines(said, "kubectl create")
	require.Len(t, secret, 1)
	_, well = n.runs(n.cluster.Kubectl, secret[0])
	require.True(t, well)
	n.hasADisk()
	n.awaitsThePod()
	require.True(t, n.doctorSays(doctorLine[0], "ok    algesta runs in algesta", "ok    the policy's 2 people are in the workspace",
		"ok    the app token opens a connection", "ok    production: the rights for all "), "nothing is to be repaired")
}
