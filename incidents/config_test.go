package incidents

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAConfigurationThatCannotBeRightIsRefusedInWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no time to wait":   {func(c *Config) { c.Wait = 0 }, "incidents.wait is 0s: write a duration of up to 1h0m0s, such as 30s"},
		"a settle of a day": {func(c *Config) { c.Settle = 24 * time.Hour }, "incidents.settle is 24h0m0s: write a duration"},
		"a misspelt rule": {
			func(c *Config) { c.Rules = map[string]RuleSetting{"crash-lop": {}} }, `there is no rule "crash-lop": did you mean crash-loop?`,
		},
		"a name of a channel": {
			func(c *Config) { c.Routes[0].Channel = "#incidents" }, "route 1 has the channel \"#incidents\": write the channel's ID",
		},
		"a misspelt environment": {
			func(c *Config) { c.Routes[0].Environments = []string{"producton"} }, `there is no environment "producton": did you mean production?`,
		},
		"a severity of another tool": {
			func(c *Config) { c.Routes[0].Severities = []algesta.Severity{"page"} }, `there is no severity "page": write critical, warning or info`,
		},
		"channels of every name": {
			func(c *Config) { c.Channels = ChannelConfig{Pattern: "?*", Environments: []string{"production"}} },
			`incidents.channels: "?*" doesn't begin as the names of incident channels do: write a pattern such as inc-*`,
		},
		"channels that tell of everything": {
			func(c *Config) { c.Channels = ChannelConfig{Pattern: "inc-*"} },
			"incidents.channels: name the environments that everybody may be told of",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Wait: DefaultWait, Settle: DefaultSettle, Routes: []Route{{Channel: "C0INCIDENTS"}}}
			require.NoError(t, cfg.Validate([]string{"production"}))
			c.change(&cfg)
			require.ErrorContains(t, cfg.Validate([]string{"production"}), c.says)
		})
	}
}

// TestEveryRuleIsDocumented compares the page with the rules.
func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/incidents.md")
	require.NoError(t, err)
	for _, r := range Rules() {
		require.Contains(t, string(page), "| `"+r.Name+"` |")
		require.Contains(t, needs, r.Name, "what it can't do without")
	}
	require.Len(t, needs, len(Rules()))
}
