package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/console"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// several is a place with a Deployment of no pods and a ConfigMap, and a folder with the configuration of a bot that may change them.
type several struct {
	*control.Cluster
	namespace string
	dir       string
}

func newSeveral(t *testing.T) several {
	t.Helper()
	c := control.ForTest(t)
	s := several{c, c.Namespace(t), t.TempDir()}
	labels := map[string]string{"app": "api-gateway"}
	_, err := c.Client.AppsV1().Deployments(s.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "registry.example.com/a:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	s.old(t)
	require.NoError(t, control.WriteKubeconfig(filepath.Join(s.dir, "kubeconfig"), c.Config, "aks"))
	for name, text := range map[string]string{
		"policy.yaml": `
apiVersion: algesta.io/v1
kind: Policy
roles:
  - {name: operator, allow: [read, autoscale]}
bindings:
  - {name: all, subjects: ["user:U0LUIS"], role: operator, namespaces: ["*"]}
`,
		"config.yaml": fmt.Sprintf(`
apiVersion: algesta.io/v1
kind: Config
clusters: [{name: aks, access: kubeconfig, kubeconfig: %[1]s/kubeconfig, context: aks, sandbox: true}]
environments: [{name: production, cluster: aks, namespace: %[2]s, deployment: "{service}"}]
services: [{name: api-gateway}]
policyFile: %[1]s/policy.yaml
store: file:%[1]s/a.db
follow: {soak: 1s}
`, s.dir, s.namespace),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	return s
}

// old makes the ConfigMap that is to be deleted.
func (s several) old(t *testing.T) {
	t.Helper()
	_, err := s.Client.CoreV1().ConfigMaps(
		s.namespace,
	).Create(
		t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "old"}},
		metav1.CreateOptions{},
	)
	require.NoError(t, err)
}

// label is what the second change sets; "" where it isn't set.
func (s several) label(t *testing.T) string {
	t.Helper()
	d, err := s.Client.AppsV1().Deployments(s.namespace).Get(t.Context(), "api-gateway", metav1.GetOptions{})
	require.NoError(t, err)
	return d.Labels["settings"]
}

// there reports whether there is a ConfigMap of this name.
func (s several) there(t *testing.T, name string) bool {
	t.Helper()
	list, err := s.Client.CoreV1().ConfigMaps(s.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	require.NoError(t, err)
	return len(list.Items) == 1
}

// move creates a ConfigMap, labels the Deployment and deletes another ConfigMap. It plans all of it, whatever is done already.
var move = runbooks.Runbook{
	Name:    "move",
	Verb:    "autoscale",
	Summary: "Move the settings.",
	Example: "move api-gateway production",
	About:   runbooks.About{Service: true},
	Writes:  []string{"create configmaps", "patch deployments.apps", "delete configmaps"},
	Plan: func(ctx context.Context, c runbooks.Cluster, in runbooks.Input) (algesta.Plan, error) {
		d, err := c.Deployment(ctx, in.Workload)
		if err != nil {
			return algesta.Plan{}, err
		}
		var maps corev1.ConfigMapList
		if err := c.List(ctx, in.Workload.Namespace, "", &maps); err != nil {
			return algesta.Plan{}, err
		}
		uid := "gone"
		for _, m := range maps.Items {
			if m.Name == "old" {
				uid = string(m.UID)
			}
		}
		of := func(name string) algesta.Object {
			return algesta.Object{Cluster: in.Workload.Cluster, Kind: "ConfigMap", Namespace: in.Workload.Namespace, Name: name}
		}
		content := fmt.Sprintf(
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new","namespace":%q},"data":{"a":"b"}}`,
			in.Workload.Namespace,
		)
		return algesta.Plan{
			Title: algesta.Say(
				"Move of api-gateway in production",
			),
			Summary: algesta.Say("Move"),
			Doing:   algesta.Say("Moving"),
			Done:    algesta.Say("Moved"),
			Changes: []algesta.Change{
				{Object: of("new"), Verb: algesta.Create, Resource: "configmaps", Version: "v1", Content: json.RawMessage(content)},
				{
					Object: in.Workload, Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1", UID: string(d.GetUID()),
					Swaps: []algesta.Swap{{Label: "settings", Path: "/metadata/labels/settings", To: json.RawMessage(`"new"`)}},
				},
				{Object: of("old"), Verb: algesta.Delete, Resource: "configmaps", Version: "v1", UID: uid, Propagation: "Background"},
			},
		}, nil
	},
}

// faulty has something happen around the writes of a request, by their operation.
type faulty struct {
	commands.Clusters
	at func(point, operation string)
}

func (f faulty) Writer(name string, may []string, asked algesta.Requester) (commands.Writer, error) {
	w, err := f.Clusters.Writer(name, may, asked)
	return faultyWriter{w, f.at}, err
}

type faultyWriter struct {
	commands.Writer
	at func(point, operation string)
}

func (f faultyWriter) Apply(
	ctx context.Context,
	c algesta.Change,
	operation string,
	intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	f.at("before", operation)
	written, err := f.Writer.Apply(ctx, c, operation, func(ctx context.Context, i algesta.Intent) error {
		err := intend(ctx, i)
		f.at("intended", operation)
		return err
	})
	f.at("sent", operation)
	return written, err
}

// bot starts the bot of a folder. Its clusters reach the API server through wrap, where that is not nil.
func bot(
	t *testing.T,
	dir string,
	at func(point, operation string),
	wrap func(http.RoundTripper) http.RoundTripper,
	cfg *rest.Config,
	namespace string,
) *rooms {
	t.Helper()
	configured, err := loadConfigWithoutSlack(filepath.Join(dir, "config.yaml"))
	require.NoError(t, err)
	people, err := console.ParsePeople(
		[]byte("team: T0ALGESTA\npeople:\n  - {id: U0LUIS, name: luis, realName: Luis}\nplaces:\n  - {id: C0OPS, name: ops}\n"),
	)
	require.NoError(t, err)
	r, err := openRooms(t.Context(), configured, zap.NewNop())
	require.NoError(t, err)
	if wrap != nil {
		cfg = rest.CopyConfig(cfg)
		cfg.Wrap(wrap)
		r.clusters["aks"], err = kube.OpenREST("aks", cfg, namespace)
		require.NoError(t, err)
	}
	require.NoError(t, r.dispatch(people))
	books := append(runbooks.All(), move)
	r.dispatcher.Books, r.dispatcher.Parser = books, grammar.NewParser("algesta", books)
	if at != nil {
		r.dispatcher.Clusters = faulty{r.dispatcher.Clusters, at}
	}
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.work(running, func(ctx context.Context) error { <-ctx.Done(); return nil }) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		r.close(context.WithoutCancel(t.Context()))
	})
	return r
}

