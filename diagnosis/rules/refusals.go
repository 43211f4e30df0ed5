package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// refusalRules are about programs that reach what they call and are refused what they ask for. A probe seldom notices: the log of a pod
// that
// is ready says so, too.
var refusalRules = []Rule{
	{
		ID:        "api-forbidden",
		Family:    "dependencies",
		Class:     ClassDependency,
		Signal:    "the log says that the pod's own ServiceAccount cannot do something with a resource of the Kubernetes API (Forbidden)",
		Cause:     "a Role or ClusterRole that lacks the verb or the resource, or a binding that is missing or names another ServiceAccount",
		Remedy:    "allow it in a Role and bind that to the ServiceAccount",
		Source:    "RBAC authorizer: “is forbidden: User … cannot … resource …”",
		container: apiForbidden,
	},
	{
		ID:     "dependency-denied",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log says not authorized on … to execute command, permission denied for table, command denied to user, NOPERM, …",
		Cause:  "the program's user of the database lost a right, or never had it",
		Remedy: "give the user the right that the message names",
		Source: driverSource,
		container: func(c *facts.Container) *Finding {
			f := refusedRule(c, "dependency-denied", "Give the user that %s names the right that the message is about.")
			if f != nil {
				why, _ := c.Log.Explain()
				f.What += " denies access: " + words.Cited(facts.Short(why.Said, leastReason))
			}
			return f
		},
	},
	{
		ID:     "dependency-read-only",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log says READONLY, --read-only option (1290), in a read-only transaction (25006), NotWritablePrimary, …",
		Cause:  "the address leads to a replica, a failover made the primary one, or a full disk made the database read-only",
		Remedy: "have the address lead to the primary; look why the database is read-only",
		Source: driverSource,
		container: func(c *facts.Container) *Finding {
			f := refusedRule(c, "dependency-read-only",
				"See whether the host in %s is a replica, or why the database was made read-only (a failover, a full disk).")
			if f != nil {
				f.What += " takes no writes: it is read-only"
				if why, _ := c.Log.Explain(); strings.Contains(why.Line.Example, "flood-stage") {
					f.What += ", because its disk is nearly full"
					f.Remedy.Text = "Free or enlarge its disk; it takes writes again by itself."
				}
			}
			return f
		},
	},
	{
		ID:     "dependency-no-instance",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log says no servers or no instances available for a service, or no healthy upstream",
		Cause:  "what is called has no pod that is ready, or isn't registered",
		Remedy: "see whether what is called runs",
		Source: "Spring Cloud LoadBalancer, Ribbon, Eureka and Envoy in the container's log",
		container: func(c *facts.Container) *Finding {
			f := refusedRule(c, "dependency-no-instance", "See whether it runs and is registered, and check its name in %s.")
			if f != nil {
				f.What += " has no instance that answers"
			}
			return f
		},
	},
	identityRule,
	{
		ID:     "schema-missing",
		Family: "dependencies",
		Class:  ClassDependency,
		Signal: "the log says that a relation, table or column does not exist; a Job of the namespace that migrates and hasn't completed " +
			"is named",
		Cause:     "the migration didn't run, or failed; the program is newer than the schema, or uses another database",
		Remedy:    "run the migration, or go back to the version before",
		Source:    driverSource,
		container: schemaMissing,
	},
}

// refusedRule is a finding about what the log says of a dependency; its What is only what that is.
func refusedRule(c *facts.Container, id, fix string) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != id {
		return nil
	}
	to := c.Dependency(why)
	from, source := c.ConfiguredBy(to.Product)
	f := dependencyFinding(c, why, to.Subject, to.Words, fmt.Sprintf(fix, from), source)
	f.Product, f.Host, f.Target = to.Product, to.Host, to.Target()
	if to.Subject.Kind == facts.KindService {
		f.Calls = []facts.Ref{to.Subject}
	}
	if to.Guessed != "" {
		f.Sure, f.Unsure = Low, to.Guessed
	}
	return f
}

// forbidden is the API server's refusal of a request of a ServiceAccount.
var forbidden = regexp.MustCompile(`User \\?"system:serviceaccount:([\w.-]+):([\w.-]+)\\?" cannot (\w+) resource \\?"([\w./-]+)\\?"` +
	`(?: in API group \\?"[^"]*")?(?: in the namespace \\?"([\w.-]+)|( at the cluster scope))?`)

func apiForbidden(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "api-forbidden" {
		return nil
	}
	m := forbidden.FindStringSubmatch(why.Line.Example)
	if m == nil {
		return nil
	}
	namespace, account, verb, resource := m[1], m[2], m[3], m[4]
	own := c.Pod.Spec.ServiceAccountName
	if own == "" {
		own = "default"
	}
	if !c.Crashing && (namespace != c.Pod.Namespace || account != own) {
		return nil // it tells of another's request
	}
	where := " in namespace " + m[5]
	if m[5] == "" {
		where = " in the whole cluster"
	}
	subject := facts.Ref{Kind: "ServiceAccount", Namespace: namespace, Name: account}
	f := dependencyFinding(c, why, subject, fmt.Sprintf("%s may not %s %s%s (Forbidden)", subject.Words(), verb, resource, where),
		"Allow it in a Role or ClusterRole, and bind that to the ServiceAccount.", facts.Ref{})
	f.Key, f.Target = verb+" "+resource, account
	f.Remedy = Remedy{
		Text:    "Allow it in a Role or ClusterRole, and bind that to the ServiceAccount.",
		Command: fmt.Sprintf("kubectl auth can-i %s %s --as=system:serviceaccount:%s:%s", verb, resource, namespace, account),
	}
	if m[5] != "" {
		f.Remedy.Command += " -n " + m[5]
	} else {
		f.Remedy.Command += " -A"
	}
	return f
}

