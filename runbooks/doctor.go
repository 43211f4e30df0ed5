package runbooks

var _ = register(Runbook{
	Name:    "doctor",
	Verb:    "doctor",
	Summary: "Check everything that I need: Slack, clusters, rights, store, policy. For roles that name doctor; read and change don't.",
	Example: "doctor",
	Rank:    198,
	Own:     true,
})
