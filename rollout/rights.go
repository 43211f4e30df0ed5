package rollout

// What is read here, in the words of a runbook's Reads.
var (
	// Reads are the rights that Look needs for a Deployment. Without those to events, quotas and nodes it says less about a rollout that
	// waits.
	Reads = []string{
		"get deployments.apps",
		"list replicasets.apps",
		"list pods",
		"list events",
		"list resourcequotas",
		"list nodes (cluster-wide)",
	}
	// RevisionReads are the rights that ReadDeployment and ReadRevisions need.
	RevisionReads = []string{
		"get deployments.apps",
		"list replicasets.apps",
	}
)
