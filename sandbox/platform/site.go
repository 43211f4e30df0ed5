// Package platform puts the customer's platform into the sandbox's cluster: the namespaces, services, autoscalers,
// ingresses and invented secrets of the operations manual, with a history to roll back to. It knows nothing of the bot but
// the form of its configuration.
package platform

import (
	_ "embed"
	"fmt"
	"strings"
)

// The images of the revisions that every service has, oldest first. The last one runs.
var tags = []string{"12343", "12344", "12345"}

// LegacyToken is the literal value of the variable LEGACY_API_TOKEN in the template of ms-provider: a secret where none
// should be, in every revision. Nothing that the bot says, logs or stores may contain it. Invented.
const LegacyToken = "lgt-invented-5f0c77d1e9b24a6c" //nolint:gosec // invented, and meant to be found

// Site is one copy of the platform in a cluster. The zero value is the platform itself, in the namespaces development,
// pruebas and production. Tests that change it make a copy of their own with a Suffix.
type Site struct {
	Suffix string // of every namespace, such as "-x7k2p"; may be empty
}

// environment is one of the customer's environments.
type environment struct {
	name    string
	aliases string
	cluster string
	host    string
	tls     string // name of the secret
	body    string // largest request that the ingress takes
	minPods int32
	maxPods int32
}

func environments() []environment {
	return []environment{
		{"production", "[prod, prd]", ClusterProduction, "algesta-api-prod.3astronautas.com", "algesta-api-prod-tls", "10m", 2, 10},
		{"pruebas", "[test, testing, qa]", ClusterDev, "algesta-api-test.3astronautas.com", "algesta-api-test-tls", "10m", 1, 3},
		{"development", "[dev]", ClusterDev, "algesta-api-dev.3astronautas.com", "algesta-api-dev-tls", "300m", 1, 3},
	}
}

// service is one of the customer's microservices.
type service struct {
	name       string
	port       int32
	cpu        string
	memory     string
	cpuLimit   string
	memoryLim  string
	production int32 // pods in production
}

func services() []service {
	return []service{
		{"api-gateway", 3000, "250m", "512Mi", "1", "1Gi", 4},
		{"ms-orders", 3001, "100m", "256Mi", "500m", "512Mi", 2},
		{"ms-notifications", 3002, "100m", "256Mi", "500m", "512Mi", 2},
		{"ms-provider", 3003, "100m", "256Mi", "500m", "512Mi", 2},
	}
}

// The names under which the bot knows the clusters. In the sandbox both are the same control plane.
const (
	ClusterProduction = "aks-algesta-production"
	ClusterDev        = "aks-algesta-dev"
)

// Namespace returns where an environment (production, pruebas, development) is.
func (s Site) Namespace(environment string) string { return environment + s.Suffix }

// Environments returns the value of "environments" in the bot's configuration, YAML that starts on a new line.
func (s Site) Environments() string {
	var out strings.Builder
	for _, e := range environments() {
		fmt.Fprintf(&out, "\n  - {name: %s, aliases: %s, cluster: %s, namespace: %s, deployment: \"{service}-%s\"}",
			e.name, e.aliases, e.cluster, s.Namespace(e.name), e.name)
	}
	return out.String()
}

//go:embed policy.yaml
var policy string

// Policy returns the policy of the demo, for this site's namespaces.
func (s Site) Policy() string {
	text := policy
	for _, e := range environments() {
		text = strings.ReplaceAll(text, "ns/"+e.name, s.Namespace(e.name))
	}
	return text
}

// The configuration of the platform itself, see Site.
var (
	Environments = Site{}.Environments()
	Policy       = Site{}.Policy()
)

// Services is the value of "services" in the bot's configuration: aliases only.
const Services = `
  - {name: api-gateway, aliases: [gateway, api]}
  - {name: ms-orders, aliases: [orders]}
  - {name: ms-notifications, aliases: [notifications]}
  - {name: ms-provider, aliases: [provider]}`
