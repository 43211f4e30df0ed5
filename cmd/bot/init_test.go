package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/helm"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// found is a cluster as the manual has it.
func found() surveyed {
	return surveyed{
		places: []place{
			placeOf("development", "development", []string{"api-gateway-development", "ms-orders-development"}),
			placeOf("production", "production", []string{"api-gateway-production", "grafana", "ms-orders-production"}),
		},
		apiServer: []endpoint{{"10.224.0.4/32", 443}}, aks: true, prometheus: true,
		storage: storage{known: true, byDefault: "managed-csi", names: []string{"azurefile-csi", "managed-csi"}},
	}
}

// works holds the files of a set-up to everything that reads them.
func works(t *testing.T, folder string) helm.Rendered {
	t.Helper()
	said, err := said(t, "config", "check", "--config", filepath.Join(folder, "config.yaml"))
	require.NoError(t, err)
	require.Contains(t, said, "are valid")
	_, err = loadPolicy(filepath.Join(folder, "policy.yaml"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	require.NoError(t, err)
	policy, err := os.ReadFile(filepath.Join(folder, "policy.yaml"))
	require.NoError(t, err)
	values := map[string]any{}
	require.NoError(t, yaml.UnmarshalStrict(b, &values))
	values["policy"] = string(policy) // --set-file policy=policy.yaml
	b, err = yaml.Marshal(values)
	require.NoError(t, err)
	rendered, err := helm.Render(t.Context(), filepath.Join(folder, "chart"), "algesta", "algesta", b)
	require.NoError(t, err)
	for _, o := range rendered.Objects {
		if o.GetKind() == "ConfigMap" && o.GetName() == "algesta" {
			inside := filepath.Join(t.TempDir(), "config.yaml")
			text := o.Object["data"].(map[string]any)["config.yaml"].(string)
			require.NoError(t, os.WriteFile(inside, []byte(text), 0o600))
			_, err := loadConfigWithoutSlack(inside)
			require.NoError(t, err, text)
		}
	}
	var manifest map[string]any
	b, err = os.ReadFile(filepath.Join(folder, "slack-app.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(b, &manifest))
	return rendered
}

func TestWhatInitWritesWorks(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "algesta")
	s := setup{
		kubeconfig: "/home/dana/.kube/config", context: "aks-algesta-production", out: out, cluster: "aks-algesta-production",
		command: "/ops", channel: "C0INCIDENTS", who: []string{"user:U0DANA", "group:S0BACKEND"}, approvers: []string{"email:carla@example.com"},
	}
	require.NoError(t, s.validate())
	require.NoError(t, s.write(found()))
	rendered := works(t, out)
	cfg, err := loadConfigWithoutSlack(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	require.Equal(t, "{service}-production", cfg.Environments[1].Deployment)
	require.Equal(t, []string{"prod", "prd"}, cfg.Environments[1].Aliases)
	require.Equal(t, "C0INCIDENTS", cfg.Incidents.Routes[0].Channel)
	require.True(t, cfg.Clusters[0].AKS())
	text, err := os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "# Not named like that, and so not found by their service's name: grafana")
	manifest, err := os.ReadFile(filepath.Join(out, "slack-app.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(manifest), "command: /ops\n")
	values, err := os.ReadFile(filepath.Join(out, "values.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(values), `{cidr: "10.224.0.4/32", port: 443}`)
	var roles []string
	for _, o := range rendered.Objects {
		if o.GetKind() == "Role" {
			roles = append(roles, o.GetNamespace())
		}
	}
	require.Equal(t, []string{"development", "production"}, roles)
	// Who may do what is as the words of the policy say.
	explained := func(user, command string) string {
		said, _ := said(t, "policy", "check", "--config", filepath.Join(out, "config.yaml"), "--user", user, command) // refused is an error
		return said
	}
	require.Contains(t, explained("U0DANA", "restart api-gateway production"), "a second person")
	require.Contains(t, explained("U0DANA", "restart api-gateway development"), "\nallowed: ")
	require.Contains(t, explained("U0NICO", "status api-gateway production"), "\nrefused: ")
}

// TestInitSaysWhatWouldKeepTheChartFromRunning: the volume, the image.
func TestInitSaysWhatWouldKeepTheChartFromRunning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has    storage
		values string
		says   []string
	}{
		"a default that makes disks": {found().storage, "default: the cluster's default StorageClass", nil},
		"it couldn't be looked up":   {storage{}, "default: the cluster's default StorageClass", nil},
		"none at all": {
			storage{known: true}, "name one (it has none)", []string{"no default StorageClass, so the bot's volume would wait for ever. Make one"},
		},
		"none by default": {
			storage{known: true, names: []string{"fast", "slow"}},
			"name one (it has fast and slow)",
			[]string{"Name one of fast and slow as persistence"},
		},
		"a default that makes file shares": {
			storage{known: true, byDefault: "share", shared: true, names: []string{"disk", "share"}},
			"name one (it has disk and share)",
			[]string{"The default StorageClass share makes file shares, on which SQLite's locks don't work"},
		},
	} {
		f := found()
		f.storage = c.has
		said := strings.Join(f.lacking("folder"), "\n")
		require.Contains(t, said, "This bot (dev) isn't a release, so no registry has its image", name)
		for _, says := range c.says {
			require.Contains(t, said, says, name)
		}
		require.Len(t, f.lacking("folder"), len(c.says)+1, name)
		s := setup{kubeconfig: "config", cluster: "main", command: "/algesta", who: []string{"user:U0DANA"}}
		files, err := s.files(f)
		require.NoError(t, err)
		require.Contains(t, files["values.yaml"], c.values, name)
		require.Contains(t, files["values.yaml"], "# This bot (dev) isn't a release", name)
	}
	require.Contains(t, imageComment("1.2.0"), "the chart has that of this release")
}

func TestOnlyAReleaseHasAnImage(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.2.0": "1.2.0", "v1.2.0": "1.2.0", "2.0.0-rc.1": "2.0.0-rc.1", "dev": "", "d1730dc": "", "0.0.0-gd1730dc": "", "1.2.0-4.gabcdef0": "",
		"v1.2.0-4-gabcdef0": "", "1.2.0-dirty": "",
	} {
		require.Equal(t, want, releasedVersion(version), version)
	}
}

// TestEveryNamespaceIsGuardedButThoseForTrials: whoever calls production "payments" isn't without approvals.
func TestEveryNamespaceIsGuardedButThoseForTrials(t *testing.T) {
	t.Parallel()
	var s surveyed
	for _, name := range []string{
		"payments", "live-eu", "prd", "main", "devices", "production-test", "development", "shop-dev", "qa", "pruebas",
	} {
		s.places = append(s.places, place{namespace: name})
	}
	guarded, open := s.guarded()
	require.Equal(t, []string{"payments", "live-eu", "prd", "main", "devices", "production-test"}, guarded)
	require.Equal(t, []string{"development", "shop-dev", "qa", "pruebas"}, open)
}

func TestInitSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	full := filepath.Join(t.TempDir(), "full")
	require.NoError(t, os.MkdirAll(full, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(full, "config.yaml"), []byte("mine"), 0o600))
	for args, says := range map[string]string{
		"":                                    "copy your member ID",
		"--who @dana":                         `"@dana" isn't a person or a group`,
		"--who user:U0DANA --command Ops":     "write a slash",
		"--who user:U0DANA --channel #ops":    "write the channel's ID",
		"--who user:U0DANA --out " + full:     "nothing is overwritten",
		"--who user:U0DANA --cluster a{b}":    "write letters, digits and hyphens",
		"--who user:U0DANA --kubeconfig none": "reading the kubeconfig",
	} {
		out := append([]string{"init"}, strings.Fields(args)...)
		if !strings.Contains(args, "--out") {
			out = append(out, "--out", filepath.Join(t.TempDir(), "out"))
		}
		_, err := said(t, out...)
		require.ErrorContains(t, err, says, args)
	}
}

func TestHowDeploymentsAreNamedIsFoundOut(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		namespace, environment string
		deployments            []string
		pattern                string
		services               []string
	}{
		"by the namespace behind":    {"prod", "", []string{"api-prod", "web-prod", "redis"}, "{service}-prod", []string{"api", "web"}},
		"by the label environment":   {"shop", "live", []string{"api-live", "web-live"}, "{service}-live", []string{"api", "web"}},
		"by the namespace before":    {"shop", "", []string{"shop-api", "shop-web"}, "shop-{service}", []string{"api", "web"}},
		"by the service alone":       {"prod", "production", []string{"api", "web", "job-prod"}, "{service}", []string{"api", "web", "job-prod"}},
		"the namespace's name alone": {"prod", "", []string{"prod", "api"}, "{service}", []string{"prod", "api"}},
		"nothing at all":             {"prod", "", nil, "{service}", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := placeOf(c.namespace, c.environment, c.deployments)
			require.Equal(t, c.pattern, p.pattern)
			require.Equal(t, c.services, p.services)
		})
	}
}

// TestInitAsksARealCluster surveys the sandbox's control plane, in which other tests work as well.
func TestInitAsksARealCluster(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	site := platform.Site{Suffix: "-" + strings.TrimPrefix(c.Namespace(t), "test-")}
	require.NoError(t, site.Apply(t.Context(), c, "pruebas"))
	t.Cleanup(func() { require.NoError(t, site.Delete(context.Background(), c)) })
	out := filepath.Join(t.TempDir(), "algesta")
	namespace := site.Namespace("pruebas")
	text, err := said(t, "init", "--kubeconfig", c.Kubeconfig, "--who", "user:U0DANA", "--namespace", namespace, "--out", out)
	require.NoError(t, err)
	require.Contains(t, text, "4 Deployments, named {service}-pruebas")
	require.Contains(t, text, "helm install algesta")
	require.Contains(t, text, "The cluster has no default StorageClass")
	works(t, out)
	cfg, err := loadConfigWithoutSlack(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, cfg.Clusters[0].Context, "the current context may be another cluster's tomorrow")
	require.Equal(t, cfg.Clusters[0].Context, cfg.Clusters[0].Name)
	values, err := os.ReadFile(filepath.Join(out, "values.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(values), "apiServer: []", "this one has no address that pods could reach")
	_, err = said(t, "init", "--kubeconfig", c.Kubeconfig, "--who", "user:U0DANA", "--namespace", namespace+"x", "--out", out+"2")
	require.ErrorContains(t, err, "did you mean "+namespace)
	require.NoDirExists(t, out+"2")
}

// Names that YAML takes for numbers, times or switches are names all the same.
func TestNamesThatYAMLReadsAsSomethingElseWorkAsWritten(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"123", "true", "null", "1e3", "0x1f", "on", "2026-01-01", "no", "y"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "algesta")
			s := setup{kubeconfig: "/home/dana/.kube/config", context: name, out: out, cluster: name, command: "/ops", who: []string{"user:U0DANA"}}
			require.NoError(t, s.validate())
			all := found()
			all.places = append(all.places, placeOf(name, name, []string{"api-" + name}))
			require.NoError(t, s.write(all))
			works(t, out)
		})
	}
}
