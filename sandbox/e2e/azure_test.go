package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/sandbox/azure"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const (
	aksName = "aks-algesta-cloud"
	// shortLife is that of a token: the bot uses it for all but its last ten seconds.
	shortLife = 13 * time.Second
)

// cloudWorld is a world whose bot also signs in to a cluster of Azure with a client secret, and is to sign in to one that it has no role
// for.
type cloudWorld struct {
	*world
	azure  *azure.Server
	server *control.Server
	who    azure.Identity
}

func newCloudWorld(t *testing.T) *cloudWorld {
	t.Helper()
	cluster := azure.Cluster{Subscription: azure.NewID(), Group: "rg-algesta-cloud", Name: aksName}
	other := azure.Cluster{
		Subscription: cluster.Subscription, Group: "rg-algesta-other", Name: "aks-algesta-other",
		Server: "https://other.invalid",
	}
	c := &cloudWorld{who: azure.Identity{
		ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: "client-" + azure.NewID(),
		Roles: map[string][]string{azure.ClusterUser: {cluster.ID()}},
	}}
	c.azure = azure.New(t, azure.Options{Identities: []azure.Identity{c.who}, Clusters: []azure.Cluster{cluster, other}, TokenLife: shortLife})
	c.server = control.ServerForTest(t, c.azure.Authentication())
	c.azure.Change(func(_ []azure.Identity, all []azure.Cluster) {
		all[0].Server, all[0].CA = c.server.Config.Host, c.server.CA
	})
	c.furnish(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	secret, ca := file("secret", c.who.Secret), file("azure.pem", string(c.azure.CA()))
	c.world = newWorld(t, options{policy: everything, configured: func(w *world) {
		for _, name := range []string{aksName, other.Name} {
			id := ""
			if name == other.Name {
				id = "resourceID: " + other.ID() + ", "
			}
			w.config.MoreClusters += fmt.Sprintf(
				"  - {name: %s, access: clientSecret, azure: {%stenantID: %s, "+
					" clientID: %s, secretFile: %s, authorityHost: %q, resourceManager: %q, caFile: %s}}\n",
				name, id, c.azure.Tenant(), c.who.ClientID, secret, c.azure.AuthorityHost(), c.azure.ManagerURL(), ca,
			)
		}
		w.config.Environments += fmt.Sprintf(`
  - {name: cloud, cluster: %s, namespace: shop, deployment: "{service}"}
  - {name: other, cluster: %s, namespace: shop, deployment: "{service}"}`, aksName, other.Name)
	}})
	return c
}

// furnish puts a Deployment into the cluster of Azure, and lets the bot's identity read, as a RoleBinding for AKS does: by its object ID.
func (c *cloudWorld) furnish(t *testing.T) {
	t.Helper()
	client := c.server.Client
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	_, err := client.CoreV1().Namespaces().Create(t.Context(), shop, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "algesta"}, Rules: platform.BotRules(),
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "algesta"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "algesta"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: c.who.ObjectID}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// answersWithin is how long an answer may take until the command is typed again.
const answersWithin = 4 * time.Second

// reads asks until an answer holds all of the texts: tokens end and clusters come back in their own time.
func (c *cloudWorld) reads(text string, holds ...string) {
	c.Helper()
	ctx, cancel := c.wait()
	defer cancel()
	for {
		said := c.asks(text)
		holdsAll := func() bool {
			now := said()
			return !slices.ContainsFunc(holds, func(h string) bool { return !strings.Contains(now, h) })
		}
		soon, over := context.WithTimeout(ctx, answersWithin)
		err := c.slack.WaitFor(soon, holdsAll)
		over()
		if err == nil {
			return
		}
		require.NotContains(c, said(), "You can't see")
		require.NoError(c, ctx.Err(), "%s says:\n%s", text, said())
	}
}

// asks types a command in the bot's direct messages and is what is said there from then on.
func (c *cloudWorld) asks(text string) (said func() string) {
	c.Helper()
	dm := c.slack.BotDM(luis)
	before := len(c.slack.Messages(dm))
	c.types(luis, dm, text)
	return func() string {
		out := ""
		for _, m := range c.slack.Messages(dm)[before:] {
			out += m.Plain() + "\n" + join(c.slack.Thread(dm, m.TS)) + "\n"
		}
		return out
	}
}

// TestASignInThatFailsIsSaidAndNothingElseStops has the released bot sign in to a cluster of Azure, by its configuration alone, through all
// that goes wrong there. The other cluster's commands are answered all the while, and nothing that Azure said is told.
func TestASignInThatFailsIsSaidAndNothingElseStops(t *testing.T) {
	t.Parallel()
	c := newCloudWorld(t)
	const home, cloud = "deployments production", "deployments cloud"
	fine := func() { c.reads(home, "api-gateway-production") }
	heals := func() {
		c.azure.SetFault(azure.Entra, azure.None)
		c.reads(cloud, "no workloads")
	}
	heals()
	c.shows(
		`"identity":"`+c.who.ObjectID+`"`, `"tokenUntil":"`, `"version":"v1.37.2"`,
		"I can't look up aks-algesta-other: I lack the role Azure Kubernetes Service Cluster User Role on the cluster",
	)
	c.reads("clusters", "The cluster of 1 of 4 environments doesn't answer")

	// an outage longer than a token's life
	c.azure.SetFault(azure.Entra, azure.Down)
	c.reads(cloud, "I can't sign in to aks-algesta-cloud: Microsoft Entra has a passing fault, or too much to do (BUSY).", "I'll "+
		"try again in")
	fine()
	heals()

	// no answer at all
	c.azure.SetFault(azure.Entra, azure.Hang)
	c.reads(cloud, "I can't sign in to aks-algesta-cloud: Microsoft Entra doesn't answer in time (TIMEOUT).")
	fine()
	heals()

	// an outage shorter than a token's life
	c.azure.SetTokenLife(time.Hour)
	c.azure.SetFault(azure.Entra, azure.None)
	c.await(func() bool { return c.tokenLasts() > time.Minute })
	c.azure.SetFault(azure.Entra, azure.Reset)
	asked := len(c.azure.TokenRequests(azure.AKS))
	for range 3 {
		c.reads(cloud, "no workloads")
	}
	require.Len(t, c.azure.TokenRequests(azure.AKS), asked, "nobody asked for another token")
	c.azure.SetFault(azure.Entra, azure.None)

	c.requireNowhere(append(c.azure.Minted(), c.who.Secret, azure.RawBody, "Trace ID")...)
}

// TestTokensThatTheClusterRefuses has the API server refuse what Entra gives, in every way that it can.
func TestTokensThatTheClusterRefuses(t *testing.T) {
	t.Parallel()
	c := newCloudWorld(t)
	const cloud, none = "deployments cloud", "no workloads"
	c.reads(cloud, none)

	// other keys: the API server reads them when it meets a token of one
	require.NoError(t, c.azure.RotateKeys(false))
	asked := len(c.azure.TokenRequests(azure.AKS))
	c.await(func() bool { return len(c.azure.TokenRequests(azure.AKS)) > asked })
	c.reads(cloud, none)

	// Entra's clock, or this machine's, is wrong
	c.azure.SetClock(-3 * time.Hour)
	c.reads(cloud, "The cluster aks-algesta-cloud doesn't accept my credentials (401).", "This machine's clock is 3 h off Microsoft's.")
	refused := len(c.azure.TokenRequests(azure.AKS))
	for range 5 {
		c.reads(cloud, "(401)")
	}
	require.LessOrEqual(t, len(c.azure.TokenRequests(azure.AKS))-refused, 8, "Entra throttles who asks in a loop")
	c.azure.SetClock(0)
	c.reads(cloud, none)

	// a secret that ends, and credentials that another address asks for
	var got atomic.Int32
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	t.Cleanup(elsewhere.Close)
	c.azure.SetRedirect(elsewhere.URL)
	c.azure.SetFault(azure.Entra, azure.Redirect)
	c.reads(cloud, "Microsoft Entra sends me to another address, and I don't send credentials there (REDIRECT).")
	require.Zero(t, got.Load())
	c.azure.SetFault(azure.Entra, azure.None)
	c.azure.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].SecretExpired = true })
	c.reads(cloud, "the client secret has expired (AADSTS7000222).")
	c.azure.Change(func(ids []azure.Identity, _ []azure.Cluster) { ids[0].SecretExpired = false })
	c.reads(cloud, none)
	c.requireNowhere(append(c.azure.Minted(), c.who.Secret, azure.RawBody, "Trace ID")...)
}

