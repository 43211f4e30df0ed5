package diagnosis

import (
	"fmt"
	"strings"
)

// called is the name that people type for a workload: its app label where the object is named after it.
func (w *workload) called() string {
	if w.template != nil {
		if app := w.template.Labels["app"]; app != "" && strings.HasPrefix(w.ref.Name, app) {
			return app
		}
	}
	return w.ref.Name
}

// command is a remedy that algesta itself can carry out, through policy, plan and approval as if typed.
func (w *workload) command(verb, text string, args ...string) Remedy {
	if w.ref.Kind != KindDeployment {
		return Remedy{Text: text}
	}
	words := append([]string{"/algesta", verb, w.called(), w.ref.Namespace}, args...)
	return Remedy{Text: text, Command: strings.Join(words, " "), Verb: verb, Target: w.ref}
}

// rollbackOr offers the revision before when the failing pod is of the newest one and there is one to go back to;
// otherwise the fix stands alone.
func (c *instance) rollbackOr(fix string) Remedy {
	before := c.owner.before()
	if before == nil || !c.owner.isCurrent(c.pod) {
		return Remedy{Text: fix, Command: fmt.Sprintf("kubectl describe pod %s -n %s", c.pod.Name, c.pod.Namespace)}
	}
	return c.owner.command("rollback", fmt.Sprintf("Roll back to revision %d. To go forward instead: %s%s", revisionOf(before), strings.ToLower(fix[:1]), fix[1:]))
}

// newlyBroken says that the revision before still has ready pods while this one fails: the change is the suspect.
func (c *instance) newlyBroken() bool {
	if c.owner.before() == nil || !c.owner.isCurrent(c.pod) {
		return false
	}
	for _, p := range c.owner.pods {
		if !c.owner.isCurrent(p) && podReady(p) {
			return true
		}
	}
	return false
}