func schemaMissing(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "schema-missing" || c.Owner.Ref.Kind == facts.KindJob {
		return nil
	}
	to := c.Dependency(why)
	f := dependencyFinding(c, why, c.Owner.Ref,
		fmt.Sprintf("The database of %s lacks what it asks for: %s", c.Owner.Ref.Name, words.Cited(facts.Short(why.Said, leastReason))),
		"Run the migration, or go back to the version that fits the schema.", facts.Ref{})
	f.Key, f.Product, f.Host, f.Target = "schema", to.Product, to.Host, "schema"
	f.Sure, f.Unsure = Medium, "The program may ask another database than it should."
	if j := migration(c.Snapshot, c.Pod.Namespace); j != nil {
		ref := facts.RefOf(facts.KindJob, j)
		f.What += fmt.Sprintf("; %s, which migrates it, %s", ref.Words(), jobWords(j))
		f.show(facts.Evidence{Object: ref, Field: "status", Quote: jobWords(j), At: facts.Moment(j.CreationTimestamp.Time)}, false)
		f.Remedy = Remedy{Text: "Fix that Job and run it again.", Command: fmt.Sprintf("kubectl logs %s -n %s", ref, j.Namespace)}
	}
	return f
}

// migrates matches the names, images and commands of Jobs that make a schema.
var migrates = regexp.MustCompile(`(?i)migrat|schema|flyway|liquibase|alembic|init-?db|db-?init|prisma`)

// migration is the newest Job of a namespace that migrates a database and hasn't completed; nil where there is none.
func migration(s *facts.Snapshot, namespace string) *batchv1.Job {
	var found *batchv1.Job
	for _, j := range s.Jobs() {
		if j.Namespace != namespace || jobCompleted(j) || !migrates.MatchString(j.Name+" "+strings.Join(programs(j), " ")) {
			continue
		}
		if found == nil || found.CreationTimestamp.Before(&j.CreationTimestamp) {
			found = j
		}
	}
	return found
}

// programs are the images, commands and arguments of a Job's containers.
func programs(j *batchv1.Job) []string {
	var texts []string
	for _, list := range [][]corev1.Container{j.Spec.Template.Spec.InitContainers, j.Spec.Template.Spec.Containers} {
		for i := range list {
			texts = append(append(append(texts, list[i].Image), list[i].Command...), list[i].Args...)
		}
	}
	return texts
}

func jobCompleted(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
	})
}

// jobWords says how far a Job that hasn't completed is.
func jobWords(j *batchv1.Job) string {
	switch {
	case slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue
	}):
		return "has failed"
	case j.Status.Active > 0:
		return "has not ended yet"
	}
	return "has not run"
}

// waitsForJob says which Job an init container waits for: one that its command, its variables or its last words name, or the one that makes
// the schema that they speak of; and that this Job hasn't completed.
func waitsForJob(c *facts.Container, f *Finding) {
	texts := slices.Concat(c.Spec.Command, c.Spec.Args)
	for _, env := range c.Spec.Env {
		texts = append(texts, env.Value)
	}
	if last, ok := c.Log.LastWords(); ok {
		texts = append(texts, last.Example)
	}
	said := strings.Join(texts, " ")
	var job *batchv1.Job
	for _, j := range c.Snapshot.Jobs() {
		if j.Namespace == c.Pod.Namespace && !jobCompleted(j) && len(j.Name) > 3 && wholeWord(j.Name).MatchString(said) &&
			(job == nil || job.CreationTimestamp.Before(&j.CreationTimestamp)) {
			job = j
		}
	}
	if job == nil && migrates.MatchString(said) {
		job = migration(c.Snapshot, c.Pod.Namespace)
	}
	if job == nil {
		return
	}
	ref := facts.RefOf(facts.KindJob, job)
	f.What = fmt.Sprintf("%s waits for %s, which %s", words.Capital(c.Words()), ref.Words(), jobWords(job))
	f.Unsure = "Its command or its log names the Job; it may wait for more than that."
	f.Because = ref
	f.show(facts.Evidence{Object: ref, Field: "status", Quote: jobWords(job), At: facts.Moment(job.CreationTimestamp.Time)}, false)
	f.Remedy = Remedy{Text: "Fix that Job and run it again.", Command: fmt.Sprintf("kubectl logs %s -n %s", ref, job.Namespace)}
}

// wholeWord matches a name of an object that is no part of a longer one.
func wholeWord(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w.-])` + regexp.QuoteMeta(name) + `(?:$|[^\w.-])`)
}

// maker says which Job of the namespace should have made an object that is missing: its command names the object, it doesn't use it itself,
// and it hasn't completed.
func maker(s *facts.Snapshot, f *Finding, missing facts.Ref) {
	named := wholeWord(missing.Name)
	for _, j := range s.Jobs() {
		if j.Namespace != missing.Namespace || jobCompleted(j) || asksFor(j.Spec.Template.Spec, missing, "") ||
			!named.MatchString(strings.Join(programs(j), " ")) {
			continue
		}
		ref := facts.RefOf(facts.KindJob, j)
		f.What += fmt.Sprintf(": %s, which makes it, %s", ref.Words(), jobWords(j))
		f.show(facts.Evidence{Object: ref, Field: "spec.template", Quote: "its command names " + missing.Name}, false)
		f.Remedy = Remedy{Text: "Fix that Job and run it again.", Command: fmt.Sprintf("kubectl logs %s -n %s", ref, j.Namespace)}
		return
	}
}
