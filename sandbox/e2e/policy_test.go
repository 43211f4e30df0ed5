package e2e

import "strings"

// policyFile is the example of the documentation. The words in capitals stand for the world's namespaces.
const policyFile = `apiVersion: algesta.io/v1
kind: Policy
roles:
  - name: viewer
    allow: [read]
  - name: operator
    allow: [read, rollback, restart, scale, deploy, autoscale]
  - name: platform
    allow: [read, change]
bindings:
  - name: backend works below production
    subjects: ["group:S0BACKEND", "user:U0DANA"]
    role: operator
    namespaces: [DEVELOPMENT]
  - name: backend asks in production
    subjects: ["group:S0BACKEND"]
    role: operator
    namespaces: [PRODUCTION]
  - name: developers look at production
    subjects: ["user:U0DANA"]
    role: viewer
    namespaces: [PRODUCTION]
  - name: platform team everywhere
    subjects: ["group:S0PLATFORM"]
    role: platform
    namespaces: ["*"]
approvals:
  - name: production needs a second person
    verbs: [change]
    namespaces: [PRODUCTION]
    approvers: ["group:S0PLATFORM", "user:U0CARLA"]
    count: 1
    requesterMayApprove: false
    reason: optional
    expiresAfter: 30m
limits:
  - name: production stays between 2 and 10 pods
    verbs: [scale]
    namespaces: [PRODUCTION]
    require: "args.replicas >= 2 && args.replicas <= 10"
    otherwise: "Production services run 2 to 10 pods. Change the limit in the policy if that is no longer right."
`

// freeze stops all changes in production from long ago until far away.
const freeze = `freezes:
  - name: end of year
    verbs: [change]
    namespaces: [PRODUCTION]
    from: 2020-01-01T00:00:00Z
    to: 2099-01-02T00:00:00Z
    reason: no changes over the holidays
`

// policyOf is the policy for a world's namespaces, with replacements: old, new, old, new.
func policyOf(text, production, development string, replacements ...string) string {
	text = strings.NewReplacer(replacements...).Replace(text)
	return strings.NewReplacer("PRODUCTION", production, "DEVELOPMENT", development).Replace(text)
}
