package monitoring

import (
	"fmt"
	"regexp"
)

// prometheusConfig is a Prometheus that asks for the metrics every second.
func prometheusConfig(cfg Config, target, alertmanager string) string {
	return fmt.Sprintf(`global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
  external_labels: {cluster: %q, prometheus: sandbox}
rule_files: [rules.yml]
scrape_configs:
  - job_name: kube-state-metrics
    honor_labels: true
    static_configs: [{targets: [%q]}]
alerting:
  alertmanagers:
    - static_configs: [{targets: [%q]}]
`, cfg.Cluster, target, alertmanager)
}

// alertmanagerConfig is an Alertmanager that groups as kube-prometheus does, and sends at once.
func alertmanagerConfig(cfg Config) string {
	return fmt.Sprintf(`route:
  receiver: algesta
  group_by: [namespace]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1m
receivers:
  - name: algesta
    webhook_configs:
      - url: %q
        http_config: {authorization: {type: Bearer, credentials_file: %q}}
`, cfg.Webhook, cfg.TokenFile)
}

// The times of a rule: how long it has to hold, and how far back it looks.
var (
	lasts = regexp.MustCompile(`(?m)^(\s+for:) \d+[mh]$`)
	back  = regexp.MustCompile(`\[\d+m\]`)
)

// quick has the rules fire after a second in place of a quarter of an hour. What they ask is the same.
func quick(rules string) string {
	return back.ReplaceAllString(lasts.ReplaceAllString(rules, "$1 1s"), "[5s]")
}
