package runbooks_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// told is the answer of history, one row a revision: its number, age and cause.
func told(t *testing.T, c any, in runbooks.Input) map[string][2]string {
	t.Helper()
	book, _ := runbooks.Find("history")
	report, err := book.Answer(t.Context(), whole(c), in)
	require.NoError(t, err)
	out := map[string][2]string{}
	for _, row := range report.Body[0].Table.Rows {
		out[row[0].String()] = [2]string{row[2].String(), row[4].String()}
	}
	return out
}

func TestAChangeMadeWithKubectlIsNotSignedWithTheNameOfAColleague(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.deploy(t, "12345")
	hourAgo := time.Now().Add(-time.Hour).Format(time.RFC3339) // the deploy, as the bot noted it
	p.kubectl(t, "annotate", "--overwrite", "deployment/"+p.target.Name, algesta.TemplateChangedAnnotation+"="+hourAgo)
	require.Eventually(t, func() bool {
		sets, err := p.Client.AppsV1().ReplicaSets(p.target.Namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && slices.ContainsFunc(sets.Items, func(set appsv1.ReplicaSet) bool {
			return set.Annotations[algesta.TemplateChangedAnnotation] == hourAgo
		})
	}, time.Minute, 50*time.Millisecond, "the deployment controller copies the annotations")
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346")
	p.until(t, "12346 is there", func(d *appsv1.Deployment) bool {
		return d.Annotations["deployment.kubernetes.io/revision"] == "3" && d.Status.UpdatedReplicas == 2 && d.Status.AvailableReplicas == 2
	})
	require.Contains(t, p.deployment(t).Annotations["kubernetes.io/change-cause"], "deploy 12345 by Dana", "kubectl leaves the cause as it is")
	causes := told(t, p.bot, p.input("history", nil))
	require.Equal(t, "changed outside the bot", causes["3 (now)"][1])
	require.Contains(t, causes["2"][1], "deploy 12345 by Dana (c-1)")

	// kubectl rollout undo puts the cause back together with its template, and it was kubectl all the same.
	p.kubectl(t, "rollout", "undo", "deployment/"+p.target.Name)
	p.until(t, "12345 is back", func(d *appsv1.Deployment) bool {
		return d.Annotations["deployment.kubernetes.io/revision"] == "4" && d.Status.ObservedGeneration == d.Generation
	})
	require.Equal(t, "deploy 12345 by Dana (c-1)", p.deployment(t).Annotations["kubernetes.io/change-cause"])
	again := told(t, p.bot, p.input("history", nil))["4 (now)"]
	require.Equal(t, "changed outside the bot", again[1])
	require.NotContains(t, again[0], "h", "it's as old as the rollback")
	require.NotContains(t, again[0], "first")
}

func TestARevisionThatWasGoneBackToIsAsOldAsTheRollback(t *testing.T) {
	t.Parallel()
	s := gateway()
	old := s.sets[0]
	s.deployment.Spec.Template = *old.Spec.Template.DeepCopy()
	delete(s.deployment.Spec.Template.Labels, "pod-template-hash")
	old.Annotations["deployment.kubernetes.io/revision"] = "4"
	old.Annotations["kubernetes.io/change-cause"] = "rollback to 12344 by Dana (c-9)"
	old.Annotations[algesta.CauseTemplateAnnotation] = hashOf(s.deployment.Spec.Template)
	old.Annotations[algesta.TemplateChangedAnnotation] = noon.Add(-40 * time.Second).Format(time.RFC3339)
	require.Equal(t, [2]string{"40 s ago", "rollback to 12344 by Dana (c-9)"}, told(t, s, input("history", nil))["4 (now)"])
}

// What kubectl went back to and was replaced again: nothing in the cluster says when it ran last.
func TestAnAgeThatIsNotKnownIsNotGuessed(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.sets[0].Annotations["deployment.kubernetes.io/revision-history"] = "1"
	s.sets[0].Annotations["deployment.kubernetes.io/revision"] = "2"
	s.sets[1].Annotations["deployment.kubernetes.io/revision"] = "1"
	require.Equal(t, "first 3 days ago", told(t, s, input("history", nil))["2"][0])
	book, _ := runbooks.Find("history")
	report, err := book.Answer(t.Context(), whole(s), input("history", nil))
	require.NoError(t, err)
	require.Contains(t, shownLines(t, report), "“first” is when a revision was made the first time. Someone went back to "+
		"it since without me; when isn't known.")
	report, err = book.Answer(t.Context(), whole(s), input("history", algesta.Args{"revision": int64(2)}))
	require.NoError(t, err)
	require.Equal(t, "Revision 2 of api-gateway in production runs 12344, first made 3 days ago", report.Title.String())

	p, err := planned(t, s, "rollback", algesta.Args{"to-revision": int64(2)})
	require.NoError(t, err)
	require.Contains(t, factOf(p, "revision"), "2, first made ")
}

func TestAnUndoSaysWhatItUndoes(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.deployment.Annotations[algesta.OperationAnnotation] = algesta.Operation("c-2", 0)
	s.deployment.Annotations[algesta.CauseTemplateAnnotation] = hashOf(s.deployment.Spec.Template)
	args := algesta.Args{"template": "hash1", "undoes": "c-2"}
	p, err := planned(t, s, "rollback", args)
	require.NoError(t, err)
	require.Equal(t, "Undo of c-2 for api-gateway in production (12345 → 12344)", p.Title.String())
	require.Equal(t, "Undo c-2 and put api-gateway-production back: 12345 → 12344", p.Summary.String())
	require.Equal(t, "Undoing c-2 for api-gateway in production: 12345 → 12344", p.Doing.String())
	require.Equal(t, "undoes", p.Facts[0].Label)
	require.Equal(t, "“deploy 12345 by Luis (c-2)”", p.Facts[0].Value.String())
	require.JSONEq(t, `"undo of c-2, back to 12344 by Dana (c-7f3a9k)"`, string(p.Changes[0].Swaps[2].To))

	// Somebody changed the template since: going back takes that away, too, and is no undo any more.
	s.deployment.Spec.Template.Spec.Containers[0].Image = registry + "12346"
	p, err = planned(t, s, "rollback", args)
	require.NoError(t, err)
	require.Equal(t, "Rollback of api-gateway in production (12346 → 12344)", p.Title.String())
	require.Contains(t, words(p.Warnings), "c-2 isn't the last change here any more: what was changed after it goes away, too.")
}

func TestAnUndoOfAScalingSaysWhatItUndoes(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.deployment.Annotations[algesta.OperationAnnotation] = algesta.Operation("c-2", 0)
	p, err := planned(t, s, "scale", algesta.Args{"replicas": int64(2), "undoes": "c-2"})
	require.NoError(t, err)
	require.Equal(t, "Undo of c-2 for api-gateway in production (4 → 2 pods)", p.Title.String())
	require.Equal(t, algesta.Args{"replicas": int64(4), "undoes": "c-7f3a9k"}, p.Undo.Args)
}

// factOf is the value of a plan's row.
func factOf(p algesta.Plan, label string) string {
	for _, f := range p.Facts {
		if f.Label == label {
			return f.Value.String()
		}
	}
	return ""
}

// Someone changes the template of a paused Deployment: the revision that runs is as old as it was, and keeps its cause.
func TestWhatIsStoredWhileAPauseLastsMakesNoRevisionYounger(t *testing.T) {
	t.Parallel()
	s := gateway()
	undone := noon.Add(-6 * time.Minute)
	current := s.sets[2]
	current.Annotations["deployment.kubernetes.io/revision-history"] = "1"
	current.Annotations["kubernetes.io/change-cause"] = "undo of c-2, back to 12345 by Marta (c-9)"
	current.Annotations[algesta.CauseTemplateAnnotation] = hashOf(s.deployment.Spec.Template)
	current.Annotations[algesta.TemplateChangedAnnotation] = undone.Format(time.RFC3339)
	s.deployment.Spec.Paused, s.deployment.Status.UpdatedReplicas = true, 0
	s.deployment.Spec.Template = template("12350", nil)
	moment := metav1.NewTime(noon.Add(-4 * time.Second))
	s.deployment.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "kubectl-set", Time: &moment, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:spec":{}}}}`),
	}}
	require.Equal(t, [2]string{"6 min ago", "undo of c-2, back to 12345 by Marta (c-9)"}, told(t, s, input("history", nil))["3 (a restart)"])
}
