package runbooks

var _ = register(Runbook{
	Name:    "incidents",
	Verb:    "incidents",
	Summary: "List what is wrong now and what was wrong this week, of an environment or everywhere, and what is silenced.",
	Example: "incidents production",
	Rank:    174,
	About:   About{Environment: true, Optional: true},
	Own:     true,
})

var _ = register(Runbook{
	Name:     "incident",
	Verb:     "incidents",
	Summary:  "Show one incident: its cause, what was seen, what happened since, and the way to its card.",
	Example:  "incident i-7f3a9k2mq4x8",
	Rank:     175,
	Args:     []Arg{IncidentArg},
	Own:      true,
	Incident: true,
})

var _ = register(Runbook{
	Name:    "sitrep",
	Verb:    "incidents",
	Summary: "Say in five lines how things stand: what is wrong, what changes, what waits, what is frozen or silenced.",
	Example: "sitrep production",
	Rank:    176,
	About:   About{Environment: true, Optional: true},
	Own:     true,
})
