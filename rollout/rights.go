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
	// OtherReads are those that Look needs besides for a StatefulSet or a DaemonSet.
	OtherReads = []string{
		"list statefulsets.apps",
		"list daemonsets.apps",
		"list controllerrevisions.apps",
	}
	// RevisionReads are the rights that ReadDeployment and ReadRevisions need for a Deployment.
	RevisionReads = []string{
		"get deployments.apps",
		"list replicasets.apps",
	}
)
