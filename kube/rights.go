package kube

// Reads are the rights that a Cluster needs for its own caches, whatever is asked of it, in the words of a runbook's Reads. Without them it
// reads live, and services aren't discovered.
var Reads = []string{
	"list deployments.apps",
	"watch deployments.apps",
	"list replicasets.apps",
	"watch replicasets.apps",
	"list pods",
	"watch pods",
}
