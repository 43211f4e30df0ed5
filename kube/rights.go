package kube

// Reads are the rights that a Cluster needs for its own caches and for looking who the bot is, whatever is asked of it, in the words of a
// runbook's Reads. Without them it reads live, and services aren't discovered.
var Reads = []string{
	"list deployments.apps",
	"watch deployments.apps",
	"list replicasets.apps",
	"watch replicasets.apps",
	"list pods",
	"watch pods",
	"create selfsubjectreviews.authentication.k8s.io (cluster-wide)", // anyone who is signed in may (the role system:basic-user)
}
