package runbooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

// secretFacts are what is known of a Secret without what it holds.
type secretFacts struct {
	name, kind, age string // kind is its type: "Opaque"; all but the name are "" where they aren't known
	count           string // of its keys
	inList          bool   // the API server lists it
	asked           bool   // for its keys
	keys            []string
	keysErr         error

	users    []string            // workloads and Ingresses, each once
	needed   map[string][]string // keys that something can't do without, and who: "" stands for the Secret as a whole
	owner    string
	gone     bool
	problems []algesta.Text
}

// helmRelease is the type of what Helm keeps of a release: nothing that anyone put in.
const helmRelease = "helm.sh/release.v1"

func (s *secretFacts) isRelease() bool { return s.kind == helmRelease }

// rank puts what is wrong first, and what Helm keeps last.
func (s *secretFacts) rank() int {
	switch {
	case len(s.problems) > 0:
		return 0
	case s.isRelease():
		return 2
	}
	return 1
}

// judge finds what is wrong. listed says that all Secrets were listed.
func (s *secretFacts) judge(listed bool) {
	name := algesta.Name(quote(s.name))
	s.gone = listed && !s.inList || errors.Is(s.keysErr, algesta.ErrNotFound)
	if s.gone {
		if who := slices.Concat(slices.Collect(maps.Values(s.needed))...); len(who) > 0 {
			slices.Sort(who)
			s.problems = append(
				s.problems,
				algesta.Say("There's no Secret {}, which {} can't start without.", name, list(clipped(slices.Compact(who)))),
			)
		}
		return
	}
	if !s.asked || s.keysErr != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(s.needed)) {
		if key != "" && !slices.Contains(s.keys, key) {
			s.problems = append(
				s.problems,
				algesta.Say("Secret {} has no key {}, which {} can't start without.", name, algesta.Name(quote(key)), list(clipped(s.needed[key]))),
			)
		}
	}
}

func (s *secretFacts) row() []algesta.Text {
	kind, keys := orElse(s.kind, "not checked"), "not checked"
	switch {
	case s.gone:
		kind, keys = "missing", "–"
	case s.asked && s.keysErr == nil && len(s.keys) == 0:
		keys = "none"
	case s.asked && s.keysErr == nil:
		keys = strings.Join(clipped(s.keys), ", ")
	case s.count != "":
		keys = s.count
	}
	return []algesta.Text{
		algesta.Say("{}", algesta.Name(quote(s.name))), algesta.Say("{}", quote(kind)), algesta.Say("{}", quote(keys)), orDash(quote(s.age)),
		orDash(quote(strings.Join(clipped(s.users), ", "))), orDash(quote(s.owner)),
	}
}

// secretUsers is what names the Secrets of a namespace.
type secretUsers struct {
	read         *reads
	byName       map[string]*secretFacts
	certificates map[string]certificate // by the Secret that they are kept in
	waiting      []algesta.Text         // what kubelets say about pods that wait for their configuration
}

func (u *secretUsers) of(name string) *secretFacts {
	s, ok := u.byName[name]
	if !ok {
		s = &secretFacts{name: name, needed: map[string][]string{}}
		u.byName[name] = s
	}
	return s
}

func (u *secretUsers) names() []string { return slices.Collect(maps.Keys(u.byName)) }

func (u *secretUsers) sorted() []*secretFacts {
	return slices.SortedFunc(maps.Values(u.byName), func(a, b *secretFacts) int {
		return cmp.Or(cmp.Compare(len(b.needed), len(a.needed)), strings.Compare(a.name, b.name))
	})
}

// uses notes that something uses a Secret.
func (u *secretUsers) uses(name, who string) *secretFacts {
	s := u.of(name)
	if !slices.Contains(s.users, who) {
		s.users = append(s.users, who)
	}
	return s
}

// readSecretUsers reads what names Secrets. Secrets of the API server's own making are not among it.
func readSecretUsers(ctx context.Context, c Cluster, in Input) *secretUsers {
	namespace := in.Command.Target.Namespace
	u := &secretUsers{read: &reads{c: c}, byName: map[string]*secretFacts{}, certificates: map[string]certificate{}}
	var (
		pods   corev1.PodList
		deploy appsv1.DeploymentList
		sts    appsv1.StatefulSetList
		ds     appsv1.DaemonSetList
		cron   batchv1.CronJobList
		ing    networkingv1.IngressList
	)
	certs, external := customList(certManagerGroup, "v1", certificateKind), customList(externalSecretGroup, "v1", "ExternalSecret")
	classes := customList(csiGroup, "v1", providerClassKind)
	u.read.list(ctx, "pods", namespace, &pods)
	u.read.list(ctx, "deployments", namespace, &deploy)
	u.read.list(ctx, "statefulsets", namespace, &sts)
	u.read.list(ctx, "daemonsets", namespace, &ds)
	u.read.list(ctx, "cronjobs", namespace, &cron)
	u.read.list(ctx, ingresses, namespace, &ing)
	u.read.list(ctx, certificates, namespace, certs)
	u.read.list(ctx, "externalsecrets", namespace, external)
	u.read.list(ctx, providerClasses, namespace, classes)
	u.read.work.Wait()
	if u.read.absent("externalsecrets") { // before external-secrets 0.16 there was no v1
		external = customList(externalSecretGroup, "v1beta1", "ExternalSecret")
		delete(u.read.failed, "externalsecrets")
		u.read.list(ctx, "externalsecrets", namespace, external)
		u.read.work.Wait()
	}
	for i := range deploy.Items {
		u.usedBy(deploy.Items[i].Spec.Template.Spec, deploy.Items[i].Name)
	}
	for i := range sts.Items {
		u.usedBy(sts.Items[i].Spec.Template.Spec, sts.Items[i].Name)
	}
	for i := range ds.Items {
		u.usedBy(ds.Items[i].Spec.Template.Spec, ds.Items[i].Name)
	}
	for i := range cron.Items {
		u.usedBy(cron.Items[i].Spec.JobTemplate.Spec.Template.Spec, cron.Items[i].Name)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			u.usedBy(pod.Spec, workloadOf(pod))
		}
	}
	u.waiting = unconfigured(ctx, c, namespace, pods.Items)
	for i := range ing.Items {
		for _, tls := range ing.Items[i].Spec.TLS {
			if tls.SecretName != "" {
				u.uses(tls.SecretName, ingressKind+" "+ing.Items[i].Name)
			}
		}
	}
	u.owned(certs.Items, external.Items, classes.Items)
	return u
}

