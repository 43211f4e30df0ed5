package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/3astronautas/algesta/kube"
)

// clusterHealth is what /readyz says of a cluster, to the bot's own machine or pod.
type clusterHealth struct {
	Answers  bool   `json:"answers"`
	Synced   bool   `json:"synced"` // its caches are warm
	Access   string `json:"access"`
	Version  string `json:"version,omitempty"`
	Identity string `json:"identity,omitempty"`
	Problem  string `json:"problem,omitempty"`
	Asked    string `json:"asked,omitempty"`      // RFC 3339
	Token    string `json:"tokenUntil,omitempty"` // RFC 3339
}

// clusterStates says of every cluster how it is, without asking it.
func (r *rooms) clusterStates() map[string]clusterHealth {
	out := map[string]clusterHealth{}
	for name, c := range r.clusters {
		out[name] = healthOf(c.State(), c.Synced())
	}
	return out
}

func healthOf(s kube.State, synced bool) clusterHealth {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return clusterHealth{
		Answers: s.Answers, Synced: synced, Access: string(s.Access), Version: s.Version, Identity: s.Identity, Problem: s.Problem,
		Asked: at(s.Asked), Token: at(s.TokenUntil),
	}
}

// clusterFigures are the metrics of the clusters, as the last look saw them.
type clusterFigures struct {
	states func() map[string]kube.State
	now    func() time.Time
}

var (
	clusterUp = prometheus.NewDesc(
		"algesta_cluster_up", "Whether the cluster answered when it was looked at last; looks are a minute apart.", []string{"cluster"}, nil,
	)
	clusterInfo = prometheus.NewDesc(
		"algesta_cluster_info", "The version of the cluster, and who the bot is there.",
		[]string{"cluster", "version", "identity", "access"}, nil,
	)
	clusterToken = prometheus.NewDesc(
		"algesta_cluster_token_seconds", "How long the bot's token of Microsoft Entra lasts. Below zero it has ended.", []string{"cluster"}, nil,
	)
	clusterSignIns = prometheus.NewDesc(
		"algesta_cluster_sign_ins_total", "Tokens that were asked for: those that came, failed, or were refused by the cluster.",
		[]string{"cluster", "result"}, nil,
	)
)

// Describe implements prometheus.Collector.
func (f clusterFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{clusterUp, clusterInfo, clusterToken, clusterSignIns} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f clusterFigures) Collect(to chan<- prometheus.Metric) {
	for name, s := range f.states() {
		up := 0.0
		if s.Answers {
			up = 1
		}
		to <- prometheus.MustNewConstMetric(clusterUp, prometheus.GaugeValue, up, name)
		to <- prometheus.MustNewConstMetric(clusterInfo, prometheus.GaugeValue, 1, name, s.Version, s.Identity, string(s.Access))
		if s.SignIns == 0 {
			continue
		}
		for result, n := range map[string]int{"ok": s.SignIns - s.FailedSignIns, "failed": s.FailedSignIns, "refused": s.Refused} {
			to <- prometheus.MustNewConstMetric(clusterSignIns, prometheus.CounterValue, float64(n), name, result)
		}
		if !s.TokenUntil.IsZero() {
			to <- prometheus.MustNewConstMetric(clusterToken, prometheus.GaugeValue, s.TokenUntil.Sub(f.now()).Seconds(), name)
		}
	}
}

// rawStates are the states of the clusters by their names.
func (r *rooms) rawStates() map[string]kube.State {
	out := map[string]kube.State{}
	for name, c := range r.clusters {
		out[name] = c.State()
	}
	return out
}
