package runbooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// gate is what a cluster says of itself, and the resources that the bot lacks the right to.
type gate struct {
	err    error
	unread error // of all but its version
	lacks  map[string]bool
	token  time.Duration
}

func (g gate) Server(context.Context) (string, error) {
	if g.err != nil {
		return "", g.err
	}
	return "v1.37.2", nil
}

func (g gate) Identity(context.Context) (string, error) {
	return "system:serviceaccount:bots:bot", errors.Join(g.err, g.unread)
}

func (g gate) Lacks(_ context.Context, wanted []authorizationv1.ResourceAttributes) ([]bool, error) {
	out := make([]bool, len(wanted))
	for i, w := range wanted {
		out[i] = g.lacks[w.Resource]
	}
	return out, errors.Join(g.err, g.unread)
}

func (g gate) TokenLife() (time.Duration, bool) { return g.token, g.token > 0 }

func placeAt(environment string, access runbooks.Access) runbooks.Place {
	return runbooks.Place{
		Target:  algesta.Target{Environment: environment, Cluster: "aks-" + environment, Namespace: environment},
		Cluster: runbooks.Cluster{Access: access},
	}
}

func clustersOf(t *testing.T, places ...runbooks.Place) []string {
	t.Helper()
	book, ok := runbooks.Find("clusters")
	require.True(t, ok)
	report, err := book.Answer(
		t.Context(),
		runbooks.Cluster{},
		runbooks.Input{Bot: "algesta", Places: places, Command: algesta.Command{At: noon}},
	)
	require.NoError(t, err)
	return shownLines(t, report)
}

func TestClustersSayWhetherTheyAnswerAndWhichCommandsLackRights(t *testing.T) {
	t.Parallel()
	down := gate{err: &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster aks-dev doesn't answer.")}}
	require.Equal(t, "2 clusters of 2 environments, all answer", clustersOf(t, placeAt("production", gate{}), placeAt("dev", gate{}))[0])
	poor := gate{lacks: map[string]bool{"certificates": true}, token: 58 * time.Minute}
	got := clustersOf(t, placeAt("production", poor), placeAt("dev", down))
	require.Equal(t, "The cluster of 1 of 2 environments doesn't answer", got[0])
	require.Regexp(t, `^production \| aks-production \| production \| in \d+ ms \| v1.37.2 \| system:serviceaccount:bots:bot \| 58 min \| `+
		`missing for \d+ commands$`, got[2])
	require.Equal(t, "dev | aks-dev | dev | no | – | – | – | not checked", got[3])
	require.Contains(t, got, "Couldn't check dev: The cluster aks-dev doesn't answer.")
	require.Equal(t, "There's no environment whose cluster you can read.", clustersOf(t)[0])

	book, _ := runbooks.Find("cluster info")
	report, err := book.Answer(
		t.Context(),
		runbooks.Cluster{Access: gate{lacks: map[string]bool{"ingressclasses": true}}},
		regarding("cluster info", ""),
	)
	require.NoError(t, err)
	got = shownLines(t, report)
	require.Regexp(t, `^production: the cluster aks-algesta-production answers in \d+ ms, Kubernetes v1.37.2$`, got[0])
	require.Contains(t, got, "I am: system:serviceaccount:bots:bot")
	require.NotContains(t, strings.Join(got, "\n"), "token", "it has none that ends")
	require.Contains(t, got, "ingress lacks list ingressclasses.networking.k8s.io (cluster-wide).")
	report, err = book.Answer(t.Context(), runbooks.Cluster{Access: down}, regarding("cluster info", ""))
	require.NoError(t, err)
	require.Equal(t, "production: the cluster aks-algesta-production couldn't be asked", shownLines(t, report)[0])
}

// The API server itself says what an account may do.
func TestAClusterSaysWhatIsMissingForEachCommand(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	pods, ok := runbooks.Find("pods")
	require.True(t, ok)
	namespaced, _ := runbooks.Rules(kube.Reads, pods)
	account, err := w.CreateServiceAccount(t.Context(), w.namespace, "few", namespaced)
	require.NoError(t, err)
	few := w.seenBy(t, account)
	book, _ := runbooks.Find("cluster info")
	var got []string
	w.await(t, "the API server knows of the rights", func() bool {
		in := w.asked("cluster info", "")
		in.Command.At = time.Now()
		report, err := book.Answer(t.Context(), whole(few), in)
		require.NoError(t, err)
		got = shownLines(t, report)
		for _, line := range got {
			if len(line) > 11 && line[:11] == "pods lacks " {
				return false
			}
		}
		return true
	})
	require.Regexp(t, `^production: the cluster \S+ answers in \d+ ms, Kubernetes v\d+\.\d+`, got[0])
	require.Contains(t, got, "I am: system:serviceaccount:"+w.namespace+":few")
	require.Regexp(t, `missing for \d+ commands`, got[3])
	require.NotContains(t, got[0]+got[1], "Couldn't check")

	whole := w.tells(t, w.asked("cluster info", ""))
	require.Contains(t, whole, "rights of my commands: all")
}

// What couldn't be checked is never green, and is said in one order.
func TestAClusterWhoseRightsAreNotKnownIsNotFine(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("cluster info")
	require.True(t, ok)
	place := placeAt("production", gate{unread: algesta.ErrForbidden})
	command := algesta.Command{Target: place.Target, At: noon}
	report, err := book.Answer(t.Context(), place.Cluster, runbooks.Input{Bot: "algesta", Command: command})
	require.NoError(t, err)
	require.Equal(t, algesta.Warning, report.Tone)
	require.Regexp(t, `(?s)who I am there.*the rights`, strings.Join(shownLines(t, report), "\n"))

	told := strings.Join(clustersOf(t, place), "\n")
	require.Regexp(t, `^1 cluster of 1 environment, all answer; the bot's rights couldn't all be checked\n`, told)
	require.Contains(t, told, "the rights in production")
}
