package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/3astronautas/algesta/sandbox/bot"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/manual"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// rewrite rewrites the answers of the manual's table: go test ./sandbox/e2e -run TestEveryLineOfTheManual -update, then go generate
// ./sandbox/manual.
var rewrite = flag.Bool("update", false, "rewrite the answers to the lines of the manual")

// TestEveryLineOfTheManual says each line of the operations manual to the bot as it is pasted, and what one types instead, in a cluster
// that has what the manual describes. Changes are asked for and cancelled.
func TestEveryLineOfTheManual(t *testing.T) {
	t.Parallel()
	lines, err := manual.Lines()
	require.NoError(t, err)
	w := newOperator(t)
	was := slices.Clone(lines)
	var order []int // what is about trouble comes last, because it makes it
	for _, about := range []bool{false, true} {
		for i, line := range lines {
			if _, is := trouble[line.Section]; is == about {
				order = append(order, i)
			}
		}
	}
	for _, i := range order {
		line := &lines[i]
		pod := w.podFor(line.Section)
		said := w.told(line.Pasted, pod)
		line.Says = normal(firstLine(said))
		if line.Outcome != manual.Works { // what to do instead is part of it
			line.Says = normal(strings.ReplaceAll(said, "\n", " "))
			w.requireUnderstood(said, pod)
		}
		line.InsteadSays = normal(firstLine(w.told(line.Instead, pod)))
		if !*rewrite {
			require.Equal(t, was[i].Says, line.Says, "%d: %s", i+1, line.Pasted)
			require.Equal(t, was[i].InsteadSays, line.InsteadSays, "%d: %s", i+1, line.Instead)
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile("../manual/lines.tsv", []byte(manual.Table(lines)), 0o600))
	}
	w.requireUntouched()
}

// What differs from run to run in an answer.
var differs = []struct {
	what *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`\b(?:api|ms)-[a-z]+-production-[0-9a-z]+-[0-9a-z]{5}\b`), "<pod>"},
	{regexp.MustCompile(`\baks-[a-z]+-\d+-vmss[0-9a-z]+`), "<node>"},
	{regexp.MustCompile(`\b\d+ (?:ms|s|min|h)(?: \d+ (?:s|min))?\b`), "N s"},
	{regexp.MustCompile(`\b\d+ days?\b`), "N days"},
	{regexp.MustCompile(`\d+ %`), "N %"},
	{regexp.MustCompile(`\b\d+ restarts?\b`), "N restarts"},
	{regexp.MustCompile(`\((?:ImagePullBackOff|ErrImagePull)\)`), "(ImagePullBackOff)"},
	{regexp.MustCompile(`\b[\d.]+ cpu and \d+Mi`), "N cpu and NMi"},
	{regexp.MustCompile(`Kubernetes v[\d.]+`), "Kubernetes vN"},
	{regexp.MustCompile(`(3astronautas\.com): .*`), "$1: …"}, // DNS of this machine
}

// normal is an answer without what differs from run to run.
func normal(s string) string {
	for _, d := range differs {
		s = d.what.ReplaceAllString(s, d.is)
	}
	return s
}

// trouble is what the manual's sections about it are about: a service that gets a version that doesn't run.
var trouble = map[string]struct{ service, tag string }{
	"ImagePullBackOff": {"ms-provider", "12399-unauthorized"}, "CrashLoopBackOff": {"ms-orders", "12346-crash"},
}

// operator is somebody of the platform team in a world with the manual's cluster.
type operator struct {
	*world
	changes int               // that were asked for
	pods    map[string]string // that a section of the manual is about
}

// podFor is the pod that a section of the manual is about: where it's about trouble, of a service that has just got it.
func (o *operator) podFor(section string) string {
	o.Helper()
	in, ok := trouble[section]
	switch {
	case o.pods[section] != "":
	case ok:
		o.runs(in.service, in.tag)
		o.pods[section] = o.pod(in.service, in.tag)
	default:
		o.pods[section] = o.pod("api-gateway", "12345")
	}
	return o.pods[section]
}