// await waits for something that no Slack tells.
func (c *cloudWorld) await(done func() bool) {
	c.Helper()
	require.Eventually(c, func() bool { c.asks("deployments cloud"); return done() }, patience, time.Second)
}

// state is what /readyz and the metrics say to the bot's own machine.
func (c *cloudWorld) state() string {
	c.Helper()
	out := ""
	for _, path := range []string{"/readyz", "/metrics"} {
		req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, c.bot.URL+path, http.NoBody)
		require.NoError(c, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(c, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(c, err)
		require.NoError(c, res.Body.Close())
		out += string(body)
	}
	return out
}

// shows waits until the state holds all of the texts.
func (c *cloudWorld) shows(texts ...string) {
	c.Helper()
	holds := func() bool {
		state := c.state()
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(state, text) })
	}
	require.Eventually(c, holds, patience, 100*time.Millisecond, "what the bot says of itself lacks one of %q", texts)
}

// tokenLasts is how long the bot's token lasts, by its metrics.
func (c *cloudWorld) tokenLasts() time.Duration {
	c.Helper()
	_, after, found := strings.Cut(c.state(), `algesta_cluster_token_seconds{cluster="`+aksName+`"} `)
	if !found {
		return 0
	}
	line, _, _ := strings.Cut(after, "\n")
	seconds, err := strconv.ParseFloat(line, 64)
	require.NoError(c, err)
	return time.Duration(seconds * float64(time.Second))
}
