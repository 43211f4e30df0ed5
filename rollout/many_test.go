package rollout

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHundredsOfVariablesHideNothingElse: the rows that matter stand beside them, and every name is in the lines.
func TestHundredsOfVariablesHideNothingElse(t *testing.T) {
	t.Parallel()
	template := func(value string, shared bool) map[string]any {
		var env []any
		for i := range 400 {
			env = append(env, map[string]any{"name": fmt.Sprintf("VARIABLE_%03d", i), "value": value})
		}
		return map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": "c", "env": env}}, "shareProcessNamespace": shared,
		}}
	}
	found := Differences(template("a", false), template("b", true))
	fields, length := map[string]string{}, 0
	for _, f := range Fields(found) {
		fields[f.Label] = f.Value.String()
		length += len(f.Value.String())
	}
	require.Less(t, length, 1000)
	require.Contains(t, fields["env"], "VARIABLE_019 changed; and 380 more, all named below")
	require.NotEmpty(t, fields["shareProcessNamespace"])
	lines := Lines(found)
	require.Less(t, len(lines), 8000)
	require.Contains(t, lines, "shareProcessNamespace")
	for i := range 400 {
		require.Contains(t, lines, fmt.Sprintf("VARIABLE_%03d", i))
	}
}
