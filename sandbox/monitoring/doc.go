// Package monitoring runs a real Prometheus and a real Alertmanager beside the sandbox's control plane, with the rules of kube-prometheus
// that matter to a service, so that a test sees an alert from its metric to whoever is told. It knows nothing of the bot but an address and
// a token.
package monitoring
