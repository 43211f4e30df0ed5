package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/kube"
)

func TestMetricsShowEachCluster(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := prometheus.NewRegistry()
	require.NoError(t, r.Register(clusterFigures{now: func() time.Time { return noon }, states: func() map[string]kube.State {
		return map[string]kube.State{
			"home": {Access: kube.InCluster, Asked: noon, Answers: true, Version: "v1.37.2", Identity: "system:serviceaccount:algesta:algesta"},
			"dev":  {Access: kube.WorkloadIdentity, Asked: noon, TokenUntil: noon.Add(time.Hour), SignIns: 3, FailedSignIns: 1, Refused: 1},
		}
	}}))
	require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(`
# HELP algesta_cluster_info The version of the cluster, and who the bot is there.
# TYPE algesta_cluster_info gauge
algesta_cluster_info{access="inCluster",cluster="home",identity="system:serviceaccount:algesta:algesta",version="v1.37.2"} 1
algesta_cluster_info{access="workloadIdentity",cluster="dev",identity="",version=""} 1
# HELP algesta_cluster_sign_ins_total Tokens that were asked for: those that came, failed, or were refused by the cluster.
# TYPE algesta_cluster_sign_ins_total counter
algesta_cluster_sign_ins_total{cluster="dev",result="failed"} 1
algesta_cluster_sign_ins_total{cluster="dev",result="ok"} 2
algesta_cluster_sign_ins_total{cluster="dev",result="refused"} 1
# HELP algesta_cluster_token_seconds How long the bot's token of Microsoft Entra lasts. Below zero it has ended.
# TYPE algesta_cluster_token_seconds gauge
algesta_cluster_token_seconds{cluster="dev"} 3600
# HELP algesta_cluster_up Whether the cluster answered when it was looked at last; looks are a minute apart.
# TYPE algesta_cluster_up gauge
algesta_cluster_up{cluster="dev"} 0
algesta_cluster_up{cluster="home"} 1
`)))
}

func TestReadyzShowsEachCluster(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	require.Equal(t, clusterHealth{
		Access: "workloadIdentity", Synced: true, Problem: "I can't sign in to dev",
		Asked: "2026-11-30T12:00:00Z", Token: "2026-11-30T13:00:00Z",
	}, healthOf(kube.State{
		Access: kube.WorkloadIdentity, Asked: noon, TokenUntil: noon.Add(time.Hour), Problem: "I can't sign in to dev",
	}, true))
}
