package podspec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/redact/podspec"
)

// Operators keep their templates in places of their own. What one spells out is found wherever it is, whatever else is written wrongly.
func TestTheTemplatesOfOperatorsAreFound(t *testing.T) {
	t.Parallel()
	secret := "walrus-" + strings.Repeat("zkx", 6)
	env := `[{name: DB_PASSWORD, value: ` + secret + `}]`
	for name, object := range map[string]string{
		"a Rollout":          `spec: {template: {spec: {containers: [{name: app, env: ` + env + `}]}}}`,
		"a kept revision":    `data: {spec: {template: {spec: {containers: [{name: app, env: ` + env + `}]}}}}`,
		"a pod template":     `spec: {podTemplate: {spec: {initContainers: [{name: app, env: ` + env + `}]}}}`,
		"a workflow's step":  `spec: {templates: [{name: a, container: {image: x, env: ` + env + `}}, {name: b}]}`,
		"a task":             `spec: {steps: [{name: a, image: x, env: ` + env + `}]}`,
		"a database":         `spec: {nodeSets: [{podTemplate: {spec: {containers: [{name: app, env: ` + env + `}]}}}]}`,
		"a command":          `spec: {template: {spec: {containers: [{name: app, args: ["--password=` + secret + `"]}]}}}`,
		"a number among":     `spec: {template: {spec: {containers: [{name: app, args: [8080, "--password=` + secret + `"]}]}}}`,
		"a wrong resource":   `spec: {template: {spec: {containers: [{name: app, resources: {limits: {cpu: none}}, env: ` + env + `}]}}}`,
		"a wrong probe":      `spec: {template: {spec: {containers: [{name: app, livenessProbe: 7, env: ` + env + `}]}}}`,
		"a list in the list": `spec: {stages: [[{containers: [{name: app, env: ` + env + `}]}]]}`,
	} {
		var o map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(object), &o), name)
		var found []string
		for _, value := range podspec.Secrets(podspec.In(o)...) {
			found = append(found, string(value))
		}
		require.Contains(t, found, secret, name)
	}
	var o map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(`{metadata: {name: x}, spec: {dnsNames: [a.example.com], issuerRef: {name: ca}}}`), &o))
	require.Empty(t, podspec.In(o), "a certificate makes no pods")
}