// newOperator makes a cluster with the manual's workloads and cert-manager, whose kinds are the whole cluster's.
func newOperator(t *testing.T) *operator {
	t.Helper()
	c := control.Private(t)
	c.CertManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	site := platform.Site{}
	require.NoError(t, site.Apply(ctx, c, "production"))
	w := &world{T: t, cluster: c, log: &logBook{changed: make(chan struct{})}, production: "production", development: "development"}
	w.issues()
	w.slack = slackd.New(t, slackd.Options{})
	kubeconfig := c.ServiceAccount(t, w.production, platform.BotRules(), platform.ClusterProduction, platform.ClusterDev)
	platform.LetReadSecrets(t, c, w.production)
	w.config = bot.Config{
		Dir: t.TempDir(), SlackURL: w.slack.APIURL(), BotToken: w.slack.BotToken(), AppToken: w.slack.AppToken(), Kubeconfig: kubeconfig,
		Contexts:         map[string]string{platform.ClusterProduction: platform.ClusterProduction, platform.ClusterDev: platform.ClusterDev},
		SecretNamespaces: map[string][]string{platform.ClusterProduction: {w.production}},
		Environments:     site.Environments(), Services: platform.Services, Policy: site.Policy(), Soak: soak, Log: w.log,
	}
	w.since = time.Now()
	w.start()
	t.Cleanup(func() {
		w.bot.Kill()
		if t.Failed() {
			t.Logf("the bot's log:\n%s", w.log.text())
		}
	})
	// Until the caches are filled the bot reads live, and knows less.
	o := &operator{world: w, pods: map[string]string{}}
	for !strings.Contains(o.alone("status api-gatewy production"), "There's no service") {
		require.NoError(t, t.Context().Err())
	}
	return o
}

// issues has the certificate issued that the manual's Ingress asks for, and waits for it.
func (w *world) issues() {
	w.Helper()
	client, err := dynamic.NewForConfig(w.cluster.Config)
	require.NoError(w, err)
	issuer := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": map[string]any{"name": "letsencrypt-prod-webapprouting"},
		"spec": map[string]any{"selfSigned": map[string]any{}},
	}}
	issuers := schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers"}
	_, err = client.Resource(issuers).Create(w.Context(), issuer, metav1.CreateOptions{})
	require.NoError(w, err)
	for _, is := range []string{"create", "condition=Ready"} { // cert-manager makes it for the Ingress
		w.kubectl("wait", "certificate/algesta-api-prod-tls", "--for="+is, "--timeout=60s")
	}
}

func (w *world) kubectl(args ...string) {
	w.Helper()
	args = append([]string{"--kubeconfig", w.cluster.Kubeconfig, "-n", w.production}, args...)
	said, err := exec.CommandContext(w.Context(), w.cluster.Kubectl, args...).CombinedOutput()
	require.NoError(w, err, string(said))
}

// runs has a service run this version, and waits until its pods say how they are.
func (w *world) runs(service, tag string) {
	w.Helper()
	name, image := service+"-production", "acralgestaproduction.azurecr.io/"+service+":"+tag
	require.NoError(w, setImage(w.Context(), w.cluster, w.production, name, image, "kubectl set image to "+tag))
	require.NoError(w, until(w.Context(), w.cluster, w.production, name, func(*appsv1.Deployment) bool { return w.pod(service, tag) != "" }))
}

// pod is a pod of a service with this version that is ready or waits between two tries; "" where there is none.
func (w *world) pod(service, tag string) string {
	w.Helper()
	pods, err := w.cluster.Client.CoreV1().Pods(w.production).List(w.Context(), metav1.ListOptions{LabelSelector: "app=" + service})
	require.NoError(w, err)
	for _, p := range pods.Items {
		if p.DeletionTimestamp != nil || !strings.HasSuffix(p.Spec.Containers[0].Image, tag) || len(p.Status.ContainerStatuses) == 0 {
			continue
		}
		if steady(&p) {
			return p.Name
		}
	}
	return ""
}