// asks has Luis type the command, and waits for its request.
func asks(t *testing.T, r *rooms) (id string) {
	t.Helper()
	luis := algesta.PersonID{Team: "T0ALGESTA", User: "U0LUIS"}
	_, err := r.store.Receive(t.Context(), algesta.Invocation{
		Key: "k1", Kind: algesta.Typed, Person: luis, Name: "luis", Channel: "C0OPS", Text: "move api-gateway production", At: time.Now(),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		due, err := r.store.Due(t.Context(), 10)
		require.NoError(t, err)
		for _, o := range due {
			require.NotEqual(t, algesta.AnswerPost, o.Post.Kind, o.Post.Report.Title.String())
			if o.Post.Kind == algesta.CardPost {
				id = o.Post.Command
			}
		}
		return id != ""
	}, 20*time.Second, 5*time.Millisecond)
	return id
}

// ends waits for the end of a request, and returns it with the states of its records.
func ends(t *testing.T, r *rooms, id string) (end algesta.Request, states string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		end, err = r.store.Request(t.Context(), id)
		require.NoError(t, err)
		return end.Status.Ended()
	}, 60*time.Second, 10*time.Millisecond)
	records, err := r.store.Executions(t.Context(), id)
	require.NoError(t, err)
	var all []string
	for _, e := range records {
		all = append(all, string(e.State))
	}
	return end, strings.Join(all, ", ")
}

// once does something to the first request of a method: in its place, or to its answer.
type once struct {
	next   http.RoundTripper
	method string
	before func() error
	after  func(*http.Response) error
	did    *atomic.Bool
}

func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	hit := req.Method == o.method && req.URL.Query().Get("dryRun") == "" && o.did.CompareAndSwap(false, true)
	if hit && o.before != nil {
		return nil, o.before()
	}
	res, err := o.next.RoundTrip(req)
	if hit && err == nil {
		_ = res.Body.Close()
		return nil, o.after(res)
	}
	return res, err
}

func (s several) kubectl(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(
		t.Context(),
		s.Kubectl,
		append([]string{"--kubeconfig", s.Kubeconfig, "-n", s.namespace}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
}
