package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/deploy"
)

// keysOf are the paths that a type takes from YAML: "clusters.azure.tenantID".
func keysOf(t reflect.Type, at string) (out []string) {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) { // a text in the file
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		return keysOf(t.Elem(), at)
	case reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			out = append(append(out, strings.TrimPrefix(at+"."+name, ".")), keysOf(f.Type, strings.TrimPrefix(at+"."+name, "."))...)
		}
	default:
	}
	return out
}

// keysIn are the same paths in the schema.
func keysIn(schema map[string]any, at string) (out []string) {
	for _, inner := range []string{"items", "additionalProperties"} {
		if of, ok := schema[inner].(map[string]any); ok {
			out = append(out, keysIn(of, at)...)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, of := range properties {
		path := strings.TrimPrefix(at+"."+name, ".")
		out = append(append(out, path), keysIn(of.(map[string]any), path)...)
	}
	return out
}

func TestTheSchemaHasTheKeysThatTheConfigurationHas(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	require.NoError(t, yaml.Unmarshal(deploy.ConfigSchema, &schema))
	read, described := keysOf(reflect.TypeFor[configFile](), ""), keysIn(schema, "")
	slices.Sort(read)
	slices.Sort(described)
	require.Equal(t, read, described)
}

func TestTheSchemaTakesTheExampleAndNoMistake(t *testing.T) {
	t.Parallel()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(deploy.ConfigSchema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("configuration", document))
	schema, err := compiler.Compile("configuration")
	require.NoError(t, err)
	example, err := os.ReadFile("testdata/config-example.yaml")
	require.NoError(t, err)
	takes := func(text string) error {
		var read any
		require.NoError(t, yamlv3.Unmarshal([]byte(text), &read)) // as the bot reads it: "off" is a word
		asJSON, err := json.Marshal(read)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		require.NoError(t, err)
		return schema.Validate(value)
	}
	require.NoError(t, takes(string(example)))
	for name, change := range map[string][2]string{
		"a key that isn't one":   {"policyFile:", "policyfile:"},
		"an access that isn't":   {"access: inCluster", "access: incluster"},
		"a time without a unit":  {"soak: 60s", "soak: 60"},
		"a channel by its name":  {"channel: C0INCIDENTS", "channel: incidents"},
		"a store that isn't one": {"store: file:", "store: "},
	} {
		require.Contains(t, string(example), change[0], name)
		require.Error(t, takes(strings.Replace(string(example), change[0], change[1], 1)), name)
	}
}

func TestAConfigurationIsCheckedAsAStartWould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	example, err := os.ReadFile("testdata/config-example.yaml")
	require.NoError(t, err)
	policy, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	check := func(change ...string) (string, error) {
		text := strings.NewReplacer(append(change, "/etc/algesta/policy.yaml", "policy.yaml")...).Replace(string(example))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), policy, 0o600))
		return said(t, "config", "check", "--config", filepath.Join(dir, "config.yaml"))
	}
	_, err = check("access: workloadIdentity", "access: workloadIdentity\n    azure: {secretFile: secret}")
	require.ErrorContains(t, err, "cluster aks-algesta-dev: azure.secretFile goes with access: clientSecret alone")
	text, err := check()
	require.NoError(t, err)
	require.Equal(t, "The configuration and its policy are valid: 2 clusters, 3 environments.\n", text)
	_, err = check("clusters:", "cluters:")
	require.ErrorContains(t, err, "did you mean clusters?")
	_, err = check("policyFile: /etc/algesta/policy.yaml", "policyFile: elsewhere.yaml")
	require.ErrorContains(t, err, "reading the policy")
	schema, err := said(t, "config", "schema")
	require.NoError(t, err)
	require.Equal(t, string(deploy.ConfigSchema), schema)
}
