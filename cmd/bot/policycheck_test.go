package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/policy"
)

func TestTheExamplePolicyLoads(t *testing.T) {
	t.Parallel()
	p, err := loadPolicy("testdata/policy-example.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"S0BACKEND", "S0PLATFORM"}, p.Groups())
}

func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	const config, file = "testdata/config-example.yaml", "testdata/policy-example.yaml"
	for name, tc := range map[string]struct {
		args       []string
		want, fail string
	}{
		"a sound policy":                     {[]string{"--policy", file}, "The policy is valid.\n", ""},
		"a sound policy for a configuration": {[]string{"--config", config, "--policy", file}, "The policy is valid.\n", ""},
		"a policy that is not there": {
			[]string{"--policy", "testdata/none.yaml"}, "", "reading the policy: open testdata/none.yaml: no such file or directory",
		},
		"a file that is no policy": {
			[]string{"--policy", config},
			"",
			`testdata/config-example.yaml: reading the policy: line 4: the policy has no key "slack": correct or remove it`,
		},
		"nothing": {nil, "", "name a policy with --policy, or a configuration with --config"},
		"a command without its configuration": {
			[]string{"--policy", file, "status", "api-gateway", "production"},
			"",
			"name the configuration with --config: its environments say what the command is about",
		},
		"a command that needs a yes": {
			[]string{
				"--config", config, "--policy", file, "--user", "U0DANA", "--group", "S0BACKEND", "--at", "2026-11-23T10:00:00Z", "rollback", "api",
				"prod",
			},
			"needs approval: It needs 1 approval from @S0PLATFORM or @U0CARLA (rule \"production needs a second person\").\n", "",
		},
		"a command in a freeze": {
			[]string{
				"--config", config, "--policy", file, "--user", "U0LUIS", "--group", "S0PLATFORM", "--at", "2026-12-25T10:00:00Z", "rollback", "api",
				"prod",
			},
			"* freeze    end of year                             refuses until 2027-01-02T00:00:00-05:00\n", "the command would be refused",
		},
		"a guest": {
			[]string{"--config", config, "--policy", file, "--user", "U0DANA", "--standing", "guest", "status", "api", "dev"},
			"refused: Guests of this workspace can't use me.\n", "the command would be refused",
		},
		"a command for everybody": {
			[]string{"--config", config, "--policy", file, "whoami"}, "", "everybody may use whoami: the policy is not asked",
		},
		"a misspelt command": {
			[]string{"--config", config, "--policy", file, "rolback", "api", "prod"},
			"",
			`I don't know the command "rolback". Did you mean rollback? /algesta rollback api prod`,
		},
		"a misspelt environment": {
			[]string{"--config", config, "--policy", file, "rollback", "api", "prodution"},
			"",
			`There's no environment "prodution". Did you mean production? /algesta rollback api production`,
		},
		"a time without its zone": {
			[]string{"--config", config, "--policy", file, "--at", "tomorrow", "status", "api", "dev"},
			"",
			"reading --at: write a time with its zone, such as 2026-12-24T10:00:00-05:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			cmd := policyCommand()
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetOut(&out)
			cmd.SetArgs(append([]string{"check"}, tc.args...))
			err := cmd.ExecuteContext(t.Context())
			if tc.fail == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.fail)
			}
			require.Contains(t, out.String(), tc.want)
		})
	}
}

func TestPolicyCheckFindsClustersThatAreNotConfigured(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	p, err := policy.Load(
		[]byte(strings.Replace(string(b), `    namespaces: ["*"]`, "    namespaces: [\"*\"]\n    clusters: [aks-algesta-prodution]", 1)),
	)
	require.NoError(t, err)
	c, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	require.EqualError(
		t, named(p, c), `the policy names the cluster "aks-algesta-prodution", which is not configured: did you mean aks-algesta-production?`,
	)
}