// unconfigured are what kubelets say about pods that wait for their configuration, without what pods spell out and what their Secrets hold.
func unconfigured(ctx context.Context, c Cluster, namespace string, pods []corev1.Pod) []algesta.Text {
	waiting := slices.DeleteFunc(slices.Clone(pods), func(pod corev1.Pod) bool {
		return rollout.StateOf(&pod).Reason != "CreateContainerConfigError"
	})
	waiting = waiting[:min(len(waiting), mostCauses)]
	var names []string
	for _, pod := range waiting {
		names = append(names, secretsOf(pod.Spec)...)
	}
	slices.Sort(names)
	spelled := spelledOut(pods, nil)
	held, unread := hidingSecrets(ctx, c, namespace, slices.Compact(names))
	var out []algesta.Text
	for i := range waiting {
		message := quote(held(spelled(rollout.StateOf(&waiting[i]).Message)))
		out = append(out, algesta.Say("Pod {} waits: {}", algesta.Name(waiting[i].Name), message))
	}
	return append(out, notRecognized(unread)...)
}

// usedBy notes the Secrets that a pod uses, and what it can't start without.
func (u *secretUsers) usedBy(pod corev1.PodSpec, who string) {
	for _, r := range references(pod) {
		if r.kind != secret {
			continue
		}
		s := u.uses(r.name, who)
		for _, key := range append([]string{""}, r.keys...) {
			if !slices.Contains(s.needed[key], who) {
				s.needed[key] = append(s.needed[key], who)
			}
		}
	}
	for _, name := range optionalSecrets(pod) {
		u.uses(name, who)
	}
}

// optionalSecrets are the Secrets that a pod uses and can start without, and those that it pulls images with.
func optionalSecrets(pod corev1.PodSpec) []string {
	var out []string
	for _, ref := range pod.ImagePullSecrets {
		out = append(out, ref.Name)
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				out = append(out, e.ValueFrom.SecretKeyRef.Name)
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				out = append(out, e.SecretRef.Name)
			}
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			out = append(out, v.Secret.SecretName)
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}

// externalSecretGroup is the group of external-secrets.io.
const externalSecretGroup = "external-secrets.io"

// owned notes who makes Secrets: what is changed by hand in one of these is put back.
func (u *secretUsers) owned(certs, external, classes []unstructured.Unstructured) {
	for i := range certs {
		if name := facts.Text(&certs[i], "spec", "secretName"); name != "" {
			u.of(name).owner = "Certificate " + certs[i].GetName()
			u.certificates[name] = readCertificate(&certs[i])
		}
	}
	for i := range external {
		name := orElse(facts.Text(&external[i], "spec", "target", "name"), external[i].GetName())
		u.of(name).owner = "ExternalSecret " + external[i].GetName()
	}
	for i := range classes {
		objects, _, err := unstructured.NestedSlice(classes[i].Object, "spec", "secretObjects")
		if err != nil {
			continue
		}
		for _, item := range objects {
			if fields, ok := item.(map[string]any); ok {
				if name, ok := fields["secretName"].(string); ok && name != "" {
					u.of(name).owner = providerClassKind + " " + classes[i].GetName()
				}
			}
		}
	}
}

// listed adds what the API server lists. Its columns are found by their names.
func (u *secretUsers) listed(table *metav1.Table) {
	at := map[string]int{}
	for i, column := range table.ColumnDefinitions {
		at[column.Name] = i
	}
	for _, row := range table.Rows {
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(row.Cells) {
				return fmt.Sprint(row.Cells[i])
			}
			return ""
		}
		name := cell("Name")
		if name == "" {
			continue
		}
		s := u.of(name)
		s.inList, s.kind, s.age = true, cell("Type"), cell("Age")
		if n := cell("Data"); n != "" {
			s.count = n + map[bool]string{true: " key", false: " keys"}[n == "1"]
		}
		if s.isRelease() && s.owner == "" {
			s.owner = "Helm"
		}
	}
}