// steady says that a pod is ready, or waits between two tries.
func steady(p *corev1.Pod) bool {
	c := p.Status.ContainerStatuses[0]
	return c.Ready || c.State.Waiting != nil && strings.HasSuffix(c.State.Waiting.Reason, "BackOff")
}

// told is what the bot answers while this pod is steady. What it was doing in between can't be said in one way.
func (o *operator) told(text, pod string) string {
	o.Helper()
	for {
		before := o.state(pod)
		said := o.answers(strings.ReplaceAll(text, "<pod>", pod))
		if before != "" && o.state(pod) == before {
			return said
		}
		require.NoError(o, o.Context().Err(), text)
	}
}

// state distinguishes one steady time of a pod from another, "" while it isn't steady.
func (o *operator) state(pod string) string {
	o.Helper()
	p, err := o.cluster.Client.CoreV1().Pods(o.production).Get(o.Context(), pod, metav1.GetOptions{})
	require.NoError(o, err)
	if !steady(p) {
		return ""
	}
	return p.ResourceVersion
}

// answers is what the bot answers: to its author alone, or, to a change, in a channel that the bot is in. A change is cancelled.
func (o *operator) answers(text string) string {
	o.Helper()
	if said := o.alone(text); !strings.HasPrefix(said, "I'm not in #random, so I can't post a thread here.") {
		return said
	}
	o.changes++ // each in a channel of its own, because a channel takes a message a second
	in := slackd.Channel{ID: fmt.Sprintf("C0CHANGE%d", o.changes), Name: fmt.Sprintf("change-%d", o.changes)}
	in.Members = []string{pablo, o.slack.Workspace().Bot.User}
	o.slack.CreateChannel(pablo, in)
	ctx, cancel := o.wait()
	defer cancel()
	alone := len(o.slack.Ephemerals(pablo))
	o.types(pablo, in.ID, text)
	var card, plan slackd.Message
	require.NoError(o, o.slack.WaitFor(ctx, func() bool {
		for _, card = range o.slack.Messages(in.ID) {
			for _, plan = range o.slack.Thread(in.ID, card.TS) {
				if slackd.HasButton("cancel")(plan) {
					return true
				}
			}
		}
		return len(o.slack.Ephemerals(pablo)) > alone
	}), text)
	if answers := o.slack.Ephemerals(pablo); len(answers) > alone {
		return answers[alone].Plain()
	}
	_, err := o.slack.Click(pablo, plan, "cancel")
	require.NoError(o, err)
	_, err = o.slack.WaitReply(ctx, in.ID, card.TS, isEnd(pablo))
	require.NoError(o, err)
	return card.Plain()
}

// alone is what somebody is told in a channel without the bot, or the title of the form that opens.
func (o *operator) alone(text string) (said string) {
	o.Helper()
	alone := len(o.slack.Ephemerals(pablo))
	o.types(pablo, random, text)
	ctx, cancel := o.wait()
	defer cancel()
	form := ""
	require.NoError(o, o.slack.WaitFor(ctx, func() bool {
		if answers := o.slack.Ephemerals(pablo); len(answers) > alone {
			said = answers[alone].Plain()
			return true
		}
		for _, v := range o.slack.Views(pablo) {
			if v.Title != "Run a command" { // no longer the one that says it's being made
				form, said = v.ID, "A form opens: "+v.Title
			}
		}
		return form != ""
	}), text)
	if form != "" {
		require.NoError(o, o.slack.CloseView(pablo, form))
	}
	return said
}

// named is a command of the bot's in a sentence.
var named = regexp.MustCompile(`/algesta (.+?)(?:$|,|\.|\n| or | says )`)

// requireUnderstood says to the bot what a refusal names: commands without gaps are answered.
func (o *operator) requireUnderstood(refusal, pod string) {
	o.Helper()
	for _, match := range named.FindAllStringSubmatch(refusal, -1) {
		if command := match[1]; strings.Contains(command, " ") && !strings.Contains(command, "<") {
			said := o.told(command, pod)
			require.NotRegexp(o, `^(I |There's no|There is no|Which)|^[a-z ]+ (has no|needs) `, said, "%s names %s", refusal, command)
		}
	}
}
