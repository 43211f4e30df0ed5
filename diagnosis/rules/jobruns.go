package rules

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func jobEnded(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobFailed || c.Type == batchv1.JobComplete) && c.Status == corev1.ConditionTrue
	})
}

// failsEachTime says that not only the last run of a CronJob failed, but each one that is still listed.
func failsEachTime(s *facts.Snapshot, last *batchv1.Job, f *Finding) {
	owner := metav1.GetControllerOfNoCopy(last)
	if owner == nil || owner.Kind != facts.KindCronJob {
		return
	}
	ref := facts.Ref{Kind: facts.KindCronJob, Namespace: last.Namespace, Name: owner.Name}
	f.Hits = append(f.Hits, ref)
	runs := 0
	for _, j := range s.Jobs() {
		if of := metav1.GetControllerOfNoCopy(j); of == nil || of.Kind != ref.Kind || of.Name != ref.Name || j.Namespace != ref.Namespace ||
			!jobEnded(j) {
			continue
		}
		if jobCompleted(j) {
			return
		}
		runs++
	}
	if runs > 1 {
		_, reason, _ := strings.Cut(f.What, " has failed")
		f.What = fmt.Sprintf("The last %d runs of CronJob %s have failed%s", runs, ref.Name, reason)
	}
}
